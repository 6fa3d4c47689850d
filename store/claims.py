"""Who is on which review: claimed by opening it, given back by leaving it or after four minutes.

A claim keeps two people from working on one card; it never keeps anybody from deciding, which is
settled by the compare-and-set in `reviews`. A review that waits for a second person keeps that
status while somebody is on it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, or_, select, update
from sqlmodel import Session, col

from store import roles
from store.errors import NotFound, StaleReview
from store.schema import Review
from store.transitions import OPEN_REVIEW, ReviewStatus

CLAIM_MINUTES = 4


def take(
    session: Session, review_id: int, person: str, *, leaving: int | None = None, now: datetime
) -> str:
    """Claim an open review for four minutes, or prolong the claim; return who holds it.

    That may be somebody else, who keeps it. `leaving` is given back if it is this person's. Raises
    StaleReview if the review is closed, NotFound.
    """
    roles.person(session, person)
    if leaving is not None and leaving != review_id:
        release(session, leaving, person)
    if _claim(session, review_id, person, now=now):
        return person
    found = session.execute(
        select(col(Review.status), col(Review.claimed_by)).where(col(Review.id) == review_id)
    ).first()
    if found is None:
        raise NotFound(f"There is no review {review_id}.")
    if found.status not in OPEN_REVIEW:
        raise StaleReview(
            f"This review is {found.status} and takes no decision. Look at the queue again."
        )
    return str(found.claimed_by)


def take_next(
    session: Session,
    person: str,
    order: Sequence[int],
    *,
    leaving: int | None = None,
    now: datetime,
) -> int | None:
    """Claim the first review of `order` that is open and nobody else's; None if there is none.

    Two people who ask at once never get the same one.
    """
    roles.person(session, person)
    if leaving is not None:
        release(session, leaving, person)
    open_to_me = select(col(Review.id)).where(
        col(Review.id).in_(list(order)), col(Review.status).in_(OPEN_REVIEW), _free(person, now)
    )
    known = set(session.execute(open_to_me).scalars())
    free = (each for each in order if each in known)
    return next((each for each in free if _claim(session, each, person, now=now)), None)


def release(session: Session, review_id: int, person: str) -> None:
    """Give a claimed review back; nothing happens if somebody else holds it."""
    session.connection().execute(
        update(Review)
        .where(
            col(Review.id) == review_id,
            col(Review.status).in_(OPEN_REVIEW),
            col(Review.claimed_by) == person,
        )
        .values(status=given_back(), claimed_by=None, claimed_until=None)
    )


def given_back() -> ColumnElement[str]:
    """Return SQL for the status of a review once nobody is on it."""
    claimed = col(Review.status) == ReviewStatus.CLAIMED
    return case((claimed, ReviewStatus.OPEN.value), else_=col(Review.status))


def held(session: Session, *, now: datetime) -> dict[int, str]:
    """Return who is on which review, leaving out claims that have run out."""
    rows = session.execute(
        select(col(Review.id), col(Review.claimed_by)).where(
            col(Review.claimed_until) > now, col(Review.status).in_(OPEN_REVIEW)
        )
    )
    return {review_id: holder for review_id, holder in rows if holder}


def _free(person: str, now: datetime) -> ColumnElement[bool]:
    return or_(
        col(Review.claimed_by).is_(None),
        col(Review.claimed_by) == person,
        col(Review.claimed_until) <= now,
    )


def _claim(session: Session, review_id: int, person: str, *, now: datetime) -> bool:
    opened = col(Review.status) == ReviewStatus.OPEN
    won = session.connection().execute(
        update(Review)
        .where(
            col(Review.id) == review_id,
            col(Review.status).in_(OPEN_REVIEW),
            _free(person, now),
        )
        .values(
            status=case((opened, ReviewStatus.CLAIMED.value), else_=col(Review.status)),
            claimed_by=person,
            claimed_until=now + timedelta(minutes=CLAIM_MINUTES),
        )
    )
    return bool(won.rowcount)
