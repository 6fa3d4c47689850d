"""Tickets in, runs out to workers, and back: submit, claim, heartbeat, release, fail, reap.

Claims are fenced: each one bumps `lease_epoch`, and every later write of the worker carries its
epoch. Leases use the database's clock. After a worker's death its runs are retried one at a time,
and only a crash while alone counts against a run; three make it dead and visible. Intake is
bounded: what does not fit is refused by name, never dropped. `store.interventions` has what people
do to runs.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import and_, case, func, literal, or_, select, update
from sqlmodel import Session, col

from store import audit
from store.engine import db_now
from store.errors import BadInput, LeaseLost, QueueFull
from store.schema import Run, StepRecord, Ticket, UtcDateTime
from store.transitions import RunStatus, StepStatus

MAX_TEXT = 100_000
MAX_CRASHES_ALONE = 3
CRASHED = "crashed its worker three times while alone"


@dataclass(frozen=True, slots=True)
class NewTicket:
    """A request as handed in; without `external_id` its content is its identity."""

    text: str
    external_id: str | None = None
    customer_id: str | None = None
    subject: str = ""
    received_at: datetime | None = None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of one ticket; a duplicate names the run that already exists."""

    external_id: str
    run_id: int
    is_duplicate: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """A run on lease, with the ticket and the steps already recorded."""

    run_id: int
    epoch: int
    is_suspect: bool  # was in flight when a worker died, so it is worked alone
    ticket: Ticket
    recorded: dict[str, dict[str, Any]]  # output of each finished step
    attempts: dict[str, int]  # failed attempts so far, by step


def clean_text(text: str) -> str:
    """Return the ticket's text made storable; refuse an empty or over-long one."""
    cleaned = storable(text)
    if not cleaned.strip():
        raise BadInput("The text is empty. A ticket needs something to read.")
    if len(cleaned) > MAX_TEXT:
        raise BadInput(f"The text has {len(cleaned):,} characters; the limit is {MAX_TEXT:,}.")
    return cleaned


def storable(text: str) -> str:
    """Return the text without NUL and lone surrogates, which no database takes."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _identity(ticket: NewTicket, customer_id: str, text: str) -> str:
    external_id = storable(ticket.external_id or "")
    if external_id:
        return external_id
    received = ticket.received_at.astimezone(UTC).isoformat() if ticket.received_at else ""
    content = "\x1f".join((customer_id, text, received))
    return "sha256:" + hashlib.sha256(content.encode()).hexdigest()[:32]


def submit(
    session: Session,
    tickets: Sequence[NewTicket],
    *,
    now: datetime,
    max_queued: int | None = None,
) -> list[Submitted]:
    """Store tickets and queue a run for each; the same id again is a duplicate, never a second run.

    Raises BadInput for a text that `clean_text` refuses, and QueueFull where more runs would wait
    than `max_queued` or the store's own bound; then nothing of the batch is stored.
    """
    bounds = [bound for bound in (max_queued, session.info.get("max_queued")) if bound is not None]
    results: list[Submitted] = []
    room: int | None = None
    for ticket in tickets:
        text = clean_text(ticket.text)
        customer_id = storable(ticket.customer_id or "")
        external_id = _identity(ticket, customer_id, text)
        existing = _run_of(session, external_id)
        if existing is not None:
            results.append(Submitted(external_id, existing, is_duplicate=True))
            continue
        if bounds:
            room = _room(session, min(bounds)) if room is None else room - 1
            if room <= 0:
                raise _full(min(bounds), fits=len(results))
        run_id = _store(session, ticket, text, customer_id, external_id, now=now)
        results.append(Submitted(external_id, run_id, is_duplicate=False))
    return results


def _store(
    session: Session,
    ticket: NewTicket,
    text: str,
    customer_id: str,
    external_id: str,
    *,
    now: datetime,
) -> int:
    row = Ticket(
        external_id=external_id,
        customer_id=customer_id or None,
        subject=storable(ticket.subject),
        text=text,
        received_at=ticket.received_at or now,
        submitted_at=now,
        extra=ticket.extra,
    )
    session.add(row)
    session.flush()
    assert row.id is not None
    run = Run(ticket_id=row.id, created_at=row.received_at)
    session.add(run)
    session.flush()
    assert run.id is not None
    return run.id


def _room(session: Session, bound: int) -> int:
    queued = select(col(Run.id)).where(col(Run.status) == RunStatus.QUEUED).limit(bound)
    waiting = session.connection().execute(select(func.count()).select_from(queued.subquery()))
    return bound - int(waiting.scalar_one())


def _full(bound: int, *, fits: int) -> QueueFull:
    return QueueFull(
        f"The queue is full: {bound:,} tickets may wait and do. Nothing of this batch was taken in."
        " Submit it again when the workers have caught up; what is in already is recognised.",
        bound=bound,
        fits=fits,
    )


def _run_of(session: Session, external_id: str) -> int | None:
    statement = (
        select(func.min(col(Run.id)))
        .join(Ticket, col(Ticket.id) == col(Run.ticket_id))
        .where(col(Ticket.external_id) == external_id)
    )
    found: int | None = session.connection().execute(statement).scalar()
    return found


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
        .returning(col(Run.id), col(Run.lease_epoch), col(Run.ticket_id), col(Run.is_suspect))
    )
    return _claims(session, sorted(tuple(row) for row in leased))


def _claims(session: Session, leased: Sequence[tuple[Any, ...]]) -> list[Claim]:
    connection = session.connection()
    tickets = {
        ticket.id: ticket
        for ticket in session.execute(
            select(Ticket).where(col(Ticket.id).in_([row[2] for row in leased]))
        ).scalars()
    }
    recorded: dict[int, dict[str, dict[str, Any]]] = {row[0]: {} for row in leased}
    attempts: dict[int, dict[str, int]] = {row[0]: {} for row in leased}
    records = connection.execute(
        select(
            col(StepRecord.run_id),
            col(StepRecord.name),
            col(StepRecord.status),
            col(StepRecord.output),
        ).where(col(StepRecord.run_id).in_(list(recorded)))
    )
    for run_id, name, status, output in records:
        if status is StepStatus.OK:
            recorded[run_id][name] = output
        else:
            attempts[run_id][name] = attempts[run_id].get(name, 0) + 1
    return [
        Claim(
            run_id=run_id,
            epoch=epoch,
            is_suspect=is_suspect,
            ticket=tickets[ticket_id],
            recorded=recorded[run_id],
            attempts=attempts[run_id],
        )
        for run_id, epoch, ticket_id, is_suspect in leased
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
