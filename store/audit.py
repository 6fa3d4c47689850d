"""The audit trail: append-only, hash-chained facts, written in the transaction of what they record.

Each entry's hash covers the previous hash, its sequence and its canonical body under a key, so an
edit, a swap or an insertion breaks the chain at that row. UNIQUE(prev_hash) makes a fork a
constraint error. Cutting the tail off is seen against the anchors outside this file.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, Select, String, cast, insert, select
from sqlalchemy.exc import DatabaseError
from sqlmodel import Session, col

from store.actions import canonical_json
from store.schema import AuditEntry

if TYPE_CHECKING:
    from store.anchors import Anchor, AnchorLog, Flaw

GENESIS = "0" * 64
_CHAINED = ("seq", "actor", "tag", "subject", "body", "prev_hash", "hash")


@dataclass(frozen=True, slots=True)
class ChainState:
    """What `verify` found: `first_bad_seq` is None when every hash and every anchor fits."""

    entries: int  # how many fit, from the first on
    head: str
    first_bad_seq: int | None
    problem: str = ""  # the first bad row in words
    anchored: "Anchor | None" = None  # the furthest anchor that the chain fits
    furthest: "Anchor | None" = None  # the furthest there is
    flaws: "tuple[Flaw, ...]" = ()  # lines of the anchor file that are none

    @property
    def is_ok(self) -> bool:
        """Return whether nothing was tampered with; a half-written anchor line is no tampering."""
        return self.first_bad_seq is None and not any(flaw.is_forged for flaw in self.flaws)


def head(session: Session) -> tuple[int, str] | None:
    """Return sequence and hash of the newest entry, None while there is none."""
    newest = select(col(AuditEntry.seq), col(AuditEntry.hash)).order_by(col(AuditEntry.seq).desc())
    row = session.connection().execute(newest.limit(1)).first()
    return None if row is None else (row.seq, row.hash)


def append(
    session: Session, *, actor: str, tag: str, subject: str, at: datetime, body: Mapping[str, Any]
) -> None:
    """Append one fact to the chain. Call it last in a verb: it takes the head of the chain."""
    newest, previous = head(session) or (0, GENESIS)
    seq, facts = newest + 1, canonical_json(body)
    session.connection().execute(
        insert(AuditEntry).values(
            seq=seq,
            at=at,
            actor=actor,
            tag=tag,
            subject=subject,
            body=facts,
            prev_hash=previous,
            hash=_hash(session.info["keys"].audit, previous, seq, at, actor, tag, subject, facts),
        )
    )


def verify(session: Session, *, anchors: "AnchorLog | None" = None) -> ChainState:
    """Recompute the chain from the first entry, and name the first row that does not fit.

    Without anchors a chain whose tail was cut off is whole; `anchors.verify` reads them.
    """
    walk = _Walk(session.info["keys"].audit, anchors)
    rows = stored().order_by(col(AuditEntry.seq)).execution_options(yield_per=1000)
    try:
        for row in session.connection().execute(rows):
            problem = walk.step(row)
            if problem:
                return walk.state(problem)
    except DatabaseError as error:  # a table dropped or a file damaged is a finding, no accident
        return walk.state(f"Entry {walk.seq} cannot be read: {error.orig}.")
    return walk.state(walk.missing())


def stored() -> Select[Any]:
    """Return the statement that reads entries as they are stored, tampered ones included."""
    moment = cast(AuditEntry.at, String).label("at")  # as text: it may no longer be a moment
    return select(moment, *(col(getattr(AuditEntry, name)) for name in _CHAINED))


def is_authentic(session: Session, row: Row[Any]) -> bool:
    """Return whether this row, as `stored` reads it, was written by a holder of the audit key."""
    return _is_sealed(row, session.info["keys"].audit)


def rows_of(session: Session, *, tag: str, subject: str) -> list[Row[Any]]:
    """Return the raw rows with exactly this tag and subject, oldest first."""
    mine = stored().where(col(AuditEntry.subject) == subject, col(AuditEntry.tag) == tag)
    return list(session.connection().execute(mine.order_by(col(AuditEntry.seq))))


def find_authentic(session: Session, *, tag: str, subject: str) -> list[dict[str, Any]]:
    """Return the bodies with this tag and subject whose own seal fits; forged rows are no facts."""
    rows = rows_of(session, tag=tag, subject=subject)
    return [json.loads(row.body) for row in rows if is_authentic(session, row)]


class _Walk:
    """Where a verification has come to."""

    def __init__(self, key: bytes, log: "AnchorLog | None") -> None:
        self._key = key
        known = log.anchors if log else ()
        self._anchors = {anchor.seq: anchor for anchor in known if anchor.seq > 0}
        self._flaws = log.flaws if log else ()
        self._furthest = max(self._anchors.values(), key=lambda one: one.seq, default=None)
        self._anchored: Anchor | None = None
        self._previous = GENESIS
        self.seq = 1  # expected next

    def step(self, row: Row[Any]) -> str:
        """Take the next row; return what is wrong with it, or nothing."""
        problem = _misfit(row, self._key, self._previous, self.seq) or self._contradicted(row)
        if not problem:
            self._previous, self.seq = row.hash, self.seq + 1
            self._anchored = self._anchors.get(row.seq, self._anchored)
        return problem

    def missing(self) -> str:
        """Return what an anchor says should still follow, or nothing."""
        furthest = self._furthest
        if furthest is None or furthest.seq < self.seq:
            return ""
        return (
            f"Entry {self.seq} is gone: the anchor of {_said(furthest.at)} says the chain reached"
            f" {furthest.seq}."
        )

    def state(self, problem: str) -> ChainState:
        """Return what was found; a problem is about the row expected next."""
        return ChainState(
            entries=self.seq - 1,
            head=self._previous,
            first_bad_seq=self.seq if problem else None,
            problem=problem,
            anchored=self._anchored,
            furthest=self._furthest,
            flaws=self._flaws,
        )

    def _contradicted(self, row: Row[Any]) -> str:
        anchor = self._anchors.get(row.seq)
        if anchor is None or anchor.hash == row.hash:
            return ""
        since = f"after {self._anchored.seq}" if self._anchored else "from the first"
        return (
            f"Entry {row.seq} is not the one that the anchor of {_said(anchor.at)} stands for:"
            f" entries {since} were cut off and written anew."
        )


def _misfit(row: Row[Any], key: bytes, previous: str, seq: int) -> str:
    if row.seq > seq:
        return f"Entry {seq} is gone: the next one is {row.seq}."
    if row.seq < seq:
        return f"Entry {row.seq} was never written: the chain begins at 1."
    if row.prev_hash != previous:
        before = f"entry {seq - 1}" if seq > 1 else "the beginning"
        return f"Entry {seq} does not follow {before}: it was put there, swapped or rewritten."
    if not _is_sealed(row, key):
        return f"Entry {seq} is not what was written: its seal does not fit."
    return ""


def _is_sealed(row: Row[Any], key: bytes) -> bool:
    try:
        at = datetime.fromisoformat(row.at).replace(tzinfo=UTC)
        wanted = _hash(key, row.prev_hash, row.seq, at, row.actor, row.tag, row.subject, row.body)
        return hmac.compare_digest(wanted, row.hash)
    except (TypeError, ValueError):  # values that no entry was ever written with
        return False


def _said(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _hash(
    key: bytes,
    previous: str,
    seq: int,
    at: datetime,
    actor: str,
    tag: str,
    subject: str,
    body: str,
) -> str:
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    fields = canonical_json({"fields": [previous, seq, moment, actor, tag, subject, body]})
    return hmac.new(key, fields.encode(), hashlib.sha256).hexdigest()
