"""What our receipts come to, to be compared with a service's own books.

Where nobody knows whether something happened there is no single number, so each sum is a span.
Services count a reversal as money moved again or as money back; both readings are kept.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from store.schema import OutboxEntry, Tool
from store.transitions import OutboxStatus

_IN_DOUBT = frozenset({OutboxStatus.SENDING, OutboxStatus.UNKNOWN})
_GIVEN_UP = (OutboxStatus.FAILED, OutboxStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class Span:
    """From the least to the most that a sum can be."""

    low: int = 0
    high: int = 0

    def __add__(self, other: "Span") -> "Span":
        return Span(self.low + other.low, self.high + other.high)

    def __or__(self, other: "Span") -> "Span":
        """Return the span that covers both."""
        return Span(min(self.low, other.low), max(self.high, other.high))

    def __contains__(self, value: int) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.low}" if self.low == self.high else f"{self.low} to {self.high}"


@dataclass(frozen=True, slots=True)
class Sums:
    """What was done through one server's write tools, by our receipts."""

    entries: Span = Span()
    gross_minor: Span = Span()  # a reversal is money moved again
    net_minor: Span = Span()  # a reversal is money back

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.entries + other.entries,
            self.gross_minor + other.gross_minor,
            self.net_minor + other.net_minor,
        )

    def __or__(self, other: "Sums") -> "Sums":
        """Return what covers both: for sums taken before and after something else was looked at."""
        return Sums(
            self.entries | other.entries,
            self.gross_minor | other.gross_minor,
            self.net_minor | other.net_minor,
        )

    def fit(self, entries: int, amount_minor: int) -> bool:
        """Return whether a service's own sums can be these."""
        return entries in self.entries and (
            amount_minor in self.gross_minor or amount_minor in self.net_minor
        )


def sums(session: Session, server: str, *, since: datetime | None = None) -> Sums:
    """Return what the receipts of the server's write tools come to, from a moment on."""
    taken_back = aliased(OutboxEntry)
    reversed_ids = select(col(OutboxEntry.reverses)).where(
        col(OutboxEntry.reverses).is_not(None), col(OutboxEntry.status).not_in(_GIVEN_UP)
    )
    at = func.coalesce(col(OutboxEntry.sent_at), col(OutboxEntry.created_at))
    group: list[Any] = [
        col(OutboxEntry.status),
        col(OutboxEntry.in_doubt),
        col(Tool.key_field).is_not(None).label("is_keyed"),
        col(taken_back.status).label("of"),
        col(OutboxEntry.id).in_(reversed_ids).label("is_taken_back"),
    ]
    statement = (
        select(
            *group,
            func.count().label("number"),
            func.coalesce(func.sum(col(OutboxEntry.amount_minor)), 0).label("minor"),
        )
        .join(Tool, col(Tool.name) == col(OutboxEntry.tool))
        .outerjoin(taken_back, col(taken_back.id) == col(OutboxEntry.reverses))
        .where(col(Tool.server) == server, col(Tool.is_write))
        .group_by(*group)
    )
    if since is not None:
        statement = statement.where(at >= since)
    return sum((_share(row) for row in session.execute(statement)), start=Sums())


def _share(row: Row[Any]) -> Sums:
    sign = 1 if row.of is None else -1
    is_known = row.is_keyed and row.of in (None, OutboxStatus.SENT)
    if row.status is OutboxStatus.SENT and is_known:
        money = Span(row.minor, row.minor)
        net = Span(sign * row.minor, sign * row.minor)
        return Sums(Span(row.number, row.number), money, net)
    if row.status is OutboxStatus.SENT or _may_have_happened(row):
        least, most = sorted((0, sign * row.minor))
        return Sums(Span(0, row.number), Span(0, row.minor), Span(least, most))
    return Sums()


def _may_have_happened(row: Row[Any]) -> bool:
    """Whether the service may know of a call that we have no receipt of."""
    if row.status is OutboxStatus.FAILED:
        return bool(row.is_taken_back)  # a person had it taken back without knowing
    return row.status in _IN_DOUBT or (row.status is OutboxStatus.PENDING and bool(row.in_doubt))
