"""A rejection that goes back to the agent: once a run, where its reason says so.

The second visit begins with the step that was blamed; what came before it is replayed. Its draft
always goes to a person, and gives no label: a run is one trial, and its first draft is the one that
nobody had helped with. Simulated reviewers send nothing back, so that a demo's history stays as it
was written.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import exists, func, select, update
from sqlmodel import Session, col

from store import audit
from store.actions import Action
from store.engine import db_now
from store.errors import UndoTooLate
from store.gate import GateResult
from store.labels import is_by_model
from store.outputs import Reason
from store.runs import move_run
from store.schema import (
    Company,
    Decision,
    Draft,
    OutboxEntry,
    Review,
    Run,
    StepRecord,
    Undo,
)
from store.transitions import (
    RUN_MOVES,
    OutboxStatus,
    Outcome,
    ReviewKind,
    RunStatus,
    StepStatus,
    Verdict,
    require,
)

REDRAFTED: Final = "redrafted"  # code of the gate's reason
WORKING = ("intent", "retrieval", "tool_call", "synthesis")  # steps that may be done anew
_FIRST, _SECOND = 1, 2
_USUAL = {"wrong_intent": "intent", "wrong_policy": "retrieval", "wrong_facts": "tool_call"}


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a person said of the first draft, and that draft. Data for the steps, never an order."""

    person: str
    reason_code: str
    title: str  # of the reason
    note: str
    blamed_step: str | None
    step: str  # that the second visit begins with
    intent: str | None  # what the request was taken for
    reply: str
    action: Action
    sources: tuple[str, ...]  # passages that the reply rested on


def send_back(session: Session, draft: Draft, decision: Decision, *, undo_seconds: float) -> bool:
    """Queue the run for a second draft if this rejection asks for one; return whether it does.

    No worker can claim it before the undo window is over, by the database's clock.
    """
    if not _asks(session, draft, decision):
        return False
    usual = _USUAL.get(decision.reason_code or "", WORKING[-1])
    blamed = decision.blamed_step
    move_run(
        session,
        decision.run_id,
        RunStatus.QUEUED,
        visit=_SECOND,
        redo_from=blamed if blamed in WORKING else usual,
        available_at=db_now(session, undo_seconds),
        tries=0,
    )
    return True


def _asks(session: Session, draft: Draft, decision: Decision) -> bool:
    review = session.get_one(Review, decision.review_id)
    if review.kind is not ReviewKind.ESCALATION or decision.is_simulated:
        return False
    run = session.get_one(Run, decision.run_id)
    session.refresh(run)
    if run.visit != _FIRST or not is_by_model(draft.author) or draft.revision != _FIRST:
        return False
    return _reason(session, decision).get("redraft") is True and _is_untouched(session, draft)


def _reason(session: Session, decision: Decision) -> dict[str, Any]:
    company = session.get(Company, 1)
    listed = company.reject_reasons if company else []
    return next((one for one in listed if one["code"] == decision.reason_code), {})


def _is_untouched(session: Session, draft: Draft) -> bool:
    """Whether nobody has edited the draft, and nothing of it is, was or may be delivered."""
    revised = select(col(Draft.id)).where(
        col(Draft.run_id) == draft.run_id, col(Draft.id) != draft.id
    )
    authorised = select(col(OutboxEntry.id)).where(
        col(OutboxEntry.run_id) == draft.run_id,
        col(OutboxEntry.status) != OutboxStatus.CANCELLED,
    )
    connection = session.connection()
    return all(connection.execute(one.limit(1)).first() is None for one in (revised, authorised))


def announce(session: Session, decision: Decision, *, now: datetime) -> bool:
    """Tell the audit trail if this decision sent its run back to the agent; return whether."""
    if not is_asked_by(session, decision):
        return False
    run = session.get_one(Run, decision.run_id)
    audit.append(
        session,
        actor=decision.person,
        tag="run:redraft:asked",
        subject=f"run:{decision.run_id}",
        at=now,
        body={
            "decision": decision.id,
            "reason": decision.reason_code,
            "redo_from": run.redo_from,
        },
    )
    return True


