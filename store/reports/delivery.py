"""What became of authorised tool calls, and what can be said of one whose end nobody knows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from store.connectors import Connector
from store.schema import OutboxEntry, Receipt, Review, Tool
from store.transitions import OutboxStatus, ReviewKind

_OVER = frozenset({OutboxStatus.FAILED, OutboxStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """One outbox entry of the run, in order of delivery."""

    action_id: str
    kind: str
    tool: str
    args: Mapping[str, Any]  # frozen at authorisation
    amount_minor: int | None
    currency: str | None
    customer_id: str | None
    status: OutboxStatus
    attempt: int
    created_at: datetime
    first_attempt_at: datetime | None
    sent_at: datetime | None
    receipt: dict[str, Any] | None
    error: str | None
    reverses: str | None  # the delivery that this one takes back
    taken_back_by: str | None  # the delivery, under way or sent, that takes this one back
    has_reversal: bool  # its tool names a way to take it back

    @property
    def can_take_back(self) -> bool:
        """Whether a person may ask for its reversal now."""
        return self.status is OutboxStatus.SENT and self.why_not_reverse is None

    @property
    def why_not_reverse(self) -> str | None:
        """Why it cannot be taken back, in words for people; None if it can be."""
        if self.reverses is not None:
            return "This delivery takes an action back itself."
        if self.taken_back_by is not None:
            return "It is being taken back already, or was."
        if not self.has_reversal:
            return f"{self.tool} names no way to take an action back."
        return None


def deliveries(session: Session, run_id: int) -> tuple[DeliveryView, ...]:
    """Return the outbox entries of a run, in order of delivery."""
    rows = session.exec(
        select(OutboxEntry, Receipt)
        .outerjoin(Receipt, col(Receipt.action_id) == col(OutboxEntry.id))
        .where(OutboxEntry.run_id == run_id)
        .order_by(col(OutboxEntry.created_at), col(OutboxEntry.position))
    ).all()
    back = {
        entry.reverses: entry.id
        for entry, _ in rows
        if entry.reverses is not None and entry.status not in _OVER
    }
    promises = {name: _promises(session, name) for name in {entry.tool for entry, _ in rows}}
    return tuple(
        _view(entry, receipt, back.get(entry.id), promises[entry.tool]) for entry, receipt in rows
    )


def lookup(session: Session, review: Review) -> str:
    """Return what came of asking the service about the review's call; "" for other reviews."""
    if review.kind is not ReviewKind.UNKNOWN_DELIVERY:
        return ""
    entry = session.get(OutboxEntry, review.action_id)
    promises = _promises(session, entry.tool) if entry is not None else Connector()
    if promises.lookup is None:
        return "This tool offers no look-up, so the service could not be asked."
    said = review.reasons[0]["message"] if review.reasons else ""
    tool = promises.lookup.tool
    if "the look-up did not find it" in said:
        return f"{tool} did not find it. It may still arrive late, or be kept elsewhere."
    failed = said.partition("the look-up failed too: ")[2]
    if failed:
        return f"{tool} gave no answer either: {failed}"
    return f"{tool} was not asked."


def is_reversible(session: Session, tool: str) -> bool:
    """Return whether the tool names a way to take its actions back."""
    return _promises(session, tool).is_reversible


def _view(
    entry: OutboxEntry, receipt: Receipt | None, taken_back_by: str | None, promises: Connector
) -> DeliveryView:
    return DeliveryView(
        action_id=entry.id,
        kind=entry.kind,
        tool=entry.tool,
        args=_arguments(entry.body),
        amount_minor=entry.amount_minor,
        currency=entry.currency,
        customer_id=entry.customer_id,
        status=entry.status,
        attempt=entry.attempt,
        created_at=entry.created_at,
        first_attempt_at=entry.first_attempt_at,
        sent_at=entry.sent_at,
        receipt=None if receipt is None else receipt.body,
        error=entry.error,
        reverses=entry.reverses,
        taken_back_by=taken_back_by,
        has_reversal=promises.is_reversible,
    )


def _arguments(body: str) -> Mapping[str, Any]:
    """A body that somebody tampered with is still shown, as it stands."""
    try:
        found = json.loads(body)
    except ValueError:
        return {"body": body}
    return found if isinstance(found, dict) else {"body": body}


def _promises(session: Session, tool: str) -> Connector:
    row = session.get(Tool, tool)
    return Connector.model_validate(row.connector if row is not None else {})
