"""Whether an outbox entry may be delivered: the executor's own check, on stored facts alone.

An entry is authorised by a person's effective decision on exactly this draft, or by a gate pass
that holds when the gate is evaluated again from the stored facts and the frozen policy. The frozen
arguments must be the ones that the draft stands for, under the one id that this call can have.
"""

from sqlalchemy import select
from sqlmodel import Session, col

from store import policies
from store.actions import Action, canonical_json, digest
from store.errors import NotFound
from store.gate import GateInput, evaluate
from store.outbox import Due, calls_of, entry_id
from store.outputs import GateOutput
from store.schema import Decision, Draft, StepRecord, Undo
from store.transitions import Outcome, StepStatus, Verdict


def objection(session: Session, entry: Due) -> str | None:
    """Return why the entry must not be delivered, or None if it is authorised."""
    try:
        return _objection(session, entry)
    except (ValueError, NotFound) as broken:  # rows that no verb has written
        return f"what it rests on cannot be read ({type(broken).__name__})"


def _objection(session: Session, entry: Due) -> str | None:
    draft = session.get(Draft, entry.draft_id)
    if draft is None or draft.run_id != entry.run_id:
        return "its draft does not exist"
    if digest(draft.reply, Action.model_validate(draft.action)) != draft.digest:
        return "the draft is not the one its digest was made of"
    wanted = {
        entry_id(draft, position, entry.decision_id): (tool, canonical_json(body))
        for position, (_, tool, body, _) in enumerate(calls_of(session, draft))
    }
    if wanted.get(entry.id) != (entry.tool, entry.body):
        return "its arguments are not those of the draft"
    if entry.decision_id is not None:
        return _decision_objection(session, entry.decision_id, draft)
    return _gate_objection(session, draft)


def _decision_objection(session: Session, decision_id: str, draft: Draft) -> str | None:
    decision = session.get(Decision, decision_id)
    if decision is None or decision.verdict not in (Verdict.APPROVE, Verdict.EDIT):
        return "no person approved it"
    if not decision.is_final or session.get(Undo, decision_id) is not None:
        return "its approval is not in force"
    if decision.draft_id != draft.id or decision.payload_digest != draft.digest:
        return "its approval was for another draft"
    return None


def _gate_objection(session: Session, draft: Draft) -> str | None:
    stored = (
        session.connection()
        .execute(
            select(col(StepRecord.output)).where(
                col(StepRecord.run_id) == draft.run_id,
                col(StepRecord.name) == "gate",
                col(StepRecord.status) == StepStatus.OK,
            )
        )
        .scalar()
    )
    if stored is None:
        return "neither a person nor the gate let it pass"
    gate = GateOutput.model_validate(stored)
    facts = GateInput.model_validate(draft.gate_input)
    if facts.action != Action.model_validate(draft.action):
        return "the gate judged another action"
    policy = policies.version(session, gate.policy_version)
    again = evaluate(
        facts.model_copy(update={"automatic_today_minor": gate.automatic_today_minor}), policy.body
    )
    if gate.outcome is not Outcome.PASS or again.outcome is not Outcome.PASS:
        return "the gate does not let it pass"
    return None
