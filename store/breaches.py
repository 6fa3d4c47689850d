"""The queries behind `invariants`: each finds whatever breaks one rule, and says so in words.

Set-based and portable, so that a store of a hundred thousand runs is looked through in seconds.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from store import approvals, audit, authorisation, decisions, outbox, policies, steps
from store.actions import Action
from store.engine import db_now
from store.schema import (
    Decision,
    Draft,
    OutboxEntry,
    Receipt,
    Review,
    Run,
    StepRecord,
    Undo,
    Worker,
)
from store.transitions import (
    ASIDE,
    OPEN_REVIEW,
    OutboxStatus,
    ReviewKind,
    RunStatus,
    StepStatus,
    Verdict,
)

AT_ONCE = 500
STUCK_SECONDS = 3_600.0
_LIVE = (OutboxStatus.PENDING, OutboxStatus.SENDING)
_DELIVERING = (RunStatus.COMMITTING, RunStatus.AWAITING_REVIEW)
_GIVEN_UP = (OutboxStatus.FAILED, OutboxStatus.CANCELLED)

Found = Iterator[tuple[str, str]]  # subject ("run:17", "action:…", "decision:…") and detail


def is_from_before_signing(session: Session, decision_id: str | None) -> bool:
    """Return whether the sealed trail knows this decision, from before decisions were signed.

    A signature that was only blanked out does not pass: the trail names it.
    """
    decision = session.get(Decision, decision_id) if decision_id else None
    if decision is None or decision.signature:
        return False
    said = audit.find_authentic(
        session, tag=f"run:review:{decision.verdict}", subject=f"run:{decision.run_id}"
    )
    return any(
        one.get("decision") == decision.id
        and one.get("digest") == decision.payload_digest
        and "signature" not in one
        for one in said
    )


# ---- Deliveries


def receipts(session: Session) -> Found:
    missing = (
        select(col(OutboxEntry.id), col(OutboxEntry.tool))
        .outerjoin(Receipt, col(Receipt.action_id) == col(OutboxEntry.id))
        .where(col(OutboxEntry.status) == OutboxStatus.SENT, col(Receipt.action_id).is_(None))
    )
    for action_id, tool in session.execute(missing):
        yield action(action_id), f"`{tool}` was sent and has no receipt"
    stray = (
        select(col(Receipt.action_id), col(OutboxEntry.status))
        .outerjoin(OutboxEntry, col(OutboxEntry.id) == col(Receipt.action_id))
        .where(or_(col(OutboxEntry.id).is_(None), col(OutboxEntry.status) != OutboxStatus.SENT))
    )
    for action_id, status in session.execute(stray):
        yield action(action_id), f"it has a receipt and is {status or 'no delivery at all'}"


def undone(session: Session) -> Found:
    alive = (
        select(col(OutboxEntry.id), col(OutboxEntry.tool), col(OutboxEntry.status))
        .join(Undo, col(Undo.decision_id) == col(OutboxEntry.decision_id))
        .where(col(OutboxEntry.status) != OutboxStatus.CANCELLED)
    )
    for action_id, tool, status in session.execute(alive):
        yield action(action_id), f"its decision was undone, and `{tool}` is {status}"


def left_over(session: Session) -> Found:
    waiting = (
        select(col(Run.id), col(Run.status), col(OutboxEntry.tool), col(OutboxEntry.status))
        .join(Run, col(Run.id) == col(OutboxEntry.run_id))
        .where(
            col(OutboxEntry.status).in_([*_LIVE, OutboxStatus.UNKNOWN]),
            col(Run.status).not_in(_DELIVERING),
        )
    )
    for run_id, status, tool, delivery in session.execute(waiting):
        yield f"run:{run_id}", f"the run is {status}, and its `{tool}` is still {delivery}"


def unasked(session: Session) -> Found:
    asked = exists().where(
        col(Review.action_id) == col(OutboxEntry.id),
        col(Review.kind) == ReviewKind.UNKNOWN_DELIVERY,
        col(Review.status).in_(OPEN_REVIEW),
    )
    unknown = select(col(OutboxEntry.id), col(OutboxEntry.tool)).where(
        col(OutboxEntry.status) == OutboxStatus.UNKNOWN, ~asked
    )
    for action_id, tool in session.execute(unknown):
        yield action(action_id), f"nobody knows whether `{tool}` happened, and no review asks"


def twice(session: Session) -> Found:
    same = (
        select(col(OutboxEntry.run_id), col(OutboxEntry.tool), col(OutboxEntry.body))
        .where(col(OutboxEntry.status) == OutboxStatus.SENT, col(OutboxEntry.reverses).is_(None))
        .group_by(col(OutboxEntry.run_id), col(OutboxEntry.tool), col(OutboxEntry.body))
        .having(func.count() > 1)
        .subquery()
    )
    taken_back = (
        select(col(OutboxEntry.reverses).label("of"), col(OutboxEntry.sent_at).label("at"))
        .where(col(OutboxEntry.reverses).is_not(None), col(OutboxEntry.status) == OutboxStatus.SENT)
        .subquery()
    )
    at = func.coalesce(col(OutboxEntry.sent_at), col(OutboxEntry.created_at))
    rows = session.execute(
        select(
            col(OutboxEntry.id),
            col(OutboxEntry.run_id),
            col(OutboxEntry.tool),
            col(OutboxEntry.body),
            at.label("at"),
            taken_back.c.at.label("taken_back_at"),
        )
        .join(
            same,
            and_(
                same.c.run_id == col(OutboxEntry.run_id),
                same.c.tool == col(OutboxEntry.tool),
                same.c.body == col(OutboxEntry.body),
            ),
        )
        .outerjoin(taken_back, taken_back.c.of == col(OutboxEntry.id))
        .where(col(OutboxEntry.status) == OutboxStatus.SENT, col(OutboxEntry.reverses).is_(None))
        .order_by(same.c.run_id, same.c.tool, same.c.body, at, col(OutboxEntry.id))
    ).all()
    for first, second in pairwise(rows):
        is_same = (first.run_id, first.tool, first.body) == (
            second.run_id,
            second.tool,
            second.body,
        )
        if is_same and (first.taken_back_at is None or first.taken_back_at > second.at):
            yield (
                f"run:{second.run_id}",
                f"`{second.tool}` was sent twice with the same arguments: {first.id}, {second.id}",
            )


def reversals(session: Session) -> Found:
    several = (
        select(col(OutboxEntry.reverses), func.count())
        .where(col(OutboxEntry.reverses).is_not(None), col(OutboxEntry.status).not_in(_GIVEN_UP))
        .group_by(col(OutboxEntry.reverses))
        .having(func.count() > 1)
    )
    for action_id, number in session.execute(several):
        yield action(action_id), f"it is taken back {number} times"


# ---- Decisions


def own_draft(session: Session) -> Found:
    wrote = aliased(Draft)
    suspects = (
        select(Decision, Draft)
        .join(Draft, col(Draft.id) == col(Decision.draft_id))
        .where(
            col(Decision.verdict) == Verdict.APPROVE,
            exists().where(
                col(wrote.run_id) == col(Decision.run_id),
                col(wrote.author) == col(Decision.person),
            ),
        )
    )
    for decision, draft in session.execute(suspects).all():
        if approvals.maker(session, draft) == decision.person:
            yield f"decision:{decision.id}", f"{decision.person} approved what they wrote"


def two_people(session: Session) -> Found:
    limits = {one.version: one.body for one in policies.versions(session)}
    authorised = (
        select(Decision, Draft)
        .join(Draft, col(Draft.id) == col(Decision.draft_id))
        .where(
            col(Decision.is_final),
            col(Decision.verdict).in_(authorisation.AUTHORISING - {Verdict.HAPPENED}),
            exists().where(
                col(OutboxEntry.decision_id) == col(Decision.id),
                col(OutboxEntry.status) != OutboxStatus.CANCELLED,
            ),
        )
    )
    for decision, draft in session.execute(authorised.execution_options(yield_per=AT_ONCE)):
        policy = limits.get(decision.policy_version)
        if policy is None or not policy.is_two_person(Action.model_validate(draft.action)):
            continue
        people = _approvers(session, decision, draft)
        if len(people) < 2 and not is_from_before_signing(session, decision.id):
            who = ", ".join(sorted(people)) or "nobody who counts"
            yield f"decision:{decision.id}", f"it needs two people and has {who}"


def _approvers(session: Session, decision: Decision, draft: Draft) -> set[str]:
    maker = approvals.maker(session, draft)
    return {
        one.person
        for one in approvals.given(session, decision.review_id, draft.digest)
        if session.info["keys"].is_signed(decisions.message(one), one.signature)
        and not (one.verdict is Verdict.APPROVE and one.person == maker)
    }


# ---- Runs


def run_state(session: Session) -> Found:
    yield from _waiting(session)
    yield from _drafting_anew(session)
    yield from _committing(session)
    yield from _finished(session)


def _waiting(session: Session) -> Found:
    is_open = and_(
        col(Review.run_id) == col(Run.id),
        col(Review.status).in_(OPEN_REVIEW),
        col(Review.kind).not_in(ASIDE),
    )
    number = func.count(col(Review.id))
    unasked = (
        select(col(Run.id), number)
        .outerjoin(Review, is_open)
        .where(col(Run.status) == RunStatus.AWAITING_REVIEW)
        .group_by(col(Run.id))
        .having(number != 1)
    )
    for run_id, reviews in session.execute(unasked):
        yield f"run:{run_id}", f"it waits for a person, with {reviews} open reviews"
    idle = (
        select(col(Run.id), col(Run.status), col(Review.id))
        .join(Review, is_open)
        .where(col(Run.status) != RunStatus.AWAITING_REVIEW)
    )
    for run_id, status, review_id in session.execute(idle):
        yield f"run:{run_id}", f"it is {status}, and review {review_id} is still open"


def _drafting_anew(session: Session) -> Found:
    sent_back = exists().where(
        col(Decision.run_id) == col(Run.id),
        col(Decision.verdict) == Verdict.REJECT,
        col(Decision.is_final),
        ~exists().where(col(Undo.decision_id) == col(Decision.id)),
    )
    unasked = select(col(Run.id)).where(col(Run.visit) > 1, ~sent_back)
    for run_id in session.execute(unasked).scalars():
        yield f"run:{run_id}", "it is on a second visit, and nobody has sent it back"


def _committing(session: Session) -> Found:
    idle = select(col(Run.id)).where(
        col(Run.status) == RunStatus.COMMITTING,
        ~exists().where(col(OutboxEntry.run_id) == col(Run.id), col(OutboxEntry.status).in_(_LIVE)),
    )
    for run_id in session.execute(idle).scalars():
        yield f"run:{run_id}", "it is being delivered, and nothing of it is left to deliver"


def _finished(session: Session) -> Found:
    unrecorded = select(col(Run.id)).where(
        col(Run.status) == RunStatus.DONE,
        exists().where(col(OutboxEntry.run_id) == col(Run.id)),
        ~exists().where(
            col(StepRecord.run_id) == col(Run.id),
            col(StepRecord.name) == "commit",
            col(StepRecord.status) == StepStatus.OK,
        ),
    )
    for run_id in session.execute(unrecorded).scalars().all():
        if outbox.calls_of(session, steps.latest_draft(session, run_id)):
            yield f"run:{run_id}", "it is done, and no record says that it was delivered"


def stuck(session: Session) -> Found:
    for table, status, words in (
        (Run, RunStatus.RUNNING, "run"),
        (OutboxEntry, OutboxStatus.SENDING, "action"),
    ):
        for subject, owner in session.execute(_abandoned(session, table, status)):
            yield f"{words}:{subject}", f"{owner or 'nobody'} has held it for over an hour, silent"


def _abandoned(session: Session, table: Any, status: Any) -> Select[Any]:
    long_ago = db_now(session, -STUCK_SECONDS)
    beats: ColumnElement[bool] = exists().where(
        col(Worker.id) == col(table.lease_owner), col(Worker.heartbeat_at) > long_ago
    )
    is_over = or_(col(table.lease_until).is_(None), col(table.lease_until) < long_ago)
    return select(col(table.id), col(table.lease_owner)).where(
        col(table.status) == status, is_over, ~beats
    )


def action(action_id: str) -> str:
    return f"action:{action_id}"
