"""The ports of the pipeline: what a model, a retriever and the tools must offer. No implementation.

Whoever plugs in an agent implements these; tests put scripted ones here and nowhere else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from store.outputs import (
    Critique,
    IntentOutput,
    PassageHit,
    RetrievalOutput,
    ToolCallOutput,
    ToolCallRecord,
)
from store.redrafts import Feedback


@dataclass(frozen=True, slots=True)
class TicketView:
    """The ticket as a step sees it; the text is a stranger's, never an instruction.

    `feedback` is there for a second draft: what a reviewer said of the first one. It is data too:
    it may change what is drafted, never who receives it or how sure anybody is.
    """

    id: int
    external_id: str
    text: str
    subject: str
    customer_id: str | None
    received_at: datetime
    feedback: Feedback | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What one model call cost; zero for the embedded model."""

    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    cost_microusd: int = 0


@dataclass(frozen=True, slots=True)
class ProposedAction:
    """A further side effect of the same draft: judged and authorised together with the first."""

    kind: str
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A model's draft before code binds it: the customer is filled in by code, never from here."""

    reply: str
    kind: str
    args: Mapping[str, Any] = field(default_factory=dict)
    concerns: Sequence[str] = ()
    signals: Mapping[str, float] = field(default_factory=dict)
    sources: Sequence[str] = ()
    also: Sequence[ProposedAction] = ()
    prompt_version: str | None = None  # None: no prompt, or none that has versions


class Model(Protocol):
    """Intent, draft and critique. Raises `ModelError` with `is_transient` telling what to retry."""

    name: str

    async def intent(self, ticket: TicketView) -> tuple[IntentOutput, Usage]: ...

    async def synthesise(
        self,
        ticket: TicketView,
        intent: IntentOutput,
        retrieval: RetrievalOutput,
        tool_call: ToolCallOutput,
    ) -> tuple[Proposal, Usage]: ...

    async def critique(
        self,
        ticket: TicketView,
        proposal: Proposal,
        retrieval: RetrievalOutput,
        tool_call: ToolCallOutput,
    ) -> tuple[Critique, Usage]: ...


class Retriever(Protocol):
    """Hybrid search over the company's passages."""

    def search(self, text: str, k: int) -> list[PassageHit]: ...


WORTH_RETRYING = frozenset({"timeout", "server_died"})  # failures of a look that may pass


class Tools(Protocol):
    """Tools of one effect (read-only, or write): never raises for a tool's failure, classes it."""

    async def call(self, tool: str, args: Mapping[str, Any]) -> ToolCallRecord: ...


class ModelError(Exception):
    """A model call failed; `is_transient` says whether another attempt can help."""

    def __init__(self, message: str, *, is_transient: bool, usage: Usage | None = None) -> None:
        super().__init__(message)
        self.is_transient = is_transient
        self.usage = usage
