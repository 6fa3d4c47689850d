"""One case's whole story: what the audit trail, the decisions and the deliveries say, by time.

The trail and the records are two witnesses. Where they tell of the same thing they are one moment;
a decision or receipt that the trail does not know, or an entry whose seal does not fit, is marked.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from store import audit
from store.errors import NotFound
from store.money import Money
from store.reports.audit import entry_of
from store.reports.audit_words import detail, parsed, tone, wording
from store.schema import AuditEntry, Decision, Draft, OutboxEntry, Receipt, Run, Ticket
from store.transitions import RunStatus

UNSEALED = "The seal does not fit: this entry was not written by Greenlight, or was changed."
UNKNOWN = "The audit trail has no entry of this."
_TEXT = 600
_BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened. `who`, `lines` and `words` may hold anybody's text."""

    at: datetime | None
    who: str
    what: str  # read after `who`
    lines: tuple[str, ...] = ()
    words: str = ""  # a customer's, model's or tool's, as they stand
    tone: str = ""
    seq: int | None = None  # of the audit entry
    warning: str = ""
    place: float = 0  # among moments of the same time: the chain's order
    names: tuple[str, ...] = ()  # by which a record and the entry that tells of it are joined


@dataclass(frozen=True, slots=True)
class Story:
    """A run's moments, oldest first."""

    run_id: int
    external_id: str
    customer_id: str | None
    status: RunStatus
    moments: tuple[Moment, ...]


def story(session: Session, run_id: int) -> Story:
    """Return everything that is recorded of one run; raises NotFound."""
    run = session.get(Run, run_id)
    if run is None:
        raise NotFound(f"There is no run {run_id}.")
    ticket = session.get_one(Ticket, run.ticket_id)
    told = _entries(session, run_id)
    told = _joined(told, _decisions(session, run_id), place=0)
    told = _joined(told, _receipts(session, run_id), place=-1)
    told += [_ticket(ticket), *_drafts(session, run_id), *_authorised(session, run_id, told)]
    told.sort(key=lambda moment: (moment.at or _BEGINNING, moment.place))
    return Story(run_id, ticket.external_id, ticket.customer_id, run.status, tuple(told))


def _entries(session: Session, run_id: int) -> list[Moment]:
    """Return the trail's own moments in order of the chain, each checked against its seal."""
    mine = audit.stored().where(col(AuditEntry.subject) == f"run:{run_id}")
    rows = session.connection().execute(mine.order_by(col(AuditEntry.seq)))
    found = []
    for row in rows:
        entry = entry_of(row)
        said = detail(entry.body)
        facts = parsed(entry.body)
        named = tuple(f"{kind} {facts.get(kind)}" for kind in ("decision", "action"))
        found.append(
            Moment(
                at=entry.at,
                who=entry.actor,
                what=wording(entry.tag),
                lines=(said,) if said else (),
                tone=tone(entry.tag),
                seq=entry.seq,
                place=entry.seq,
                warning="" if audit.is_authentic(session, row) else UNSEALED,
                names=named,
            )
        )
    return found


def _joined(told: list[Moment], records: Iterable[Moment], *, place: int) -> list[Moment]:
    """Add each record to an entry that names it, the first or last; without one it stands alone."""
    told = list(told)
    for record in records:
        (name,) = record.names
        places = [at for at, moment in enumerate(told) if name in moment.names]
        if not places:
            told.append(replace(record, warning=UNKNOWN, tone="bad"))
            continue
        entry = told[places[place]]
        told[places[place]] = replace(
            entry, lines=(*entry.lines, *record.lines), words=record.words or entry.words
        )
    return told


def _decisions(session: Session, run_id: int) -> list[Moment]:
    mine = select(Decision).where(col(Decision.run_id) == run_id)
    return [
        Moment(
            at=row.decided_at,
            who=row.person,
            what=wording(f"run:review:{row.verdict}"),
            lines=_if(row.seconds_on_card, f"after {row.seconds_on_card or 0:.0f} s on the card"),
            words=row.note,
            names=(f"decision {row.id}",),
        )
        for row in session.execute(mine.order_by(col(Decision.decided_at))).scalars()
    ]


def _receipts(session: Session, run_id: int) -> list[Moment]:
    joined = select(Receipt, OutboxEntry).join(
        OutboxEntry, col(OutboxEntry.id) == col(Receipt.action_id)
    )
    mine = joined.where(col(OutboxEntry.run_id) == run_id).order_by(col(Receipt.received_at))
    return [
        Moment(
            at=receipt.received_at,
            who=entry.tool,
            what="gave a receipt",
            words=_listed(receipt.body),
            names=(f"action {entry.id}",),
        )
        for receipt, entry in session.execute(mine)
    ]


def _ticket(row: Ticket) -> Moment:
    return Moment(
        at=row.received_at,
        who=row.customer_id or "An unknown customer",
        what="wrote",
        lines=_if(row.subject, row.subject),
        words=_clipped(row.text),
    )


def _drafts(session: Session, run_id: int) -> list[Moment]:
    mine = select(Draft).where(col(Draft.run_id) == run_id).order_by(col(Draft.revision))
    return [
        Moment(
            at=row.created_at,
            who=row.author,
            what=f"drafted revision {row.revision}",
            lines=(f"SHA-256 {row.digest}",),
            words=_clipped(row.reply),
        )
        for row in session.execute(mine).scalars()
    ]


def _authorised(session: Session, run_id: int, told: Iterable[Moment]) -> list[Moment]:
    """Return when each action was put in the outbox, and what exactly will be called."""
    first: dict[str, float] = {}
    for moment in told:
        for name in moment.names:
            first.setdefault(name, moment.place)
    mine = select(OutboxEntry).where(col(OutboxEntry.run_id) == run_id)
    ordered = mine.order_by(col(OutboxEntry.created_at), col(OutboxEntry.position))
    return [
        Moment(
            at=row.created_at,
            who=row.tool,
            what="was put in the outbox",
            lines=(*_if(row.amount_minor, _money(row)), f"idempotency key {row.id}"),
            words=_listed(parsed(row.body)),
            place=first.get(f"action {row.id}", math.inf) - 0.5,
        )
        for row in session.execute(ordered).scalars()
    ]


def _money(row: OutboxEntry) -> str:
    return str(Money(row.amount_minor or 0, row.currency or "")) if row.currency else ""


def _if(value: object, line: str) -> tuple[str, ...]:
    return (line,) if value and line else ()


def _listed(facts: Mapping[str, Any]) -> str:
    """Return a tool's arguments or answer, a line each."""
    lines = [
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in facts.items()
        if value is not None
    ]
    return _clipped("\n".join(lines))


def _clipped(text: str) -> str:
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
