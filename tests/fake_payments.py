"""A payment service inside the test: books of its own, versions, keys that it forgets, mishaps.

It stands at the tool port, for writing and for looking. It pays whatever it is asked for at the
version it is asked at, so that only Greenlight stands between an order and paying it back twice.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from builders import NOW
from sqlmodel import Session

from store.actions import Action
from store.gate import PolicyBody
from store.outputs import ToolCallRecord, ToolErrorClass
from store.registry import CompanyFacts, ToolFacts, register_company
from store.transitions import Role

PAID_MINOR = 10_000  # of every order
RETENTION_SECONDS = 3_600
CONDITIONAL: dict[str, Any] = {
    "key_retention_seconds": RETENTION_SECONDS,
    "refusal": "^REFUSED",
    "expected": "expected_version",
    "precondition": {"tool": "order_state", "args": {"order_id": "order_id"}, "value": "version"},
}
LOOKUP: dict[str, Any] = {
    "lookup": {
        "tool": "find_refund",
        "args": {"idempotency_key": "key"},
        "found": "found",
        "receipt": "receipt",
    }
}
REVERSIBLE: dict[str, Any] = {
    "reversal": {
        "tool": "reverse_refund",
        "args": {
            "customer_id": "args.customer_id",
            "order_id": "args.order_id",
            "amount_minor": "args.amount_minor",
        },
    }
}


class Mishap(StrEnum):
    """What goes wrong after the money was moved."""

    FAILURE_CACHED = "failure_cached"  # it says that it failed, and says so again under the key
    REPLY_LOST = "reply_lost"  # the answer never arrives
    CALLER_KILLED = "caller_killed"  # whoever asked dies before the answer is recorded


@dataclass(slots=True)
class Order:
    """An order as the service knows it."""

    version: int = 1
    refunded_minor: int = 0  # by anybody


@dataclass(frozen=True, slots=True)
class Booking:
    """Money that was moved, once for each line."""

    tool: str
    key: str | None
    customer_id: str
    order_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class _Kept:
    at: float
    answer: ToolCallRecord


class FakePayments:
    """The service; `ledger` is what it did, `asked` every call that reached it."""

    def __init__(self, *, mishap: Mishap | None = None) -> None:
        self.ledger: list[Booking] = []
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.mishap = mishap
        self.between: Callable[[str], None] | None = None  # the look and the call, by order
        self._orders: dict[str, Order] = {}
        self._kept: dict[str, _Kept] = {}
        self._now = 0.0

    def order(self, order_id: str) -> Order:
        """Return the order; one that was never heard of is there, and unpaid back."""
        return self._orders.setdefault(order_id, Order())

    def move(self, order_id: str, refunded_minor: int) -> None:
        """Change the order behind Greenlight's back, paying back some of it or nothing."""
        order = self.order(order_id)
        order.version += 1
        order.refunded_minor += refunded_minor

    def advance(self, seconds: float) -> None:
        """Let time pass; keys past their retention are forgotten."""
        self._now += seconds
        kept = self._kept.items()
        self._kept = {k: v for k, v in kept if self._now - v.at < RETENTION_SECONDS}

    @property
    def doubled(self) -> int:
        """Return how many customers' orders were paid back more than once."""
        refunds = Counter(booking.order_id for booking in self.ledger)
        return sum(times > 1 for times in refunds.values())

    @property
    def over_refunded(self) -> int:
        """Return how many orders were paid back more than was paid for them."""
        return sum(order.refunded_minor > PAID_MINOR for order in self._orders.values())

    async def call(self, tool: str, args: Mapping[str, Any]) -> ToolCallRecord:
        """Answer one call."""
        self.asked.append((tool, dict(args)))
        if tool == "order_state":
            return _answer(tool, {"version": self.order(args["order_id"]).version})
        if tool == "find_refund":
            found = [one for one in self.ledger if one.key == args["idempotency_key"]]
            return _answer(tool, {"found": bool(found), "receipt": {"looked_up": True}})
        if self.between is not None:
            self.between(args.get("order_id", ""))
        return self._keyed(tool, args)

    def _keyed(self, tool: str, args: Mapping[str, Any]) -> ToolCallRecord:
        key = args.get("idempotency_key")
        if key in self._kept:
            return self._kept[key].answer
        answer = self._book(tool, key, args)
        if self.mishap is Mishap.FAILURE_CACHED:
            answer = _failure(tool, "tool_error", "500: something went wrong")
        if key is not None:
            self._kept[key] = _Kept(self._now, answer)
        if self.mishap is Mishap.REPLY_LOST:
            return _failure(tool, "timeout", "no answer in time")
        if self.mishap is Mishap.CALLER_KILLED:
            raise asyncio.CancelledError
        return answer

    def _book(self, tool: str, key: str | None, args: Mapping[str, Any]) -> ToolCallRecord:
        if tool == "send_reply":
            self.ledger.append(
                Booking(tool, key, args["customer_id"], f"for {args['customer_id']}", 0)
            )
            return _answer(tool, {"message_id": f"m_{len(self.ledger)}"})
        order, amount = self.order(args["order_id"]), args["amount_minor"]
        if args.get("expected_version", order.version) != order.version:
            return _failure(tool, "tool_error", f"REFUSED: the order is at {order.version}")
        order.version += 1
        order.refunded_minor += amount
        self.ledger.append(Booking(tool, key, args["customer_id"], args["order_id"], amount))
        return _answer(tool, {"refund_id": f"re_{len(self.ledger)}"})


