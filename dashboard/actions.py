"""Button callbacks of the card: with those of `steering`, all that the dashboard writes.

Arguments are frozen when the card is drawn, so a press always means what was on screen. Nothing
here raises to the page: an expected refusal is told in its own words, anything else is logged.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dashboard import identity, session
from dashboard.session import Notice
from store import reviews, undoing
from store.errors import AlreadyDecided, GreenlightError, StaleReview
from store.reviews import Decided, DecisionRequest
from store.settings import Settings
from store.transitions import Verdict

log = logging.getLogger(__name__)

_DONE = {
    Verdict.APPROVE: "Approved",
    Verdict.EDIT: "Sent with your edit",
    Verdict.REJECT: "Rejected",
    Verdict.RIGHT: "Judged right",
    Verdict.WRONG: "Judged wrong",
    Verdict.HAPPENED: "It happened. It is not sent again; what waited behind it goes out now",
    Verdict.SEND_AGAIN: "It is sent again, under a new key",
    Verdict.REVERSE: "It is being taken back",
}
_HALFWAY = {
    Verdict.APPROVE: "Approved by you; somebody else must approve too. Nothing is sent yet.",
    Verdict.EDIT: "Your revision is saved. Two others must approve it. Nothing is sent yet.",
    Verdict.SEND_AGAIN: "You say: send it again. Somebody else must say so too."
    " Nothing is sent yet.",
    Verdict.REVERSE: "You ask to take it back; somebody else must agree. Nothing is sent yet.",
}
_WITHOUT_UNDO = frozenset({Verdict.RIGHT, Verdict.WRONG, Verdict.HAPPENED})


@dataclass(frozen=True, slots=True)
class Card:
    """What was on screen when the buttons were drawn."""

    review_id: int
    revision: int
    digest: str
    decision_id: str
    reply: str
    args: Mapping[str, Any]
    title: str


def is_edited(card: Card) -> bool:
    """Return whether the box holds other words than the draft's."""
    return _edited_reply(card) is not None


def open_card(review_id: int) -> None:
    """Bring a review on the card and close what was open on the one before."""
    session.open_review(review_id)
    session.refuse(None)
    session.ask(None)


def approve(card: Card, *, is_changing: bool = False) -> None:
    """Approve exactly what was shown; an edit begun beside it is never dropped silently."""
    if is_edited(card):
        _problem("You changed the reply. Send your edit with Ctrl+Enter, or take it back first.")
        return
    if is_changing:
        _problem("You are changing the action. Send that with Ctrl+Enter, or switch it off first.")
        return
    _decide(card, Verdict.APPROVE)


def send_edit(card: Card, args_keys: dict[str, str], *, is_answer_only: bool = False) -> None:
    """Send the person's own revision of reply and arguments.

    `args_keys` maps each argument's name to the key of the field it is edited in;
    `is_answer_only` sends the reply and drops the action.
    """
    reply = _edited_reply(card)
    typed = {**card.args, **{name: session.typed(key) for name, key in args_keys.items()}}
    args = typed if typed != card.args else None
    if reply is None and args is None and not is_answer_only:
        _problem("Nothing was changed. Press A to approve the draft as it is.")
        return
    _decide(
        card,
        Verdict.EDIT,
        reply=reply or card.reply,
        args=None if is_answer_only else args,
        is_answer_only=is_answer_only,
    )


def take_back_edit(card: Card) -> None:
    """Put the agent's own words back into the box."""
    session.keep(session.edit_key(card.review_id, card.revision), card.reply)
    session.notify(None)


def start_refusal(card: Card) -> None:
    """Open the inline panel that asks for the reason; ignored just after the card appeared."""
    if _is_armed(card):
        session.refuse((card.review_id, card.revision))


def cancel_refusal() -> None:
    """Close the panel; nothing is recorded."""
    session.refuse(None)


def reject(card: Card, reason_key: str, step_key: str, note_key: str) -> None:
    """Reject with the reason, first wrong step and note typed into the panel."""
    reason = session.typed(reason_key)
    if not reason:
        _problem("Choose a reason first: it tells the agent and the reports what went wrong.")
        return
    _decide(
        card,
        Verdict.REJECT,
        reason_code=str(reason),
        blamed_step=session.typed(step_key),
        note=session.typed(note_key) or "",
    )


