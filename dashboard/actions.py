"""Callbacks of the card and the notice: with `desk` and `steering`, all that the dashboard writes.

A decision comes as one payload and is checked against the card it was made on, so a press always
means what was on screen. Nothing here raises to the page: an expected refusal is told in its own
words, anything else is logged.
"""

import logging
from collections.abc import Callable
from typing import Any

from dashboard import identity, payload, session, words
from dashboard.payload import Said, Shown
from dashboard.session import Answer, Notice, Offer
from store import confirmation, reviews, settings, undoing
from store.errors import AlreadyDecided, GreenlightError, StaleReview
from store.reports import card as cards
from store.reports import changes
from store.reviews import Decided, DecisionRequest
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
UNEXPECTED = (
    "Something unexpected went wrong and is in the log. Look at the card before you try"
    " again; repeating the same decision is harmless."
)


def drop_question() -> None:
    """Close the panel that asks before something is done; nothing is recorded."""
    session.ask(None)


def decide(shown: Shown, said: Said) -> None:
    """Record what was said of the card, once; whatever is refused leaves it where it is."""
    at = session.now()
    seconds = session.seconds_on_card(said.review_id, said.revision, at)
    if seconds is not None and seconds < session.ARM_SECONDS:
        refuse(said, "That was too soon after the card appeared, so nothing was decided.")
        return
    asked = payload.wanted(shown, said)
    if not confirmation.is_given(said.confirmation, asked):
        problem = "" if said.confirmation is None else f"That is not {asked}. Nothing was sent."
        session.answer(Answer(said.nonce, problem, ask=asked))
        return
    request = _request(shown, said, seconds)

    def record() -> None:
        decided = identity.transact(
            reviews.decide, request, now=at, undo_seconds=settings.current().undo_seconds
        )
        session.advance(said.review_id)
        offer = Offer(*shown.way_back) if shown.way_back else None
        line = outcome(decided, shown.card.title, review_id=said.review_id, offer=offer)
        session.notify(line)

    attempt(
        record,
        lost=lambda error: _move_on(shown, said, error),
        tell=lambda problem: refuse(said, problem),
    )


def refuse(said: Said, problem: str) -> None:
    """Tell on the card why what was said does not count."""
    session.answer(Answer(said.nonce, problem))


def unsay(shown: Shown) -> None:
    """Undo one's own first approval while the second is missing."""
    given = shown.card.people.given
    mine = next((one.id for one in given if one.person == identity.me()), None)
    if mine is not None:
        undo(Notice("done", "", mine, review_id=shown.card.review_id))


def follow(shown: Shown) -> bool:
    """Put what stands in a closed review's place on the card, with what changed; False if nothing.

    The person has seen the earlier draft, so the difference is what they need.
    """
    follows = session.read(changes.successor, shown.card.review_id)
    if follows is None:
        return False
    draft = session.read(cards.card, follows).draft
    if draft.id != shown.card.draft.id:
        session.note_change(follows, session.read(changes.between, shown.card.draft.id, draft.id))
    session.put_first(follows)
    return True


def undo(line: Notice) -> None:
    """Take the decision back inside its window and put the card back on screen."""

    def take_back() -> None:
        assert line.decision_id is not None
        reopened = identity.transact(
            undoing.undo, line.decision_id, identity.me(), now=session.now()
        )
        session.put_first(reopened)
        session.notify(Notice("done", "Undone. Nothing was sent; the card is back on the queue."))

    attempt(take_back)


def outcome(decided: Decided, title: str, **card: Any) -> Notice:
    """Return the line about a recorded decision: what follows from it, and its Undo if any."""
    verdict = decided.verdict
    offer = card.pop("offer", None)
    if decided.was_seeded:
        return Notice("done", _of_check_card(verdict), **card)
    if decided.still_needed:
        return Notice("done", _HALFWAY[verdict], decided.decision_id, is_waiting=True, **card)
    text = f"{_DONE[verdict]}: {title}"
    if decided.will_redraft:
        text = f"{text}. The agent drafts once more, with your reason"
    if verdict in _WITHOUT_UNDO:
        return Notice("done", text, offer=offer if verdict is Verdict.WRONG else None, **card)
    return Notice("done", text, decided.decision_id, decided.undo_until, **card)


def _of_check_card(verdict: Verdict) -> str:
    found = "missed" if verdict is Verdict.APPROVE else "caught"
    return f"That was a check card, known to be wrong: you {found} it. Nothing was sent."


def attempt(
    act: Callable[[], None],
    lost: Callable[[AlreadyDecided | StaleReview], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> None:
    """Do it; tell a refusal in its own words, and log whatever nobody expected.

    `lost` is called where somebody else was first; `tell` says a problem elsewhere than above.
    """
    say = tell or _problem
    try:
        act()
    except (AlreadyDecided, StaleReview) as error:
        if lost is None:
            say(str(error))
        else:
            lost(error)
    except GreenlightError as error:
        say(str(error))
    except Exception:
        log.exception("an action failed unexpectedly")
        say(UNEXPECTED)


def _request(shown: Shown, said: Said, seconds: float | None) -> DecisionRequest:
    is_edit = said.act == Verdict.EDIT
    args = payload.edited_args(shown, said) if is_edit and not said.is_answer_only else None
    reply = said.reply if is_edit and said.reply != shown.card.draft.reply else None
    return DecisionRequest(
        decision_id=said.decision_id,
        review_id=said.review_id,
        verdict=Verdict(said.act),
        person=identity.me(),
        seen_digest=said.digest,
        reason_code=said.reason,
        note=said.note,
        blamed_step=said.step,
        reply=reply,
        args=args,
        is_answer_only=is_edit and said.is_answer_only,
        seconds_on_card=seconds,
    )


def _move_on(shown: Shown, said: Said, error: AlreadyDecided | StaleReview) -> None:
    """Show what stands in the card's place: the next card, or the same one as it is now."""
    review_id = shown.card.review_id
    refuse(said, str(error))  # what was typed was not sent, so the card keeps it
    if isinstance(error, AlreadyDecided):
        first = session.read(cards.card, review_id).decision
        session.advance(review_id)
        at = None if first is None else first.decided_at
        ago = "" if at is None else words.age((session.now() - at).total_seconds())
        who = "You" if error.by == identity.me() else error.by
        _problem(
            f"{words.decided(who, Verdict(error.verdict))} {ago} before you."
            " Your decision was not recorded."
        )
        return
    if follow(shown):
        _problem("The card changed after it was shown to you, so nothing was decided. Look again.")
    else:
        session.advance(review_id)
        _problem(str(error))


def _problem(text: str) -> None:
    session.notify(Notice("problem", text))
