"""Reviews: claimed by a person, decided once, undone within the window.

`decide` is the only writer of Decision. It stores decision, new revision, outbox entries, labels
and audit entry in one transaction, and only if the review is still open on exactly the draft that
was shown. A decision carries an id made by the client, so a resend is the same decision.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlmodel import Session, col

from store import audit, labels, outbox, registry, revision, steps
from store.actions import Action, digest
from store.errors import (
    AlreadyDecided,
    BadInput,
    NotAllowed,
    NotFound,
    StaleReview,
    UndoTooLate,
)
from store.escalations import reopen
from store.queue import storable
from store.schema import Decision, Draft, OutboxEntry, Review, Run, Tool, Undo
from store.transitions import (
    OPEN_REVIEW,
    RUN_MOVES,
    OutboxStatus,
    ReviewKind,
    ReviewStatus,
    Role,
    RunStatus,
    Verdict,
    require,
)

CLAIM_MINUTES = 4
_AUDIT_VERDICTS = frozenset({Verdict.RIGHT, Verdict.WRONG})


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """A person's verdict on what they saw; `seen_digest` pins it to the draft on the card."""

    decision_id: str
    review_id: int
    verdict: Verdict
    person: str
    seen_digest: str
    reason_code: str | None = None
    note: str = ""
    blamed_step: str | None = None
    reply: str | None = None  # edit: the reply to send instead
    args: dict[str, Any] | None = None  # edit: the action's arguments instead
    is_answer_only: bool = False  # edit: send the reply, drop the action
    seconds_on_card: float | None = None
    is_simulated: bool = False


@dataclass(frozen=True, slots=True)
class Decided:
    """A stored decision and the moment until which it can be undone."""

    decision_id: str
    review_id: int
    run_id: int
    verdict: Verdict
    undo_until: datetime


def claim(session: Session, review_id: int, person: str, *, now: datetime) -> str:
    """Take an open review for four minutes; return who holds it, which may be somebody else.

    Raises StaleReview if it is no longer open.
    """
    registry.person(session, person)
    free = or_(
        col(Review.claimed_by).is_(None),
        col(Review.claimed_by) == person,
        col(Review.claimed_until) < now,
    )
    session.connection().execute(
        update(Review)
        .where(
            col(Review.id) == review_id,
            col(Review.status).in_([ReviewStatus.OPEN, ReviewStatus.CLAIMED]),
            free,
        )
        .values(
            status=ReviewStatus.CLAIMED,
            claimed_by=person,
            claimed_until=now + timedelta(minutes=CLAIM_MINUTES),
        )
    )
    review = _review(session, review_id)
    if review.status not in OPEN_REVIEW:
        raise _closed(review)
    return review.claimed_by or person


def release(session: Session, review_id: int, person: str) -> None:
    """Give a claimed review back; nothing happens if somebody else holds it."""
    session.connection().execute(
        update(Review)
        .where(
            col(Review.id) == review_id,
            col(Review.status) == ReviewStatus.CLAIMED,
            col(Review.claimed_by) == person,
        )
        .values(status=ReviewStatus.OPEN, claimed_by=None, claimed_until=None)
    )


def decide(
    session: Session, request: DecisionRequest, *, now: datetime, undo_seconds: float = 10.0
) -> Decided:
    """Decide a review, once.

    Raises AlreadyDecided (somebody was first), StaleReview (the draft moved), NotAllowed (role, or
    own draft), NotFound, BadInput (verdict, reason or edit that does not fit).
    """
    resent = session.get(Decision, request.decision_id)
    if resent is not None:
        return _same(resent, request)
    registry.require_role(session, request.person, Role.OPERATOR, Role.MANAGER, Role.ADMIN)
    review = _review(session, request.review_id)
    _check(session, review, request)
    _win(session, review, request, now=now)
    seen = session.get_one(Draft, review.draft_id)
    draft = seen
    if request.verdict is Verdict.EDIT:
        draft = _revise(session, seen, request, now=now)
    decision = _store(session, review, draft, request, now=now, undo_seconds=undo_seconds)
    _consequences(session, draft, decision, undo_seconds=undo_seconds, now=now)
    labels.record(session, decision, review, now=now)
    audit.append(
        session,
        actor=request.person,
        tag=f"run:review:{request.verdict}",
        subject=f"run:{review.run_id}",
        at=now,
        body={
            "review": review.id,
            "decision": decision.id,
            "draft": draft.id,
            "digest": draft.digest,
            "reason": request.reason_code,
            "blamed_step": request.blamed_step,
            "is_simulated": request.is_simulated,
        },
    )
    return _decided(decision)


