"""Whether an outbox entry may be delivered: the executor's own check, on facts it can verify.

An entry is authorised by people's signed decisions on exactly this draft, or by a gate pass that is
in the sealed audit trail and holds when the gate is evaluated again from the stored signals and the
frozen policy. The frozen arguments must be the ones that the draft stands for, under the one id
that this call can have, and the sealed trail must not say that it was delivered, undone or
overtaken since. Rows that only SQL has written, or set back, fail one of these.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import NoResultFound
from sqlmodel import Session, col

from store import (
    approvals,
    audit,
    calibrators,
    compensation,
    decisions,
    deliveries,
    policies,
    trail,
)
from store.actions import Action, canonical_json, digest
from store.deliveries import Due
from store.errors import NotFound
from store.gate import GateInput, PolicyBody, evaluate
from store.outbox import REPLY, Call, calls_of, entry_id
from store.outputs import GateOutput, SynthesisOutput
from store.schema import (
    Decision,
    Draft,
    OutboxEntry,
    Receipt,
    Run,
    StepRecord,
    Ticket,
    Undo,
)
from store.trail import Event, Trail
from store.transitions import OutboxStatus, Outcome, StepStatus, Verdict

AUTHORISING = frozenset(
    {Verdict.APPROVE, Verdict.EDIT, Verdict.SEND_AGAIN, Verdict.REVERSE, Verdict.HAPPENED}
)
TOLERANCE = 1e-9  # between a stored confidence and the one computed again


@dataclass(frozen=True, slots=True)
class _Case:
    """An entry with the draft that it stands for, and what the sealed trail tells of its run."""

    entry: Due
    draft: Draft
    told: Trail
    calls: list[Call]

    @property
    def is_part(self) -> bool:
        """Whether it is one of the draft's own calls, not the taking back of one."""
        return self.entry.position < len(self.calls)


def objection(session: Session, entry: Due) -> str | None:
    """Return why the entry must not be delivered, or None if it is authorised.

    Raises LeaseLost if it has passed to another executor, or to a person, meanwhile.
    """
    deliveries.require_mine(session, entry)
    return _first(session, entry, _foundation, _present)


def unfounded(session: Session, entry: Due) -> str | None:
    """Return what the authorisation of an entry lacks, whatever has become of it since."""
    return _first(session, entry, _foundation)


def _first(
    session: Session, entry: Due, *checks: Callable[[Session, _Case], Iterator[str]]
) -> str | None:
    try:
        draft = session.get(Draft, entry.draft_id)
        if draft is None or draft.run_id != entry.run_id:
            return "its draft does not exist"
        told = trail.of_run(session, draft.run_id)
        case = _Case(entry, draft, told, calls_of(session, draft))
        return next((found for check in checks for found in check(session, case)), None)
    except (ValueError, LookupError, TypeError, NotFound, NoResultFound) as broken:
        # rows that no verb has written
        return f"what it rests on cannot be read ({type(broken).__name__})"


def _foundation(session: Session, case: _Case) -> Iterator[str]:
    """Yield what its authorisation lacks; nothing after the first finding is looked at."""
    entry, draft = case.entry, case.draft
    if digest(draft.reply, Action.model_validate(draft.action)) != draft.digest:
        yield "the draft is not the one its digest was made of"
    if entry.id != entry_id(draft, entry.position, entry.decision_id):
        yield "its id is not the one that this call can have"
    if case.is_part:
        yield from _call_objections(session, entry, draft, case.calls[entry.position])
    elif not _is_compensation(session, entry, case.told):
        yield "it is no part of the draft and takes back nothing of it"
    if entry.decision_id is not None:
        yield from _decision_objections(session, entry.decision_id, draft)
    else:
        yield from _gate_objections(session, draft)
    if _authorising(case) is None:
        what = "pass" if entry.decision_id is None else "decision"
        yield f"the audit trail knows of no such {what}"


def _present(session: Session, case: _Case) -> Iterator[str]:
    """Yield what has happened since it was authorised that forbids a delivery now."""
    entry, told, since = case.entry, case.told, _authorising(case)
    assert since is not None  # the foundation holds
    if session.get(Receipt, entry.id) is not None:
        yield "it was delivered already"
    if not told.is_whole or not trail.is_gapless(session, since):
        yield "the audit trail was tampered with since it was authorised"
    if case.is_part:
        ever = {entry_id(case.draft, entry.position, one) for one in (None, *told.decisions)}
        if told.done & ever:
            yield "it was delivered before"
        if entry.decision_id is None and not since.is_of_day(entry.created_at):
            yield "its day, which the daily cap counts, is not that of its pass"
    else:
        failure = _failure(case)
        if failure is None:
            yield "nothing of the draft failed, so nothing is taken back"
            return
        since = max(since, failure, key=lambda one: one.seq)
    ended = told.end(entry.id, entry.decision_id, since)
    if ended is not None:
        yield ended


def _call_objections(session: Session, entry: Due, draft: Draft, call: Call) -> Iterator[str]:
    """Yield what differs between the entry and the call that the draft stands for."""
    customer = Action.model_validate(draft.action).customer_id
    if (call.tool, call.body) != (entry.tool, entry.body):
        yield "its arguments are not those of the draft"
    if entry.reverses != _reversed_by(session, entry.decision_id):
        yield "it takes back something else than was authorised"
    if call.kind == REPLY:
        ticket = session.get_one(Ticket, session.get_one(Run, draft.run_id).ticket_id)
        if ticket.customer_id != customer:
            yield "its reply would go to somebody else"
    row = session.get(OutboxEntry, entry.id)
    counted = (call.kind, call.amount_minor, call.currency, customer)
    if row is not None and counted != (
        row.kind,
        row.amount_minor,
        row.currency,
        row.customer_id,
    ):
        yield "its money, which the daily cap counts, is not that of the draft"


