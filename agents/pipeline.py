"""The six steps as a LangGraph graph, and `durable`: the wrapper that makes each step a record.

A step with a record is not run again: its recorded output is replayed, on a second visit as far as
the step that a reviewer blamed. A step without one is tried
up to three times with backoff and jitter, every attempt recorded with its time and cost. LangGraph
routes and holds nothing: there is no saver, the store is the one memory.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any, Final, Protocol, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from sqlalchemy.exc import OperationalError
from tenacity import (
    AsyncRetrying,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential_jitter,
)

from agents.faults import InjectedFaultError
from agents.journal import Attempt, Journal, Made, Visit
from agents.ports import ModelError, TicketView
from store import escalations, gating, outbox
from store.errors import LeaseLost, StoreUnavailable
from store.outputs import (
    GateOutput,
    IntentOutput,
    Output,
    RetrievalOutput,
    SynthesisOutput,
    ToolCallOutput,
)
from store.transitions import Outcome, StepStatus

MAX_ATTEMPTS: Final = 3
LIMIT_SECONDS: Final[Mapping[str, float]] = {
    "intent": 60.0,
    "retrieval": 10.0,
    "tool_call": 45.0,
    "synthesis": 120.0,
}


class State(TypedDict, total=False):
    """What flows along the graph: the outputs of the steps so far."""

    intent: IntentOutput
    retrieval: RetrievalOutput
    tool_call: ToolCallOutput
    synthesis: SynthesisOutput
    gate: GateOutput


Step = Callable[[TicketView, State], Awaitable[Made]]


class StepFailedError(Exception):
    """A step gave up. If transient, the run can be tried again later."""

    def __init__(self, step: str, cause: BaseException) -> None:
        self.is_out_of_memory = isinstance(cause, MemoryError)
        said = "it ran out of memory" if self.is_out_of_memory else str(cause)
        super().__init__(f"{step}: {said or type(cause).__name__}")
        self.step = step
        self.is_transient = _is_transient(cause)


class TroubleError(Exception):
    """A step came back with a failure inside; another attempt may mend it."""


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, ModelError):
        return error.is_transient
    mendable = (TimeoutError, InjectedFaultError, TroubleError, ConnectionError)
    store_busy_or_full = (OperationalError, StoreUnavailable)
    return isinstance(error, mendable + store_busy_or_full)


def build(
    work: Mapping[str, tuple[type[Output], Step]], journal: Journal
) -> "CompiledStateGraph[State, Visit, State, State]":
    """Return the compiled graph: four working steps, the gate, and its two ways out."""
    graph = StateGraph(State, context_schema=Visit)
    names = list(work)
    for name, (kind, step) in work.items():
        graph.add_node(name, _named(name, durable(name, kind, step, journal)))
    graph.add_node("gate", _named("gate", _gate(journal)))
    graph.add_node("commit", _named("commit", _commit(journal)))
    graph.add_node("review", _named("review", _review(journal)))
    graph.add_edge(START, names[0])
    for earlier, later in zip(names, [*names[1:], "gate"], strict=True):
        graph.add_edge(earlier, later)
    graph.add_conditional_edges("gate", _way_out, ["commit", "review"])
    graph.add_edge("commit", END)
    graph.add_edge("review", END)
    return graph.compile()


class Node(Protocol):
    """A graph node: the state so far and the visit in, what it adds out."""

    async def __call__(self, state: State, *, runtime: Runtime[Visit]) -> dict[str, Any]: ...


def durable(name: str, kind: type[Output], step: Step, journal: Journal) -> Node:
    """Wrap a step: replay its record if there is one, else attempt it and record the outcome."""

    async def node(state: State, *, runtime: Runtime[Visit]) -> dict[str, Any]:
        visit = runtime.context
        recorded = visit.claim.recorded.get(name)
        if recorded is not None:
            return {name: kind.model_validate(recorded)}
        before = visit.claim.attempts.get(name, 0)
        async for retry in _retries(journal):
            turn = retry.retry_state.attempt_number
            with retry:
                attempt = Attempt(name, before + turn, journal.now(visit))
                is_last = turn == MAX_ATTEMPTS
                made = await _attempt(step, state, visit, journal, attempt, is_last=is_last)
                return {name: made.output}
        raise AssertionError("tenacity returns or raises")

    return node


def _named(name: str, node: Node) -> Node:
    """Say which node failed, whatever it raised, so that the worker can settle every failure."""

    async def named(state: State, *, runtime: Runtime[Visit]) -> dict[str, Any]:
        try:
            return await node(state, runtime=runtime)
        except LeaseLost:
            raise
        except Exception as error:
            raise StepFailedError(name, error) from error

    return named


def _retries(journal: Journal) -> AsyncRetrying:
    return AsyncRetrying(
        stop=stop_after_attempt(MAX_ATTEMPTS),
        wait=wait_exponential_jitter(
            multiplier=journal.retry_seconds, max=5.0, jitter=journal.retry_seconds
        ),
        retry=retry_if_exception(_is_transient),
        reraise=True,
    )


async def _attempt(
    step: Step, state: State, visit: Visit, journal: Journal, attempt: Attempt, *, is_last: bool
) -> Made:
    """Make one attempt and record it, however it ends."""
    started = perf_counter()
    try:
        async with asyncio.timeout(LIMIT_SECONDS.get(attempt.step, 60.0)):
            journal.faults.check(attempt.step, visit.claim.run_id, attempt.number)
            made = await step(visit.ticket, state)
        if made.trouble and not is_last:
            raise TroubleError(made.trouble)  # noqa: TRY301 - recorded below like any failure
    except Exception as error:
        latency_ms = (perf_counter() - started) * 1000
        await journal.record_failure(visit, attempt, latency_ms, error)
        raise
    await journal.record_success(visit, attempt, (perf_counter() - started) * 1000, made)
    return made


def _gate(journal: Journal) -> Node:
    async def gate(state: State, *, runtime: Runtime[Visit]) -> dict[str, Any]:  # noqa: ARG001
        visit = runtime.context
        recorded = visit.claim.recorded.get("gate")
        if recorded is not None:
            return {"gate": GateOutput.model_validate(recorded)}
        started = perf_counter()
        now = journal.now(visit)
        output = await journal.write(visit, gating.judge, now=now)
        visit.tell("gate", StepStatus.OK, (perf_counter() - started) * 1000)
        return {"gate": output}

    return gate


def _way_out(state: State) -> str:
    return "commit" if state["gate"].outcome is Outcome.PASS else "review"


def _commit(journal: Journal) -> Node:
    async def commit(state: State, *, runtime: Runtime[Visit]) -> dict[str, Any]:
        visit = runtime.context
        await journal.write(
            visit,
            outbox.authorise_pass,
            is_audited=state["gate"].is_audited,
            now=journal.now(visit),
        )
        return {}

    return commit


def _review(journal: Journal) -> Node:
    async def review(state: State, *, runtime: Runtime[Visit]) -> dict[str, Any]:  # noqa: ARG001
        visit = runtime.context
        now = journal.now(visit)
        await journal.write(visit, escalations.escalate, now=now)
        return {}

    return review
