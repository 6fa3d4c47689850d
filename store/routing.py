"""Whose a waiting review is and when it comes up again: assigning and snoozing.

Neither decides anything: an assigned or snoozed review can still be opened and decided by anybody
who may, and its clock goes on.
"""

from datetime import datetime, timedelta

from sqlmodel import Session

from store import audit, claims, roles
from store.errors import BadInput, NotFound, StaleReview
from store.schema import Review
from store.transitions import OPEN_REVIEW, Role

MAX_SNOOZE = timedelta(days=7)


def assign(session: Session, review_id: int, to: str | None, *, by: str, now: datetime) -> None:
    """Give a waiting review to one person, or back to everybody; their claim is left to them.

    Raises NotFound, StaleReview (decided meanwhile).
    """
    review = _waiting(session, review_id, by)
    if to is not None:
        roles.person(session, to)
    review.assigned_to = to
    session.add(review)
    if to != by:
        session.flush()
        claims.release(session, review_id, by)
    _record(session, review, "assigned", by, now, {"to": to})


def snooze(
    session: Session, review_id: int, until: datetime | None, *, by: str, now: datetime
) -> None:
    """Take a waiting review off the list until then, or put it back; the claim is given back.

    Raises BadInput (in the past, or further than seven days), NotFound, StaleReview.
    """
    review = _waiting(session, review_id, by)
    if until is not None and not now < until <= now + MAX_SNOOZE:
        raise BadInput("Choose a time within the next seven days. Nothing was changed.")
    review.snoozed_until = until
    session.add(review)
    session.flush()
    claims.release(session, review_id, by)
    _record(session, review, "snoozed", by, now, {"until": until.isoformat() if until else None})


def _waiting(session: Session, review_id: int, by: str) -> Review:
    roles.require_role(session, by, Role.OPERATOR, Role.MANAGER, Role.ADMIN)
    review = session.get(Review, review_id)
    if review is None:
        raise NotFound(f"There is no review {review_id}.")
    session.refresh(review)
    if review.status not in OPEN_REVIEW:
        raise StaleReview(f"This review is {review.status} by now. Look at the queue again.")
    return review


def _record(
    session: Session, review: Review, what: str, by: str, now: datetime, body: dict[str, str | None]
) -> None:
    audit.append(
        session,
        actor=by,
        tag=f"run:review:{what}",
        subject=f"run:{review.run_id}",
        at=now,
        body={"review": review.id, **body},
    )
