"""The right column of the queue: the evidence, and one key away what stands around the case.

The tabs Customer and Similar ask `/live/context` when they are opened, past any script run, so a
card does not wait for what nobody looks at.
"""

from typing import Any

from dashboard import context_feed, desk, session
from dashboard.components.custom import register
from dashboard.components.evidence_view import evidence_data
from store.reports.card import Card
from store.reports.context import Beside, beside

KEY = "evidence"
_COLUMN = register("evidence", parts=("passages", "context"))


def evidence(card: Card) -> None:
    """Draw the column beside a card."""
    around = session.read(beside, card.review_id)

    def said() -> None:
        note = session.sent(KEY, "note")
        if note is not None:
            desk.add_note(card.run_id, str(note))

    _COLUMN(key=KEY, data=column_data(card, around), on_note_change=said)


def column_data(card: Card, around: Beside) -> dict[str, Any]:
    """Return what the column shows. Pure."""
    return {
        **evidence_data(card, around.currency),
        "feed": context_feed.address(card.review_id),
        "notes": [
            {"who": note.person, "when": context_feed.day(note.at), "text": note.text}
            for note in around.notes
        ],
        "notesHint": "Notes show once this is judged: what others wrote could sway you."
        if around.are_notes_hidden
        else "No notes yet. Colleagues see what you write here; the agent never does.",
    }
