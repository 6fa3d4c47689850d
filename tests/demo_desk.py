"""The demo company at work without processes: its tools, documents and the embedded model."""

import asyncio
import threading
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import agents.demo
from agents.company import Company, load
from agents.demo import ledger
from agents.demo.faults import Faults, FaultSettings
from agents.demo.tickets import DemoTicket
from agents.demo.tool_server import DemoTools, make_server
from agents.demo.truth import TicketTruth
from agents.demo.world import World
from agents.knowledge.retriever import HybridRetriever
from agents.models.encoder import open_encoder
from agents.models.local import LocalModel
from agents.ports import TicketView
from agents.steps import intent, retrieval, tool_call
from agents.steps.synthesis import Bench, Calibration, Synthesised
from agents.steps.synthesis import run as synthesise
from agents.tools.schemas import ToolSchema, fingerprint
from store.arguments import find_mistake
from store.outputs import Output, ToolCallRecord

COMPANY = Path(agents.demo.__path__[0]) / "company"
ANCHOR = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def offered_by(tools: DemoTools) -> dict[str, ToolSchema]:
    """The tools' schemas as their server would announce them."""
    offered: list[Any] = []

    async def ask() -> None:
        offered.extend(await make_server(tools).list_tools())

    thread = threading.Thread(target=lambda: asyncio.run(ask()))  # whatever loop runs here
    thread.start()
    thread.join()
    return {
        tool.name: ToolSchema("shop", tool.input_schema, fingerprint(tool.input_schema))
        for tool in offered
    }


class Shop:
    """The demo's tools without a process, behind the same check of arguments."""

    def __init__(self, tools: DemoTools, schemas: Mapping[str, ToolSchema]) -> None:
        self._tools = tools
        self._schemas = schemas

    async def call(self, tool: str, args: Mapping[str, Any]) -> ToolCallRecord:
        assert find_mistake(args, self._schemas[tool].input_schema) is None
        answer = await getattr(self._tools, tool)(**args)
        return ToolCallRecord(
            tool=tool, server="shop", args=dict(args), result=answer.model_dump(), status="ok"
        )


class Desk:
    """Runs the first four steps on a ticket with the embedded model."""

    def __init__(self, home: Path, retriever: HybridRetriever) -> None:
        self.company: Company = load(COMPANY)
        self.db = ledger.connect(ledger.path_in(home))
        self.world: World = ledger.settle(self.db, seed=2026, anchor=ANCHOR)
        tools = DemoTools(self.db, Faults(FaultSettings()), lambda: NOW)
        self.schemas = offered_by(tools)
        self.shop = Shop(tools, self.schemas)
        self.retriever = retriever
        self.model = LocalModel(self.company, open_encoder())

    async def run(self, ticket: DemoTicket) -> tuple[dict[str, Output], Synthesised]:
        view = TicketView(
            1, ticket.external_id, ticket.text, ticket.subject, ticket.customer_id,
            ticket.received_at,
        )  # fmt: skip
        read, _ = await intent.run(self.model, view)
        found, _ = await retrieval.run(self.retriever, view)
        facts, _ = await tool_call.run(self.shop, self.company, view, read, found)
        bench = Bench(self.model, self.company, self.schemas)
        drafted, _ = await synthesise(bench, Calibration(), view, read, found, facts, self.shop)
        steps: dict[str, Output] = {
            "intent": read,
            "retrieval": found,
            "tool_call": facts,
            "synthesis": drafted.output,
        }
        return steps, drafted

    def ask(self, text: str, customer_id: str | None) -> Synthesised:
        truth = TicketTruth(scenario="asked", intents=(None,))
        ticket = DemoTicket("t-1", text, "", customer_id, NOW, truth)
        return asyncio.run(self.run(ticket))[1]
