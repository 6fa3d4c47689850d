"""The audit trail: append-only, hash-chained facts, written in the transaction of what they record.

Each entry's hash covers the previous hash, its sequence and its canonical body under a key, so an
edit, a swap or an insertion breaks the chain at that row. UNIQUE(prev_hash) makes a fork a
constraint error. Cutting the tail off needs an anchor outside this file to be seen.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, String, cast, insert, select
from sqlmodel import Session, col

from store.actions import canonical_json
from store.schema import AuditEntry

GENESIS = "0" * 64
_CHAINED = ("seq", "actor", "tag", "subject", "body", "prev_hash", "hash")


@dataclass(frozen=True, slots=True)
class ChainState:
    """What `verify` found: `first_bad_seq` is None when every hash fits."""

    entries: int
    head: str
    first_bad_seq: int | None

    @property
    def is_ok(self) -> bool:
        return self.first_bad_seq is None


def append(
    session: Session, *, actor: str, tag: str, subject: str, at: datetime, body: Mapping[str, Any]
) -> None:
    """Append one fact to the chain. Call it last in a verb: it takes the head of the chain."""
    head = (
        session.connection()
        .execute(
            select(AuditEntry.seq, AuditEntry.hash).order_by(col(AuditEntry.seq).desc()).limit(1)  # type: ignore[call-overload]
        )
        .first()
    )
    seq, previous = (head.seq + 1, head.hash) if head else (1, GENESIS)
    facts = canonical_json(body)
    session.connection().execute(
        insert(AuditEntry).values(
            seq=seq,
            at=at,
            actor=actor,
            tag=tag,
            subject=subject,
            body=facts,
            prev_hash=previous,
            hash=_hash(session.info["audit_key"], previous, seq, at, actor, tag, subject, facts),
        )
    )


def verify(session: Session) -> ChainState:
    """Recompute the chain from the first entry and name the first row that does not fit."""
    key: bytes = session.info["audit_key"]
    previous, seq = GENESIS, 1
    moment = cast(AuditEntry.at, String).label("at")  # as text: it may no longer be a moment
    others = [col(getattr(AuditEntry, name)) for name in _CHAINED]
    rows = session.connection().execute(
        select(moment, *others).order_by(col(AuditEntry.seq)).execution_options(yield_per=1000)
    )
    for row in rows:
        if not _fits(row, key, previous, seq):
            return ChainState(seq - 1, previous, first_bad_seq=seq)
        previous, seq = row.hash, seq + 1
    return ChainState(seq - 1, previous, first_bad_seq=None)


def _fits(row: Row[Any], key: bytes, previous: str, seq: int) -> bool:
    if row.seq != seq or row.prev_hash != previous:
        return False
    try:
        at = datetime.fromisoformat(row.at).replace(tzinfo=UTC)
        wanted = _hash(key, previous, seq, at, row.actor, row.tag, row.subject, row.body)
        return hmac.compare_digest(wanted, row.hash)
    except (TypeError, ValueError):  # values that no entry was ever written with
        return False


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
