"""The first screen of the Reliability page: four answers, nothing more.

How often what was sent alone was wrong; how often the whole is right; each step; what to mend.
"""

from collections.abc import Sequence

import streamlit as st

from dashboard import figures_trend, words
from dashboard.components import reliability_words as said
from dashboard.components.custom import register
from dashboard.figures import STEPS, Palette
from store.reports.reliability import ReliabilityReport, StepReliability
from store.reports.versions import Change

_HEADLINE = register("headline")
CHART = {"displayModeBar": False, "responsive": True}


def first_screen(report: ReliabilityReport, changes: Sequence[Change], colours: Palette) -> None:
    """Draw it."""
    with st.container(key="reliability_first", gap="small"):
        left, right = st.columns([5, 8], gap="small")
        with left.container(key="answers", height="stretch", gap="small"):
            _headline(report)
            _fix_first(report)
        with right.container(border=True, key="end_to_end", height="stretch", gap="xxsmall"):
            _end_to_end(report, changes, colours)
        _steps(report, changes, colours)


def _headline(report: ReliabilityReport) -> None:
    with st.container(border=True, key="headline_card", height="stretch", gap="xxsmall"):
        st.markdown(f"**{said.LABEL}**", help=said.how_wrong(report.sent_wrong))
        parts = said.headline(report)
        _HEADLINE(key="headline", data={**parts, "besides": said.besides(report)})


def _fix_first(report: ReliabilityReport) -> None:
    with st.container(border=True, key="fix_first", height="stretch", gap="xxsmall"):
        st.markdown(
            "**Fix this first**",
            help="What the end-to-end rate would gain if half of a step's errors were gone, and how"
            " probable it is that this step truly is the weakest (20,000 draws from Jeffreys"
            " posteriors). Under 80 % it is too early to tell.",
        )
        _HEADLINE(key="fix_first_figure", data={**said.fix_first(report), "isQuiet": True})


def _end_to_end(report: ReliabilityReport, changes: Sequence[Change], colours: Palette) -> None:
    st.markdown(
        "**End to end** · :green[● closed] · :green[○ live]",
        help="Drafts as the agent made them, before any person's fix. What was sent alone is known"
        " through audits, what went to a person through decisions; the two are weighed by their"
        f" shares. Closed periods: {said.METHODS['closed']} Live: {said.METHODS['live']}",
    )
    st.caption(f"{said.whole(report)} · {said.references()}")
    figure = figures_trend.end_to_end_trend(report.trend, changes, colours)
    chart(figure, "end_to_end", f"End to end over time. {said.whole(report)}")


def _steps(report: ReliabilityReport, changes: Sequence[Change], colours: Palette) -> None:
    floor = figures_trend.step_floor(report.trend)
    st.markdown(
        "**Step by step** · :green[━ right], with its 95 % range · :blue[┅ ran]",
        help="Right: of the labelled drafts whose earlier steps were right, the share whose step"
        " was right too. Ran: runs in which the step finally succeeded. A step that ran is not"
        " a step that was right.",
    )
    with st.container(key="steps"):
        for start in range(0, len(report.steps), STEPS):
            row = report.steps[start : start + STEPS]
            for column, step in zip(st.columns(len(row), gap="small"), row, strict=True):
                with column.container(border=True, key=f"step_{step.name}", gap="xxsmall"):
                    _step(step, report, changes, colours, floor)


def _step(
    step: StepReliability,
    report: ReliabilityReport,
    changes: Sequence[Change],
    colours: Palette,
    floor: float,
) -> None:
    st.markdown(f"**{words.label(step.title)}** · right {said.rate(step.right)}")
    st.caption(f"{said.spread(step.right)}  \n{said.ran(step)}")
    figure = figures_trend.step_trend(step.name, report.trend, changes, colours, floor)
    chart(figure, step.name, f"{step.title}: ran and right over time")


def chart(figure: object, key: str, alt: str) -> None:
    """Draw a figure."""
    st.plotly_chart(figure, key=f"chart_{key}", config=CHART, theme=None, alt=alt)
