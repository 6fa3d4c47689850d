"""The line that says what just happened, with a real Undo while the window is open.

Always drawn, empty or not: its place is reserved, so nothing below it ever shifts.
"""

from datetime import datetime
from typing import Any

from dashboard import actions, batch, session, steering
from dashboard.components.custom import register
from dashboard.session import Notice
from store.decisions import is_bulk

_NOTICE = register("notice")


def notice(now: datetime, *, place: str) -> None:
    """Draw the current notice."""
    line = session.notice()

    def undo() -> None:
        if line is None or line.decision_id is None:
            return
        if is_bulk(line.decision_id):
            batch.undo(line.decision_id)
        else:
            actions.undo(line)

    def take_back() -> None:
        if line is not None and line.offer is not None:
            steering.reverse(line.offer.action_id, line.offer.title)

    _NOTICE(
        key=f"notice_{place}",
        data=notice_data(line, now),
        on_undo_change=undo,
        on_takeBack_change=take_back,
    )


def notice_data(line: Notice | None, now: datetime) -> dict[str, Any]:
    """Return what the line shows. Pure."""
    if line is None:
        line = Notice("done", "")
    left = None if line.undo_until is None else (line.undo_until - now).total_seconds() * 1000
    is_open = line.decision_id is not None and (line.is_waiting or (left is not None and left > 0))
    offer = None
    if line.offer is not None:
        offer = {"title": line.offer.title, "text": "It goes back as an action of its own."}
    return {
        "id": line.decision_id or f"{line.tone}:{line.text}",
        "tone": line.tone,
        "text": line.text,
        "canUndo": is_open,
        "remainingMs": left if is_open and not line.is_waiting else None,
        "offer": offer,
    }