def _reversed_by(session: Session, decision_id: str | None) -> str | None:
    """Return the delivery that a decision takes back, None if it takes back nothing."""
    decision = session.get(Decision, decision_id) if decision_id else None
    if decision is None or decision.action_id is None or decision.verdict is Verdict.HAPPENED:
        return None
    if decision.verdict is Verdict.SEND_AGAIN:
        return session.get_one(OutboxEntry, decision.action_id).reverses
    return decision.action_id


def _authorising(case: _Case) -> Event | None:
    if case.entry.decision_id is None:
        return case.told.passed(case.draft.id, case.draft.digest)
    return case.told.decided(case.entry.decision_id)


def _failure(case: _Case) -> Event | None:
    """Return the failure of a part of the draft after which the rest is taken back."""
    by = (None, *case.told.decisions)
    parts = range(len(case.calls))
    return case.told.failed(entry_id(case.draft, part, one) for part in parts for one in by)


def _is_compensation(session: Session, entry: Due, told: Trail) -> bool:
    """Whether the entry takes back, as its connector says, a sent part of a draft that failed."""
    original = session.get(OutboxEntry, entry.reverses) if entry.reverses else None
    if original is None or original.draft_id != entry.draft_id or original.id not in told.done:
        return False
    reversal = compensation.reversal_of(session, original.tool)
    if reversal is None or original.status is not OutboxStatus.SENT:
        return False
    call = compensation.call_for(session, original, reversal)
    return (call.tool, call.body) == (entry.tool, entry.body)


def _decision_objections(session: Session, decision_id: str, draft: Draft) -> Iterator[str]:
    decision = session.get(Decision, decision_id)
    if decision is None or decision.verdict not in AUTHORISING:
        yield "no person approved it"
        return
    if not decision.is_final or _was_undone(session, decision):
        yield "its approval is not in force"
    if decision.draft_id != draft.id or decision.payload_digest != draft.digest:
        yield "its approval was for another draft"
    if not _is_signed(session, decision):
        yield "its approval is not signed by a process that may decide"
    maker = approvals.maker(session, draft)
    if decision.verdict is Verdict.APPROVE and decision.person == maker:
        yield "its approval is by the person who wrote it"
    policy = _published(session, decision.policy_version)
    if policy is None:
        yield "its policy is not the one that was published"
        return
    if policy.is_two_person(Action.model_validate(draft.action)):
        people = {
            one.person
            for one in approvals.given(session, decision.review_id, draft.digest)
            if _is_signed(session, one)
            and not (one.verdict is Verdict.APPROVE and one.person == maker)
        }
        if decision.verdict is not Verdict.HAPPENED and len(people) < 2:
            yield "it needs the approval of two people"


def _was_undone(session: Session, decision: Decision) -> bool:
    subject = f"run:{decision.run_id}"
    undone = audit.find_authentic(session, tag="run:review:undone", subject=subject)
    return session.get(Undo, decision.id) is not None or any(
        one["decision"] == decision.id for one in undone
    )


def _is_signed(session: Session, decision: Decision) -> bool:
    keys = session.info["keys"]
    return bool(keys.is_signed(decisions.message(decision), decision.signature))


def _published(session: Session, version: int) -> PolicyBody | None:
    """Return the policy if it is, word for word, what the sealed audit trail says was published."""
    body = policies.version(session, version).body
    said = audit.find_authentic(session, tag="policy:published", subject=f"policy:{version}")
    stored = canonical_json(body.model_dump(mode="json"))
    announced = (PolicyBody.model_validate(one["body"]).model_dump(mode="json") for one in said)
    return body if any(canonical_json(one) == stored for one in announced) else None


def _gate_objections(session: Session, draft: Draft) -> Iterator[str]:
    stored = _output(session, draft.run_id, "gate")
    made = _output(session, draft.run_id, "synthesis")
    if stored is None or made is None:
        yield "neither a person nor the gate let it pass"
        return
    gate = GateOutput.model_validate(stored)
    facts = GateInput.model_validate(draft.gate_input)
    if facts.action != Action.model_validate(draft.action):
        yield "the gate judged another action"
    policy = _published(session, gate.policy_version)
    if policy is None:
        yield "its policy is not the one that was published"
        return
    if session.get_one(Run, draft.run_id).policy_version != gate.policy_version:
        yield "its cap is of another policy than its pass"
    if not _is_confidence_of(session, facts, SynthesisOutput.model_validate(made)):
        yield "its confidence is not what its signals say"
    again = evaluate(
        facts.model_copy(update={"automatic_today_minor": gate.automatic_today_minor}), policy
    )
    if gate.outcome is not Outcome.PASS or again.outcome is not Outcome.PASS:
        yield "the gate does not let it pass"


def _is_confidence_of(session: Session, facts: GateInput, made: SynthesisOutput) -> bool:
    """Whether the confidence follows from the recorded signals under the named calibrator."""
    fitted = calibrators.by_version(session, made.calibrator_version)
    if fitted is None or facts.confidence is None:
        return facts.confidence is None
    computed = fitted.stack.probability(fitted.stack.raw(made.signals))
    return abs(computed - facts.confidence) <= TOLERANCE


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
        .scalar()
    )
