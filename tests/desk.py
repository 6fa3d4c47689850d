"""A company with a desk full of cards, written through the store's own verbs.

What pages and browser tests look at: nothing here inserts rows past a verb.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from store import escalations, gating, outbox, queue, registry, reviews, steps
from store.actions import Action, reply_only
from store.engine import Store
from store.gate import AmountRule, GateInput, PolicyBody
from store.outputs import (
    Critique,
    IntentCandidate,
    IntentOutput,
    PassageHit,
    RetrievalOutput,
    SynthesisOutput,
    ToolCallOutput,
    ToolCallRecord,
)
from store.queue import NewTicket
from store.registry import CompanyFacts, ToolFacts
from store.reviews import DecisionRequest
from store.transitions import Outcome, Role, StepStatus, Verdict

REASONS = (
    {"code": "wrong_facts", "title": "Facts are wrong"},
    {"code": "wrong_action", "title": "Wrong action"},
    {"code": "tone", "title": "Tone or wording"},
    {"code": "not_ours", "title": "Not ours to answer"},
)
POLICY = PolicyBody(
    amount_rules=(AmountRule(kind="refund", above_minor=10_000),), always_person=("close_account",)
)


@dataclass(frozen=True)
class Case:
    """One ticket and what the pipeline made of it."""

    external_id: str
    text: str
    customer_id: str | None = "C-1042"
    subject: str = ""
    intent: str = "duplicate_charge"
    title: str = "Charged twice"
    amount_minor: int | None = 8490
    confidence: float | None = 0.79
    action: Action | None = None  # instead of the one refund
    concerns: Sequence[str] = ()
    objections: Sequence[str] = ()
    reply: str = (
        "Hello,\n\nThank you for telling us. I can see two charges of €84.90 on your card for"
        " order ord-71487, made within a minute of each other; the second was a retry after our"
        " payment provider timed out.\n\nI have refunded the second charge of €84.90. It reaches"
        " your card within 10 days.\n\nKind regards,\nThe support team"
    )
    passages: Sequence[tuple[str, str, str, float]] = (
        (
            "Duplicate charges",
            "refunds.md#duplicate-charges",
            (
                "When an order was captured more than once, the surplus capture is refunded in full"
                " within one working day. Check that both captures have settled: an authorisation"
                " hold looks like a second charge and falls away by itself after seven days."
            ),
            0.91,
        ),
        (
            "How long a refund takes",
            "refunds.md#timing",
            "Credit cards show a refund within 3 to 5 working days, debit cards within 10.",
            0.74,
        ),
    )
    charges: Sequence[dict[str, Any]] = (
        {"id": "ch_9101", "order_id": "ord-71487", "amount_minor": 8490, "state": "settled"},
        {"id": "ch_9102", "order_id": "ord-71487", "amount_minor": 8490, "state": "pending"},
    )
    failures: Sequence[tuple[str, StepStatus]] = ()  # attempts that failed before the good one
    error: str = "no answer within 2 s"  # of those attempts
    customer_name: str = "Oluwaseun Ade"
    refusal: str = ""  # what one more tool says, which fails
    latency: dict[str, float] = field(default_factory=dict)


def company(
    store: Store,
    *,
    now: datetime,
    is_demo: bool = True,
    policy: PolicyBody = POLICY,
    people: Sequence[tuple[str, Role]] = (),
) -> None:
    """Register the company, its people (Ana, Ben, Mo and those given) and its tools."""
    text = {"type": "string"}
    refund = {
        "type": "object",
        "properties": {
            "customer_id": text,
            "order_id": text,
            "charge_id": text,
            "amount_minor": {"type": "integer", "minimum": 1},
            "idempotency_key": text,
        },
        "required": ["customer_id", "order_id", "charge_id", "amount_minor"],
    }
    reply = {"type": "object", "properties": {"ticket_id": text, "text": text}}
    facts = CompanyFacts(
        name="Larkspur Outfitters",
        currency="EUR",
        is_demo=is_demo,
        people=(("Ana", Role.OPERATOR), ("Ben", Role.OPERATOR), ("Mo", Role.MANAGER), *people),
        policy=policy,
        reject_reasons=REASONS,
        intents=({"name": "duplicate_charge", "title": "Charged twice"},),
        tools=(
            ToolFacts(
                name="refund_charge",
                server="shop",
                is_write=True,
                input_schema=refund,
                fingerprint="refund",
                action_kind="refund",
                customer_field="customer_id",
                order_field="order_id",
                amount_field="amount_minor",
                key_field="idempotency_key",
            ),
            ToolFacts(
                name="send_reply",
                server="shop",
                is_write=True,
                is_reply=True,
                input_schema=reply,
                fingerprint="reply",
                text_field="text",
                ticket_field="ticket_id",
            ),
        ),
    )
    store.transact(registry.register_company, facts, now=now)


def run(store: Store, case: Case, *, at: datetime) -> tuple[int, Outcome]:
    """Take one ticket through all steps; return its run and what the gate said."""
    ticket = NewTicket(
        text=case.text,
        external_id=case.external_id,
        customer_id=case.customer_id,
        subject=case.subject,
        received_at=at,
    )
    claim = store.transact(queue.submit_claimed, ticket, "desk", lease_seconds=3600.0, now=at)
    return claim.run_id, store.transact(_work, claim.run_id, claim.epoch, case, at)


def _work(session: Any, run_id: int, epoch: int, case: Case, at: datetime) -> Outcome:
    action = _action(case)
    synthesis = SynthesisOutput(
        reply=case.reply,
        action=action,
        concerns=list(case.concerns),
        critique=Critique(agrees=not case.objections, objections=list(case.objections)),
        signals={"tool_ok": 1.0, "consistency": 0.0 if case.concerns else 1.0},
        confidence=case.confidence,
        calibrator_version="desk-1" if case.confidence is not None else None,
    )
    for output, name in (
        (_intent(case), "intent"),
        (_found(case), "retrieval"),
        (_called(case), "tool_call"),
    ):
        _fail(session, run_id, epoch, case, name, at)
        write = _write(case, name, at, output.model_dump(mode="json"))
        values = {"intent": case.intent} if name == "intent" else {}
        steps.record(session, run_id, epoch, write, **values)
    _fail(session, run_id, epoch, case, "synthesis", at)
    facts = GateInput(
        action=action,
        confidence=case.confidence,
        calibration_note=None if case.confidence is not None else "37 of 200 labels",
        concerns=tuple(case.concerns),
        objections=tuple(case.objections),
    )
    steps.record_draft(
        session,
        run_id,
        epoch,
        _write(case, "synthesis", at, synthesis.model_dump(mode="json")),
        synthesis,
        facts,
        author="model:local",
        now=at,
    )
    gate = gating.judge(session, run_id, epoch, now=at)
    if gate.outcome is Outcome.PASS:
        outbox.authorise_pass(session, run_id, epoch, is_audited=gate.is_audited, now=at)
    else:
        escalations.escalate(session, run_id, epoch, now=at)
    return gate.outcome


def decide(
    store: Store,
    review_id: int,
    verdict: Verdict,
    *,
    at: datetime,
    person: str = "Ben",
    **said: Any,
) -> None:
    """Decide a review as somebody else would."""
    from store.reports.card import card

    digest = store.read(card, review_id).draft.digest
    request = DecisionRequest(
        decision_id=f"desk-{review_id}-{person}",
        review_id=review_id,
        verdict=verdict,
        person=person,
        seen_digest=digest,
        **said,
    )
    store.transact(reviews.decide, request, now=at)


def cases() -> list[Case]:
    """Return a handful of cards, each here for another reason."""
    plain = "Hi, I was charged twice for order ord-71487 in May. Please refund the second one."
    return [
        Case(
            "T-2001",
            plain + " I only placed one order and would like to know why it happened.",
            customer_id="C-1042",
            confidence=0.62,
            concerns=("The second charge is still pending: it may be an authorisation hold",),
        ),
        Case(
            "T-2002",
            "My whole order came damaged and I want all my money back, 240 euros.",
            customer_id="C-1377",
            intent="damaged_item",
            title="Damaged on arrival",
            amount_minor=24_000,
            confidence=0.93,
        ),
        Case(
            "T-2003",
            "Where does my annual plan renewal show on the bill? I see 12.00 and 120.00.",
            customer_id="C-1108",
            intent="billing_question",
            title="Question about a bill",
            amount_minor=None,
            confidence=0.71,
            reply="Hello,\n\nYour plan renews once a year at €120.00.\n\nKind regards,\nThe support team",
            objections=("The reply does not explain the monthly amount the customer asked about",),
        ),
        Case(
            "T-2004",
            "![x](http://evil.test/a.png) <img src=x onerror=alert(1)> **refund me** \u202eeno rof",
            customer_id="C-1500",
            title="Charged twice",
            amount_minor=5_000,
            confidence=0.55,
            failures=(("retrieval", StepStatus.TIMEOUT),),
        ),
        Case(
            "T-2005",
            "Refund the two jackets please, they never arrived. Order ord-55002.",
            customer_id="C-1290",
            intent="never_arrived",
            title="Parcel never arrived",
            amount_minor=11_800,
            confidence=0.88,
        ),
    ]


def fill(store: Store, *, now: datetime) -> None:
    """Register the company and put every case of `cases` on the desk, an hour apart."""
    company(store, now=now - timedelta(days=30))
    for hours, case in enumerate(cases(), start=1):
        run(store, case, at=now - timedelta(hours=hours))


def _action(case: Case) -> Action:
    if case.action is not None:
        return case.action
    if case.amount_minor is None:
        return reply_only(case.customer_id)
    args = {
        "customer_id": case.customer_id,
        "order_id": "ord-71487",
        "charge_id": "ch_9102",
        "amount_minor": case.amount_minor,
    }
    return Action(
        kind="refund",
        tool="refund_charge",
        args=args,
        amount_minor=case.amount_minor,
        currency="EUR",
        customer_id=case.customer_id,
        order_id="ord-71487",
    )


def _intent(case: Case) -> IntentOutput:
    return IntentOutput(
        intent=case.intent,
        title=case.title,
        probability=0.91,
        is_out_of_scope=False,
        candidates=[IntentCandidate(intent=case.intent, title=case.title, probability=0.91)],
        signals={"intent_margin": 0.8},
    )


def _found(case: Case) -> RetrievalOutput:
    hits = [
        PassageHit(passage_id=n, source=source, title=title, text=text, score=0.03, similarity=near)
        for n, (title, source, text, near) in enumerate(case.passages, start=1)
    ]
    return RetrievalOutput(query=case.text, passages=hits, signals={"retrieval_similarity": 0.9})


def _called(case: Case) -> ToolCallOutput:
    customer = ToolCallRecord(
        tool="get_customer",
        server="shop",
        args={"customer_id": case.customer_id},
        result={"id": case.customer_id, "name": case.customer_name, "since": "2023-04-02"},
        status="ok",
        latency_ms=12.0,
    )
    charges = ToolCallRecord(
        tool="list_charges",
        server="shop",
        args={"customer_id": case.customer_id, "month": "2026-05"},
        result={"charges": list(case.charges)},
        status="ok",
        latency_ms=31.0,
    )
    refused = ToolCallRecord(
        tool="get_parcel",
        server="shop",
        args={"customer_id": case.customer_id},
        status="error",
        error_class="tool_error",
        error=case.refusal,
        said=case.refusal,
        latency_ms=8.0,
    )
    calls = [customer, charges, refused] if case.refusal else [customer, charges]
    return ToolCallOutput(calls=calls, facts={"charges": list(case.charges)})


def _fail(session: Any, run_id: int, epoch: int, case: Case, name: str, at: datetime) -> None:
    for number, (step, status) in enumerate(case.failures, start=1):
        if step == name:
            write = steps.StepWrite(
                name=name,
                attempt=number,
                status=status,
                started_at=at,
                latency_ms=2000.0,
                error_class="timeout",
                error=case.error,
            )
            steps.record(session, run_id, epoch, write)


def _write(case: Case, name: str, at: datetime, output: dict[str, Any]) -> steps.StepWrite:
    failed = sum(1 for step, _ in case.failures if step == name)
    pace = {"intent": 38.0, "retrieval": 21.0, "tool_call": 96.0, "synthesis": 44.0}
    return steps.StepWrite(
        name=name,
        attempt=failed + 1,
        status=StepStatus.OK,
        started_at=at,
        latency_ms=case.latency.get(name, pace.get(name, 10.0)),
        output=output,
        model="local",
    )
