"""What a run's deliveries have done so far, and what they were about.

An action whose reversal was sent counts as not done, so it can be asked for again.
"""

from collections.abc import Set

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from store import steps
from store.schema import Draft, OutboxEntry
from store.transitions import OutboxStatus

UNDERWAY = frozenset({OutboxStatus.PENDING, OutboxStatus.SENDING, OutboxStatus.UNKNOWN})
_DONE = frozenset({OutboxStatus.SENT})


def is_taken_back(by: Set[OutboxStatus] = _DONE) -> ColumnElement[bool]:
    """Return the condition that an entry has a reversal, by default one that was sent."""
    reversal = aliased(OutboxEntry)
    return exists().where(
        col(reversal.reverses) == col(OutboxEntry.id), col(reversal.status).in_(by)
    )


def standing(session: Session, run_id: int) -> list[tuple[str, str]]:
    """Return tool and arguments of each action that the run has done and not taken back."""
    rows = session.connection().execute(
        select(col(OutboxEntry.tool), col(OutboxEntry.body)).where(
            col(OutboxEntry.run_id) == run_id,
            col(OutboxEntry.status) == OutboxStatus.SENT,
            col(OutboxEntry.reverses).is_(None),
            ~is_taken_back(),
        )
    )
    return [(row[0], row[1]) for row in rows]


def last_failure(session: Session, run_id: int) -> tuple[Draft, str | None]:
    """Return the draft that was being delivered last, and the action it takes back, if it does.

    Not simply the newest revision: that one may be an edit, or a wish to take something back, that
    was undone.
    """
    failed = session.execute(
        select(OutboxEntry, Draft)
        .join(Draft, col(Draft.id) == col(OutboxEntry.draft_id))
        .where(
            col(OutboxEntry.run_id) == run_id,
            col(OutboxEntry.status).in_([OutboxStatus.FAILED, OutboxStatus.SENT]),
        )
        .order_by(
            (col(OutboxEntry.status) == OutboxStatus.FAILED).desc(),
            col(OutboxEntry.created_at).desc(),
            col(Draft.revision).desc(),
        )
        .execution_options(populate_existing=True)
    ).all()
    for entry, draft in failed:
        target = reverses(session, entry)
        if target is None:
            if entry.reverses is None:
                return draft, None
        elif not _is_over(session, target):
            return draft, target
    return steps.latest_draft(session, run_id), None


def reverses(session: Session, entry: OutboxEntry) -> str | None:
    """Return what the entry's draft takes back; None for a part, or a part's compensation."""
    if entry.reverses is None:
        return None
    original = session.get_one(OutboxEntry, entry.reverses)
    return None if original.draft_id == entry.draft_id else entry.reverses


def _is_over(session: Session, action_id: str) -> bool:
    statement = select(col(OutboxEntry.id)).where(col(OutboxEntry.id) == action_id, is_taken_back())
    return session.execute(statement).first() is not None
