"""Reliability: how often the work was right, apart from how often it merely ran.

Every rate is said with its range and n; counts alone under 30 labels; "unknown" without any.
"""

import streamlit as st

from dashboard import figures, session
from dashboard.components import reliability_reading as reading
from dashboard.components.reliability_address import Wish
from dashboard.components.reliability_details import details, read
from dashboard.components.reliability_downloads import downloads, of_details, of_overview
from dashboard.components.reliability_filters import head
from dashboard.components.reliability_first import first_screen
from dashboard.strangers import visible

LIVE_SECONDS = 3


def page() -> None:
    """Draw the page."""
    wish = head("Is it right, or did it only run?", reading.in_use)
    every = reading.DETAILS_SECONDS if wish.is_detailed else LIVE_SECONDS
    st.fragment(_live, run_every=every)(wish)


def _live(wish: Wish) -> None:
    """Everything below the choices; one fragment, because overlapping ones leave remains."""
    colours = figures.palette(st.context.theme.type)
    scope = wish.scope(session.now())
    report = reading.report(scope, is_detailed=wish.is_detailed)
    if not report.runs:
        st.text(visible(wish.nothing()))
        return
    changes = reading.changes(scope)
    if wish.is_detailed:
        found = read(report, changes)
        details(found, scope, colours)
        downloads(of_details(found))
    else:
        first_screen(report, changes, colours)
        downloads(of_overview(report))