def ask_answer(card: Card, verdict: Verdict) -> None:
    """Ask once more before a delivery is answered for; ignored just after the card appeared."""
    if _is_armed(card):
        session.ask(answer_question(card, verdict))


def answer_question(card: Card, verdict: Verdict) -> tuple[object, ...]:
    """Return what the open panel asks: this answer, about this delivery as it was shown."""
    return ("answer", card.review_id, card.revision, verdict)


def drop_question() -> None:
    """Close the panel; nothing is recorded."""
    session.ask(None)


def answer(card: Card, verdict: Verdict, note_key: str) -> None:
    """Say what became of a delivery whose end nobody knows."""
    _decide(card, verdict, note=str(session.typed(note_key) or ""))


def take_back_approval(card: Card, decision_id: str) -> None:
    """Undo one's own first approval while the second is missing."""
    undo(Notice("done", "", decision_id, review_id=card.review_id, revision=card.revision))


def judge_right(card: Card) -> None:
    """Answer a blind audit: what was sent was right."""
    _decide(card, Verdict.RIGHT)


def judge_wrong(card: Card, step_key: str, note_key: str) -> None:
    """Answer a blind audit: it was wrong, with the first wrong step if one was chosen."""
    _decide(
        card,
        Verdict.WRONG,
        blamed_step=session.typed(step_key),
        note=session.typed(note_key) or "",
    )


def undo(line: Notice) -> None:
    """Take the decision back inside its window and put the card back on screen."""

    def take_back() -> None:
        assert line.decision_id is not None
        reopened = identity.transact(
            undoing.undo, line.decision_id, identity.me(), now=session.now()
        )
        if line.typed is not None and line.revision is not None:
            session.keep(session.edit_key(reopened, line.revision), line.typed)
        session.put_first(reopened)
        session.notify(Notice("done", "Undone. Nothing was sent; the card is back on the queue."))

    attempt(take_back)


def _decide(card: Card, verdict: Verdict, **said: Any) -> None:
    if not _is_armed(card):
        return
    at = session.now()
    request = DecisionRequest(
        decision_id=card.decision_id,
        review_id=card.review_id,
        verdict=verdict,
        person=identity.me(),
        seen_digest=card.digest,
        seconds_on_card=session.seconds_on_card(card.review_id, card.revision, at),
        **said,
    )

    def record() -> None:
        decided = identity.transact(
            reviews.decide, request, now=at, undo_seconds=Settings().undo_seconds
        )
        session.refuse(None)
        session.ask(None)
        session.advance(card.review_id)
        session.notify(
            outcome(
                decided,
                card.title,
                review_id=card.review_id,
                revision=card.revision,
                typed=said.get("reply"),
            )
        )

    attempt(record, lost=lambda: session.advance(card.review_id))


def outcome(decided: Decided, title: str, **card: Any) -> Notice:
    """Return the line about a recorded decision: what follows from it, and its Undo if any."""
    verdict = decided.verdict
    if decided.still_needed:
        return Notice("done", _HALFWAY[verdict], decided.decision_id, is_waiting=True, **card)
    can_undo = verdict not in _WITHOUT_UNDO
    return Notice(
        "done",
        f"{_DONE[verdict]}: {title}",
        decision_id=decided.decision_id if can_undo else None,
        undo_until=decided.undo_until if can_undo else None,
        **card,
    )


def attempt(act: Callable[[], None], lost: Callable[[], None] | None = None) -> None:
    """Do it; tell a refusal in its own words, and log whatever nobody expected."""
    try:
        act()
    except (AlreadyDecided, StaleReview) as error:
        session.refuse(None)
        session.ask(None)
        if lost is not None and isinstance(error, AlreadyDecided):
            lost()
        _problem(str(error))
    except GreenlightError as error:
        _problem(str(error))
    except Exception:
        log.exception("an action failed unexpectedly")
        _problem(
            "Something unexpected went wrong and is in the log. Look at the card before you try"
            " again; repeating the same decision is harmless."
        )


def _is_armed(card: Card) -> bool:
    seconds = session.seconds_on_card(card.review_id, card.revision, session.now())
    return seconds is None or seconds >= session.ARM_SECONDS


def _edited_reply(card: Card) -> str | None:
    text = session.typed(session.edit_key(card.review_id, card.revision))
    return text if isinstance(text, str) and text != card.reply else None


def _problem(text: str) -> None:
    session.notify(Notice("problem", text))