def _answer(tool: str, result: dict[str, Any]) -> ToolCallRecord:
    return ToolCallRecord(tool=tool, server="payments", result=result, status="ok")


def _failure(tool: str, error_class: ToolErrorClass, error: str) -> ToolCallRecord:
    return ToolCallRecord(
        tool=tool,
        server="payments",
        status="error",
        error_class=error_class,
        error=error,
        said=error,
    )


def refund(
    number: int, amount_minor: int = 4_250, *, customer_id: str = "C-1", version: int | None = None
) -> Action:
    """Return a refund of order `O-<number>`, conditional on its version where one is given."""
    order_id = f"O-{number}"
    args: dict[str, Any] = {
        "customer_id": customer_id,
        "order_id": order_id,
        "amount_minor": amount_minor,
    }
    if version is not None:
        args["expected_version"] = version
    return Action(
        kind="refund",
        tool="issue_refund",
        args=args,
        amount_minor=amount_minor,
        currency="EUR",
        customer_id=customer_id,
        order_id=order_id,
    )


def company(
    session: Session,
    *,
    key_field: str | None = "idempotency_key",
    connector: Mapping[str, Any] | None = None,
    has_reply: bool = False,
    policy: PolicyBody | None = None,
) -> None:
    """Register a company whose write tools are the service's, with these promises."""
    promises = {"key_retention_seconds": RETENTION_SECONDS, **(connector or {})}
    common: dict[str, Any] = {
        "server": "payments",
        "is_write": True,
        "input_schema": {"type": "object"},
        "fingerprint": "p1",
        "customer_field": "customer_id",
        "key_field": key_field,
    }
    money: dict[str, Any] = {"order_field": "order_id", "amount_field": "amount_minor"}
    tools = [
        ToolFacts(name="issue_refund", action_kind="refund", connector=promises, **money, **common),
        ToolFacts(name="reverse_refund", **money, **common),
    ]
    if has_reply:
        tools.append(ToolFacts(name="send_reply", is_reply=True, text_field="text", **common))
    facts = CompanyFacts(
        name="Payments",
        currency="EUR",
        is_demo=True,
        people=[
            ("Ana", Role.OPERATOR),
            ("Ben", Role.OPERATOR),
            ("Mo", Role.MANAGER),
        ],
        policy=policy or PolicyBody(),
        tools=tools,
        reject_reasons=[{"code": "wrong_facts", "title": "Facts are wrong"}],
        intents=[{"name": "duplicate_charge", "title": "Charged twice"}],
    )
    register_company(session, facts, now=NOW)
