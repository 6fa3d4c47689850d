"""What the Reliability page says of its figures. Pure; a rate never stands without range and n."""

from datetime import timedelta

from dashboard import words
from dashboard.figures import REFERENCE_RATES, STEPS
from store.evidence.calibration_quality import Quality
from store.evidence.compounding import Linked, end_to_end
from store.evidence.rare_errors import WrongRate
from store.evidence.sampling import Estimate, Look
from store.phrases import why_unknown
from store.reports.drifting import Drift
from store.reports.reliability import ReliabilityReport, StepReliability
from store.reports.signs import Signs, Unlike

LABEL = "Auto-sent drafts that were wrong"
METHODS = {
    "live": "Anytime-valid range (beta-binomial confidence sequence, 95 %): it may be looked at as"
    " often as you like.",
    "closed": "Wilson range (95 %), for one look at a closed period.",
}

_NEARLY = 0.99


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
    """Return the headline in parts: figure, range, and the sentence below."""
    found = report.sent_wrong
    if not found.labelled:
        said = why_unknown(report.passed, report.drawn)
        return {"figure": words.UNKNOWN, "range": "", "said": said}
    counts = f"{found.wrong} wrong of {words.count(found.labelled)} audited"
    if not found.has_enough:
        return {"figure": counts, "range": "", "said": "Too few for a rate."}
    holds = " The range holds however often you look." if found.look == "live" else ""
    sent = f"out of {words.count(report.passed)} sent, {period(report)}"
    return {
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


def fix_first(report: ReliabilityReport) -> dict[str, str]:
    """Return which step to mend first, or that it is too early to tell, in the headline's parts."""
    first = report.fix_first
    if first is None:
        said = (
            "No draft has been blamed on a step yet. Rejecting with a first wrong step fills this."
        )
        return {"figure": words.UNKNOWN, "range": "", "said": said}
    is_nearly_sure = first.probability > _NEARLY  # a simulated chance is never quite 100 %
    chance = (
        f"over {words.percent(_NEARLY, 0)}"
        if is_nearly_sure
        else words.percent(first.probability, 0)
    )
    if not first.is_clear:
        said = f"{first.title} looks weakest so far, with a chance of {chance}."
        return {"figure": "Too early to tell", "range": "", "said": said}
    gain = f"Halving its errors would add about {100 * first.gain:.1f} pp end to end."
    said = f"{gain} Chance that it is the weakest step: {chance}."
    return {"figure": first.title, "range": "", "said": said}


def chain(report: ReliabilityReport) -> str:
    """Return what the first-failure rates multiply to."""
    product, whole_rate = report.blame.product, report.end_to_end
    if product is None or not whole_rate.has_enough:
        return f"{references()} Your steps multiplied: unknown until enough drafts are judged."
    return (
        f"{references()} Your first-failure rates multiplied: {words.percent(product)},"
        f" exactly the measured end to end."
    )


def linked(found: Linked | None) -> str:
    """Return the linked failures, or why they are unknown."""
    if found is None:
        return (
            "Linked failures: unknown. Verdicts stop at the first wrong step, so whether a draft"
            " would have failed at later ones too was never judged."
        )
    return (
        f"If the steps failed independently: {words.percent(found.independent)}; measured:"
        f" {words.percent(found.measured)}; linked failures: {words.points(found.difference)}"
        f" (n = {words.count(found.drafts)})."
    )


def blamed(report: ReliabilityReport, customers: int) -> str:
    """Return who failed first most often, and what was nobody's failure."""
    found = report.blame
    besides_ = (
        f" Besides, {words.count(customers)} refused for the customer's own doing; those drafts"
        " count as right."
        if customers
        else ""
    )
    if not found.failures:
        return f"No draft was judged wrong.{besides_}"
    drafts = "1 draft" if found.failures == 1 else f"{words.count(found.failures)} drafts"
    counted = f"{drafts} judged wrong"
    most = max(found.steps, key=lambda step: step.share or 0.0)
    if found.failures < words.FEW or most.share is None:
        return f"{counted}. Too few for shares.{besides_}"
    share = f"{words.percent(most.share, 0)} of them ({words.span(most.low, most.high)})"
    return f"{counted}, weighed. {words.label(most.title)} failed first in {share}.{besides_}"


def drift(found: Drift | None) -> str:
    """Return whether there is a sign of change, and how soon a doubling would be noticed."""
    if found is None:
        return "Unknown: the earlier half of the period has fewer than 30 audits."
    usual, doubled = words.percent(found.usual), words.percent(2 * found.usual)
    notice = _days(found.days_to_notice)
    promise = (
        f"A doubling from {usual} to {doubled} would be noticed in about {notice} at"
        f" {found.audits_per_day:.0f} audits a day, one false alarm a year."
    )
    if found.alarmed_on is None:
        return f"No sign of change. {promise}"
    return f"Alarm on {words.days(found.alarmed_on, found.alarmed_on)}. {promise}"


def _days(number: float) -> str:
    whole_days = max(1, round(number))
    return "1 day" if whole_days == 1 else f"{whole_days} days"


def confidence(found: Quality) -> str:
    """Return what confidence was worth where most drafts are, and its two summary figures."""
    if found.labels < words.FEW or not found.bins or found.ece is None or found.brier is None:
        return f"Unknown: {found.labels} of the drawn drafts are judged; it takes {words.FEW}."
    worst = max(found.bins, key=lambda one: abs(one.mean - one.rate))
    return (
        f"When the agent says {words.percent(worst.mean, 0)} it is right"
        f" {words.percent(worst.rate, 0)} of the time"
        f" ({words.span(worst.interval.low, worst.interval.high)}, n = {worst.n}): its worst bin."
        f" ECE {words.percent(found.ece)}, Brier {found.brier:.3f},"
        f" n = {words.count(found.labels)}."
    )


def shape(found: Signs) -> str:
    """Return how many drafts the two spreads rest on."""
    lately, before = sum(found.confidence.recent), sum(found.confidence.before)
    since = words.days(found.border.date(), found.border.date())
    return f"{words.count(lately)} drafts since {since}, {words.count(before)} before"


def unlike(found: Unlike | None) -> str:
    """Return whether more drafts than usual were unlike anything known."""
    if found is None or found.shift is None or found.shift.rate is None:
        return "similarity to the nearest known request: unknown"
    shift = found.shift
    said = f"{words.percent(shift.rate)} under {found.cut:.2f} lately, n = {words.count(shift.n)}"
    if shift.is_shifted:
        return f"{said}: tickets have changed"
    return f"{said}: no shift proven (limit {words.percent(shift.limit)})"


def cost(microusd: int) -> str:
    """Return a cost in US dollars, nothing where a step costs nothing."""
    return f"${microusd / 1_000_000:,.2f}" if microusd else "–"
