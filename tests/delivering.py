"""A shop whose tools can be taken back, and deliveries by hand or by a real executor with fakes.

`shop` adds to the company of `builders`: refunds can be voided and cancelled orders restored; a gift
that was shipped cannot be taken back.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import builders
import gated
from builders import NOW
from sqlmodel import Session, col, select

from agents.executor import Executor, Manner
from agents.ports import Tools
from agents.settling import Patience
from agents.testing import FixedClock, ScriptedTools
from store import deliveries, registry, reviews
from store.actions import Action
from store.deliveries import Due
from store.engine import Store
from store.gate import PolicyBody
from store.outputs import ToolCallRecord
from store.registry import ToolFacts
from store.reviews import Decided, DecisionRequest
from store.schema import Review
from store.transitions import OPEN_REVIEW, ReviewKind, Verdict
from store.writer import GroupWriter

ANYTHING: dict[str, Any] = {"type": "object"}
VOID = {"tool": "void_refund", "args": {"customer_id": "args.customer_id", "of": "key"}}
RESTORE = {"tool": "restore_order", "args": {"order_id": "args.order_id", "of": "key"}}
ROOMY = PolicyBody(daily_cap_minor=10_000_000)
LEASE = 60.0


def shop(store: Store, *, policy: PolicyBody | None = None) -> None:
    """Register the company with tools that can be taken back."""

    def register(session: Session) -> None:
        builders.company(session, policy=policy)
        registry.register_tools(
            session,
            [
                _tool("void_refund", "void_refund"),
                _tool("cancel_order", "cancel_order", reversal=RESTORE),
                _tool("restore_order", "restore_order"),
                _tool("ship_gift", "ship_gift"),
            ],
        )

    store.transact(register)
    promise(store, "issue_refund", reversal=VOID)


def _tool(name: str, kind: str, **connector: Any) -> ToolFacts:
    return ToolFacts(
        name=name,
        server="shop",
        is_write=True,
        input_schema=ANYTHING,
        fingerprint=name,
        action_kind=kind,
        key_field="idempotency_key",
        connector=connector,
    )


def promise(store: Store, tool: str, **connector: Any) -> None:
    """Give a tool these promises instead of those it has."""

    def change(session: Session) -> None:
        row = next(one for one in registry.tools(session) if one.name == tool)
        row.connector = connector
        session.add(row)

    store.transact(change)


def cancel_order(customer_id: str = "C-1") -> Action:
    """Return an action that can be taken back and moves no money."""
    return Action(
        kind="cancel_order",
        tool="cancel_order",
        args={"order_id": "O-1"},
        customer_id=customer_id,
        order_id="O-1",
    )


def gift(customer_id: str = "C-1") -> Action:
    """Return an action that cannot be taken back."""
    return Action(
        kind="ship_gift", tool="ship_gift", args={"order_id": "O-1"}, customer_id=customer_id
    )


def together(first: Action, *others: Action) -> Action:
    """Return one action of several parts."""
    return first.model_copy(update={"also": others})


def claim(store: Store, worker: str = "x", *, limit: int = 9, lease: float = LEASE) -> list[Due]:
    """Lease what is due."""
    return store.transact(deliveries.claim, worker, limit=limit, lease_seconds=lease, now=NOW)


def send(store: Store, entry: Due) -> None:
    """Settle an entry as sent."""
    receipt = {"id": f"r-{entry.id[:8]}"}
    store.transact(deliveries.mark_sent, entry, receipt, latency_ms=1.0, now=NOW)


def send_next(store: Store, tool: str) -> Due:
    """Lease the one entry that is due, which is a call of this tool, and settle it as sent."""
    (entry,) = claim(store)
    assert entry.tool == tool
    send(store, entry)
    return entry


def deliver_all(store: Store) -> list[Due]:
    """Deliver whatever is or becomes due, by hand; return it in order."""
    sent: list[Due] = []
    while due := claim(store):
        for entry in due:
            send(store, entry)
            sent.append(entry)
    return sent


def tools_of(entries: Sequence[Due]) -> list[str]:
    """Return the tools that were called."""
    return [entry.tool for entry in entries]


def statuses(store: Store, run_id: int) -> list[tuple[str, str]]:
    """Return (tool, status) of every entry of the run, in order of delivery."""
    return [(entry.tool, str(entry.status)) for entry in gated.entries(store, run_id)]


def waiting(store: Store, run_id: int) -> Review:
    """Return the one review of the run that waits for a person."""
    wanted = select(Review).where(
        Review.run_id == run_id,
        col(Review.status).in_(OPEN_REVIEW),
        Review.kind != ReviewKind.AUDIT,
    )
    return store.read(lambda session: session.exec(wanted).one())


def said(review: Review, verdict: Verdict, person: str = "Ana", **values: Any) -> DecisionRequest:
    """Return this person's word on exactly what the review shows."""
    assert review.id is not None
    reason = {"reason_code": "wrong_facts"} if verdict is Verdict.REJECT else {}
    return DecisionRequest(
        **{
            "decision_id": uuid4().hex,
            "review_id": review.id,
            "verdict": verdict,
            "person": person,
            "seen_digest": review.payload_digest,
            **reason,
            **values,
        }
    )


def decide(store: Store, request: DecisionRequest, *, undo_seconds: float = 0.0) -> Decided:
    """Record a decision that is due at once."""
    return store.transact(reviews.decide, request, now=NOW, undo_seconds=undo_seconds)


def answer(store: Store, run_id: int, verdict: Verdict, person: str = "Ana") -> Decided:
    """Record a person's word on the review that waits."""
    return decide(store, said(waiting(store, run_id), verdict, person))


class Books(ScriptedTools):
    """Fakes that answer every call with a receipt, unless an answer was put in its way."""

    async def call(self, tool: str, args: Mapping[str, Any]) -> ToolCallRecord:
        """Note the call; play what was scripted, else confirm it."""
        if self._script.get(tool):
            return await super().call(tool, args)
        self.calls.append((tool, dict(args)))
        done = {"id": f"{tool}-{len(self.calls)}"}
        return ToolCallRecord(tool=tool, server="s", args=dict(args), result=done, status="ok")

    @property
    def called(self) -> list[str]:
        return [tool for tool, _ in self.calls]


async def execute(
    store: Store,
    tools: Tools,
    reading: Tools | None = None,
    *,
    patience: Patience | None = None,
) -> None:
    """Let a real executor deliver until nothing is left to deliver."""
    writer = GroupWriter(store)
    quick = patience or Patience(attempts=3, first_seconds=0.001)
    how = Manner(lease_seconds=30.0, drain=True, patience=quick, clock=FixedClock(NOW))
    try:
        await Executor(store, writer, tools, reading or ScriptedTools({}), how).work()
    finally:
        writer.close()
