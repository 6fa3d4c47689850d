"""The demo company's shop in memory: its tools behind the same checks, every delivery rehearsed.

A delivery is really made in the shop's books and then taken back, so that each attempt of each
variant meets the same world. The same seed gives the same books on any day.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mcp.server.mcpserver.exceptions import ToolError

from agents.demo import ledger, tickets
from agents.demo.faults import Faults, FaultSettings
from agents.demo.tables import statements
from agents.demo.tickets import TICKETS_PER_CHAPTER, DemoTicket
from agents.demo.tool_server import DemoTools, make_server
from agents.demo.world import World
from agents.tools.schemas import ToolSchema, fingerprint
from store.arguments import find_mistake
from store.outbox import Call
from store.outputs import ToolCallRecord

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)  # of the invented world, whatever day it is
WORLD_SEED = 5_303  # no other part of the demo uses it
SERVER = "shop"
KEY = "idempotency_key"
DAYS = 28  # over which the tickets are spread


@dataclass(frozen=True, slots=True)
class Done:
    """One thing that the shop's books say was done."""

    tool: str
    body: Mapping[str, Any]


class Shop:
    """Implements `agents.ports.Tools` over books that exist in memory only."""

    def __init__(self) -> None:
        self._db = sqlite3.connect(":memory:", isolation_level=None)
        self._db.row_factory = sqlite3.Row
        for statement in statements():
            self._db.execute(statement)
        self._tools = DemoTools(self._db, Faults(FaultSettings()), lambda: NOW)
        self._books = b""
        self.worlds: list[World] = []
        self.schemas: dict[str, ToolSchema] = {}

    async def open(self, seed: int, count: int) -> list[DemoTicket]:
        """Fill the books, learn the tools' schemas, and return tickets of the last four weeks."""
        offered = await make_server(self._tools).list_tools()
        self.schemas = {
            tool.name: ToolSchema(SERVER, tool.input_schema, fingerprint(tool.input_schema))
            for tool in offered
        }
        start = NOW - timedelta(days=DAYS)
        written: list[DemoTicket] = []
        for chapter, share in enumerate(_shares(count)):
            world = ledger.settle(self._db, seed=WORLD_SEED, anchor=NOW.date(), chapter=chapter)
            self.worlds.append(world)
            written += tickets.generate(world, seed=seed, count=share, start=start, end=NOW)
        self._books = self._db.serialize()
        return sorted(written, key=lambda ticket: (ticket.received_at, ticket.external_id))

    def close(self) -> None:
        """Forget the books."""
        self._db.close()

    def first_name(self, customer_id: str | None) -> str | None:
        """Return how a customer is greeted, None for a stranger."""
        for world in self.worlds:
            if customer_id in world.customers:
                return world.customers[customer_id].first_name
        return None

    async def call(self, tool: str, args: Mapping[str, Any]) -> ToolCallRecord:
        """Look something up, behind the same check of arguments as a toolbox's."""
        record = ToolCallRecord(tool=tool, server=SERVER, args=dict(args), status="ok")
        mistake = find_mistake(args, self.schemas[tool].input_schema)
        if mistake is None:
            record.result = (await getattr(self._tools, tool)(**args)).model_dump()
        else:
            record.status, record.error_class = "error", "invalid_arguments"
            record.error = f"`{tool}` failed: {mistake}"
        return record

    async def deliver(self, calls: Sequence[Call]) -> list[Done]:
        """Make the calls and return what the books say was done; then take it all back.

        A call that is refused ends the delivery, as it does in the product.
        """
        before = len(ledger.entries(self._db))
        try:
            for number, call in enumerate(calls):
                if find_mistake(call.args, _without_key(self.schemas[call.tool])) is not None:
                    break
                key = f"simulated-{number}"
                await getattr(self._tools, call.tool)(**call.args, idempotency_key=key)
        except ToolError:
            pass
        done = [Done(row["tool"], row["body"]) for row in ledger.entries(self._db)[before:]]
        if done:
            self._db.deserialize(self._books)
        return done


def _without_key(schema: ToolSchema) -> dict[str, Any]:
    required = [name for name in schema.input_schema.get("required", ()) if name != KEY]
    return {**schema.input_schema, "required": required}


def _shares(count: int) -> list[int]:
    """Return how many tickets each cast of customers writes."""
    chapters = -(-count // TICKETS_PER_CHAPTER)
    return [count // chapters + (at < count % chapters) for at in range(chapters)]
