"""The waiting reviews, most urgent first, and the tiles above them.

Urgency is risk x (1 + hours waited). An audit is blind: its item carries no confidence, no
threshold and no reasons, so that the list cannot give away what the card hides.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from store.outputs import Reason
from store.transitions import ReviewKind, ReviewStatus


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One waiting review as the list shows it."""

    review_id: int
    run_id: int
    kind: ReviewKind
    status: ReviewStatus
    title: str
    external_id: str
    customer_id: str | None
    intent: str | None
    action_kind: str | None
    amount_minor: int | None
    currency: str | None
    confidence: float | None  # None for an audit (blind) and while uncalibrated
    threshold: float | None  # None for an audit (blind)
    risk: float
    urgency: float
    reasons: tuple[Reason, ...]  # empty for an audit (blind)
    age_s: float
    claimed_by: str | None  # None once the claim has run out
    revision: int
    is_blocked: bool


@dataclass(frozen=True, slots=True)
class QueuePage:
    """A page of the list; `total` counts every match."""

    items: tuple[QueueItem, ...]
    total: int


@dataclass(frozen=True, slots=True)
class QueueTiles:
    """What waits now, and what was decided in the last 24 hours (undone decisions left out)."""

    waiting: int  # every kind but audits
    waiting_audits: int
    oldest_s: float | None  # of `waiting`; None when nothing waits
    decided_24h: int  # approved_unchanged + edited + rejected
    approved_unchanged: int
    edited: int
    rejected: int
    audited_24h: int


def queue_page(
    session: Session,
    *,
    now: datetime,
    kinds: Collection[ReviewKind] | None = None,
    search: str = "",
    limit: int = 50,
    offset: int = 0,
) -> QueuePage:
    """Return waiting reviews by urgency; `search` looks in title, ticket and customer."""
    raise NotImplementedError


def tiles(session: Session, *, now: datetime) -> QueueTiles:
    """Return the counts above the queue."""
    raise NotImplementedError
