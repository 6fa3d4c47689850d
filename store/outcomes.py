"""Outcomes that arrive later: reopened, charged back, confirmed; handed in by another system.

Each is stored once, and only about what was sent. What it says of the draft becomes a label: see
`labels` for which verdicts it replaces, and why a complaint about a draft that nobody audited is in
no rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, select
from sqlmodel import Session, col

from store import audit, labels, roles
from store.errors import BadInput
from store.queue import storable
from store.schema import LaterOutcome, OutboxEntry, Run, Ticket
from store.transitions import OutboxStatus, OutcomeKind, Role

MAX_AT_ONCE = 1_000
_CLOCKS_DIFFER = timedelta(days=1)  # also a date without a zone, taken as UTC


@dataclass(frozen=True, slots=True)
class NewOutcome:
    """What became of one ticket or run; exactly one of the two names it."""

    outcome: OutcomeKind
    ticket: str | None = None  # its external id: the newest run that sent something
    run_id: int | None = None
    at: datetime | None = None  # when it happened; None: now
    note: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a batch; `rejected` names items by their index, with why."""

    accepted: int
    duplicates: int
    rejected: tuple[tuple[int, str], ...]


def record(
    session: Session,
    items: Sequence[NewOutcome],
    *,
    person: str,
    is_simulated: bool = False,
    now: datetime,
) -> Recorded:
    """Store outcomes and label what they are about; one known already is a duplicate.

    An item that fits nothing is rejected by itself. Raises NotAllowed for somebody unknown.
    """
    roles.require_role(session, person, Role.OPERATOR, Role.MANAGER, Role.ADMIN)
    if len(items) > MAX_AT_ONCE:
        raise BadInput(f"Hand in at most {MAX_AT_ONCE} outcomes at once.")
    accepted, duplicates, rejected = 0, 0, list[tuple[int, str]]()
    for index, item in enumerate(items):
        try:
            run_id = _run_of(session, item, now)
        except BadInput as error:
            rejected.append((index, str(error)))
            continue
        if _is_known(session, run_id, item.outcome):
            duplicates += 1
            continue
        _store(session, run_id, item, person=person, is_simulated=is_simulated, now=now)
        accepted += 1
    return Recorded(accepted, duplicates, tuple(rejected))


def _run_of(session: Session, item: NewOutcome, now: datetime) -> int:
    """Return the newest run that sent something; raise BadInput where nothing can be back yet."""
    if item.at is not None and item.at > now + _CLOCKS_DIFFER:
        raise BadInput(f"`at` is still to come: {item.at:%Y-%m-%d}.")
    if (item.ticket is None) == (item.run_id is None):
        raise BadInput("Name either the ticket or the run, not both.")
    which = (
        col(Run.id) == item.run_id
        if item.ticket is None
        else col(Ticket.external_id) == item.ticket
    )
    sent, unknown = _has(OutboxStatus.SENT), _has(OutboxStatus.UNKNOWN)
    known = session.execute(
        select(col(Run.id), sent, unknown)
        .join(Ticket, col(Ticket.id) == col(Run.ticket_id))
        .where(which)
        .order_by(sent.desc(), unknown.desc(), col(Run.id).desc())
    ).first()
    named = f"run {item.run_id}" if item.ticket is None else f"ticket `{item.ticket}`"
    if known is None:
        raise BadInput(f"There is no {named}.")
    run_id, is_sent, is_unknown = known
    if not is_sent and is_unknown:
        raise BadInput(
            f"Nobody has said yet whether anything was sent for {named}. Answer that first: its"
            " card waits in the queue."
        )
    if not is_sent:
        raise BadInput(f"Nothing was sent for {named}, so nothing can have come back.")
    return int(run_id)


def _has(status: OutboxStatus) -> ColumnElement[bool]:
    """Return the condition that a run has a delivery of this status, other than to take back."""
    return exists().where(
        col(OutboxEntry.run_id) == col(Run.id),
        col(OutboxEntry.status) == status,
        col(OutboxEntry.reverses).is_(None),
    )


def _is_known(session: Session, run_id: int, kind: OutcomeKind) -> bool:
    statement = select(col(LaterOutcome.id)).where(
        col(LaterOutcome.run_id) == run_id, col(LaterOutcome.kind) == kind
    )
    return session.execute(statement).first() is not None


def _store(
    session: Session,
    run_id: int,
    item: NewOutcome,
    *,
    person: str,
    is_simulated: bool,
    now: datetime,
) -> None:
    row = LaterOutcome(
        run_id=run_id,
        kind=item.outcome,
        at=item.at or now,
        note=storable(item.note),
        person=person,
        recorded_at=now,
    )
    session.add(row)
    session.flush()
    labels.record_outcome(session, row, is_simulated=is_simulated, now=now)
    audit.append(
        session,
        actor=person,
        tag=f"outcome:{item.outcome}",
        subject=f"run:{run_id}",
        at=now,
        body={"outcome": item.outcome, "note": row.note},
    )
