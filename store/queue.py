"""Runs out to workers and back: claim, heartbeat, release, fail, reap; tickets in by `submit`.

Claims are fenced: each one bumps `lease_epoch`, and every later write of the worker carries its
epoch. Leases use the database's clock. After a worker's death its runs are retried one at a time,
and only a crash while alone counts against a run; three make it dead and visible. What people do
to runs is in `store.interventions`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, func, literal, or_, select, update
from sqlmodel import Session, col

from store import audit
from store.engine import db_now
from store.errors import BadInput, LeaseLost
from store.redrafts import Feedback, feedback, is_replayed
from store.schema import Run, StepRecord, Ticket, UtcDateTime
from store.tickets import MAX_TEXT, NewTicket, Submitted, clean_text, storable, submit
from store.transitions import RunStatus, StepStatus

__all__ = [
    "MAX_TEXT",
    "Claim",
    "NewTicket",
    "Submitted",
    "claim",
    "clean_text",
    "counts",
    "extend_leases",
    "fail",
    "hold_lease",
    "reap",
    "release",
    "storable",
    "submit",
    "submit_claimed",
]

MAX_CRASHES_ALONE = 3
CRASHED = "crashed its worker three times while alone"


@dataclass(frozen=True, slots=True)
class Claim:
    """A run on lease, with the ticket and the steps already recorded."""

    run_id: int
    epoch: int
    is_suspect: bool  # was in flight when a worker died, so it is worked alone
    ticket: Ticket
    recorded: dict[str, dict[str, Any]]  # output of each finished step that is not done anew
    attempts: dict[str, int]  # failed attempts so far on this visit, by step
    visit: int = 1
    feedback: Feedback | None = None  # second visit: what a person said of the first draft


def claim(
    session: Session, worker: str, *, limit: int, in_flight: int, lease_seconds: float
) -> list[Claim]:
    """Lease up to `limit` queued runs, oldest first, to this worker.

    Suspects (in flight when a worker died) come first and alone: while one waits, or is in its own
    hands, a busy worker gets nothing; an idle one gets that single run.
    """
    connection = session.connection()
    now = db_now(session)
    due = or_(col(Run.available_at).is_(None), col(Run.available_at) <= now)
    waiting = (
        select(col(Run.id)).where(col(Run.status) == RunStatus.QUEUED, due).order_by(col(Run.id))
    )
    suspect = connection.execute(waiting.where(col(Run.is_suspect)).limit(1)).scalar()
    if in_flight and (suspect is not None or _holds_suspect(session, worker)):
        return []
    if suspect is not None:
        chosen: list[int | None] = [suspect]
    else:
        chosen = list(
            connection.execute(waiting.where(~col(Run.is_suspect)).limit(limit)).scalars()
        )
    return _lease(session, worker, chosen, lease_seconds=lease_seconds) if chosen else []


def _holds_suspect(session: Session, worker: str) -> bool:
    held = select(col(Run.id)).where(
        col(Run.status) == RunStatus.RUNNING, col(Run.is_suspect), col(Run.lease_owner) == worker
    )
    return session.connection().execute(held.limit(1)).first() is not None


def submit_claimed(
    session: Session, ticket: NewTicket, worker: str, *, lease_seconds: float, now: datetime
) -> Claim:
    """Submit one ticket already leased to this worker, so that no other can take its run.

    Raises BadInput if the ticket is known already.
    """
    (submitted,) = submit(session, [ticket], now=now)
    if submitted.is_duplicate:
        raise BadInput(f"Ticket `{submitted.external_id}` exists already (run {submitted.run_id}).")
    (leased,) = _lease(session, worker, [submitted.run_id], lease_seconds=lease_seconds)
    return leased


def _lease(
    session: Session, worker: str, chosen: Sequence[int | None], *, lease_seconds: float
) -> list[Claim]:
    leased = session.connection().execute(
        update(Run)
        .where(col(Run.id).in_(chosen), col(Run.status) == RunStatus.QUEUED)
        .values(
            status=RunStatus.RUNNING,
            lease_owner=worker,
            lease_epoch=col(Run.lease_epoch) + 1,
            lease_until=db_now(session, lease_seconds),
        )
        .returning(
            col(Run.id),
            col(Run.lease_epoch),
            col(Run.ticket_id),
            col(Run.is_suspect),
            col(Run.visit),
            col(Run.redo_from),
        )
    )
    return _claims(session, sorted((tuple(row) for row in leased), key=lambda row: row[0]))


def _claims(session: Session, leased: Sequence[tuple[Any, ...]]) -> list[Claim]:
    tickets = {
        ticket.id: ticket
        for ticket in session.execute(
            select(Ticket).where(col(Ticket.id).in_([row[2] for row in leased]))
        ).scalars()
    }
    records: dict[int, list[Any]] = {row[0]: [] for row in leased}
    for record in session.connection().execute(
        select(
            col(StepRecord.run_id),
            col(StepRecord.name),
            col(StepRecord.visit),
            col(StepRecord.status),
            col(StepRecord.output),
        ).where(col(StepRecord.run_id).in_(list(records)))
    ):
        records[record.run_id].append(record)
    return [
        Claim(
            run_id=run_id,
            epoch=epoch,
            is_suspect=is_suspect,
            ticket=tickets[ticket_id],
            recorded={
                one.name: one.output
                for one in records[run_id]
                if one.status is StepStatus.OK
                and (one.visit == visit or is_replayed(one.name, redo_from))
            },
            attempts=Counter(
                one.name
                for one in records[run_id]
                if one.status is not StepStatus.OK and one.visit == visit
            ),
            visit=visit,
            feedback=feedback(session, run_id, step=redo_from) if visit > 1 else None,
        )
        for run_id, epoch, ticket_id, is_suspect, visit, redo_from in leased
    ]


def hold_lease(session: Session, run_id: int, epoch: int, **values: Any) -> None:
    """Write `values` to a run that this claim still owns; raise LeaseLost if it does not.

    Every write a worker makes goes through here first: this is the fence.
    """
    held = session.connection().execute(
        update(Run)
        .where(
            col(Run.id) == run_id,
            col(Run.lease_epoch) == epoch,
            col(Run.status) == RunStatus.RUNNING,
        )
        .values(**values or {"lease_epoch": epoch})  # a check alone still has to be a write
    )
    if held.rowcount != 1:
        raise LeaseLost(f"Run {run_id} is not this worker's any more; its write was refused.")


def extend_leases(
    session: Session, worker: str, run_ids: Sequence[int], *, lease_seconds: float
) -> None:
    """Prolong this worker's leases on the runs it still works on; one it dropped runs out."""
    session.connection().execute(
        update(Run)
        .where(
            col(Run.id).in_(run_ids),
            col(Run.lease_owner) == worker,
            col(Run.status) == RunStatus.RUNNING,
        )
        .values(lease_until=db_now(session, lease_seconds))
    )


