"""A small company to grow from: the demo's tickets through the real pipeline, and its waiting cards.

The demo's own history leaves few cards and mostly replies; so what its pipeline made of a ticket is
taken through the store's verbs again with other facts (less sure, dearer, blocked), up to a review.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from agents.company import load
from agents.demo import history
from agents.opening import open_company
from store import escalations, gating, queue, registry, steps
from store.actions import Action
from store.engine import Store
from store.gate import GateInput
from store.outputs import Reason, SynthesisOutput
from store.queue import NewTicket
from store.schema import Draft, Person, Review, Run, StepRecord, Ticket
from store.settings import Settings
from store.steps import StepWrite
from store.transitions import Outcome, ReviewKind, Role, RunStatus, StepStatus

TICKETS = 400
OPERATORS = tuple(f"Operator {number:02d}" for number in range(1, 51))
PER_KIND, OTHERS = {"reply_only": 30, "refund": 24, "replacement": 14}, 6
TWO_PEOPLE_MINOR = 124_000
BLOCK = Reason(code="wrong_recipient", message="The action is for another customer's order")
STEPS = ("intent", "retrieval", "tool_call", "synthesis")


@dataclass(frozen=True)
class Seed:
    """Reviews to make more of: run ids of complete escalations, and of delivered audits."""

    escalations: tuple[int, ...]
    audits: tuple[int, ...]


def grow(settings: Settings, say: Callable[[int, int], None], *, now: datetime) -> None:
    """Open the demo company, work its tickets through, and register the operators."""
    store = settings.open(may_decide=True)
    try:
        if store.read(registry.company) is None:
            company = load(history.COMPANY)
            open_company(store, company, home=settings.home, now=now, say=lambda _line: None)
        history.seed(settings, say, count=TICKETS)
        store.transact(_hire)
    finally:
        store.close()


def mothers(store: Store, *, now: datetime) -> Seed:
    """Return what to copy; escalations are made on the first call."""
    known = store.read(_mothers)
    if not known:
        store.transact(_escalate_again, now)
        known = store.read(_mothers)
    return Seed(known, store.read(_audited))


def _hire(session: Session) -> None:
    for name in OPERATORS:
        session.merge(Person(name=name, role=Role.OPERATOR))


def _mothers(session: Session) -> tuple[int, ...]:
    rows = session.exec(
        select(Review.run_id)
        .join(Run, col(Run.id) == col(Review.run_id))
        .join(Ticket, col(Ticket.id) == col(Run.ticket_id))
        .where(col(Ticket.external_id).startswith("mother-"), Review.revision == 1)
        .order_by(col(Review.id))
    )
    return tuple(dict.fromkeys(rows))


def _audited(session: Session) -> tuple[int, ...]:
    rows = session.exec(
        select(Review.run_id)
        .join(Run, col(Run.id) == col(Review.run_id))
        .where(Review.kind == ReviewKind.AUDIT, Run.status == RunStatus.DONE)
        .order_by(col(Review.id))
        .limit(40)
    )
    return tuple(rows)


def _escalate_again(session: Session, now: datetime) -> None:
    for number, run in enumerate(_varied(session)):
        confidence = 0.31 + 0.53 * (number * 7 % 40) / 40
        _escalate(session, run, number, confidence, now)


def _varied(session: Session) -> Iterator[Run]:
    """Yield some runs of every kind of action."""
    kinds = session.exec(select(Run.action_kind).distinct()).all()
    for kind in sorted(kind for kind in kinds if kind):
        some = select(Run).where(Run.action_kind == kind, col(Run.intent).is_not(None))
        yield from session.exec(some.order_by(col(Run.id)).limit(PER_KIND.get(kind, OTHERS))).all()


def _escalate(session: Session, run: Run, number: int, confidence: float, now: datetime) -> None:
    ticket = session.get_one(Ticket, run.ticket_id)
    fresh = NewTicket(
        text=ticket.text,
        external_id=f"mother-{number:03d}",
        customer_id=ticket.customer_id or "",
        subject=ticket.subject,
        received_at=now,
    )
    claim = queue.submit_claimed(session, fresh, "bench", lease_seconds=3600.0, now=now)
    records = _records(session, run)
    for name in STEPS[:3]:
        values = {"intent": run.intent} if name == "intent" else {}
        steps.record(session, claim.run_id, claim.epoch, _write(records[name], now), **values)
    first = session.exec(select(Draft).where(Draft.run_id == run.id, Draft.revision == 1)).one()
    made = SynthesisOutput.model_validate(records["synthesis"].output)
    made = made.model_copy(
        update={"confidence": confidence, "action": _dearer(made.action, number)}
    )
    facts = GateInput.model_validate(first.gate_input).model_copy(
        update={
            "action": made.action,
            "confidence": confidence,
            "blocks": (BLOCK,) if number % 11 == 5 else (),
        }
    )
    write = _write(records["synthesis"], now, made.model_dump(mode="json"))
    steps.record_draft(
        session, claim.run_id, claim.epoch, write, made, facts, author=first.author, now=now
    )
    gate = gating.judge(session, claim.run_id, claim.epoch, now=now)
    assert gate.outcome is not Outcome.PASS
    escalations.escalate(session, claim.run_id, claim.epoch, now=now)


def _records(session: Session, run: Run) -> dict[str, StepRecord]:
    known: Sequence[StepRecord] = session.exec(
        select(StepRecord).where(StepRecord.run_id == run.id, StepRecord.status == StepStatus.OK)
    ).all()
    return {record.name: record for record in known}


def _dearer(action: Action, number: int) -> Action:
    """Return a refund above what one person may approve, now and then; else the action itself."""
    if action.kind != "refund" or number % 12 or action.also:
        return action
    args = {
        name: TWO_PEOPLE_MINOR if value == action.amount_minor else value
        for name, value in action.args.items()
    }
    return action.model_copy(update={"args": args, "amount_minor": TWO_PEOPLE_MINOR})


def _write(record: StepRecord, now: datetime, output: dict[str, Any] | None = None) -> StepWrite:
    return StepWrite(
        name=record.name,
        attempt=1,
        status=StepStatus.OK,
        started_at=now,
        latency_ms=record.latency_ms,
        output=output or record.output,
        model=record.model,
    )
