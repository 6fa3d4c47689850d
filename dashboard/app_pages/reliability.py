"""Reliability: how often the work was right, apart from how often it merely ran.

Every rate is said with its range and n; counts alone under 30 labels; "unknown" without any.
"""

from datetime import timedelta

import streamlit as st

from dashboard import figures, session, words
from dashboard.components.tiles import Tile, tiles
from store.evidence.compounding import end_to_end
from store.evidence.sampling import Estimate
from store.reports import reliability as measured
from store.reports.reliability import ReliabilityReport, StepReliability, TrendPoint

PERIODS = {"7 days": 7, "28 days": 28, "90 days": 90}
EVERY_SECONDS = 3
POOLED_DAYS = 7
CHART = {"displayModeBar": False, "responsive": True}


def page() -> None:
    """Draw the page."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Is it right, or did it only run?")
        st.segmented_control(
            "Period",
            list(PERIODS),
            default="28 days",
            required=True,
            key="period",
            label_visibility="collapsed",
            bind="query-params",
        )
    live()


@st.cache_data(ttl=EVERY_SECONDS, show_spinner=False, max_entries=8)
def _report(
    url: str,  # noqa: ARG001 - cache key
    days: int,
) -> tuple[ReliabilityReport, tuple[TrendPoint, ...]]:
    since = session.now() - timedelta(days=days)
    report = session.read(measured.reliability, since=since)
    return report, session.read(measured.trend, since=since, trailing=POOLED_DAYS)


def _current() -> tuple[ReliabilityReport, tuple[TrendPoint, ...]]:
    days = PERIODS[session.typed("period") or "28 days"]
    return _report(session.store().url, days)


@st.fragment(run_every=EVERY_SECONDS)
def live() -> None:
    """Everything on the page, live; one fragment, because overlapping ones leave remains."""
    report, trend = _current()
    colours = figures.palette(st.context.theme.type)
    _headline(report, trend, colours)
    _steps(report, trend, colours)


def _headline(
    report: ReliabilityReport, trend: tuple[TrendPoint, ...], colours: figures.Palette
) -> None:
    tiles(_headline_tiles(report), key="reliability_tiles")
    left, right = st.columns(2, gap="medium")
    with left.container(border=True, key="end_to_end", height="stretch"):
        st.markdown("**End to end**", help=f"Each point pools the {POOLED_DAYS} days up to it.")
        st.caption(_end_to_end_words(report))
        _chart(figures.end_to_end_trend(trend, colours), "chart_end_to_end", "End to end over time")
    with right.container(border=True, key="compounding", height="stretch"):
        st.markdown(
            "**Small errors compound** · :green[━ your steps] · :gray[┅ 97 % and 98 % each]"
            " · ◆ measured"
        )
        st.caption(compounding_words(report))
        _chart(figures.compounding(report, colours), "chart_compounding", "Right after each step")
    with st.container(border=True, key="fix_first"):
        st.markdown(f"**Fix this first:** {fix_first_words(report)}")


def _steps(
    report: ReliabilityReport, trend: tuple[TrendPoint, ...], colours: figures.Palette
) -> None:
    floor = figures.step_floor(trend)
    st.markdown(
        "**Step by step** · :green[━ right], with its 95 % range · :blue[┅ ran]",
        help="Right: of the labelled drafts whose earlier steps were right, the share whose step"
        " was right too. Ran: runs in which the step finally succeeded.",
    )
    for start in range(0, len(report.steps), 3):
        for column, step in zip(st.columns(3), report.steps[start : start + 3], strict=False):
            with column.container(border=True, key=f"step_{step.name}", gap="xsmall"):
                st.markdown(f"**{words.label(step.title)}** · {step_words(step)}")
                st.caption(_health_words(step))
                figure = figures.step_trend(step.name, trend, colours, floor)
                _chart(figure, f"chart_{step.name}", f"{step.title}: ran and right over time")


def _chart(figure: object, key: str, alt: str) -> None:
    st.plotly_chart(figure, key=key, config=CHART, theme=None, alt=alt)


def _headline_tiles(report: ReliabilityReport) -> tuple[Tile, ...]:
    sent = report.sent
    return (
        Tile("Runs", words.count(report.runs)),
        Tile("Sent alone", words.percent(report.auto_rate), f"{words.count(report.passed)} drafts"),
        Tile("Went to a person", words.count(report.escalated)),
        Tile("Right, end to end", _short(report.end_to_end), _range(report.end_to_end)),
        Tile("Right, of those sent alone", _short(sent), _range(sent)),
    )


def _short(found: Estimate) -> str:
    if not found.labelled or found.rate is None:
        return words.UNKNOWN
    if not found.has_enough:
        return f"{found.right} of {found.labelled}"
    return words.percent(found.rate)


def _range(found: Estimate) -> str:
    if not found.labelled:
        return "no label yet"
    if not found.has_enough or found.rate is None:
        return "too few for a rate"
    return f"{words.span(found.low, found.high)}, n = {words.count(found.labelled)}"


def said(found: Estimate) -> str:
    """Return an estimate in words: rate, range and n; counts alone below 30; or `unknown`."""
    return words.rate(found.right, found.labelled, found.rate, found.low, found.high)


def step_words(step: StepReliability) -> str:
    """Return one step's reliability in words."""
    return f"right {said(step.right)}"


def _health_words(step: StepReliability) -> str:
    ran = words.rate(step.ok, step.runs, step.ok_rate, step.ok_low, step.ok_high)
    retries = "1 retry" if step.retries == 1 else f"{words.count(step.retries)} retries"
    pace = f"p50 {words.duration(step.p50_ms)}, p95 {words.duration(step.p95_ms)}"
    return f"ran {ran} · {retries} · {pace}"


def _end_to_end_words(report: ReliabilityReport) -> str:
    whole = said(report.end_to_end)
    if report.end_to_end.labelled == 0:
        return (
            "Unknown: what was sent alone is only known through audits, what went to a person"
            " through decisions, and one of the two has no label yet."
        )
    return f"Drafts as the agent made them, before any person's fix: right {whole}."


def compounding_words(report: ReliabilityReport) -> str:
    """Return the product of the steps beside the measured rate and the fixed references."""
    references = ", ".join(
        f"at {words.percent(rate, 0)} = {words.percent(end_to_end(rate, 6))}"
        for rate in figures.REFERENCE_RATES
    )
    text = f"Six steps {references}. "
    multiplied = report.product_of_steps
    if multiplied is None:
        return text + "Your six steps multiplied: unknown until every step has a label."
    text += f"Your six multiplied: {words.percent(multiplied)}"
    if report.end_to_end.rate is None or report.linked_failures is None:
        return text + "; measured end to end: unknown."
    linked = f"{100 * report.linked_failures:+z.1f} pp".replace("-", "\u2212")
    return f"{text}; measured: {words.percent(report.end_to_end.rate)}; linked failures: {linked}."


def fix_first_words(report: ReliabilityReport) -> str:
    """Return which step to mend first, or that it is too early to tell."""
    first = report.fix_first
    if first is None:
        return (
            "unknown, no draft has been blamed on a step yet. Rejecting with a first wrong step"
            " fills this."
        )
    title = words.label(first.title)
    chance = words.percent(first.probability, 0)
    if not first.is_clear:
        return f"too early to tell. {title} looks weakest so far, with a chance of {chance}."
    gain = f"{100 * first.gain:.1f} pp"
    return (
        f"{title}. Halving its errors would add about {gain} end to end."
        f" Chance that it is the weakest step: {chance}."
    )
