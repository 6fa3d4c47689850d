"""The demo company's MCP server (stdio): `python -m agents.demo.tool_server --home DIR`.

Read-only tools return plain facts. Write tools take an idempotency key and take effect exactly
once, in the company's own ledger; several of these processes share that file.
"""

import argparse
import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import BaseModel, Field

from agents.demo import effects, ledger, lookups
from agents.demo.facts import (
    ChargesFound,
    CustomerFacts,
    MembershipFound,
    OrdersFound,
    RefundsFound,
    ShipmentFound,
)
from agents.demo.faults import Faults, settings_for

CustomerId = Annotated[str, Field(pattern=r"^C-\d+$")]
OrderId = Annotated[str, Field(pattern=r"^LO-\d+$")]
MaybeOrder = Annotated[str, Field(pattern=r"^(LO-\d+)?$", description="empty: none was named")]
MaybeMonth = Annotated[
    str, Field(pattern=r"^(\d{4}-\d{2})?$", description="such as 2026-05; empty: any")
]
Amount = Annotated[int, Field(gt=0, strict=True, description="in cents")]
Address = Annotated[str, Field(min_length=8, max_length=200)]
Key = Annotated[str, Field(min_length=8, description="the same key never takes effect twice")]
Stage = Literal["", "processing", "shipped", "delivered"]

_READ = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True)
_WRITE = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True)
_ADD = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True)


class Receipt(BaseModel):
    """What was done, as the ledger keeps it; asking again with the same key returns it again."""

    receipt_id: str
    tool: str
    at: str
    details: dict[str, Any]


class OrderState(BaseModel):
    """What an order's refund depends on."""

    order_id: str
    refundable_minor: int


class EffectFound(BaseModel):
    """Whether a key was used, and what came of it."""

    found: bool
    receipt: dict[str, Any] | None


class Totals(BaseModel):
    """The whole ledger in two figures."""

    entries: int
    amount_minor: int


class DemoTools:
    """The tools of one server process over its own connection to the shared ledger."""

    def __init__(self, db: sqlite3.Connection, faults: Faults, now: Callable[[], datetime]) -> None:
        self._db = db
        self._faults = faults
        self._now = now

    async def _disturb(self) -> None:
        fault = self._faults.draw()
        if fault == "slow":
            await asyncio.sleep(self._faults.settings.slow_seconds)
        elif fault == "error":
            raise ToolError("The shop system is restarting. Ask again in a moment.")

    async def get_customer(self, customer_id: CustomerId) -> CustomerFacts:
        """Who the customer is: first name, postal address, since when."""
        await self._disturb()
        return lookups.customer(self._db, customer_id)

    async def find_orders(
        self, customer_id: CustomerId, order_id: MaybeOrder = "", stage: Stage = ""
    ) -> OrdersFound:
        """The order that is named, else the customer's recent orders in that stage."""
        await self._disturb()
        return lookups.find_orders(self._db, customer_id, order_id, stage, self._now().date())

    async def find_shipment(
        self, customer_id: CustomerId, order_id: MaybeOrder = ""
    ) -> ShipmentFound:
        """The parcel of the order that is named, else the one under way, else the latest."""
        await self._disturb()
        return lookups.find_shipment(self._db, customer_id, order_id)

    async def find_charges(self, customer_id: CustomerId, month: MaybeMonth = "") -> ChargesFound:
        """Charges, with true duplicates, possible ones, holds and fee pairs told apart."""
        await self._disturb()
        return lookups.find_charges(self._db, customer_id, month)

    async def find_refunds(
        self, customer_id: CustomerId, order_id: MaybeOrder = ""
    ) -> RefundsFound:
        """Refunds of the customer or of one order, with the day they are due."""
        await self._disturb()
        return lookups.find_refunds(self._db, customer_id, order_id)

    async def get_membership(self, customer_id: CustomerId) -> MembershipFound:
        """The customer's membership: plan, fee, when it renews or ends."""
        await self._disturb()
        return lookups.membership(self._db, customer_id)

    async def order_state(self, customer_id: CustomerId, order_id: OrderId) -> OrderState:
        """What can still be refunded for an order: a refund is conditional on it."""
        left = effects.refundable_minor(self._db, customer_id, order_id)
        return OrderState(order_id=order_id, refundable_minor=left)

    async def find_effect(self, idempotency_key: Key) -> EffectFound:
        """Whether anything was done under this key, with its receipt."""
        receipt = ledger.receipt_of(self._db, idempotency_key)
        return EffectFound(found=receipt is not None, receipt=receipt)

    async def ledger_totals(self) -> Totals:
        """How many effects the ledger holds, and the money they moved."""
        return Totals.model_validate(ledger.totals(self._db))

    def _once(
        self, key: str, effect: Callable[..., dict[str, Any]], **body: str | int | None
    ) -> Receipt:
        """Apply the effect with the body, once per key; the tool is called what the effect is."""
        try:
            receipt = ledger.exactly_once(
                self._db,
                ledger.Request(key=key, tool=effect.__name__, body=body),
                now=self._now(),
                effect=lambda: effect(self._db, now=self._now(), **body),
            )
        except ledger.Refused as refusal:
            raise ToolError(f"Refused: {refusal}") from None
        return Receipt.model_validate(receipt)

    async def issue_refund(
        self,
        customer_id: CustomerId,
        order_id: OrderId,
        amount_minor: Amount,
        expected_refundable_minor: Annotated[int, Field(ge=0, strict=True)],
        idempotency_key: Key,
    ) -> Receipt:
        """Pay back part of what was captured for an order, if the expected sum is still there."""
        return self._once(
            idempotency_key,
            effects.issue_refund,
            customer_id=customer_id,
            order_id=order_id,
            amount_minor=amount_minor,
            expected_refundable_minor=expected_refundable_minor,
        )

    async def reverse_refund(
        self,
        customer_id: CustomerId,
        order_id: OrderId,
        amount_minor: Amount,
        refund_key: Key,
        idempotency_key: Key,
    ) -> Receipt:
        """Take back the refund that was issued under `refund_key`, if it was."""
        return self._once(
            idempotency_key,
            effects.reverse_refund,
            customer_id=customer_id,
            order_id=order_id,
            amount_minor=amount_minor,
            refund_key=refund_key,
        )

    async def cancel_order(
        self, customer_id: CustomerId, order_id: OrderId, idempotency_key: Key
    ) -> Receipt:
        """Cancel an order that is not packed yet and release the authorised amount."""
        return self._once(
            idempotency_key, effects.cancel_order, customer_id=customer_id, order_id=order_id
        )

    async def change_address(
        self, customer_id: CustomerId, order_id: OrderId, address: Address, idempotency_key: Key
    ) -> Receipt:
        """Send an order that is not packed yet to another address."""
        return self._once(
            idempotency_key,
            effects.change_address,
            customer_id=customer_id,
            order_id=order_id,
            address=address,
        )

    async def cancel_membership(self, customer_id: CustomerId, idempotency_key: Key) -> Receipt:
        """End the membership when the paid term is over."""
        return self._once(idempotency_key, effects.cancel_membership, customer_id=customer_id)

    async def create_replacement(
        self, customer_id: CustomerId, order_id: OrderId, amount_minor: Amount, idempotency_key: Key
    ) -> Receipt:
        """Send the goods of an order again, free of charge, once; `amount_minor` is their worth."""
        return self._once(
            idempotency_key,
            effects.create_replacement,
            customer_id=customer_id,
            order_id=order_id,
            amount_minor=amount_minor,
        )

    async def send_return_label(
        self, customer_id: CustomerId, order_id: OrderId, idempotency_key: Key
    ) -> Receipt:
        """Send a return label for a delivered order."""
        return self._once(
            idempotency_key, effects.send_return_label, customer_id=customer_id, order_id=order_id
        )

    async def resend_invoice(
        self, customer_id: CustomerId, order_id: OrderId, idempotency_key: Key
    ) -> Receipt:
        """Send an order's invoice again, to the customer's recorded e-mail address."""
        return self._once(
            idempotency_key, effects.resend_invoice, customer_id=customer_id, order_id=order_id
        )

    async def send_reply(
        self,
        ticket_id: str | int,
        text: Annotated[str, Field(min_length=1)],
        idempotency_key: Key,
        customer_id: CustomerId | None = None,
    ) -> Receipt:
        """Send the answer to the recorded address, without a customer to the ticket's channel."""
        return self._once(
            idempotency_key,
            effects.send_reply,
            ticket_id=str(ticket_id),
            customer_id=customer_id,
            text=text,
        )


