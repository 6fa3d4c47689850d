"""Rows for tests about what happens after the gate: decisions, labels, deliveries, workers.

See `builders` for the cases they are about.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from builders import NOW, Case
from sqlmodel import Session

from store import labels
from store.schema import Decision, Label, OutboxEntry, Receipt, Review, Undo, Worker
from store.transitions import LabelSource, OutboxStatus, ReviewStatus, Verdict


def decide(
    session: Session,
    /,
    review_id: int,
    verdict: Verdict = Verdict.APPROVE,
    *,
    person: str = "Ana",
    reason_code: str | None = None,
    blamed_step: str | None = None,
    at: datetime = NOW,
    **values: Any,
) -> str:
    """Insert a final decision with its labels, at any time in the past; return its id.

    For the effects of a decision (outbox, run status) use the verb `reviews.decide`.
    """
    row = session.get_one(Review, review_id)
    decision = Decision(
        **{
            "id": uuid4().hex,
            "review_id": review_id,
            "run_id": row.run_id,
            "verdict": verdict,
            "person": person,
            "draft_id": row.draft_id,
            "payload_digest": row.payload_digest,
            "policy_version": row.policy_version,
            "reason_code": reason_code,
            "blamed_step": blamed_step,
            "decided_at": at,
            "undo_until": at + timedelta(seconds=10),
            **values,
        }
    )
    row.status, row.decided_at = ReviewStatus.DECIDED, at
    session.add_all([row, decision])
    session.flush()
    labels.record(session, decision, row, now=at)
    return decision.id


def undo(session: Session, /, decision_id: str, *, person: str = "Ana", at: datetime = NOW) -> None:
    """Insert an Undo of a decision and supersede its review."""
    decision = session.get_one(Decision, decision_id)
    row = session.get_one(Review, decision.review_id)
    row.status = ReviewStatus.SUPERSEDED
    session.add_all([row, Undo(decision_id=decision_id, person=person, undone_at=at)])
    session.flush()


def label(session: Session, /, built: Case, *, is_right: bool, **values: Any) -> None:
    """Insert a label of the whole draft that needs no decision (an outcome, by default)."""
    session.add(
        Label(
            **{
                "run_id": built.run_id,
                "draft_id": built.draft_id,
                "is_right": is_right,
                "source": LabelSource.OUTCOME,
                "inclusion_probability": 1.0,
                "labelled_at": NOW,
                **values,
            }
        )
    )
    session.flush()


def delivery(
    session: Session,
    /,
    built: Case,
    *,
    status: OutboxStatus = OutboxStatus.PENDING,
    position: int = 0,
    decision_id: str | None = None,
    receipt: dict[str, Any] | None = None,
    at: datetime = NOW,
) -> str:
    """Insert an outbox entry, with its receipt if one is given; return its id."""
    entry = OutboxEntry(
        id=uuid4().hex,
        run_id=built.run_id,
        draft_id=built.draft_id,
        decision_id=decision_id,
        position=position,
        kind="refund",
        tool="issue_refund",
        body="{}",
        status=status,
        not_before=at,
        created_at=at,
        sent_at=at if status is OutboxStatus.SENT else None,
    )
    session.add(entry)
    session.flush()
    if receipt is not None:
        session.add(Receipt(action_id=entry.id, body=receipt, received_at=at))
        session.flush()
    return entry.id


def worker(session: Session, /, *, name: str = "w1", kind: str = "worker", **values: Any) -> None:
    """Insert a worker whose heart beat at NOW unless said otherwise."""
    session.add(
        Worker(
            **{
                "id": name,
                "kind": kind,
                "host": "localhost",
                "pid": 1,
                "started_at": NOW,
                "heartbeat_at": NOW,
                **values,
            }
        )
    )
    session.flush()