def is_asked_by(session: Session, decision: Decision) -> bool:
    """Return whether this decision, which was not undone, sent its run back to the agent."""
    if decision.verdict is not Verdict.REJECT:
        return False
    run = session.get_one(Run, decision.run_id)
    session.refresh(run)
    if run.visit == _FIRST:
        return False
    asked = _rejection(session, decision.run_id)
    return asked is not None and asked.id == decision.id


def call_off(session: Session, run_id: int) -> None:
    """Park the run again before a worker has begun; a compare-and-set against its claim.

    Raises UndoTooLate.
    """
    begun = exists().where(col(StepRecord.run_id) == col(Run.id), col(StepRecord.visit) == _SECOND)
    won = session.connection().execute(
        update(Run)
        .where(
            col(Run.id) == run_id,
            col(Run.status) == RunStatus.QUEUED,
            col(Run.visit) == _SECOND,
            ~begun,
        )
        .values(
            status=require(RUN_MOVES, RunStatus.QUEUED, RunStatus.AWAITING_REVIEW),
            visit=_FIRST,
            redo_from=None,
            available_at=None,
        )
    )
    if won.rowcount != 1:
        raise UndoTooLate(
            "It is too late to undo: the agent is on its second draft, or the run was cancelled."
            " Nothing was changed."
        )
    session.expire(session.get_one(Run, run_id))


def feedback(session: Session, run_id: int, *, step: str | None) -> Feedback | None:
    """Return what the agent is told on the run's second visit, which begins with `step`."""
    decision = _rejection(session, run_id)
    if decision is None:
        return None
    draft = session.get_one(Draft, decision.draft_id)
    outputs = _first_outputs(session, run_id)
    return Feedback(
        person=decision.person,
        reason_code=decision.reason_code or "",
        title=_reason(session, decision).get("title") or decision.reason_code or "",
        note=decision.note,
        blamed_step=decision.blamed_step,
        step=step or WORKING[-1],
        intent=outputs.get("intent", {}).get("intent"),
        reply=draft.reply,
        action=Action.model_validate(draft.action),
        sources=tuple(outputs.get("synthesis", {}).get("sources", ())),
    )


def is_replayed(name: str, redo_from: str | None) -> bool:
    """Return whether the second visit takes over what this step made on the first."""
    before = WORKING[: WORKING.index(redo_from)] if redo_from in WORKING else ()
    return name in before


def to_a_person(result: GateResult, said: Feedback | None) -> GateResult:
    """Return the gate's result for a second draft: never a pass, and why it is one comes first."""
    why = f"{said.person} rejected it: {said.title}" if said else "a person rejected it"
    reason = Reason(code=REDRAFTED, message=f"Drafted anew after {why}")
    outcome = Outcome.ESCALATE if result.outcome is Outcome.PASS else result.outcome
    return result.model_copy(update={"outcome": outcome, "reasons": (reason, *result.reasons)})


def visit_of(session: Session, run: Run, revision: int) -> int:
    """Return the visit on which a revision of the run's draft stands."""
    if run.visit == _FIRST:
        return _FIRST
    made = select(func.count()).where(
        col(Draft.run_id) == run.id,
        col(Draft.revision) <= revision,
        col(Draft.author).startswith("model:"),
    )
    return max(_FIRST, int(session.connection().execute(made).scalar_one()))


def _rejection(session: Session, run_id: int) -> Decision | None:
    """Return the rejection of the run's first draft that is in force."""
    return (
        session.execute(
            select(Decision)
            .join(Review, col(Review.id) == col(Decision.review_id))
            .join(Draft, col(Draft.id) == col(Decision.draft_id))
            .outerjoin(Undo, col(Undo.decision_id) == col(Decision.id))
            .where(
                col(Decision.run_id) == run_id,
                col(Decision.verdict) == Verdict.REJECT,
                col(Decision.is_final),
                col(Review.kind) == ReviewKind.ESCALATION,
                col(Draft.revision) == _FIRST,
                col(Undo.decision_id).is_(None),
            )
        )
        .scalars()
        .first()
    )


def _first_outputs(session: Session, run_id: int) -> dict[str, dict[str, Any]]:
    rows = session.connection().execute(
        select(col(StepRecord.name), col(StepRecord.output)).where(
            col(StepRecord.run_id) == run_id,
            col(StepRecord.visit) == _FIRST,
            col(StepRecord.status) == StepStatus.OK,
        )
    )
    return {row.name: row.output for row in rows}
