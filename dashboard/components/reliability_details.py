"""The Details of the Reliability page: where tickets go, who failed first, and early signs."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard import figures_details as figures
from dashboard import figures_flow, figures_signs, session, words
from dashboard.components import reliability_reading as reading
from dashboard.components import reliability_words as said
from dashboard.components.reliability_first import chart
from dashboard.components.reliability_versions import compared
from dashboard.figures import Palette
from store.evidence.calibration_quality import Quality
from store.reports import blame, drawn, signs
from store.reports.flow import Stream, flow
from store.reports.reliability import ReliabilityReport
from store.reports.scope import Scope
from store.reports.signs import Escalated, Signs
from store.reports.versions import Change


@dataclass(frozen=True, slots=True)
class Details:
    """Everything that the Details show."""

    report: ReliabilityReport
    changes: Sequence[Change]
    streams: tuple[Stream, ...]
    customers: int
    escalated: tuple[Escalated, ...]
    signs: Signs
    quality: Quality


def read(report: ReliabilityReport, changes: Sequence[Change]) -> Details:
    """Read what the Details show beside the report."""
    scope = report.scope
    hour = session.now().replace(minute=0, second=0, microsecond=0)  # else nothing could be kept
    return Details(
        report=report,
        changes=changes,
        streams=reading.kept(flow, scope),
        customers=reading.kept(blame.customers_part, scope),
        escalated=signs.escalated(reading.days(scope)),
        signs=reading.kept(signs.signs, scope, hour),
        quality=reading.kept(drawn.confidence_quality, scope),
    )


def details(found: Details, scope: Scope, colours: Palette) -> None:
    """Draw them."""
    with st.container(key="reliability_details", gap="small"):
        _flow(found, colours)
        left, right = st.columns(2, gap="small")
        with left.container(border=True, key="chain", height="stretch", gap="xxsmall"):
            _chain(found, colours)
        with right.container(border=True, key="blame", height="stretch", gap="xxsmall"):
            _blame(found, colours)
        left, right = st.columns(2, gap="small")
        with left.container(border=True, key="drift", height="stretch", gap="xxsmall"):
            _drift(found, colours)
        with right.container(border=True, key="diagram", height="stretch", gap="xxsmall"):
            _diagram(found, colours)
        _signs(found, colours)
        left, right = st.columns(2, gap="small")
        with left.container(border=True, key="pace", height="stretch", gap="xxsmall"):
            _pace(found.report)
        with right.container(border=True, key="versions", height="stretch", gap="xxsmall"):
            compared(scope)


def _flow(found: Details, colours: Palette) -> None:
    with st.container(border=True, key="flow", gap="xxsmall"):
        st.markdown(
            "**Where tickets went**",
            help="Of what was sent alone only the audited drafts are known to be right or wrong."
            " A complaint is about a draft that nobody audited.",
        )
        alt = "; ".join(f"{s.source} to {s.target}: {s.tickets}" for s in found.streams)
        chart(figures_flow.sankey(found.streams, colours), "flow", alt or "Nothing has arrived")


def _chain(found: Details, colours: Palette) -> None:
    st.markdown(
        "**Small errors compound** · :green[━ your steps] · :gray[┅ 97 % and 98 % each]"
        " · ◆ measured",
        help="Each step's rate is told of the drafts that reached it right, so the product of all"
        " is the measured end-to-end rate exactly.",
    )
    st.caption(said.chain(found.report))
    st.caption(said.linked(found.report.linked))
    chart(figures.chain(found.report, colours), "chain", said.chain(found.report))


def _blame(found: Details, colours: Palette) -> None:
    st.markdown(
        "**Who failed first**",
        help="Of the drafts judged wrong, weighed by the chance that they were judged. A verdict"
        " names one step at most; blame is a person's word, never guessed.",
    )
    st.caption(said.blamed(found.report, found.customers))
    chart(
        figures.blame_bars(found.report.blame, colours),
        "blame",
        said.blamed(found.report, found.customers),
    )


def _drift(found: Details, colours: Palette) -> None:
    st.markdown(
        "**Is it getting worse?**",
        help="A CUSUM over the audits of each day: a wrong draft raises suspicion, a right one"
        " lowers it; at 100 % it alarms. A red dot is a day with wrong drafts, the larger the more."
        " The earlier half of the period says what is usual; the later half is watched.",
    )
    st.caption(said.drift(found.report.drift))
    chart(
        figures_signs.cusum(found.report.drift, found.changes, colours),
        "drift",
        said.drift(found.report.drift),
    )


def _diagram(found: Details, colours: Palette) -> None:
    st.markdown(
        "**Does it know when it is right?**",
        help="Drafts that the audit coin drew, sent or not, in bins of as many each, with Wilson"
        " ranges. ECE: how far confidence is off on average. Brier: its mean squared error.",
    )
    st.caption(said.confidence(found.quality))
    chart(figures.reliability_diagram(found.quality, colours), "diagram", "Said against came true")


def _signs(found: Details, colours: Palette) -> None:
    st.markdown(
        "**Early signs, without any label**",
        help="They do not say that anything is wrong. They say whether tickets are still like"
        " those that the figures were measured on. The shaded days are set beside the rest.",
    )
    changes, border, seen = found.changes, found.signs.border, found.signs
    drawn = (
        (
            "Sent to a person",
            "share of each day's drafts",
            figures_signs.escalations(found.escalated, border, changes, colours),
        ),
        (
            "Confidence, lately and :gray[┅ before]",
            said.shape(seen),
            figures_signs.confidence_shape(seen.confidence, colours),
        ),
        (
            "Unlike anything known",
            said.unlike(seen.unlike),
            figures_signs.unlike_trend(seen.unlike, border, changes, colours),
        ),
    )
    for number, column in enumerate(st.columns(len(drawn), gap="small")):
        title, caption, figure = drawn[number]
        with column.container(border=True, key=f"sign_{number}", height="stretch", gap="xxsmall"):
            st.markdown(f"**{title}**")
            st.caption(caption)
            chart(figure, f"sign_{number}", f"{title}: {caption}")


def _pace(report: ReliabilityReport) -> None:
    st.markdown("**Cost, time and retries**")
    st.dataframe(
        {
            "step": [step.title for step in report.steps],
            "runs": [step.runs for step in report.steps],
            "retries": [step.retries for step in report.steps],
            "middle": [words.duration(step.pace.p50_ms) for step in report.steps],
            "slow (95 %)": [words.duration(step.pace.p95_ms) for step in report.steps],
            "cost": [said.cost(step.cost_microusd) for step in report.steps],
            "cost of 1,000 runs": [
                said.cost(1_000 * step.cost_microusd // step.runs) if step.runs else "–"
                for step in report.steps
            ],
        },
        hide_index=True,
        key="pace_table",
        alt="Cost, latency and retries of each step",
    )