def undo(session: Session, decision_id: str, person: str, *, now: datetime) -> int:
    """Take a decision back before delivery begins; return the new open review on the same draft.

    By the decider or a manager. Raises UndoTooLate when the window closed or delivery has begun.
    """
    decision = session.get(Decision, decision_id)
    if decision is None:
        raise NotFound(f"There is no decision `{decision_id}` to undo.")
    who = registry.person(session, person)
    if person != decision.person and who.role not in (Role.MANAGER, Role.ADMIN):
        raise NotAllowed(f"Only `{decision.person}` or a manager may undo this decision.")
    if decision.verdict in _AUDIT_VERDICTS:
        raise NotAllowed("An audit verdict is a label, not an act, so there is nothing to undo.")
    if session.get(Undo, decision_id) is not None:
        raise UndoTooLate("This decision was undone already.")
    if now > decision.undo_until or not _cancel_delivery(session, decision_id):
        raise UndoTooLate("It is too late to undo: delivery has begun. Nothing was changed.")
    review = _review(session, decision.review_id)
    _move_run(session, decision.run_id, RunStatus.AWAITING_REVIEW, finished_at=None)
    review.status = ReviewStatus.SUPERSEDED
    session.add(review)
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


def _check(session: Session, review: Review, request: DecisionRequest) -> None:
    is_audit = review.kind is ReviewKind.AUDIT
    if is_audit != (request.verdict in _AUDIT_VERDICTS):
        wanted = "right or wrong" if is_audit else "approve, edit or reject"
        raise BadInput(f"This review takes {wanted}, not `{request.verdict}`.")
    if request.verdict is Verdict.REJECT and not request.reason_code:
        raise BadInput("A rejection needs a reason: choose one, so that the agent can learn.")
    if request.verdict is Verdict.EDIT and not (
        request.reply or request.args is not None or request.is_answer_only
    ):
        raise BadInput("Nothing was edited. Approve the draft instead, or change it first.")
    if request.reply is not None and not request.reply.strip():
        raise BadInput("The reply is empty. Write what the customer should read, or reject it.")
    goes_past_block = request.verdict is Verdict.APPROVE or (
        request.verdict is Verdict.EDIT and not request.is_answer_only
    )
    if review.is_blocked and goes_past_block:
        raise BadInput("This draft is blocked: it can be rejected, or answered without the action.")
    author = session.get_one(Draft, review.draft_id).author
    if author == request.person and request.verdict is Verdict.APPROVE:
        raise NotAllowed("You wrote this revision, so somebody else has to approve it.")


def _win(session: Session, review: Review, request: DecisionRequest, *, now: datetime) -> None:
    """Compare-and-set: exactly one decision per review, and only on the digest that was shown."""
    won = session.connection().execute(
        update(Review)
        .where(
            col(Review.id) == request.review_id,
            col(Review.status).in_([ReviewStatus.OPEN, ReviewStatus.CLAIMED]),
            col(Review.payload_digest) == request.seen_digest,
        )
        .values(status=ReviewStatus.DECIDED, decided_at=now)
    )
    if won.rowcount == 1:
        session.expire(review)
        return
    if review.status is ReviewStatus.DECIDED:
        first = session.execute(
            select(Decision).where(
                col(Decision.review_id) == request.review_id, col(Decision.is_final)
            )
        ).scalar_one()
        raise AlreadyDecided(
            f"Already decided by {first.person} ({first.verdict},"
            f" {first.decided_at:%H:%M:%S} UTC). Your decision was not recorded.",
            by=first.person,
            verdict=first.verdict,
        )
    if review.status not in OPEN_REVIEW:
        raise _closed(review)
    raise StaleReview("The draft changed after it was shown to you. Look at it again.")


