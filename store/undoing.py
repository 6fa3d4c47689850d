"""Taking a decision back before its delivery begins.

Undo and the executor's claim are both a compare-and-set on `pending`, so an action is never told
undone and sent all the same.
"""

from datetime import datetime

from sqlalchemy import func, select, update
from sqlmodel import Session, col

from store import audit, decisions, redrafts, roles
from store.errors import NotAllowed, NotFound, UndoTooLate
from store.escalations import reopen
from store.runs import move_run
from store.schema import Decision, OutboxEntry, Review, Undo
from store.transitions import (
    ASIDE,
    OPEN_REVIEW,
    OutboxStatus,
    ReviewKind,
    ReviewStatus,
    Role,
    RunStatus,
    Verdict,
)

_LABELS = frozenset({Verdict.RIGHT, Verdict.WRONG})


def undo(session: Session, decision_id: str, person: str, *, now: datetime) -> int:
    """Take a decision back before delivery begins; return the new open review on the same draft.

    By the decider or a manager. A first approval may be taken back as long as the second is
    missing. Raises UndoTooLate when the window closed or delivery has begun.
    """
    decision = _undoable(session, decision_id, person)
    if decision.is_final:
        _require_last_word(session, decision)
        if now > decision.undo_until or not _cancel_delivery(session, decision_id):
            raise UndoTooLate("It is too late to undo: delivery has begun. Nothing was changed.")
        _forget_answer(session, decision)
        if redrafts.is_asked_by(session, decision):
            redrafts.call_off(session, decision.run_id)
        else:
            move_run(session, decision.run_id, RunStatus.AWAITING_REVIEW, finished_at=None)
    review = _supersede(session, decision)
    if decisions.is_bulk(decision_id) and review.kind is ReviewKind.ESCALATION:
        _call_off_audit(session, decision)
    session.add(Undo(decision_id=decision_id, person=person, undone_at=now))
    session.flush()
    again = reopen(session, review)
    audit.append(
        session,
        actor=person,
        tag="run:review:undone",
        subject=f"run:{decision.run_id}",
        at=now,
        body={"decision": decision_id, "review": review.id, "new_review": again},
    )
    return again


def _undoable(session: Session, decision_id: str, person: str) -> Decision:
    decision = session.get(Decision, decision_id)
    if decision is None:
        raise NotFound(f"There is no decision `{decision_id}` to undo.")
    who = roles.person(session, person)
    if person != decision.person and who.role not in (Role.MANAGER, Role.ADMIN):
        raise NotAllowed(f"Only `{decision.person}` or a manager may undo this decision.")
    kind = session.get_one(Review, decision.review_id).kind
    if kind is ReviewKind.SEEDED:
        raise NotAllowed("That was a check card. Nothing follows from it, so nothing is undone.")
    if decision.verdict in _LABELS:
        raise NotAllowed("An audit verdict is a label, not an act, so there is nothing to undo.")
    if decision.verdict is Verdict.HAPPENED:
        raise NotAllowed(
            "What happened cannot be undone. If the answer was wrong, take the action back."
        )
    if session.get(Undo, decision_id) is not None:
        raise UndoTooLate("This decision was undone already.")
    return decision


def _supersede(session: Session, decision: Decision) -> Review:
    """Close whatever the decision led to; return the review that it was about."""
    waiting = session.execute(
        select(Review)
        .where(
            col(Review.run_id) == decision.run_id,
            col(Review.status).in_(OPEN_REVIEW),
            col(Review.kind).not_in(ASIDE),
        )
        .execution_options(populate_existing=True)
    ).scalar()
    review = session.get_one(Review, decision.review_id)
    session.refresh(review)
    if not decision.is_final and not _is_waiting_for(waiting, decision):
        raise _too_late()
    for one in {id(one): one for one in (review, waiting) if one is not None}.values():
        one.status = ReviewStatus.SUPERSEDED
        session.add(one)
    session.flush()
    return review


def _call_off_audit(session: Session, decision: Decision) -> None:
    """The card comes back to a person, who judges it: nobody need do so in a blind audit."""
    session.connection().execute(
        update(Review)
        .where(
            col(Review.run_id) == decision.run_id,
            col(Review.kind) == ReviewKind.AUDIT,
            col(Review.status).in_(OPEN_REVIEW),
        )
        .values(status=ReviewStatus.SUPERSEDED)
    )


def _require_last_word(session: Session, decision: Decision) -> None:
    """Raise UndoTooLate if another decision about the run came after this one and holds."""
    later = session.execute(
        select(col(Decision.id))
        .outerjoin(Undo, col(Undo.decision_id) == col(Decision.id))
        .where(
            col(Decision.run_id) == decision.run_id,
            col(Decision.review_id) > decision.review_id,
            col(Decision.verdict).not_in(_LABELS),
            col(Undo.decision_id).is_(None),
        )
    ).first()
    if later is not None:
        raise _too_late()


def _is_waiting_for(waiting: Review | None, decision: Decision) -> bool:
    """Whether the open review still asks for what is missing beside this first word."""
    if waiting is None:
        return False
    if decision.verdict is Verdict.EDIT:  # its revision waits on a review of its own
        return waiting.draft_id == decision.draft_id
    return waiting.id == decision.review_id


def _too_late() -> UndoTooLate:
    return UndoTooLate("Somebody else has decided since. Nothing was changed.")


def _cancel_delivery(session: Session, decision_id: str) -> bool:
    mine = col(OutboxEntry.decision_id) == decision_id
    connection = session.connection()
    total = connection.execute(select(func.count()).select_from(OutboxEntry).where(mine)).scalar()
    cancelled = connection.execute(
        update(OutboxEntry)
        .where(mine, col(OutboxEntry.status) == OutboxStatus.PENDING, ~col(OutboxEntry.in_doubt))
        .values(status=OutboxStatus.CANCELLED, error="undone")
    )
    return cancelled.rowcount == total


def _forget_answer(session: Session, decision: Decision) -> None:
    """A delivery whose fate somebody had named is unknown again."""
    if decision.verdict in (Verdict.SEND_AGAIN, Verdict.REVERSE):
        session.connection().execute(
            update(OutboxEntry)
            .where(
                col(OutboxEntry.id) == decision.action_id,
                col(OutboxEntry.status) == OutboxStatus.FAILED,
            )
            .values(status=OutboxStatus.UNKNOWN)
        )
