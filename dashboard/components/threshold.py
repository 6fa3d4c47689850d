"""The threshold slider, drawn in the browser: Streamlit's own reruns only on release."""

from collections.abc import Sequence

import streamlit as st

from dashboard import words
from dashboard.components.custom import register
from store.reports.policy import CurvePoint

_SLIDER = register("threshold")


def threshold(curve: Sequence[CurvePoint], *, active: float, key: str) -> float:
    """Draw the slider over the curve; return the threshold it was last released at."""
    lowest, highest = curve[0].threshold, curve[-1].threshold
    held = st.session_state.get(key) or {}
    chosen = held.get("threshold")
    value = min(max(active if chosen is None else float(chosen), lowest), highest)
    data = {"points": [_point(point) for point in curve], "active": active, "value": value}
    _SLIDER(key=key, data=data, on_threshold_change=_heard)
    return round(value, 2)


def _heard() -> None:
    """Let the page rerun; the value is read from the component's state."""


def _point(point: CurvePoint) -> dict[str, object]:
    right = point.right
    return {
        "t": point.threshold,
        "share": point.automatic_share,
        "sharePct": words.percent(point.automatic_share),
        "cards": f"{point.cards_per_day:.0f}",
        "right": words.rate(right.right, right.labelled, right.rate, right.low, right.high),
    }
