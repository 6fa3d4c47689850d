"""A company of one intent with scripted ports: what the pipeline and the worker need, no more."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import builders
from builders import NOW
from sqlmodel import Session

from agents.calibrating import CalibrationSource
from agents.clock import Clock
from agents.company import Company
from agents.company.model import Decision, Intent, Lookup, ToolServer, WriteTool
from agents.faults import Faults
from agents.kit import Kit
from agents.ports import Model, Proposal, Tools
from agents.steps.synthesis import Bench
from agents.testing import FixedClock, ScriptedModel, ScriptedTools
from agents.tools import ToolSchema
from store import calibrators, queue
from store.calibrators import Fitted
from store.engine import Store
from store.evidence.calibration import Stack
from store.gate import PolicyBody
from store.outputs import Critique, IntentOutput, PassageHit
from store.queue import NewTicket
from store.transitions import Role

INTENT = IntentOutput(
    intent="duplicate_charge", title="Charged twice", probability=0.93, is_out_of_scope=False
)
CHARGES = {"charges": [{"order_id": "O-1", "amount_minor": 4_250}]}
AGREES = Critique(agrees=True)


def proposal(*, sure: float = 1.0, **values: Any) -> Proposal:
    """Return a refund proposal; `sure` 1 is calibrated to 0.98, 0.5 to one half."""
    args = {"order_id": "O-1", "amount_minor": 4_250}
    given = {"reply": "It goes back to you.", "kind": "refund", "args": args, **values}
    return Proposal(signals={"sure": sure}, **given)


def model(
    *,
    intent: Sequence[IntentOutput | Exception] = (INTENT,),
    synthesise: Sequence[Proposal | Exception] = (),
    critique: Sequence[Critique | Exception] = (AGREES,),
) -> ScriptedModel:
    """Return a model that is sure and right unless scripted otherwise, for as long as asked."""
    return ScriptedModel(
        intent=intent,
        synthesise=synthesise or [proposal()],
        critique=critique,
        name=builders.MODEL,
        is_endless=True,
    )


def tools(*answers: Any) -> ScriptedTools:
    """Return a `list_charges` that plays the answers, the last one for ever."""
    return ScriptedTools({"list_charges": answers or (CHARGES,)}, is_endless=True)


def company(folder: Path) -> Company:
    """Return the company: one intent, one look-up, refunds and replies."""
    return Company(
        name="Northwind",
        currency="EUR",
        is_demo=True,
        folder=folder,
        documents=folder,
        greeting="Hello,",
        signature="",
        people={"Ana": Role.OPERATOR, "Mo": Role.MANAGER},
        policy=PolicyBody(),
        reject_reasons=[{"code": "wrong_facts", "title": "Facts are wrong"}],
        entities={},
        out_of_scope_examples=[],
        servers=[
            ToolServer(
                name="shop",
                command=["shop"],
                read=["list_charges"],
                write=[
                    WriteTool(
                        name="issue_refund",
                        action="refund",
                        customer="customer_id",
                        order="order_id",
                        amount="amount_minor",
                        key="idempotency_key",
                    ),
                    WriteTool(name="send_reply", is_reply=True, customer="customer_id"),
                ],
            )
        ],
        intents=[
            Intent(
                name="duplicate_charge",
                title="Charged twice",
                examples=["I was charged twice"],
                lookups=[
                    Lookup(
                        tool="list_charges",
                        save_as="charges",
                        args={"customer_id": "ticket.customer_id"},
                    )
                ],
                decisions=[Decision(reply="Hello")],
            )
        ],
    )


class OnePassage:
    """A retriever that always finds the same passage."""

    def search(self, text: str, k: int) -> list[PassageHit]:
        hit = PassageHit(
            passage_id=1, source="refunds.md#twice", title="Twice", text="…", score=0.03
        )
        return [hit.model_copy(update={"similarity": 0.9, "bm25_rank": 1, "vector_rank": 1})][:k]


def kit(
    store: Store,
    scripted: Model,
    reading: Tools,
    *,
    faults: float = 0.0,
    clock: Clock | None = None,
) -> Kit:
    """Return a kit on these ports whose confidence follows the model's `sure` signal."""
    schema = ToolSchema("shop", builders.REFUND_SCHEMA, "r1")
    return Kit(
        bench=Bench(model=scripted, company=company(Path()), schemas={"issue_refund": schema}),
        retriever=OnePassage(),
        tools=reading,
        calibration=CalibrationSource(store, scripted.name),
        clock=clock or FixedClock(NOW),
        faults=Faults(rate=faults),
    )


def open_shop(session: Session, *, policy: PolicyBody | None = None) -> None:
    """Register the company and a calibrator for its scripted model."""
    builders.company(session, policy=policy)
    stack = Stack(
        signals=("model_sure",),
        means=(0.5,),
        scales=(0.125,),
        weights=(1.0,),
        intercept=0.0,
        platt=(1.0, 0.0),
    )
    fitted = Fitted(
        version="scripted-1", model=builders.MODEL, is_demo=True, stack=stack, labels=0, wrong=0
    )
    calibrators.save(session, fitted, now=NOW)


def tickets(session: Session, n: int = 1) -> list[int]:
    """Submit tickets, each of another customer; return their runs."""
    new = [NewTicket("I was charged twice", f"T-{i}", f"C-{i}", received_at=NOW) for i in range(n)]
    return [one.run_id for one in queue.submit(session, new, now=NOW)]
