"""The steps that read and draft. Each module has one public coroutine, `run`, that takes ports and
earlier outputs and returns its own output; none touches the store or knows about retries.
"""
