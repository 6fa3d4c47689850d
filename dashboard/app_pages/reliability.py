"""Reliability: how often the work was right, apart from how often it merely ran.

Every rate is said with its range and n; counts alone under 30 labels; "unknown" without any.
"""

import streamlit as st

from dashboard import figures
from dashboard.components import reliability_reading as reading
from dashboard.components.reliability_details import details, read
from dashboard.components.reliability_downloads import downloads, of_details, of_overview
from dashboard.components.reliability_filters import Asked, head
from dashboard.components.reliability_first import first_screen

LIVE_SECONDS = 3


def page() -> None:
    """Draw the page."""
    asked = head("Is it right, or did it only run?", reading.in_use)
    every = reading.DETAILS_SECONDS if asked.is_detailed else LIVE_SECONDS
    st.fragment(_live, run_every=every)(asked)


def _live(asked: Asked) -> None:
    """Everything below the choices; one fragment, because overlapping ones leave remains."""
    colours = figures.palette(st.context.theme.type)
    report = reading.report(asked.scope, is_detailed=asked.is_detailed)
    changes = reading.changes(asked.scope)
    if asked.is_detailed:
        found = read(report, changes)
        details(found, asked.scope, colours)
        downloads(of_details(found))
    else:
        first_screen(report, changes, colours)
        downloads(of_overview(report))
