"""Delivering what the outbox holds: claim, then mark sent, failed, unknown, stale, or put back.

The attempt, the lease and the doubt are committed before the call. After a crash an entry is
repeated under its key or looked up; where neither is possible it is `unknown`, and a person has to
say. Only the executor uses these verbs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_, select, true, update
from sqlalchemy.exc import IntegrityError, NoResultFound
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from store import audit, caps, compensation, escalations, finishing
from store.connectors import Connector
from store.engine import db_now
from store.errors import IllegalTransition, LeaseLost, NotFound
from store.holds import in_force, stops
from store.outbox import REPLY
from store.outputs import Reason
from store.queue import storable
from store.runs import finish_run, move_run
from store.schema import Draft, Hold, OutboxEntry, Run, Tool
from store.transitions import OutboxStatus, ReviewKind, RunStatus

# what verbs raise over rows that no verb has written
BROKEN_ROWS = (IllegalTransition, NotFound, IntegrityError, NoResultFound, ValueError, LookupError)
_DIED = "the executor died during the call"
_COLUMNS = (
    "id",
    "run_id",
    "draft_id",
    "decision_id",
    "position",
    "kind",
    "tool",
    "body",
    "attempt",
    "created_at",
    "reverses",
)


@dataclass(frozen=True, slots=True)
class Due:
    """An entry under lease, ready for its call."""

    id: str
    run_id: int
    draft_id: int
    decision_id: str | None
    position: int
    kind: str
    tool: str
    body: str
    attempt: int
    created_at: datetime
    reverses: str | None
    in_doubt: bool  # an earlier attempt may have happened
    age_seconds: float  # since the first attempt began, by the database's clock


def claim(
    session: Session, worker: str, *, limit: int, lease_seconds: float, now: datetime
) -> list[Due]:
    """Lease entries that are due, counting the attempt before the call is made.

    An entry waits until every earlier one of the same authorisation was sent, and an automatic one
    while a hold is in force. One that would exceed its customer's daily cap goes to a person.
    """
    candidates = session.execute(
        select(OutboxEntry)
        .where(
            col(OutboxEntry.status) == OutboxStatus.PENDING,
            col(OutboxEntry.not_before) <= db_now(session),
            ~_waits_for_another(),
            _may_go(session),
            _is_of_a_committing_run(),
        )
        .order_by(col(OutboxEntry.not_before), col(OutboxEntry.created_at))
        .limit(limit)
        .execution_options(populate_existing=True)
    ).scalars()
    return [
        _lease(session, entry, worker, lease_seconds)
        for entry in candidates.all()
        if not _went_to_a_person(session, entry, now)
    ]


def _lease(session: Session, entry: OutboxEntry, worker: str, lease_seconds: float) -> Due:
    clock = db_now(session)
    row = (
        session.connection()
        .execute(
            update(OutboxEntry)
            .where(
                col(OutboxEntry.id) == entry.id,
                col(OutboxEntry.status) == OutboxStatus.PENDING,
            )
            .values(
                status=OutboxStatus.SENDING,
                attempt=col(OutboxEntry.attempt) + 1,
                first_attempt_at=func.coalesce(col(OutboxEntry.first_attempt_at), clock),
                in_doubt=True,  # before the call: a crash from here on leaves it open
                lease_owner=worker,
                lease_until=db_now(session, lease_seconds),
            )
            .returning(
                *[col(getattr(OutboxEntry, name)) for name in _COLUMNS],
                col(OutboxEntry.first_attempt_at).label("began"),
                clock.label("moment"),
            )
        )
        .one()
        ._mapping
    )
    age = (row["moment"] - row["began"]).total_seconds()
    values = {name: row[name] for name in _COLUMNS}
    return Due(**values, in_doubt=entry.in_doubt, age_seconds=max(0.0, age))


def _went_to_a_person(session: Session, entry: OutboxEntry, now: datetime) -> bool:
    reason = caps.exceeded(session, entry)
    if reason is None:
        return False
    escalations.send_back(session, entry.run_id, reason, stopped=entry, now=now)
    _audit(session, entry, "run:action:held_back", now, reason=reason.message)
    return True


def _waits_for_another() -> ColumnElement[bool]:
    """A compensation waits for the one before it only, not for what failed."""
    earlier = aliased(OutboxEntry)
    return exists().where(
        col(earlier.run_id) == col(OutboxEntry.run_id),
        col(earlier.draft_id) == col(OutboxEntry.draft_id),
        func.coalesce(earlier.decision_id, "") == func.coalesce(OutboxEntry.decision_id, ""),
        col(earlier.position) < col(OutboxEntry.position),
        col(earlier.status) != OutboxStatus.SENT,
        or_(col(OutboxEntry.reverses).is_(None), col(earlier.reverses).is_not(None)),
    )


def _is_of_a_committing_run() -> ColumnElement[bool]:
    """Only such a run can take in what becomes of its delivery; other rows no verb has written."""
    return exists().where(
        col(Run.id) == col(OutboxEntry.run_id),
        col(Run.status) == RunStatus.COMMITTING,
        col(Run.policy_version).is_not(None),
    )


def is_held(session: Session, entry: Due) -> bool:
    """Return whether a hold stops this delivery now, also one that was set after its claim."""
    if not in_force(session):
        return False
    statement = select(col(OutboxEntry.id)).where(col(OutboxEntry.id) == entry.id, _is_held())
    return session.connection().execute(statement).first() is not None


def _may_go(session: Session) -> ColumnElement[bool]:
    return ~_is_held() if in_force(session) else true()


def _is_held() -> ColumnElement[bool]:
    """A hold on the kind of any part holds them all: they are done together or not at all."""
    part = aliased(OutboxEntry)
    of_run = select(col(Run.action_kind)).where(col(Run.id) == col(OutboxEntry.run_id))
    run_kind = of_run.correlate(OutboxEntry).scalar_subquery()  # two levels up: not by itself
    parts = select(col(Hold.id)).join(part, col(part.draft_id) == col(OutboxEntry.draft_id))
    held = or_(
        exists(select(col(Hold.id)).where(stops(run_kind))),
        exists(parts.where(stops(col(part.kind)))),
    )
    return col(OutboxEntry.decision_id).is_(None) & col(OutboxEntry.reverses).is_(None) & held


def next_due_seconds(session: Session) -> float | None:
    """Return the seconds until `claim` would find an entry (0: now), None if only others' calls or
    people can change that.
    """
    first = (
        session.connection()
        .execute(
            select(func.min(col(OutboxEntry.not_before)), db_now(session)).where(
                col(OutboxEntry.status) == OutboxStatus.PENDING,
                ~_waits_for_another(),
                _may_go(session),
                _is_of_a_committing_run(),
            )
        )
        .one()
    )
    if first[0] is None:
        return None
    return max(0.0, float((first[0] - first[1]).total_seconds()))


def mark_sent(
    session: Session, entry: Due, receipt: dict[str, Any], *, latency_ms: float, now: datetime
) -> None:
    """Store the receipt; when it was the last entry, record step 6 and finish the run."""
    _settle(session, entry, status=OutboxStatus.SENT, sent_at=now, error=None)
    finishing.confirm(session, entry.id, receipt, now=now)
    is_reversal = entry.reverses is not None
    _audit(session, entry, "run:action:reversed" if is_reversal else "run:action:sent", now)
    finishing.finish_if_over(session, entry, latency_ms=latency_ms, now=now)


def mark_failed(session: Session, entry: Due, error: str, *, now: datetime) -> None:
    """It certainly did not happen and will not: cancel what follows, take back what came before.

    Taking back goes out under the same authorisation, in reverse order; without anything to take
    back the run fails at once, visibly.
    """
    error = storable(error)
    _settle(session, entry, status=OutboxStatus.FAILED, error=error)
    escalations.cancel_pending(session, entry.run_id, f"the {entry.tool} before it failed")
    begun = 0
    if entry.reverses is None and entry.kind != REPLY:  # the customer keeps what they were given
        begun = compensation.begin(session, entry.draft_id, decision_id=entry.decision_id, now=now)
    if not begun:
        finish_run(session, entry.run_id, RunStatus.FAILED, now=now, error=error)
    _audit(session, entry, "run:action:failed", now, error=error, compensations=begun)


def mark_unknown(session: Session, entry: Due, error: str, *, now: datetime) -> None:
    """It may have happened and must not be tried again blindly: a person has to say."""
    error = storable(error)
    _settle(session, entry, status=OutboxStatus.UNKNOWN, error=error)
    move_run(session, entry.run_id, RunStatus.AWAITING_REVIEW)
    reason = Reason(
        code="unknown_delivery",
        message=f"Nobody knows whether `{entry.tool}` happened: {error}",
    )
    draft = session.get_one(Draft, entry.draft_id)
    escalations.open_review(
        session,
        entry.run_id,
        ReviewKind.UNKNOWN_DELIVERY,
        reasons=[reason],
        action_id=entry.id,
        draft=draft,
        actor=escalations.EXECUTOR,
        now=now,
    )
    _audit(session, entry, "run:action:unknown", now, error=error)


def set_aside(session: Session, entry: Due, error: str, *, now: datetime) -> None:
    """Stop delivering an entry whose rows are broken, so that it cannot stop all the others.

    No review can be opened on it; `greenlight doctor --invariants` names it.
    """
    error = f"set aside, its rows are broken: {storable(error)}"
    _settle(session, entry, status=OutboxStatus.UNKNOWN, error=error)
    _audit(session, entry, "run:action:unknown", now, error=error)


def mark_stale(
    session: Session, entry: Due, reason: Reason, fresh: Mapping[str, Any], *, now: datetime
) -> int:
    """The world moved before the call was made: cancel it and ask a person; return the review.

    `fresh` are the arguments as they would have to be now.
    """
    _settle(session, entry, status=OutboxStatus.CANCELLED, error=reason.message)
    stopped = session.get_one(OutboxEntry, entry.id)
    review = escalations.send_back(
        session, entry.run_id, reason, stopped=stopped, fresh=fresh, now=now
    )
    _audit(session, entry, "run:action:stale", now, reason=reason.message, review=review)
    return review


def postpone(
    session: Session,
    entry: Due,
    error: str | None,
    *,
    delay_seconds: float,
    may_have_happened: bool = True,
) -> None:
    """Put the entry back for another attempt under the same key."""
    _settle(
        session,
        entry,
        status=OutboxStatus.PENDING,
        error=None if error is None else storable(error),
        in_doubt=entry.in_doubt or may_have_happened,
        not_before=db_now(session, delay_seconds),
    )


def require_mine(session: Session, entry: Due) -> None:
    """Raise LeaseLost if the entry has been taken from this attempt; one that slept must not call.

    An entry that does not exist is nobody's, and is left to who asks for its authorisation.
    """
    stored = session.get(OutboxEntry, entry.id)
    if stored is not None and (stored.status, stored.attempt) != (
        OutboxStatus.SENDING,
        entry.attempt,
    ):
        raise _lost(entry)


def _lost(entry: Due) -> LeaseLost:
    return LeaseLost(f"Delivery {entry.id} is not this executor's any more.")


def extend_leases(session: Session, worker: str, *, lease_seconds: float) -> None:
    """Prolong the lease of every delivery this executor has under way."""
    session.connection().execute(
        update(OutboxEntry)
        .where(
            col(OutboxEntry.lease_owner) == worker,
            col(OutboxEntry.status) == OutboxStatus.SENDING,
        )
        .values(lease_until=db_now(session, lease_seconds))
    )


def reap(session: Session, *, dead_workers: Sequence[str] = (), now: datetime) -> int:
    """Take back entries whose executor died mid-call; return how many.

    With an idempotency key or a look-up the executor can go on; without either nobody can know, so
    the entry becomes `unknown`.
    """
    gone = or_(
        col(OutboxEntry.lease_until) < db_now(session),
        col(OutboxEntry.lease_owner).in_(list(dead_workers)),
    )
    rows = session.execute(
        select(OutboxEntry, Tool)
        .outerjoin(Tool, col(Tool.name) == col(OutboxEntry.tool))
        .where(col(OutboxEntry.status) == OutboxStatus.SENDING, gone)
    ).all()
    for row, tool in rows:
        values = {name: getattr(row, name) for name in _COLUMNS}
        entry = Due(**values, in_doubt=True, age_seconds=0.0)
        connector = Connector.model_validate(tool.connector if tool else {})
        if tool is not None and (tool.key_field or connector.lookup):
            postpone(session, entry, _DIED, delay_seconds=0.0)
            continue
        try:
            with session.begin_nested():
                mark_unknown(session, entry, _DIED, now=now)
        except BROKEN_ROWS as broken:
            set_aside(session, entry, f"{_DIED}; {type(broken).__name__}", now=now)
    return len(rows)


def _settle(session: Session, entry: Due, **values: Any) -> None:
    settled = session.connection().execute(
        update(OutboxEntry)
        .where(
            col(OutboxEntry.id) == entry.id,
            col(OutboxEntry.status) == OutboxStatus.SENDING,
            col(OutboxEntry.attempt) == entry.attempt,
        )
        .values(lease_owner=None, lease_until=None, **values)
    )
    if settled.rowcount != 1:
        raise _lost(entry)


def _audit(
    session: Session, entry: "Due | OutboxEntry", tag: str, now: datetime, **facts: Any
) -> None:
    audit.append(
        session,
        actor=escalations.EXECUTOR,
        tag=tag,
        subject=f"run:{entry.run_id}",
        at=now,
        body={
            "action": entry.id,
            "tool": entry.tool,
            "attempt": entry.attempt,
            "reverses": entry.reverses,
            **facts,
        },
    )
