"""What a person may do to a run from outside its path: retry it, or withdraw it.

A run that was authorised is never queued again, because its one authorisation cannot be used twice:
retrying it asks a person. What was or is being delivered cannot be cancelled, only undone or
reversed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session, col

from store import audit, escalations, roles
from store.errors import BadInput, IllegalTransition, NotFound
from store.outputs import Reason
from store.queue import storable
from store.runs import move_run
from store.schema import OutboxEntry, Review, Run
from store.transitions import (
    OPEN_REVIEW,
    RUN_MOVES,
    OutboxStatus,
    ReviewKind,
    ReviewStatus,
    Role,
    RunStatus,
)

MAX_NOTE = 500
_ENDED_BADLY = frozenset({RunStatus.FAILED, RunStatus.DEAD})
_UNDERWAY = frozenset({OutboxStatus.PENDING, OutboxStatus.SENDING, OutboxStatus.UNKNOWN})
_WHY_NOT = {
    RunStatus.COMMITTING: "is being delivered. Undo the decision while its window is open, or"
    " reverse what was sent",
    RunStatus.DONE: "is done: everything of it was delivered. Reverse what was sent instead",
    RunStatus.REJECTED: "was rejected, so nothing of it will be delivered",
    RunStatus.CANCELLED: "was cancelled already",
}


@dataclass(frozen=True, slots=True)
class Retried:
    """Where a retried run went: back to the queue, or, with `review_id`, to a person."""

    run_id: int
    status: RunStatus
    review_id: int | None = None


@dataclass(frozen=True, slots=True)
class Possible:
    """What a person may do to a run as it stands; `retry_asks`: a retry opens a review."""

    can_retry: bool
    retry_asks: bool
    can_cancel: bool


def possible(session: Session, run: Run) -> Possible:
    """Return what `retry` and `cancel` would accept for this run now."""
    found = _deliveries(session, run)
    return Possible(
        can_retry=run.status in _ENDED_BADLY and not found.underway,
        retry_asks=found.any,
        can_cancel=RunStatus.CANCELLED in RUN_MOVES[run.status]
        and not (found.underway or found.done),
    )


def retry(session: Session, run_id: int, *, person: str, now: datetime) -> Retried:
    """Try a failed or dead run again: from its last recorded step, or through a person.

    What failed in delivery waits for a new decision on what is left of it, with the delivery's
    error as the reason. Raises NotFound, NotAllowed (role) and BadInput (not failed or dead).
    """
    run = _run(session, run_id, person)
    if run.status not in _ENDED_BADLY:
        raise BadInput(
            f"Run {run_id} is {run.status.replace('_', ' ')}, and only a failed or dead one can be"
            " retried. Nothing was changed."
        )
    found = _deliveries(session, run)
    if found.underway:
        raise BadInput(
            f"Nobody knows yet what becomes of run {run_id} ({found.underway})."
            " Answer that first; nothing was changed."
        )
    before, error = run.status, run.error
    if found.any:
        reason = _delivery_failed(error)
        review_id = escalations.send_back(
            session, run_id, reason, kind=ReviewKind.STALE, actor=person, now=now
        )
        done = Retried(run_id, RunStatus.AWAITING_REVIEW, review_id)
    else:
        move_run(session, run_id, RunStatus.QUEUED, tries=0, error=None, finished_at=None)
        done = Retried(run_id, RunStatus.QUEUED)
    body = {"from": before, "to": done.status, "review": done.review_id, "error": error}
    _note(session, run_id, "run:retried", person, body, now)
    return done


def cancel(session: Session, run_id: int, *, person: str, note: str = "", now: datetime) -> None:
    """Withdraw a run before anything of it is delivered; its open review is superseded.

    A worker that still has it in hand can write nothing more. Raises NotFound, NotAllowed (role)
    and IllegalTransition (delivered, being delivered, or ended already).
    """
    run = _run(session, run_id, person)
    if RunStatus.CANCELLED not in RUN_MOVES[run.status]:
        raise IllegalTransition(f"Run {run_id} {_WHY_NOT[run.status]}. Nothing was changed.")
    found = _deliveries(session, run)
    if found.underway or found.done:
        raise IllegalTransition(
            f"Part of run {run_id} went out or may have ({found.underway or found.done}), so it"
            " cannot be cancelled. Reverse that, or answer what became of it; nothing was changed."
        )
    before, error = run.status, run.error
    note = storable(note).strip()[:MAX_NOTE]
    move_run(
        session,
        run_id,
        RunStatus.CANCELLED,
        lease_epoch=run.lease_epoch + 1,
        lease_owner=None,
        lease_until=None,
        finished_at=now,
        error=f"cancelled by {person}: {note}" if note else f"cancelled by {person}",
    )
    closed = session.connection().execute(
        update(Review)
        .where(col(Review.run_id) == run_id, col(Review.status).in_(OPEN_REVIEW))
        .values(status=ReviewStatus.SUPERSEDED)
        .returning(col(Review.id))
    )
    body = {"from": before, "note": note, "reviews": [row[0] for row in closed], "error": error}
    _note(session, run_id, "run:cancelled", person, body, now)


def _run(session: Session, run_id: int, person: str) -> Run:
    roles.require_role(session, person, Role.OPERATOR, Role.MANAGER, Role.ADMIN)
    run = session.get(Run, run_id)
    if run is None:
        raise NotFound(f"There is no run {run_id}.")
    return run


@dataclass(frozen=True, slots=True)
class _Deliveries:
    """What became of the run's tool calls: whether there are any, and those that stand in a way."""

    any: bool
    underway: str  # may still happen, or may have
    done: str  # happened and was not taken back


def _deliveries(session: Session, run: Run) -> _Deliveries:
    wanted = [OutboxEntry.id, OutboxEntry.tool, OutboxEntry.status, OutboxEntry.reverses]
    rows = (
        session.connection()
        .execute(
            select(*(col(column) for column in wanted))
            .where(col(OutboxEntry.run_id) == run.id)
            .order_by(col(OutboxEntry.created_at), col(OutboxEntry.position))
        )
        .all()
    )
    taken_back = {row.reverses for row in rows if row.status is OutboxStatus.SENT}
    done = [
        row.tool
        for row in rows
        if row.status is OutboxStatus.SENT and row.reverses is None and row.id not in taken_back
    ]
    underway = [f"{row.tool} {row.status}" for row in rows if row.status in _UNDERWAY]
    return _Deliveries(any=bool(rows), underway=", ".join(underway), done=", ".join(done))


def _delivery_failed(error: str | None) -> Reason:
    why = (error or "no reason was given")[:MAX_NOTE]
    return Reason(code="delivery_failed", message=f"The delivery failed: {why}")


def _note(
    session: Session, run_id: int, tag: str, person: str, body: dict[str, Any], now: datetime
) -> None:
    audit.append(session, actor=person, tag=tag, subject=f"run:{run_id}", at=now, body=body)