def _closed(review: Review) -> StaleReview:
    return StaleReview(
        f"This review is {review.status} and takes no decision. Look at the queue again."
    )


def _revise(session: Session, seen: Draft, request: DecisionRequest, *, now: datetime) -> Draft:
    action = Action.model_validate(seen.action)
    if request.is_answer_only:
        action = revision.answer_only(action)
    elif request.args is not None and request.args != action.args:
        if action.tool is None:
            raise BadInput("This draft only replies; there are no arguments to edit.")
        action = revision.with_args(action, request.args, session.get_one(Tool, action.tool))
    reply = seen.reply if request.reply is None else storable(request.reply)
    facts = {**seen.gate_input, "action": action.model_dump(mode="json")}
    draft = Draft(
        run_id=seen.run_id,
        revision=steps.next_revision(session, seen.run_id),
        reply=reply,
        action=action.model_dump(mode="json"),
        digest=digest(reply, action),
        gate_input=facts,
        confidence=seen.confidence,
        author=request.person,
        created_at=now,
    )
    session.add(draft)
    session.flush()
    return draft


def _store(
    session: Session,
    review: Review,
    draft: Draft,
    request: DecisionRequest,
    *,
    now: datetime,
    undo_seconds: float,
) -> Decision:
    decision = Decision(
        id=request.decision_id,
        review_id=request.review_id,
        run_id=review.run_id,
        verdict=request.verdict,
        person=request.person,
        draft_id=_id(draft.id),
        payload_digest=draft.digest,
        policy_version=review.policy_version,
        reason_code=request.reason_code,
        note=storable(request.note),
        blamed_step=request.blamed_step,
        seconds_on_card=request.seconds_on_card,
        decided_at=now,
        undo_until=now + timedelta(seconds=undo_seconds),
        is_simulated=request.is_simulated,
    )
    session.add(decision)
    session.flush()
    return decision


def _consequences(
    session: Session, draft: Draft, decision: Decision, *, undo_seconds: float, now: datetime
) -> None:
    if decision.verdict is Verdict.REJECT:
        _move_run(session, decision.run_id, RunStatus.REJECTED, finished_at=now)
    elif decision.verdict in (Verdict.APPROVE, Verdict.EDIT):
        _move_run(session, decision.run_id, RunStatus.COMMITTING)
        outbox.enqueue(session, draft, decision_id=decision.id, undo_seconds=undo_seconds, now=now)


def _cancel_delivery(session: Session, decision_id: str) -> bool:
    mine = col(OutboxEntry.decision_id) == decision_id
    connection = session.connection()
    total = connection.execute(select(func.count()).select_from(OutboxEntry).where(mine)).scalar()
    cancelled = connection.execute(
        update(OutboxEntry)
        .where(mine, col(OutboxEntry.status) == OutboxStatus.PENDING)
        .values(status=OutboxStatus.CANCELLED, error="undone")
    )
    return cancelled.rowcount == total


def _move_run(session: Session, run_id: int, wanted: RunStatus, **values: Any) -> None:
    run = session.get_one(Run, run_id)
    status = require(RUN_MOVES, run.status, wanted)
    session.connection().execute(
        update(Run).where(col(Run.id) == run_id).values(status=status, **values)
    )
    session.expire(run)


def _review(session: Session, review_id: int) -> Review:
    review = session.get(Review, review_id)
    if review is None:
        raise NotFound(f"There is no review {review_id}.")
    session.refresh(review)
    return review


def _same(stored: Decision, request: DecisionRequest) -> Decided:
    if (stored.review_id, stored.person, stored.verdict) != (
        request.review_id,
        request.person,
        request.verdict,
    ):
        raise BadInput(f"The id `{request.decision_id}` belongs to another decision.")
    return _decided(stored)


def _decided(decision: Decision) -> Decided:
    return Decided(
        decision_id=decision.id,
        review_id=decision.review_id,
        run_id=decision.run_id,
        verdict=decision.verdict,
        undo_until=decision.undo_until,
    )


def _id(value: int | None) -> int:
    assert value is not None
    return value
