"""Opening reviews: pinned to draft, digest, policy and reasons, which are frozen from then on.

`escalate` is the gate's way to a person, `send_back` everybody else's: a world that moved, a cap
that was reached, a delivery that failed. What was delivered already is never part of what a sent
back review can release.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session, col

from store import audit, calibrators, effects, policies, steps
from store.actions import Action, as_json, canonical_json, digest, reply_only
from store.doubt import doubtful_step
from store.gate import risk
from store.labels import is_by_model
from store.outputs import GateOutput, IntentOutput, Reason, SynthesisOutput
from store.queue import hold_lease
from store.runs import move_run
from store.schema import Draft, OutboxEntry, Review, Run, StepRecord
from store.transitions import (
    BLIND,
    OutboxStatus,
    Outcome,
    ReviewKind,
    ReviewStatus,
    RunStatus,
    StepStatus,
)

EXECUTOR = "executor"  # author of revisions that only bring a draft up to date


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


def send_back(
    session: Session,
    run_id: int,
    reason: Reason,
    *,
    kind: ReviewKind = ReviewKind.STALE,
    actor: str = EXECUTOR,
    stopped: OutboxEntry | None = None,
    fresh: Mapping[str, Any] | None = None,
    now: datetime,
) -> int:
    """Stop what the run still has pending and give it to a person; return the review's id.

    The review is on what is left to do of what was being delivered: `stopped`'s draft, else that
    of what failed last. `fresh` are the arguments of `stopped` as they would have to be now, so
    that an approval is of the world as it is.
    """
    cancel_pending(session, run_id, reason.message)
    move_run(session, run_id, RunStatus.AWAITING_REVIEW, finished_at=None, error=None)
    if stopped is None:
        draft, reversed_id = effects.last_failure(session, run_id)
    else:
        draft = session.get_one(Draft, stopped.draft_id)
        reversed_id = effects.reverses(session, stopped)
    moved = (stopped.tool, stopped.body) if stopped else None
    left = _bring_up_to_date(session, draft, moved, fresh or {}, now=now)
    return open_review(
        session,
        run_id,
        kind,
        reasons=[reason],
        action_id=reversed_id,
        draft=left,
        actor=actor,
        now=now,
    )


def cancel_pending(session: Session, run_id: int, why: str) -> None:
    """Cancel every entry of the run whose delivery has not begun."""
    session.connection().execute(
        update(OutboxEntry)
        .where(col(OutboxEntry.run_id) == run_id, col(OutboxEntry.status) == OutboxStatus.PENDING)
        .values(status=OutboxStatus.CANCELLED, error=why)
    )


def open_review(
    session: Session,
    run_id: int,
    kind: ReviewKind,
    *,
    reasons: Sequence[Reason] = (),
    action_id: str | None = None,
    draft: Draft | None = None,
    actor: str = "gate",
    now: datetime,
) -> int:
    """Open a review on a draft, else the run's newest, with policy, threshold and reasons frozen.

    `reasons` come before those of the gate; `action_id` names the delivery it is about.
    """
    draft = draft or steps.latest_draft(session, run_id)
    gate = GateOutput.model_validate(_output(session, run_id, "gate"))
    intent = IntentOutput.model_validate(_output(session, run_id, "intent"))
    synthesis = SynthesisOutput.model_validate(_output(session, run_id, "synthesis"))
    fitted = calibrators.by_version(session, synthesis.calibrator_version)
    row = Review(
        run_id=run_id,
        draft_id=_id(draft.id),
        revision=draft.revision,
        payload_digest=draft.digest,
        policy_version=gate.policy_version,
        kind=kind,
        is_blocked=gate.outcome is Outcome.BLOCK and draft.author.startswith("model:"),
        title=intent.title,
        reasons=[reason.model_dump() for reason in (*reasons, *gate.reasons)],
        confidence=gate.confidence,
        threshold=gate.threshold,
        risk=_risk(Action.model_validate(draft.action), gate, kind),
        doubtful_step=doubtful_step(
            gate.reasons, synthesis.signals, fitted.stack if fitted else None
        ),
        inclusion_probability=gate.inclusion_probability,
        action_id=action_id,
        opened_at=now,
        due_at=_due_at(session, gate.policy_version, kind, now),
    )
    session.add(row)
    session.flush()
    audit.append(
        session,
        actor=actor,
        tag=f"run:review:opened_{kind}",
        subject=f"run:{run_id}",
        at=now,
        body={
            "review": row.id,
            "draft": draft.id,
            "digest": draft.digest,
            "reasons": [reason.message for reason in reasons],
        },
    )
    return _id(row.id)


def _risk(action: Action, gate: GateOutput, kind: ReviewKind) -> float:
    """What may have happened already is more urgent than anything that waits to happen."""
    if kind is ReviewKind.UNKNOWN_DELIVERY:
        return risk(action, 0.0, Outcome.BLOCK)
    return risk(action, gate.confidence, gate.outcome)


def _due_at(
    session: Session, policy_version: int, kind: ReviewKind, opened_at: datetime
) -> datetime | None:
    """Audits and second looks have no clock: nobody waits for them."""
    if kind in BLIND:
        return None
    return opened_at + timedelta(hours=policies.version(session, policy_version).body.sla.due)


def look_again(session: Session, review: Review, decision_id: str, *, now: datetime) -> int:
    """Open a blind second look at a verdict, for somebody else; return the review's id."""
    values = review.model_dump(
        exclude={"id", "claimed_by", "claimed_until", "decided_at", "assigned_to", "snoozed_until"}
    )
    fresh = Review(
        **{
            **values,
            "kind": ReviewKind.SECOND_LOOK,
            "status": ReviewStatus.OPEN,
            "after_decision": decision_id,
            "opened_at": now,
        }
    )
    session.add(fresh)
    session.flush()
    return _id(fresh.id)


