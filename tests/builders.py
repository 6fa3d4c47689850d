"""Rows for tests: small functions that insert one thing with sensible defaults and return it.

Each takes the session first, so it is called as `store.transact(builders.case, ...)`. Times default
to a fixed moment; ids come from the database. What a test is about, it says by keyword.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlmodel import Session, select

from store.actions import Action, as_json, digest, reply_only
from store.gate import GateInput, GateResult, PolicyBody, evaluate, risk
from store.gating import weighed
from store.outputs import (
    CommitOutput,
    Critique,
    GateOutput,
    IntentOutput,
    PassageHit,
    RetrievalOutput,
    SynthesisOutput,
    ToolCallOutput,
    ToolCallRecord,
)
from store.registry import CompanyFacts, ToolFacts, register_company
from store.schema import (
    Company,
    Draft,
    Review,
    Run,
    StepRecord,
    Ticket,
)
from store.steps import NEAREST
from store.transitions import (
    Outcome,
    ReviewKind,
    Role,
    RunStatus,
    StepStatus,
)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MODEL = "local"
CALIBRATOR = "demo-1"
REFUND_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "customer_id": {"type": "string"},
        "order_id": {"type": "string"},
        "amount_minor": {"type": "integer", "minimum": 1},
        "idempotency_key": {"type": "string"},
    },
    "required": ["customer_id", "order_id", "amount_minor", "idempotency_key"],
}
REPLY_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"customer_id": {"type": "string"}, "text": {"type": "string"}},
    "required": ["customer_id", "text"],
}


@dataclass(frozen=True)
class Case:
    """Ids and digest of one built case."""

    ticket_id: int
    run_id: int
    draft_id: int
    review_id: int  # 0 when none was opened
    digest: str


def company(session: Session, /, *, policy: PolicyBody | None = None, is_demo: bool = True) -> None:
    """Register a company with Ana, Ben (operators) and Mo (manager), two tools and a policy."""
    if session.get(Company, 1) is not None:
        return
    facts = CompanyFacts(
        name="Northwind",
        currency="EUR",
        is_demo=is_demo,
        people=[("Ana", Role.OPERATOR), ("Ben", Role.OPERATOR), ("Mo", Role.MANAGER)],
        policy=policy or PolicyBody(),
        tools=[
            ToolFacts(
                name="issue_refund",
                server="shop",
                is_write=True,
                input_schema=REFUND_SCHEMA,
                fingerprint="r1",
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
                input_schema=REPLY_SCHEMA,
                fingerprint="s1",
                customer_field="customer_id",
                text_field="text",
            ),
        ],
        reject_reasons=[
            {"code": "wrong_facts", "title": "Facts are wrong"},
            {"code": "wrong_amount", "title": "The amount is wrong", "redraft": True},
        ],
        intents=[{"name": "duplicate_charge", "title": "Charged twice"}],
    )
    register_company(session, facts, now=NOW)


def refund(amount_minor: int = 4_250, *, customer_id: str = "C-1") -> Action:
    """Return a refund of the given minor units."""
    return Action(
        kind="refund",
        tool="issue_refund",
        args={"customer_id": customer_id, "order_id": "O-1", "amount_minor": amount_minor},
        amount_minor=amount_minor,
        currency="EUR",
        customer_id=customer_id,
        order_id="O-1",
    )


def ticket(
    session: Session,
    /,
    *,
    external_id: str | None = None,
    customer_id: str | None = "C-1",
    subject: str = "",
    text: str = "Why was I charged twice in May?",
    at: datetime = NOW,
) -> int:
    """Insert a ticket and return its id."""
    row = Ticket(
        external_id=external_id or f"T-{uuid4().hex[:12]}",
        customer_id=customer_id,
        subject=subject,
        text=text,
        received_at=at,
        submitted_at=at,
    )
    session.add(row)
    session.flush()
    return _id(row.id)


def run(
    session: Session, /, *, ticket_id: int | None = None, at: datetime = NOW, **values: Any
) -> int:
    """Insert a run (queued unless `status` says otherwise) and return its id."""
    row = Run(
        ticket_id=ticket(session, at=at) if ticket_id is None else ticket_id,
        created_at=at,
        **values,
    )
    session.add(row)
    session.flush()
    return _id(row.id)


def step(
    session: Session,
    /,
    run_id: int,
    name: str,
    *,
    status: StepStatus = StepStatus.OK,
    attempt: int = 1,
    latency_ms: float = 12.0,
    output: dict[str, Any] | None = None,
    at: datetime = NOW,
    **values: Any,
) -> None:
    """Insert one attempt at a step; an `ok` one gets an empty output unless one is given."""
    is_ok = status is StepStatus.OK
    session.add(
        StepRecord(
            run_id=run_id,
            name=name,
            attempt=attempt,
            status=status,
            started_at=at,
            latency_ms=latency_ms,
            output=({} if output is None else output) if is_ok else None,
            error_class=None if is_ok else "timeout",
            error=None if is_ok else "no answer in 10 s",
            **values,
        )
    )
    session.flush()


def case(
    session: Session,
    /,
    *,
    confidence: float | None = 0.70,
    action: Action | None = None,
    concerns: Sequence[str] = (),
    blocks: Sequence[Any] = (),
    is_audited: bool = False,
    policy: PolicyBody | None = None,
    signals: dict[str, float] | None = None,
    external_id: str | None = None,
    customer_id: str | None = "C-1",
    subject: str = "",
    text: str = "Why was I charged twice in May?",
    model: str = MODEL,
    spent: int = 0,
    at: datetime = NOW,
) -> Case:
    """Insert a whole case as the pipeline leaves it after the gate.

    Passed drafts are committed (`done`, six steps), with an open audit review if `is_audited`;
    others wait in an open escalation (five steps). `spent` is what the daily cap was judged on.
    """
    body = policy or PolicyBody()
    company(session, policy=body)
    acts = action or reply_only(customer_id)
    facts = GateInput(
        action=acts, confidence=confidence, concerns=tuple(concerns), blocks=tuple(blocks)
    )
    result = evaluate(facts, body)
    is_pass = result.outcome is Outcome.PASS
    ticket_id = ticket(
        session,
        external_id=external_id,
        customer_id=customer_id,
        subject=subject,
        text=text,
        at=at,
    )
    run_id = run(
        session,
        ticket_id=ticket_id,
        at=at,
        status=RunStatus.DONE if is_pass else RunStatus.AWAITING_REVIEW,
        intent="duplicate_charge",
        action_kind=acts.kind,
        amount_minor=acts.total_minor,
        gated_at=at,
        outcome=result.outcome,
        policy_version=1,
        model=model,
        finished_at=at if is_pass else None,
        calibrator_version=CALIBRATOR,
        similarity=(signals or {}).get(NEAREST),
        **weighed(facts, spent, 0.0 if is_audited else 1.0, body.audit_rate),
    )
    outputs = _outputs(facts, result, body, is_audited, signals or {})
    outputs["gate"]["automatic_today_minor"] = spent
    for name, output in outputs.items():
        if name != "commit" or is_pass:
            step(session, run_id, name, output=output, at=at, model=model)
    draft_id = draft(session, run_id, action=acts, facts=facts, author=f"model:{model}", at=at)
    review_id = 0
    if is_audited or not is_pass:
        review_id = review(session, run_id, kind=ReviewKind.AUDIT if is_pass else None, at=at)
    return Case(ticket_id, run_id, draft_id, review_id, digest(_REPLY, acts))


_REPLY = "You were charged twice on 3 May; the second charge goes back to you."


def _outputs(
    facts: GateInput,
    result: GateResult,
    policy: PolicyBody,
    is_audited: bool,
    signals: dict[str, float],
) -> dict[str, dict[str, Any]]:
    is_pass = result.outcome is Outcome.PASS
    charge = ToolCallRecord(tool="list_charges", server="shop", result={"count": 2}, status="ok")
    hit = PassageHit(passage_id=1, source="refunds.md#twice", title="Twice", text="…", score=0.03)
    outputs = {
        "intent": IntentOutput(
            intent="duplicate_charge",
            title="Charged twice",
            probability=0.91,
            is_out_of_scope=False,
        ),
        "retrieval": RetrievalOutput(query="charged twice", passages=[hit]),
        "tool_call": ToolCallOutput(calls=[charge], facts={"charges": {"count": 2}}),
        "synthesis": SynthesisOutput(
            reply=_REPLY,
            action=facts.action,
            concerns=list(facts.concerns),
            critique=Critique(agrees=True),
            signals=signals,
            raw_score=1.2,
            confidence=facts.confidence,
            calibrator_version=CALIBRATOR,
        ),
        "gate": GateOutput(
            outcome=result.outcome,
            reasons=list(result.reasons),
            confidence=facts.confidence,
            threshold=result.threshold,
            policy_version=1,
            is_audited=is_audited,
            inclusion_probability=policy.audit_rate if is_pass and policy.audit_rate else 1.0,
        ),
        "commit": CommitOutput(deliveries=[]),
    }
    return {name: output.model_dump(mode="json") for name, output in outputs.items()}


def draft(
    session: Session,
    /,
    run_id: int,
    *,
    action: Action | None = None,
    facts: GateInput | None = None,
    reply: str = _REPLY,
    revision: int = 1,
    author: str = f"model:{MODEL}",
    at: datetime = NOW,
) -> int:
    """Insert a draft revision and return its id."""
    acts = action or reply_only("C-1")
    weighed = facts or GateInput(action=acts, confidence=0.7)
    row = Draft(
        run_id=run_id,
        revision=revision,
        reply=reply,
        action=as_json(acts),
        digest=digest(reply, acts),
        gate_input=weighed.model_dump(mode="json"),
        confidence=weighed.confidence,
        author=author,
        created_at=at,
    )
    session.add(row)
    session.flush()
    return _id(row.id)


def review(
    session: Session,
    /,
    run_id: int,
    *,
    kind: ReviewKind | None = None,
    at: datetime = NOW,
    **values: Any,
) -> int:
    """Insert an open review on the run's newest draft, under its recorded gate; return its id."""
    pinned = session.exec(select(Draft).where(Draft.run_id == run_id)).all()[-1]
    gate = session.exec(
        select(StepRecord).where(StepRecord.run_id == run_id, StepRecord.name == "gate")
    ).one()
    judged = GateOutput.model_validate(gate.output)
    row = Review(
        **{
            "run_id": run_id,
            "draft_id": pinned.id,
            "revision": pinned.revision,
            "payload_digest": pinned.digest,
            "policy_version": judged.policy_version,
            "kind": kind or ReviewKind.ESCALATION,
            "is_blocked": judged.outcome is Outcome.BLOCK,
            "title": "Charged twice",
            "reasons": [reason.model_dump() for reason in judged.reasons],
            "confidence": judged.confidence,
            "threshold": judged.threshold,
            "risk": risk(Action.model_validate(pinned.action), judged.confidence, judged.outcome),
            "inclusion_probability": judged.inclusion_probability,
            "opened_at": at,
            **values,
        }
    )
    session.add(row)
    session.flush()
    return _id(row.id)


def _id(value: int | None) -> int:
    assert value is not None
    return value
