"""What a run's visit to the graph needs, and how its attempts become step records.

Everything goes through the group writer under the run's fence.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlmodel import Session

from agents.clock import Clock
from agents.faults import Faults
from agents.ports import ModelError, TicketView, Usage
from store import steps
from store.gate import GateInput
from store.outputs import IntentOutput, Output, SynthesisOutput
from store.queue import Claim
from store.transitions import StepStatus
from store.writer import GroupWriter

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Visit:
    """One run on its way through the graph."""

    claim: Claim
    ticket: TicketView
    on_step: Callable[[str, str, float], None] | None = None  # name, status, latency_ms

    def tell(self, step: str, status: str, latency_ms: float) -> None:
        """Tell whoever watches this run how a step ended."""
        if self.on_step is not None:
            self.on_step(step, status, latency_ms)


@dataclass(frozen=True, slots=True)
class Made:
    """What a step made. `trouble` names a failure inside it that another attempt may mend."""

    output: Output
    usage: Usage | None = None
    gate_input: GateInput | None = None  # of the step that makes the draft
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt under way: which step, which try, since when by the run's clock."""

    step: str
    number: int
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Journal:
    """Where steps are recorded, and by which clock."""

    writer: GroupWriter
    clock: Clock
    author: str  # of drafts: "model:<name>"
    faults: Faults = field(default_factory=Faults)
    retry_seconds: float = 0.2  # first backoff

    def now(self, visit: Visit) -> datetime:
        """Return the moment for this run."""
        return self.clock.at(visit.ticket.received_at)

    async def write(
        self,
        visit: Visit,
        verb: Callable[Concatenate[Session, int, int, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run a fenced verb for this run and wait until it is durable."""
        claim = visit.claim
        return await self.writer.write(verb, claim.run_id, claim.epoch, *args, **kwargs)

    async def record_success(
        self, visit: Visit, attempt: Attempt, latency_ms: float, made: Made
    ) -> None:
        """Record the step's output, with the draft if it made one."""
        record = _write_up(attempt, latency_ms, made.usage, output=made.output)
        if made.gate_input is not None and isinstance(made.output, SynthesisOutput):
            await self.write(
                visit,
                steps.record_draft,
                record,
                made.output,
                made.gate_input,
                author=self.author,
                now=self.now(visit),
            )
        else:
            values: dict[str, Any] = {}
            if isinstance(made.output, IntentOutput):
                values = {"intent": made.output.intent}
                if visit.claim.visit == 1:  # labels are of the first draft, so of its model
                    values["model"] = self.author.removeprefix("model:")
            await self.write(visit, steps.record, record, **values)
        visit.tell(record.name, record.status, latency_ms)

    async def record_failure(
        self, visit: Visit, attempt: Attempt, latency_ms: float, error: Exception
    ) -> None:
        """Record an attempt that raised, with what it cost all the same."""
        usage = error.usage if isinstance(error, ModelError) else None
        record = _write_up(attempt, latency_ms, usage, error=error)
        await self.write(visit, steps.record, record)
        visit.tell(record.name, record.status, latency_ms)


def _write_up(
    attempt: Attempt,
    latency_ms: float,
    usage: Usage | None,
    *,
    output: Output | None = None,
    error: Exception | None = None,
) -> steps.StepWrite:
    used = usage or Usage(model="")
    is_timeout = isinstance(error, TimeoutError)
    failed = StepStatus.TIMEOUT if is_timeout else StepStatus.ERROR
    return steps.StepWrite(
        name=attempt.step,
        attempt=attempt.number,
        status=StepStatus.OK if error is None else failed,
        started_at=attempt.started_at,
        latency_ms=latency_ms,
        output=output.model_dump(mode="json") if output is not None else None,
        model=used.model or None,
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cost_microusd=used.cost_microusd,
        error_class=type(error).__name__ if error is not None else None,
        error=(str(error) or type(error).__name__)[:2000] if error is not None else None,
    )