def audit_if_drawn(session: Session, review: Review, *, now: datetime) -> int | None:
    """Open a blind audit of a draft that the coin drew and a batch decided; return its id.

    Nobody looked at the cards of a batch, and a drawn draft is judged whatever became of it, once.
    """
    run = session.get_one(Run, review.run_id)
    is_drawn = run.coin is not None and run.coin_rate is not None and run.coin < run.coin_rate
    if not is_drawn or review.kind is not ReviewKind.ESCALATION or review.revision != 1:
        return None
    if _was_audited(session, review.run_id):
        return None
    audit_id = open_review(session, review.run_id, ReviewKind.AUDIT, now=now)
    session.connection().execute(
        update(Review).where(col(Review.id) == audit_id).values(inclusion_probability=run.coin_rate)
    )
    return audit_id


def _was_audited(session: Session, run_id: int) -> bool:
    """Whether an audit stands, judged or waiting; a batch may be undone and decided again."""
    statement = select(col(Review.id)).where(
        col(Review.run_id) == run_id,
        col(Review.kind) == ReviewKind.AUDIT,
        col(Review.status) != ReviewStatus.SUPERSEDED,
    )
    return session.execute(statement.limit(1)).first() is not None


def reopen(session: Session, review: Review, draft: Draft | None = None) -> int:
    """Open a new review on what an undone one was pinned to, or on a newer draft; it keeps its age.

    Approvals stay with the old review: the new one begins with none.
    """
    pinned = (
        {}
        if draft is None
        else {
            "draft_id": _id(draft.id),
            "revision": draft.revision,
            "payload_digest": draft.digest,
            "is_blocked": False,
        }
    )
    session.refresh(review)
    values = review.model_dump(
        exclude={"id", "status", "claimed_by", "claimed_until", "decided_at", "snoozed_until"}
    )
    fresh = Review(**{**values, **pinned})
    session.add(fresh)
    session.flush()
    return _id(fresh.id)


def _bring_up_to_date(
    session: Session,
    draft: Draft,
    moved: tuple[str, str] | None,
    fresh: Mapping[str, Any],
    *,
    now: datetime,
) -> Draft:
    """Return a revision without what was delivered, and with the fresh arguments of what moved;
    the draft itself if that is no change.
    """
    action = Action.model_validate(draft.action)
    done = Counter(effects.standing(session, draft.run_id))
    left = []
    for part in action.parts:
        call = (part.tool or "", canonical_json(part.args))
        if done[call]:
            done[call] -= 1  # two equal parts are two effects
        else:
            left.append(_freshened(part, fresh) if call == moved else part)
    first = left[0] if left else reply_only(action.customer_id)
    updated = first.model_copy(update={"also": tuple(left[1:])})
    if updated == action:
        return draft
    revised = Draft(
        run_id=draft.run_id,
        revision=steps.next_revision(session, draft.run_id),
        reply=draft.reply,
        action=as_json(updated),
        digest=digest(draft.reply, updated),
        gate_input={**draft.gate_input, "action": as_json(updated)},
        confidence=draft.confidence,
        author=EXECUTOR if is_by_model(draft.author) else draft.author,  # a maker stays one
        created_at=now,
    )
    session.add(revised)
    session.flush()
    return revised


def _freshened(part: Action, fresh: Mapping[str, Any]) -> Action:
    known = {name: value for name, value in fresh.items() if name in part.args}
    return part.model_copy(update={"args": {**part.args, **known}})


def _output(session: Session, run_id: int, step: str) -> Any:
    return (
        session.connection()
        .execute(
            select(col(StepRecord.output))
            .where(
                col(StepRecord.run_id) == run_id,
                col(StepRecord.name) == step,
                col(StepRecord.status) == StepStatus.OK,
            )
            .order_by(col(StepRecord.visit).desc())
            .limit(1)
        )
        .scalar_one()
    )


def _id(value: int | None) -> int:
    assert value is not None
    return value
