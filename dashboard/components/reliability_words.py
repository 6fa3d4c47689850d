"""What the Reliability page says of its figures. Pure; a rate never stands without range and n."""

from datetime import timedelta

from dashboard import words
from dashboard.figures import REFERENCE_RATES, STEPS
from store.evidence.compounding import end_to_end
from store.evidence.rare_errors import WrongRate
from store.evidence.sampling import Estimate, Look
from store.reports.reliability import ReliabilityReport, StepReliability

NOBODY_CHECKS = "Nobody checks what was sent alone. This figure cannot be known."
NONE_SENT = "Nothing was sent alone."
LABEL = "Auto-sent drafts that were wrong"
METHODS = {
    "live": "Anytime-valid range (beta-binomial confidence sequence, 95 %): it may be looked at as"
    " often as you like.",
    "closed": "Wilson range (95 %), for one look at a closed period.",
}


def period(report: ReliabilityReport) -> str:
    """Return the days that the report covers, as far as anything ran on them."""
    if not report.trend:
        return ""
    first, last = report.trend[0].start, report.trend[-1].end - timedelta(days=1)
    if report.scope.since is not None:
        first = max(first, report.scope.since.date())
    return words.days(first, min(last, report.last_day or last))


def range_of(look: Look, low: float | None, high: float | None) -> str:
    """Return a range with its kind: `live range 0.3–2.1 %`."""
    return f"{look} range {words.span(low, high)}"


def headline(report: ReliabilityReport) -> dict[str, str]:
    """Return the headline in parts: label, figure, range, and the sentence below."""
    found = report.sent_wrong
    if not found.labelled:
        said = NOBODY_CHECKS if report.passed else NONE_SENT
        if report.passed and report.drawn:
            said = f"{report.drawn} drawn for an audit, none judged yet. Until then: unknown."
        return {"label": LABEL, "figure": words.UNKNOWN, "range": "", "said": said}
    counts = f"{found.wrong} wrong of {words.count(found.labelled)} audited"
    if not found.has_enough:
        return {"label": LABEL, "figure": "", "range": counts, "said": "Too few for a rate."}
    holds = " The range holds however often you look." if found.look == "live" else ""
    sent = f"out of {words.count(report.passed)} sent, {period(report)}"
    return {
        "label": LABEL,
        "figure": words.percent(found.rate),
        "range": range_of(found.look, found.low, found.high),
        "said": f"{counts}, {sent}.{holds}",
    }


def besides(report: ReliabilityReport) -> str:
    """Return what was found wrong without an audit, nothing if nothing was."""
    found = report.unaudited_wrong
    if not found:
        return ""
    complaints = "1 complaint about a draft" if found == 1 else f"{found} complaints about drafts"
    return f"Besides: {complaints} that nobody audited; not in the rate."


def how_wrong(found: WrongRate) -> str:
    """Return how the headline's range came about."""
    if not found.labelled:
        return "Known only through the audit coin, which draws drafts before anybody sees them."
    weighed = f" Weighed by chance of being drawn: n = {found.effective_n:.0f} in effect."
    prior = " Prior Beta(1, 50)." if found.look == "live" else ""
    return METHODS[found.look] + prior + weighed


def rate(found: Estimate) -> str:
    """Return an estimate as a rate, its counts alone below 30, or `unknown`."""
    if not found.labelled or found.rate is None:
        return words.UNKNOWN
    if not found.has_enough:
        return f"{found.right} of {words.count(found.labelled)}"
    return words.percent(found.rate)


def spread(found: Estimate) -> str:
    """Return the range and n of an estimate, or why there is none."""
    if not found.labelled or found.rate is None:
        return "no label yet"
    if not found.has_enough:
        return "too few for a rate"
    return f"{words.span(found.low, found.high)}, n = {words.count(found.labelled)}"


def whole(report: ReliabilityReport) -> str:
    """Return the end-to-end rate in words."""
    found = report.end_to_end
    if found.rate is None:
        return (
            "Unknown: what was sent alone is known through audits, what went to a person through"
            " decisions, and one of the two has no label yet."
        )
    if not found.has_enough:
        return f"{rate(found)} drafts right as the agent made them. Too few for a rate."
    spoken = range_of(found.look, found.low, found.high)
    return (
        f"{words.percent(found.rate)} of drafts right as the agent made them ({spoken},"
        f" n = {words.count(found.labelled)})"
    )


def ran(step: StepReliability) -> str:
    """Return how often a step ran: health, another series than being right."""
    if not step.runs:
        return "has not run"
    if step.runs < words.FEW:
        return f"ran {step.ok} of {step.runs}"
    return f"ran {words.percent(step.ok_rate)}, n = {words.count(step.runs)}"


def references() -> str:
    """Return what six steps of a known rate make."""
    said = ", ".join(
        f"at {words.percent(each, 0)} = {words.percent(end_to_end(each, STEPS))}"
        for each in REFERENCE_RATES
    )
    return f"Six steps {said}."


def compounding(report: ReliabilityReport) -> str:
    """Return the product of the steps beside the measured rate."""
    multiplied, measured = report.product_of_steps, report.end_to_end.rate
    if multiplied is None:
        return "Your steps multiplied: unknown until every step has a label."
    text = f"If your steps failed independently: {words.percent(multiplied)}"
    if measured is None or report.linked_failures is None:
        return f"{text}; measured end to end: unknown."
    linked = words.points(report.linked_failures)
    return f"{text}; measured: {words.percent(measured)}; linked failures: {linked}."


def fix_first(report: ReliabilityReport) -> str:
    """Return which step to mend first, or that it is too early to tell."""
    first = report.fix_first
    if first is None:
        return (
            "unknown, no draft has been blamed on a step yet. Rejecting with a first wrong step"
            " fills this."
        )
    title, chance = words.label(first.title), words.percent(first.probability, 0)
    if not first.is_clear:
        return f"too early to tell. {title} looks weakest so far, with a chance of {chance}."
    return (
        f"{title}. Halving its errors would add about {100 * first.gain:.1f} pp end to end."
        f" Chance that it is the weakest step: {chance}."
    )
