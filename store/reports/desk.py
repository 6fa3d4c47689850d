"""What people who share a desk must know every few seconds: cheap, and about the last hours.

What was closed meanwhile, what came in, and how fast one person works.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from store.decisions import BULK
from store.schema import Decision, Review, Undo
from store.transitions import BLIND, OPEN_REVIEW, ReviewKind

PACE_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Pace:
    """What one person decided; cards of a batch count as decided and not as worked through."""

    today: int
    last_hour: int  # one card at a time


def closed(session: Session, *, since: datetime) -> dict[int, str]:
    """Return the reviews closed since then, each with who decided it ("" if nobody did)."""
    rows = session.exec(
        select(Review.id, Decision.person)
        .outerjoin(Decision, col(Decision.review_id) == col(Review.id))
        .where(col(Review.decided_at) > since, col(Review.status).not_in(OPEN_REVIEW))
        .order_by(col(Decision.decided_at))
    )
    return {review_id: person or "" for review_id, person in rows if review_id is not None}


def newest(session: Session) -> int:
    """Return the number of the newest review, 0 if there is none."""
    return session.exec(select(func.max(Review.id))).one() or 0


def arrived(session: Session, *, after: int) -> dict[bool, int]:
    """Return how many reviews wait that are newer than `after`: {False: drafts, True: audits}.

    A second look is left out: it is not everybody's to judge.
    """
    rows = session.exec(
        select(Review.kind, func.count())
        .where(
            col(Review.id) > after,
            col(Review.status).in_(OPEN_REVIEW),
            col(Review.kind) != ReviewKind.SECOND_LOOK,
        )
        .group_by(col(Review.kind))
    )
    found = {False: 0, True: 0}
    for kind, count in rows:
        found[kind in BLIND] += count
    return found


def pace(session: Session, person: str, *, midnight: datetime, now: datetime) -> Pace:
    """Return how many reviews a person decided since midnight, and worked through in an hour."""
    hour = now - PACE_HOUR
    rows = session.exec(
        select(Decision.id, Decision.decided_at)
        .outerjoin(Undo, col(Undo.decision_id) == col(Decision.id))
        .where(
            col(Decision.decided_at) > min(midnight, hour),
            col(Decision.person) == person,
            col(Undo.decision_id).is_(None),
        )
    ).all()
    return Pace(
        today=sum(at >= midnight for _, at in rows),
        last_hour=sum(at > hour and not found.startswith(BULK) for found, at in rows),
    )
