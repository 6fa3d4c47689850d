"""What one process needs to run the steps: model, retriever, read-only tools, calibrator, clock.

Opened once per process and held; nothing of it is opened per ticket.
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from agents.calibrating import CalibrationSource
from agents.clock import Clock, RealClock
from agents.company import Company
from agents.faults import Faults
from agents.journal import Journal, Made
from agents.knowledge.retriever import HybridRetriever
from agents.models.encoder import Encoder, open_encoder
from agents.pipeline import State, Step
from agents.ports import WORTH_RETRYING, Model, Retriever, TicketView, Tools
from agents.steps import intent, retrieval, synthesis, tool_call
from agents.steps.synthesis import Bench
from agents.tools import Toolbox, ToolSchema
from store import registry
from store.engine import Store
from store.outputs import (
    IntentOutput,
    Output,
    RetrievalOutput,
    SynthesisOutput,
    ToolCallOutput,
)
from store.settings import Settings
from store.writer import GroupWriter


@dataclass(frozen=True, slots=True)
class Kit:
    """Everything behind the ports, for one company in one process."""

    bench: Bench
    retriever: Retriever
    tools: Tools
    calibration: CalibrationSource
    clock: Clock
    faults: Faults

    def journal(self, writer: GroupWriter, *, retry_seconds: float = 0.2) -> Journal:
        """Return the journal that records this kit's work."""
        return Journal(
            writer=writer,
            clock=self.clock,
            author=f"model:{self.bench.model.name}",
            faults=self.faults,
            retry_seconds=retry_seconds,
        )

    def work(self) -> dict[str, tuple[type[Output], Step]]:
        """Return the working steps in order, each with the kind of output it records."""
        return {
            "intent": (IntentOutput, self._intent),
            "retrieval": (RetrievalOutput, self._retrieval),
            "tool_call": (ToolCallOutput, self._tool_call),
            "synthesis": (SynthesisOutput, self._synthesis),
        }

    async def _intent(self, ticket: TicketView, _state: State) -> Made:
        output, usage = await intent.run(self.bench.model, ticket)
        return Made(output, usage)

    async def _retrieval(self, ticket: TicketView, _state: State) -> Made:
        output, usage = await retrieval.run(self.retriever, ticket, self.bench.company.entities)
        return Made(output, usage)

    async def _tool_call(self, ticket: TicketView, state: State) -> Made:
        output, usage = await tool_call.run(
            self.tools,
            self.bench.company,
            ticket,
            state["intent"],
            state["retrieval"],
            self.bench.schemas,
        )
        broken = [call for call in output.calls if call.error_class in WORTH_RETRYING]
        trouble = "; ".join(call.error or call.tool for call in broken) or None
        return Made(output, usage, trouble=trouble)

    async def _synthesis(self, ticket: TicketView, state: State) -> Made:
        made, usage = await synthesis.run(
            self.bench,
            self.calibration.current(),
            ticket,
            state["intent"],
            state["retrieval"],
            state["tool_call"],
            self.tools,
        )
        return Made(made.output, usage, gate_input=made.gate_input, trouble=made.trouble)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Models already in memory: a process that brings its own, or shares them with its forks."""

    model: Model | None = None
    encoder: Encoder | None = None


@runtime_checkable
class Closing(Protocol):
    """A model that holds connections."""

    async def close(self) -> None: ...


@asynccontextmanager
async def open_kit(
    settings: Settings,
    company: Company,
    store: Store,
    *,
    clock: Clock | None = None,
    loaded: Loaded | None = None,
) -> AsyncIterator[Kit]:
    """Start the read-only tool servers and load the model; stop the servers on leaving."""
    listed = {tool.name: tool for tool in store.read(registry.tools)}
    loaded = loaded or Loaded()
    encoder = loaded.encoder or open_encoder()
    async with (
        Toolbox.read_only(company, home=settings.home) as tools,
        AsyncExitStack() as closing,
    ):
        tools.expect({name: tool.fingerprint for name, tool in listed.items()})
        schemas = {
            name: ToolSchema(tool.server, tool.input_schema, tool.fingerprint)
            for name, tool in listed.items()
        }
        model = loaded.model or open_model(company, schemas, encoder)
        if isinstance(model, Closing):
            closing.push_async_callback(model.close)
        yield Kit(
            bench=Bench(model=model, company=company, schemas=schemas),
            retriever=HybridRetriever(store, encoder),
            tools=tools,
            calibration=CalibrationSource(
                store, model.name, recalibrate_days=settings.recalibrate_days
            ),
            clock=clock or RealClock(),
            faults=Faults(rate=settings.faults),
        )


def open_model(
    company: Company, schemas: Mapping[str, ToolSchema], encoder: Encoder | None
) -> Model:
    """Return Claude where ANTHROPIC_API_KEY is set, else the embedded model."""
    if os.environ.get("ANTHROPIC_API_KEY"):
        from agents.models.anthropic import AnthropicModel

        return AnthropicModel(company, schemas)
    from agents.models.local import LocalModel

    return LocalModel(company, encoder)
