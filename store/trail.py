"""What the sealed audit trail tells of a run's deliveries: what authorised them, what ended them.

The rows of a delivery say where it stands; whoever can write SQL can set them back. The trail can
only be added to under its key, so what it once told (sent, undone, sent back) stays told.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from store import audit
from store.schema import AuditEntry

SENT = frozenset({"run:action:sent", "run:action:reversed"})
SETTLED = SENT | {"run:action:failed", "run:action:unknown"}
# each of these cancelled whatever the run still had pending
SWEEPING = frozenset(
    {
        "run:action:failed",
        "run:action:stale",
        "run:action:held_back",
        "run:review:send_again",
        "run:retried",
        "run:cancelled",
    }
)
_DECIDED = "run:review:"
_UNDONE = "run:review:undone"


@dataclass(frozen=True, slots=True)
class Event:
    """One sealed entry about the run."""

    seq: int
    at: str
    tag: str
    body: dict[str, Any]

    def is_of_day(self, moment: datetime) -> bool:
        """Return whether it was recorded on the same day (UTC)."""
        return datetime.fromisoformat(self.at).date() == moment.astimezone(UTC).date()


@dataclass(frozen=True, slots=True)
class Trail:
    """Everything sealed about one run, oldest first; `is_whole` is False if a row of it is not."""

    events: tuple[Event, ...]
    is_whole: bool

    def passed(self, draft_id: int | None, digest: str) -> Event | None:
        """Return the gate's pass of exactly this draft."""
        wanted = {"draft": draft_id, "digest": digest}
        return self._first(
            one
            for one in self.events
            if one.tag == "run:draft:passed" and wanted.items() <= one.body.items()
        )

    def decided(self, decision_id: str) -> Event | None:
        """Return the recording of a decision."""
        return self._first(
            one
            for one in self.events
            if one.tag.startswith(_DECIDED)
            and one.tag != _UNDONE
            and one.body.get("decision") == decision_id
        )

    def failed(self, ids: Iterable[str]) -> Event | None:
        """Return the last failure of one of these entries that began to take back what was done."""
        known = set(ids)
        return self._first(
            one
            for one in reversed(self.events)
            if one.tag == "run:action:failed"
            and one.body.get("action") in known
            and one.body.get("compensations")
        )

    def end(self, action_id: str, decision_id: str | None, since: Event) -> str | None:
        """Return what ended the delivery since it was authorised, None if it is still due."""
        for one in self._after(since):
            if one.tag in SETTLED and one.body.get("action") == action_id:
                return "its delivery was settled before"
            if one.tag in SWEEPING:
                return "what authorised it was overtaken"
            if one.tag == _UNDONE and one.body.get("decision") == decision_id:
                return "its approval was undone"
        return None

    @property
    def done(self) -> frozenset[str]:
        """Return the entries that were sent, or of which a person said so, and not taken back."""
        found: set[str] = set()
        doubted = ("", "")
        for one in self.events:
            entry = (str(one.body.get("action")), str(one.body.get("reverses")))
            if one.tag == "run:action:unknown":
                doubted = entry
            elif one.tag in SENT or one.tag == "run:review:happened":
                sent, taken_back = entry if one.tag in SENT else doubted
                found.add(sent)
                found.discard(taken_back)
        return frozenset(found)

    @property
    def decisions(self) -> frozenset[str]:
        """Return the ids of all decisions about the run."""
        return frozenset(
            str(one.body["decision"]) for one in self.events if one.body.get("decision")
        )

    def _after(self, since: Event) -> Iterable[Event]:
        return (one for one in self.events if one.seq > since.seq)

    @staticmethod
    def _first(found: Iterable[Event]) -> Event | None:
        return next(iter(found), None)


def of_run(session: Session, run_id: int) -> Trail:
    """Read the trail of a run."""
    mine = audit.stored().where(col(AuditEntry.subject) == f"run:{run_id}")
    rows = list(session.connection().execute(mine.order_by(col(AuditEntry.seq))))
    sealed = [row for row in rows if audit.is_authentic(session, row)]
    events = tuple(Event(row.seq, row.at, row.tag, json.loads(row.body)) for row in sealed)
    return Trail(events, is_whole=len(sealed) == len(rows))


def is_gapless(session: Session, since: Event) -> bool:
    """Return whether no entry was taken out after this one; a tail cut off shows in anchors."""
    seq = col(AuditEntry.seq)
    kept, newest = (
        session.connection()
        .execute(select(func.count(), func.max(seq)).where(seq >= since.seq))
        .one()
    )
    return newest is not None and newest - since.seq + 1 == kept
