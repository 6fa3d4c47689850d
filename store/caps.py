"""Cumulative caps at delivery: what goes to one customer in one day without a person.

The gate judges the same cap when it lets a draft pass; this counts what was really begun, in the
transaction that begins the next one, so no order of events slips past it.
"""

from datetime import timedelta

from sqlalchemy import func, or_, select
from sqlmodel import Session, col

from store import policies
from store.gate import PolicyBody, daily_cap
from store.outputs import Reason
from store.schema import OutboxEntry, Run
from store.transitions import OutboxStatus

BEGUN = (OutboxStatus.SENDING, OutboxStatus.SENT, OutboxStatus.UNKNOWN)


def exceeded(session: Session, entry: OutboxEntry) -> Reason | None:
    """Return why an automatic entry may not go out today, None if it may.

    The day is the UTC day on which it was authorised.
    """
    if entry.decision_id is not None or entry.reverses is not None or not entry.amount_minor:
        return None
    if entry.customer_id is None or entry.in_doubt:  # begun before: what it moved is counted
        return None
    total = _begun_minor(session, entry) + entry.amount_minor
    policy = _policy(session, entry.run_id)
    return daily_cap(total, policy) if total > policy.daily_cap_minor else None


def _begun_minor(session: Session, entry: OutboxEntry) -> int:
    midnight = entry.created_at.replace(hour=0, minute=0, second=0, microsecond=0)
    statement = select(func.coalesce(func.sum(col(OutboxEntry.amount_minor)), 0)).where(
        col(OutboxEntry.customer_id) == entry.customer_id,
        col(OutboxEntry.created_at) >= midnight,
        col(OutboxEntry.created_at) < midnight + timedelta(days=1),
        col(OutboxEntry.decision_id).is_(None),
        col(OutboxEntry.reverses).is_(None),
        or_(
            col(OutboxEntry.status).in_(BEGUN),
            (col(OutboxEntry.status) == OutboxStatus.PENDING) & col(OutboxEntry.in_doubt),
        ),
        col(OutboxEntry.id) != entry.id,
    )
    return int(session.connection().execute(statement).scalar_one() or 0)


def _policy(session: Session, run_id: int) -> PolicyBody:
    number = session.get_one(Run, run_id).policy_version
    assert number is not None  # the gate has judged it
    return policies.version(session, number).body