def make_server(tools: DemoTools) -> MCPServer:
    """Register the tools with the hints that say which of them only read."""
    server = MCPServer("larkfield-shop", version="1.0", log_level="ERROR")
    groups: list[tuple[ToolAnnotations, list[Callable[..., Awaitable[BaseModel]]]]] = [
        (_READ, [tools.get_customer, tools.find_orders, tools.find_shipment]),
        (_READ, [tools.find_charges, tools.find_refunds, tools.get_membership]),
        (_READ, [tools.order_state, tools.find_effect, tools.ledger_totals]),
        (_ADD, [tools.send_return_label, tools.resend_invoice, tools.send_reply]),
        (
            _WRITE,
            [tools.reverse_refund, tools.issue_refund, tools.cancel_order, tools.change_address],
        ),
        (_WRITE, [tools.cancel_membership, tools.create_replacement]),
    ]
    for hints, members in groups:
        for tool in members:
            server.tool(annotations=hints)(tool)
    return server


def main(arguments: list[str] | None = None) -> None:
    """Serve on standard input and output until they close."""
    parser = argparse.ArgumentParser(prog="agents.demo.tool_server", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="Greenlight's home folder")
    parser.add_argument("--seed", type=int, default=ledger.DEFAULT_SEED, help="of a new world")
    parser.add_argument("--anchor", type=date.fromisoformat, help="a new world's today")
    parser.add_argument("--faults", type=float, help="share of reads that fail, 0 to 1")
    given = parser.parse_args(arguments)
    faults = settings_for(given.home)
    if given.faults is not None:
        faults = replace(faults, rate=given.faults)
    db = ledger.connect(ledger.path_in(given.home))
    today = given.anchor or datetime.now(UTC).date()
    ledger.settle(db, seed=given.seed, anchor=today)
    make_server(DemoTools(db, Faults(faults), lambda: datetime.now(UTC))).run("stdio")


if __name__ == "__main__":
    main()