def release(
    session: Session,
    run_id: int,
    epoch: int,
    *,
    delay_seconds: float = 0.0,
    as_suspect: bool = False,
) -> None:
    """Give a run back (shutdown, or a step that should be tried again later).

    `as_suspect` has it worked alone next time: it may be what brought its worker down.
    """
    hold_lease(
        session,
        run_id,
        epoch,
        status=RunStatus.QUEUED,
        lease_owner=None,
        lease_until=None,
        available_at=db_now(session, delay_seconds) if delay_seconds else None,
        **({"is_suspect": True} if as_suspect else {}),
    )


def fail(session: Session, run_id: int, epoch: int, error: str, *, now: datetime) -> None:
    """End a run whose step failed for good; it stays visible with its error."""
    hold_lease(
        session,
        run_id,
        epoch,
        status=RunStatus.FAILED,
        lease_owner=None,
        lease_until=None,
        error=storable(error),
        finished_at=now,
    )


def reap(
    session: Session,
    *,
    dead_workers: Sequence[str] = (),
    alive_workers: Sequence[str] = (),
    now: datetime,
) -> int:
    """Take back the runs of dead workers (known dead, or with an expired lease); return how many.

    A run that crashed its worker while alone is counted; at three it becomes dead. One whose worker
    is known to be alive, only paused past its lease, crashed nothing and is not counted.
    """
    gone = or_(col(Run.lease_until) < db_now(session), col(Run.lease_owner).in_(list(dead_workers)))
    crashed_alone = case(
        (and_(col(Run.is_suspect), col(Run.lease_owner).not_in(list(alive_workers))), 1), else_=0
    )
    is_dead = col(Run.tries) + crashed_alone >= MAX_CRASHES_ALONE
    taken = (
        session.connection()
        .execute(
            update(Run)
            .where(col(Run.status) == RunStatus.RUNNING, gone)
            .values(
                status=case((is_dead, RunStatus.DEAD.value), else_=RunStatus.QUEUED.value),
                tries=col(Run.tries) + crashed_alone,
                error=case((is_dead, CRASHED), else_=col(Run.error)),
                finished_at=case((is_dead, literal(now, UtcDateTime)), else_=col(Run.finished_at)),
                is_suspect=True,
                lease_owner=None,
                lease_until=None,
            )
            .returning(col(Run.id), col(Run.status), col(Run.tries))
        )
        .all()
    )
    for run_id, status, tries in sorted(tuple(row) for row in taken):
        if status == RunStatus.DEAD:
            audit.append(
                session,
                actor="worker",
                tag="run:dead",
                subject=f"run:{run_id}",
                at=now,
                body={"crashes": tries, "error": CRASHED},
            )
    return len(taken)


def counts(session: Session) -> dict[RunStatus, int]:
    """Return how many runs stand in each status."""
    rows = session.connection().execute(
        select(col(Run.status), func.count()).group_by(col(Run.status))
    )
    return {row[0]: row[1] for row in rows}
