"""Authorised tool calls and their delivery: enqueue, claim, mark sent / failed / unknown.

Only a gate pass or a decision authorises an entry, and both come through `enqueue`. The arguments
are frozen as bytes; `id` is the idempotency key. The attempt and lease are committed before the
call, so after a crash the entry is either retried under the same key or, where the tool takes no
key, handed to a person as `unknown`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import ColumnElement, exists, func, insert, or_, select, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from store import audit
from store.actions import Action, canonical_json
from store.engine import db_now
from store.errors import LeaseLost
from store.escalations import open_review
from store.outputs import CommitOutput, Delivery
from store.queue import hold_lease, storable
from store.schema import Draft, OutboxEntry, Receipt, Run, Ticket, Tool
from store.steps import StepWrite, latest_draft, record_commit
from store.transitions import OutboxStatus, ReviewKind, RunStatus, StepStatus


@dataclass(frozen=True, slots=True)
class Due:
    """An entry under lease, ready for its call."""

    id: str
    run_id: int
    draft_id: int
    decision_id: str | None
    tool: str
    body: str
    attempt: int
    created_at: datetime


def authorise_pass(
    session: Session, run_id: int, epoch: int, *, is_audited: bool, now: datetime
) -> None:
    """Enqueue what the gate let pass; a draft that the coin drew gets a blind review as well."""
    hold_lease(
        session,
        run_id,
        epoch,
        status=RunStatus.COMMITTING,
        is_suspect=False,
        lease_owner=None,
        lease_until=None,
    )
    draft = latest_draft(session, run_id)
    enqueue(session, draft, decision_id=None, undo_seconds=0.0, now=now)
    audit.append(
        session,
        actor="gate",
        tag="run:draft:passed",
        subject=f"run:{run_id}",
        at=now,
        body={"draft": draft.id, "digest": draft.digest, "confidence": draft.confidence},
    )
    if is_audited:
        open_review(session, run_id, ReviewKind.AUDIT, now=now)


def enqueue(
    session: Session, draft: Draft, *, decision_id: str | None, undo_seconds: float, now: datetime
) -> None:
    """Store one entry per tool call of the draft: the action first, the reply last.

    A run with nothing to deliver (no reply tool, no action) is done at once.
    """
    calls = calls_of(session, draft)
    for position, (kind, tool, body, action) in enumerate(calls):
        session.connection().execute(
            insert(OutboxEntry).values(
                id=entry_id(draft, position, decision_id),
                run_id=draft.run_id,
                draft_id=draft.id,
                decision_id=decision_id,
                position=position,
                kind=kind,
                tool=tool,
                body=canonical_json(body),
                amount_minor=action.amount_minor if action else None,
                currency=action.currency if action else None,
                customer_id=Action.model_validate(draft.action).customer_id,
                status=OutboxStatus.PENDING,
                not_before=db_now(session, undo_seconds),
                created_at=now,
                attempt=0,
            )
        )
    if not calls:
        _finish_run(session, draft.run_id, RunStatus.DONE, now=now)


def entry_id(draft: Draft, position: int, decision_id: str | None) -> str:
    """Return the one id, and idempotency key, that this call of this authorisation can have."""
    key = f"greenlight:{draft.run_id}:{draft.id}:{position}:{decision_id or 'gate'}"
    return str(uuid5(NAMESPACE_URL, key))


Call = tuple[str, str, dict[str, Any], Action | None]  # kind, tool, arguments, money's action


def calls_of(session: Session, draft: Draft) -> list[Call]:
    """Return the tool calls that a draft stands for, in order: its action, then its reply."""
    action = Action.model_validate(draft.action)
    calls: list[Call] = []
    if action.tool is not None:
        calls.append((action.kind, action.tool, action.args, action))
    reply_tool = session.execute(select(Tool).where(col(Tool.is_reply))).scalars().first()
    if reply_tool is not None and draft.reply.strip():
        ticket = session.execute(
            select(Ticket)
            .join(Run, col(Run.ticket_id) == col(Ticket.id))
            .where(col(Run.id) == draft.run_id)
        ).scalar_one()
        values = {
            reply_tool.text_field: draft.reply,
            reply_tool.customer_field: ticket.customer_id,
            reply_tool.ticket_field: ticket.external_id,
        }
        body = {name: value for name, value in values.items() if name}
        calls.append(("reply", reply_tool.name, body, None))
    return calls


def claim(session: Session, worker: str, *, limit: int, lease_seconds: float) -> list[Due]:
    """Lease entries that are due, counting the attempt before the call is made.

    An entry waits until every earlier position of the same authorisation was sent.
    """
    connection = session.connection()
    due = list(
        connection.execute(
            select(col(OutboxEntry.id))
            .where(
                col(OutboxEntry.status) == OutboxStatus.PENDING,
                col(OutboxEntry.not_before) <= db_now(session),
                ~_waits_for_another(),
            )
            .order_by(col(OutboxEntry.not_before))
            .limit(limit)
        ).scalars()
    )
    if not due:
        return []
    leased = connection.execute(
        update(OutboxEntry)
        .where(col(OutboxEntry.id).in_(due), col(OutboxEntry.status) == OutboxStatus.PENDING)
        .values(
            status=OutboxStatus.SENDING,
            attempt=col(OutboxEntry.attempt) + 1,
            lease_owner=worker,
            lease_until=db_now(session, lease_seconds),
        )
        .returning(*[col(getattr(OutboxEntry, name)) for name in Due.__slots__])
    )
    return [Due(*row) for row in leased]


def _waits_for_another() -> ColumnElement[bool]:
    earlier = aliased(OutboxEntry)
    return exists().where(
        col(earlier.run_id) == col(OutboxEntry.run_id),
        col(earlier.draft_id) == col(OutboxEntry.draft_id),
        func.coalesce(earlier.decision_id, "") == func.coalesce(OutboxEntry.decision_id, ""),
        col(earlier.position) < col(OutboxEntry.position),
        col(earlier.status) != OutboxStatus.SENT,
    )


def next_due_seconds(session: Session) -> float | None:
    """Return the seconds until `claim` would find an entry (0: now), None if only others' calls or
    people can change that.
    """
    first = (
        session.connection()
        .execute(
            select(func.min(col(OutboxEntry.not_before)), db_now(session)).where(
                col(OutboxEntry.status) == OutboxStatus.PENDING, ~_waits_for_another()
            )
        )
        .one()
    )
    if first[0] is None:
        return None
    return max(0.0, float((first[0] - first[1]).total_seconds()))


def mark_sent(
    session: Session,
    entry: Due,
    receipt: dict[str, Any],
    *,
    latency_ms: float,
    now: datetime,
) -> None:
    """Store the receipt; when it was the run's last entry, record step 6 and finish the run."""
    _settle(session, entry, status=OutboxStatus.SENT, sent_at=now, error=None)
    session.connection().execute(
        insert(Receipt).values(action_id=entry.id, body=receipt, received_at=now)
    )
    audit.append(
        session,
        actor="executor",
        tag="run:action:sent",
        subject=f"run:{entry.run_id}",
        at=now,
        body={"action": entry.id, "tool": entry.tool, "attempt": entry.attempt},
    )
    deliveries = _deliveries(session, entry)
    if all(delivery.status == OutboxStatus.SENT for delivery in deliveries):
        output = CommitOutput(deliveries=deliveries)
        step = StepWrite(
            name="commit",
            attempt=entry.attempt,
            status=StepStatus.OK,
            started_at=now,
            latency_ms=latency_ms,
            output=output.model_dump(mode="json"),
        )
        record_commit(session, entry.run_id, output, step)
        _finish_run(session, entry.run_id, RunStatus.DONE, now=now)


