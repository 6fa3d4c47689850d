"""The experiment behind `greenlight simulate`: stated faults injected into the demo's pipeline.

Invented tickets with known truth, the real steps, the demo company's tools in this process, and
faults drawn per ticket, attempt and step. Nothing here is evidence about anybody's own pipeline.
"""
