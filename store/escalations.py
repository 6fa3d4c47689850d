"""Opening reviews: what the gate sends to a person, pinned to draft, digest, policy and reasons."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from store import audit, calibrators, steps
from store.actions import Action
from store.doubt import doubtful_step
from store.gate import risk
from store.outputs import GateOutput, IntentOutput, SynthesisOutput
from store.queue import hold_lease
from store.schema import Review, StepRecord
from store.transitions import Outcome, ReviewKind, RunStatus, StepStatus


def escalate(session: Session, run_id: int, epoch: int, *, now: datetime) -> int:
    """Park the run and open a review on its newest draft; return the review's id."""
    hold_lease(
        session,
        run_id,
        epoch,
        status=RunStatus.AWAITING_REVIEW,
        is_suspect=False,
        lease_owner=None,
        lease_until=None,
    )
    return open_review(session, run_id, ReviewKind.ESCALATION, now=now)


def open_review(session: Session, run_id: int, kind: ReviewKind, *, now: datetime) -> int:
    """Open a review on the run's newest draft, with policy, threshold and reasons frozen."""
    draft = steps.latest_draft(session, run_id)
    gate = GateOutput.model_validate(_output(session, run_id, "gate"))
    intent = IntentOutput.model_validate(_output(session, run_id, "intent"))
    synthesis = SynthesisOutput.model_validate(_output(session, run_id, "synthesis"))
    fitted = calibrators.by_version(session, synthesis.calibrator_version)
    action = Action.model_validate(draft.action)
    row = Review(
        run_id=run_id,
        draft_id=_id(draft.id),
        revision=draft.revision,
        payload_digest=draft.digest,
        policy_version=gate.policy_version,
        kind=kind,
        is_blocked=gate.outcome is Outcome.BLOCK,
        title=intent.title,
        reasons=[reason.model_dump() for reason in gate.reasons],
        confidence=gate.confidence,
        threshold=gate.threshold,
        risk=risk(action, gate.confidence, gate.outcome),
        doubtful_step=doubtful_step(
            gate.reasons, synthesis.signals, fitted.stack if fitted else None
        ),
        inclusion_probability=gate.inclusion_probability,
        opened_at=now,
    )
    session.add(row)
    session.flush()
    audit.append(
        session,
        actor="gate",
        tag=f"run:review:opened_{kind}",
        subject=f"run:{run_id}",
        at=now,
        body={"review": row.id, "draft": draft.id, "digest": draft.digest},
    )
    return _id(row.id)


def reopen(session: Session, review: Review) -> int:
    """Open a new review on exactly what an undone one was pinned to; its age goes on."""
    fresh = Review(
        **review.model_dump(
            exclude={"id", "status", "opened_at", "claimed_by", "claimed_until", "decided_at"}
        ),
        opened_at=review.opened_at,
    )
    session.add(fresh)
    session.flush()
    return _id(fresh.id)


def _output(session: Session, run_id: int, step: str) -> Any:
    return (
        session.connection()
        .execute(
            select(col(StepRecord.output)).where(
                col(StepRecord.run_id) == run_id,
                col(StepRecord.name) == step,
                col(StepRecord.status) == StepStatus.OK,
            )
        )
        .scalar_one()
    )


def _id(value: int | None) -> int:
    assert value is not None
    return value
