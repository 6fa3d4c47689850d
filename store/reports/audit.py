"""The audit trail as people search it: newest first, by page, quick with a million entries.

Equality goes through indexes. Words can only be looked for row by row, so one search looks at a
bounded stretch and says how far back it came; the next one goes on from there.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, or_, select
from sqlmodel import Session, col

from store import audit
from store.reports.audit_words import family_of, wording
from store.schema import AuditEntry, Run, Ticket

LOOK = 100_000  # entries that one search by words, or by actor and family, looks at
MOST_CASES = 200  # of one customer
_RUN = re.compile(r"(?:run\s*[:#]?\s*|#)(\d{1,18})", re.IGNORECASE)
_SEQ = col(AuditEntry.seq)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for; what is left empty does not narrow. `until` is exclusive."""

    text: str = ""  # a subject, ticket, customer, or words
    family: str | None = None
    actor: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One audit entry as stored; `at` is None if it was tampered into something else."""

    seq: int
    at: datetime | None
    actor: str
    tag: str
    subject: str
    body: str
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Some entries, newest first. Older ones follow `before=older` unless it is None."""

    items: tuple[Entry, ...]
    older: int | None
    searched_to: int | None = None  # the search stopped here; it has not seen older entries


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where to look: sequences in [floor, ceiling), one ordered look-up per tag if any."""

    floor: int
    ceiling: int
    is_cut: bool  # older entries than `floor` were left for the next search
    tags: tuple[str, ...] | None
    conditions: tuple[ColumnElement[bool], ...]


def find(
    session: Session, wanted: Wanted, *, before: int | None = None, limit: int = 50
) -> EntryPage:
    """Return the newest entries that fit, older than `before`."""
    scope = _scope(session, wanted, before)
    rows = [row for tag in _each(scope) for row in _newest(session, scope, tag, limit + 1)]
    rows = sorted(rows, key=lambda row: row.seq, reverse=True)[: limit + 1]
    items = tuple(entry_of(row) for row in rows[:limit])
    if len(rows) > limit:
        return EntryPage(items, items[-1].seq)
    stopped = scope.floor if scope.is_cut else None
    return EntryPage(items, stopped, stopped)


def count(session: Session, wanted: Wanted, *, at_most: int) -> int:
    """Return how many entries `find` would give from the newest on, counting no further."""
    scope = _scope(session, wanted, None)
    total = 0
    for tag in _each(scope):
        some = _where(select(_SEQ), scope, tag).limit(at_most).subquery()
        total += session.connection().execute(select(func.count()).select_from(some)).scalar_one()
    return min(total, at_most)


def every(session: Session, wanted: Wanted) -> Iterator[Entry]:
    """Yield every entry that fits, oldest first, however long it takes: for exports."""
    tags = _tags(session, wanted)
    conditions = _conditions(session, wanted)
    if tags is not None:
        conditions.append(col(AuditEntry.tag).in_(tags))
    statement = audit.stored().where(*conditions).order_by(_SEQ)
    for row in session.connection().execute(statement.execution_options(yield_per=1000)):
        yield entry_of(row)


def actors(session: Session) -> tuple[str, ...]:
    """Return everybody who wrote an entry, people and processes."""
    return tuple(_distinct(session, col(AuditEntry.actor)))


def families(session: Session) -> tuple[str, ...]:
    """Return the tag families that occur, in alphabetical order."""
    return tuple(sorted({family_of(tag) for tag in _distinct(session, col(AuditEntry.tag))}))


def last_seq(session: Session) -> int:
    """Return the sequence of the newest entry, 0 while there is none."""
    newest = audit.head(session)
    return newest[0] if newest else 0


def entry_of(row: Row[Any]) -> Entry:
    """Return a stored row as pages read it, whatever became of it."""
    return Entry(
        seq=row.seq,
        at=_moment(row.at),
        actor=str(row.actor),
        tag=str(row.tag),
        subject=str(row.subject),
        body=str(row.body),
        prev_hash=str(row.prev_hash),
        hash=str(row.hash),
    )


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)).replace(tzinfo=UTC)
    except ValueError:
        return None


def _scope(session: Session, wanted: Wanted, before: int | None) -> _Scope:
    lowest, ceiling = _bounds(session, wanted, before)
    tags, conditions = _tags(session, wanted), tuple(_conditions(session, wanted))
    floor = max(lowest, ceiling - LOOK) if _is_scan(session, wanted) else lowest
    return _Scope(floor, ceiling, floor > lowest, tags, conditions)


def _bounds(session: Session, wanted: Wanted, before: int | None) -> tuple[int, int]:
    """Return the sequences that the period lies between; times are not quite in order."""
    connection, at = session.connection(), col(AuditEntry.at)
    by_time = _SEQ + 0  # else SQLite walks the entries themselves until one fits
    lowest, ceiling = 1, last_seq(session) + 1
    if before is not None:
        ceiling = min(ceiling, before)
    if wanted.since is not None:
        first = connection.execute(select(func.min(by_time)).where(at >= wanted.since)).scalar()
        lowest = first or ceiling
    if wanted.until is not None:
        last = connection.execute(select(func.max(by_time)).where(at < wanted.until)).scalar()
        ceiling = min(ceiling, (last or 0) + 1)
    return lowest, ceiling


def _is_scan(session: Session, wanted: Wanted) -> bool:
    """Return whether no single index leads to the entries in order."""
    if wanted.subject or (wanted.text.strip() and _subjects(session, wanted.text)):
        return False
    return bool(wanted.text.strip()) or bool(wanted.actor and wanted.family)


def _tags(session: Session, wanted: Wanted) -> tuple[str, ...] | None:
    if wanted.family is None:
        return None
    known = _distinct(session, col(AuditEntry.tag))
    return tuple(tag for tag in known if family_of(tag) == wanted.family)


def _conditions(session: Session, wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.subject:
        conditions.append(col(AuditEntry.subject) == wanted.subject)
    if wanted.actor:
        conditions.append(col(AuditEntry.actor) == wanted.actor)
    if wanted.since is not None:
        conditions.append(col(AuditEntry.at) >= wanted.since)
    if wanted.until is not None:
        conditions.append(col(AuditEntry.at) < wanted.until)
    if wanted.text.strip():
        named = _subjects(session, wanted.text)
        conditions.append(
            col(AuditEntry.subject).in_(named) if named else _said(session, wanted.text)
        )
    return conditions


def _subjects(session: Session, text: str) -> list[str]:
    """Return the subjects that the text names exactly: one, or those of a ticket or customer."""
    asked = text.strip()
    if match := _RUN.fullmatch(asked):
        return [f"run:{match.group(1)}"]
    named = select(col(AuditEntry.subject)).where(col(AuditEntry.subject) == asked).limit(1)
    if session.connection().execute(named).first():
        return [asked]
    is_meant = or_(col(Ticket.external_id) == asked, col(Ticket.customer_id) == asked)
    cases = select(col(Run.id)).join(Ticket, col(Ticket.id) == col(Run.ticket_id)).where(is_meant)
    newest = cases.order_by(col(Run.id).desc()).limit(MOST_CASES)
    return [f"run:{run_id}" for (run_id,) in session.connection().execute(newest)]


def _said(session: Session, text: str) -> ColumnElement[bool]:
    """Return that the words stand in the entry, or in how its tag reads on the page."""
    asked = text.strip()
    columns = (AuditEntry.actor, AuditEntry.tag, AuditEntry.subject, AuditEntry.body)
    stand = [col(column).icontains(asked, autoescape=True) for column in columns]
    known = _distinct(session, col(AuditEntry.tag))
    meant = [tag for tag in known if asked.lower() in wording(tag).lower()]
    return or_(*stand, col(AuditEntry.tag).in_(meant)) if meant else or_(*stand)


def _each(scope: _Scope) -> Iterable[str | None]:
    return (None,) if scope.tags is None else scope.tags


def _where(statement: Select[Any], scope: _Scope, tag: str | None) -> Select[Any]:
    own = () if tag is None else (col(AuditEntry.tag) == tag,)
    between = (scope.floor <= _SEQ, scope.ceiling > _SEQ)
    return statement.where(*own, *between, *scope.conditions)


def _newest(session: Session, scope: _Scope, tag: str | None, limit: int) -> list[Row[Any]]:
    statement = _where(audit.stored(), scope, tag).order_by(_SEQ.desc()).limit(limit)
    return list(session.connection().execute(statement))


def _distinct(session: Session, column: Any) -> list[str]:
    """Return the different values by hopping through the column's index, not reading all of it."""
    found: list[str] = []
    value = session.connection().execute(select(func.min(column))).scalar()
    while value is not None:
        found.append(str(value))
        value = (
            session.connection().execute(select(func.min(column)).where(column > value)).scalar()
        )
    return found
