"""The data behind every chart of the page, to take away: one quiet menu, a file a chart."""

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from dashboard import chart_data
from dashboard.chart_data import Row
from dashboard.components.reliability_details import Details
from store.reports.reliability import ReliabilityReport


def of_overview(report: ReliabilityReport) -> dict[str, Sequence[Row]]:
    """Return the tables of the first screen."""
    return {
        "End to end, and sent wrong": chart_data.end_to_end(report),
        "Step by step": chart_data.steps(report),
    }


def of_details(found: Details) -> dict[str, Sequence[Row]]:
    """Return the tables of the Details."""
    return {
        "Where tickets went": chart_data.flow(found.streams),
        "Who failed first": chart_data.blame(found.report),
        "Is it getting worse": chart_data.drift(found.report.drift),
        "Said against came true": chart_data.confidence(found.quality),
        "Sent to a person": chart_data.gate_days(found.escalated),
        "Confidence": chart_data.confidence_shape(found.signs),
        "Unlike anything known": chart_data.unlike(found.signs),
        "Cost, time and retries": chart_data.pace(found.report),
    }


def downloads(tables: Mapping[str, Sequence[Row]]) -> None:
    """Draw the menu."""
    with (
        st.container(key="reliability_data", horizontal=True, horizontal_alignment="right"),
        st.popover("Download the data", type="tertiary", key="data_menu"),
    ):
        for title, rows in tables.items():
            name = "-".join(title.lower().replace(",", "").split())
            st.download_button(
                f"{title} (CSV)",
                partial(chart_data.as_csv, rows),
                file_name=f"greenlight-{name}.csv",
                mime="text/csv",
                key=f"data_{name}",
                disabled=not rows,
                on_click="ignore",
                type="tertiary",
            )
