"""The line that says what just happened, with a real Undo while the window is open."""

from datetime import datetime

import streamlit as st

from dashboard import actions, session
from dashboard.components.custom import register

_NOTICE = register("notice")


def notice(now: datetime, *, place: str) -> None:
    """Draw the current notice inside a container that is always there, so nothing else moves."""
    with st.container(
        key=f"notice_{place}", horizontal=True, vertical_alignment="center", gap="small"
    ):
        line = session.notice()
        if line is None:
            return
        left = None if line.undo_until is None else (line.undo_until - now).total_seconds() * 1000
        is_open = left is not None and left > 0
        data = {
            "id": line.decision_id or f"{line.tone}:{line.text}",
            "tone": line.tone,
            "text": line.text,
            "remainingMs": left if is_open else None,
        }
        _NOTICE(key=f"notice_line_{place}", data=data)
        if is_open or line.is_waiting:
            with st.container(key="undo_box", width="content"):
                st.button(
                    "Undo",
                    key=f"undo_{line.decision_id}",
                    on_click=actions.undo,
                    args=(line,),
                    shortcut="U",
                )
