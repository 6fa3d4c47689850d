"""Tickets in: cleaned, known by one identity, and never more waiting than may wait.

What does not fit is refused by name, never dropped. Use these through `store.queue`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from store.errors import BadInput, QueueFull
from store.schema import Run, Ticket
from store.transitions import RunStatus

MAX_TEXT = 100_000


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
