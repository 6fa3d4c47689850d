"""The two-person rule: who may count towards an approval, and how many are still needed.

Above the policy's limit two distinct people must approve the same revision. Whoever wrote it, or
last edited it, never counts.
"""

from collections.abc import Sequence

from sqlalchemy import select
from sqlmodel import Session, col

from store import policies
from store.actions import Action
from store.escalations import EXECUTOR
from store.labels import is_by_model
from store.schema import Decision, Draft, Undo
from store.transitions import Verdict

COUNTED = frozenset({Verdict.APPROVE, Verdict.SEND_AGAIN, Verdict.REVERSE})


def needed(session: Session, draft: Draft, policy_version: int) -> int:
    """Return how many distinct people must approve the draft: one, or two above the limit."""
    policy = policies.version(session, policy_version).body
    return 2 if policy.is_two_person(Action.model_validate(draft.action)) else 1


def maker(session: Session, draft: Draft) -> str | None:
    """Return the person who wrote or last edited what the draft says, None if nobody did."""
    authors = session.execute(
        select(col(Draft.author))
        .where(col(Draft.run_id) == draft.run_id, col(Draft.revision) <= draft.revision)
        .order_by(col(Draft.revision).desc())
    ).scalars()
    for author in authors:
        if is_by_model(author):
            return None
        if author != EXECUTOR:  # it only brings a draft up to date
            return str(author)
    return None


def given(session: Session, review_id: int, digest: str) -> Sequence[Decision]:
    """Return the approvals in force of exactly this payload on this review, the first one first."""
    return (
        session.execute(
            select(Decision)
            .outerjoin(Undo, col(Undo.decision_id) == col(Decision.id))
            .where(
                col(Decision.review_id) == review_id,
                col(Decision.payload_digest) == digest,
                col(Decision.verdict).in_(COUNTED),
                col(Undo.decision_id).is_(None),
            )
            .order_by(col(Decision.decided_at))
        )
        .scalars()
        .all()
    )
