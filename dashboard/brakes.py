"""Button callbacks that stop or take back: holds on automatic delivery, reversals of what was sent.

Like those of the card: each is one store verb, with arguments frozen when the button was drawn.
"""

from dashboard import actions, session, words
from dashboard.session import Notice
from store import holds, reviews
from store.settings import Settings


def ask_hold(kind: str | None) -> None:
    """Open the panel that asks whether to hold automatic delivery of the kind, None for all."""
    session.ask(("hold", kind))


def ask_release(kind: str | None) -> None:
    """Open the panel that asks whether to let automatic delivery go on."""
    session.ask(("release", kind))


def set_hold(kind: str | None, is_held: bool, note_key: str) -> None:
    """Hold automatic delivery, or let it go on; the store refuses anybody but a manager."""

    def brake() -> None:
        session.ask(None)
        note = str(session.typed(note_key) or "").strip()
        session.store().transact(
            holds.set_hold,
            person=session.me(),
            kind=kind,
            is_held=is_held,
            note=note,
            now=session.now(),
        )
        session.keep(note_key, "")
        session.notify(Notice("done", words.hold_changed(kind, is_held=is_held)))

    actions.attempt(brake)


def ask_reversal(action_id: str) -> None:
    """Open the panel that asks whether to take a delivered action back."""
    session.ask(("reverse", action_id))


def reverse(action_id: str, title: str, note_key: str) -> None:
    """Have a delivered action taken back, with the note typed into the panel."""

    def take_back() -> None:
        session.ask(None)
        decided = session.store().transact(
            reviews.reverse,
            action_id,
            session.me(),
            decision_id=session.decision_id(action_id),
            note=str(session.typed(note_key) or "").strip(),
            now=session.now(),
            undo_seconds=Settings().undo_seconds,
        )
        session.spend_id(action_id)
        session.notify(actions.outcome(decided, title, review_id=decided.review_id))

    actions.attempt(take_back)
