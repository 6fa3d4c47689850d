"""The gate as a verb: judge the run's draft under the active policy and record step 5.

The policy, the money already sent alone today and the record are read and written in one
transaction, so two drafts for one customer cannot both slip under the daily cap. A second draft
never goes out alone, whatever the policy says of it, nor does an action whose promise is broken.
"""

import hashlib
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from store import certificates, policies, redrafts, shadows, steps
from store.evidence import sampling
from store.gate import GateInput, GateResult, evaluate
from store.outputs import GateOutput
from store.policies import PolicyVersion
from store.schema import Draft, Run, Ticket
from store.transitions import Outcome, StepStatus


def judge(session: Session, run_id: int, epoch: int, *, now: datetime) -> GateOutput:
    """Apply the active policy to the run's newest draft and record the outcome with its reasons."""
    started = perf_counter()
    draft = steps.latest_draft(session, run_id)
    policy = policies.active(session)
    judged = GateInput.model_validate(draft.gate_input)
    spent = automatic_today(session, judged.action.customer_id, now=now, excluding=run_id)
    facts = judged.model_copy(update={"automatic_today_minor": spent})
    result = evaluate(facts, policy.body)
    result = certificates.tighten(session, facts.action, result)
    which = select(col(Run.visit), col(Run.redo_from)).where(col(Run.id) == run_id)
    visit, redo_from = session.connection().execute(which).one()
    if visit > 1:
        said = redrafts.feedback(session, run_id, step=redo_from)
        result = redrafts.to_a_person(result, said)
    toss = coin_toss(session, draft)
    output = _output(policy, result, spent, toss=toss)
    steps.record(
        session,
        run_id,
        epoch,
        steps.StepWrite(
            name="gate",
            attempt=1,
            status=StepStatus.OK,
            started_at=now,
            latency_ms=(perf_counter() - started) * 1000,
            output=output.model_dump(mode="json"),
        ),
        outcome=result.outcome,
        policy_version=policy.version,
        gated_at=now,
        **(weighed(facts, spent, toss, policy.body.audit_rate) if visit == 1 else {}),
    )
    if visit == 1:
        shadows.judge(session, run_id, facts, live=result.outcome)
    return output


def weighed(facts: GateInput, spent: int, toss: float, rate: float) -> dict[str, Any]:
    """Return what history is tried by, as the run's columns; labels are of first drafts only."""
    return {
        "confidence": facts.confidence,
        "doubts": len(facts.objections) + len(facts.concerns) + facts.is_out_of_scope,
        "is_blocked": bool(facts.blocks),
        "is_composite": bool(facts.action.also),
        "spent_minor": spent,
        "coin": toss,
        "coin_rate": rate,
    }


def _output(policy: PolicyVersion, result: GateResult, spent: int, *, toss: float) -> GateOutput:
    rate = policy.body.audit_rate
    is_pass = result.outcome is Outcome.PASS
    return GateOutput(
        outcome=result.outcome,
        reasons=list(result.reasons),
        confidence=result.confidence,
        threshold=result.threshold,
        policy_version=policy.version,
        is_audited=toss < rate,
        inclusion_probability=rate if is_pass and rate > 0 else 1.0,
        automatic_today_minor=spent,
    )


def coin_toss(session: Session, draft: Draft) -> float:
    """Return the audit coin's toss in [0, 1): by the draft's id alone, blind to confidence."""
    salt = hashlib.sha256(session.info["keys"].audit + b"audit coin").hexdigest()
    return sampling.toss(f"draft:{draft.id}", salt)


def automatic_today(
    session: Session, customer_id: str | None, *, now: datetime, excluding: int
) -> int:
    """Return the money (minor units) that passed the gate for this customer on this day (UTC)."""
    if customer_id is None:
        return 0
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    statement = (
        select(func.coalesce(func.sum(col(Run.amount_minor)), 0))
        .join(Ticket, col(Ticket.id) == col(Run.ticket_id))
        .where(
            col(Ticket.customer_id) == customer_id,
            col(Run.outcome) == Outcome.PASS,
            col(Run.gated_at) >= midnight,
            col(Run.gated_at) < midnight + timedelta(days=1),
            col(Run.id) != excluding,
        )
    )
    return session.connection().execute(statement).scalar_one() or 0