def mark_failed(session: Session, entry: Due, error: str, *, now: datetime) -> None:
    """The tool refused for good: cancel what would have followed and fail the run, visibly."""
    error = storable(error)
    _settle(session, entry, status=OutboxStatus.FAILED, error=error)
    session.connection().execute(
        update(OutboxEntry)
        .where(
            col(OutboxEntry.run_id) == entry.run_id,
            col(OutboxEntry.draft_id) == entry.draft_id,
            col(OutboxEntry.status) == OutboxStatus.PENDING,
        )
        .values(status=OutboxStatus.CANCELLED, error=f"the {entry.tool} before it failed")
    )
    _finish_run(session, entry.run_id, RunStatus.FAILED, now=now, error=error)
    _audit_trouble(session, entry, "run:action:failed", error, now)


def mark_unknown(session: Session, entry: Due, error: str, *, now: datetime) -> None:
    """It may have happened and must not be tried again blindly: a person has to say."""
    error = storable(error)
    _settle(session, entry, status=OutboxStatus.UNKNOWN, error=error)
    _audit_trouble(session, entry, "run:action:unknown", error, now)


def postpone(session: Session, entry: Due, error: str, *, delay_seconds: float) -> None:
    """Put the entry back for another attempt under the same key."""
    _settle(
        session,
        entry,
        status=OutboxStatus.PENDING,
        error=storable(error),
        not_before=db_now(session, delay_seconds),
    )


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

    With an idempotency key the call is simply repeated; without one nobody can know, so the entry
    becomes `unknown`.
    """
    gone = or_(
        col(OutboxEntry.lease_until) < db_now(session),
        col(OutboxEntry.lease_owner).in_(list(dead_workers)),
    )
    rows = session.execute(
        select(OutboxEntry, col(Tool.key_field))
        .outerjoin(Tool, col(Tool.name) == col(OutboxEntry.tool))
        .where(col(OutboxEntry.status) == OutboxStatus.SENDING, gone)
    ).all()
    for row, key_field in rows:
        entry = Due(*[getattr(row, name) for name in Due.__slots__])
        if key_field:
            postpone(session, entry, "the executor died during the call", delay_seconds=0.0)
        else:
            mark_unknown(session, entry, "the executor died during the call", now=now)
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
        raise LeaseLost(f"Delivery {entry.id} is not this executor's any more.")


def _deliveries(session: Session, entry: Due) -> list[Delivery]:
    rows = session.execute(
        select(OutboxEntry, col(Receipt.body))
        .outerjoin(Receipt, col(Receipt.action_id) == col(OutboxEntry.id))
        .where(
            col(OutboxEntry.run_id) == entry.run_id,
            col(OutboxEntry.draft_id) == entry.draft_id,
            func.coalesce(OutboxEntry.decision_id, "") == (entry.decision_id or ""),
        )
        .order_by(col(OutboxEntry.position))
    ).all()
    return [
        Delivery(
            action_id=row.id, tool=row.tool, status=row.status, attempt=row.attempt, receipt=body
        )
        for row, body in rows
    ]


def _finish_run(
    session: Session, run_id: int, status: RunStatus, *, now: datetime, error: str | None = None
) -> None:
    session.connection().execute(
        update(Run)
        .where(col(Run.id) == run_id, col(Run.status) == RunStatus.COMMITTING)
        .values(status=status, finished_at=now, error=error)
    )


def _audit_trouble(session: Session, entry: Due, tag: str, error: str, now: datetime) -> None:
    audit.append(
        session,
        actor="executor",
        tag=tag,
        subject=f"run:{entry.run_id}",
        at=now,
        body={"action": entry.id, "tool": entry.tool, "attempt": entry.attempt, "error": error},
    )
