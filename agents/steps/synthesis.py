"""Step 4: a draft, bound to an action that code vouches for, criticised, and given a confidence.

The model proposes; binding, critique and calibration decide what its proposal is worth. Its own
signals count only beside ours and can never stand in for them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from agents.bind import bind
from agents.company import Company
from agents.conditions import Conditioned, condition
from agents.ownership import of_others
from agents.ports import Model, Proposal, TicketView, Tools, Usage
from agents.tools.schemas import ToolSchema
from store.actions import Action, digest
from store.evidence.calibration import Stack
from store.gate import GateInput
from store.outputs import (
    Critique,
    IntentOutput,
    RetrievalOutput,
    SynthesisOutput,
    ToolCallOutput,
)
from store.redrafts import Feedback


@dataclass(frozen=True, slots=True)
class Calibration:
    """The calibrator of the model that drafts, or why there is none yet."""

    stack: Stack | None = None
    version: str | None = None
    note: str = "no labels yet"  # "37 of 200 labels"


SECOND_DRAFT = Calibration(note="this is a second draft, and only first drafts are calibrated")
_UNCHANGED = "It says and does the same as the draft that was rejected"


@dataclass(frozen=True, slots=True)
class Bench:
    """What drafting works with, beside the ticket: the same for every ticket of a process."""

    model: Model
    company: Company
    schemas: Mapping[str, ToolSchema]


@dataclass(frozen=True, slots=True)
class Synthesised:
    """The step's output, and what the gate will weigh; `trouble` may be mended by trying again."""

    output: SynthesisOutput
    gate_input: GateInput
    trouble: str | None = None


async def run(
    bench: Bench,
    calibration: Calibration,
    ticket: TicketView,
    intent: IntentOutput,
    retrieval: RetrievalOutput,
    tool_call: ToolCallOutput,
    tools: Tools,
) -> tuple[Synthesised, Usage]:
    """Draft, bind, look at the world, criticise and calibrate; raises the model's ModelError.

    A second draft has no confidence: what is known of first drafts says nothing about it.
    """
    if ticket.feedback is not None:
        calibration = SECOND_DRAFT
    proposal, usage = await bench.model.synthesise(ticket, intent, retrieval, tool_call)
    critique, more = await bench.model.critique(ticket, proposal, retrieval, tool_call)
    action, blocks = bind(bench.company, bench.schemas, ticket, proposal, tool_call.facts)
    seen = Conditioned(action, tuple(blocks))  # what is blocked stays so, whatever the world is
    if not blocks:
        seen = await condition(tools, bench.company, bench.schemas, action)
    concerns = [
        *proposal.concerns,
        *_failures(tool_call),
        *_strangers(tool_call, bench.company, ticket),
    ]
    if ticket.feedback is not None and _is_same(seen.action, proposal.reply, ticket.feedback):
        critique = Critique(agrees=False, objections=[_UNCHANGED, *critique.objections])
    signals = _merge(proposal, intent, retrieval, tool_call)
    signals["consistency"] = 0.0 if concerns else 1.0
    signals["critic"] = 1.0 if critique.agrees else 0.0
    raw, confidence = _weigh(calibration, signals)
    output = SynthesisOutput(
        reply=proposal.reply,
        action=seen.action,
        concerns=concerns,
        critique=critique,
        signals=signals,
        raw_score=raw,
        confidence=confidence,
        calibrator_version=calibration.version if calibration.stack else None,
        prompt_version=proposal.prompt_version,
        sources=list(proposal.sources),
    )
    gate_input = GateInput(
        action=seen.action,
        confidence=confidence,
        calibration_note=None if calibration.stack else calibration.note,
        objections=tuple(_objections(critique)),
        concerns=tuple(concerns),
        is_out_of_scope=intent.is_out_of_scope,
        blocks=seen.blocks,
    )
    return Synthesised(output, gate_input, seen.trouble), _sum(usage, more)


def _is_same(action: Action, reply: str, said: Feedback) -> bool:
    return digest(reply, action) == digest(said.reply, said.action)


def _weigh(
    calibration: Calibration, signals: Mapping[str, float]
) -> tuple[float | None, float | None]:
    """Return score and probability, both None while the model is uncalibrated."""
    if calibration.stack is None:
        return None, None
    raw = calibration.stack.raw(signals)
    return raw, calibration.stack.probability(raw)


def _merge(
    proposal: Proposal, intent: IntentOutput, retrieval: RetrievalOutput, tool_call: ToolCallOutput
) -> dict[str, float]:
    """Join the signals of the steps; what a model adds is kept apart by its name."""
    own = {f"model_{name}": value for name, value in proposal.signals.items()}
    merged = {**own, **intent.signals, **retrieval.signals, **tool_call.signals}
    return {name: float(value) for name, value in merged.items() if math.isfinite(value)}


def _failures(tool_call: ToolCallOutput) -> list[str]:
    """Name each look-up that failed: the draft was made without it."""
    return [
        f"The look-up `{call.tool}` failed ({(call.error_class or 'error').replace('_', ' ')})"
        for call in tool_call.calls
        if call.status == "error"
    ]


def _strangers(tool_call: ToolCallOutput, company: Company, ticket: TicketView) -> list[str]:
    """Name each look-up that answered about another customer than the ticket's own."""
    names = of_others(tool_call.facts, company.customer_fields(), ticket.customer_id)
    return [f"The look-up `{name}` answered about another customer" for name in names]


def _objections(critique: Critique) -> list[str]:
    """Return what the critic says; a bare "no" still objects."""
    if critique.agrees:
        return []
    return critique.objections or ["The critic disagrees without saying why"]


def _sum(one: Usage, two: Usage) -> Usage:
    return Usage(
        model=one.model,
        input_tokens=one.input_tokens + two.input_tokens,
        output_tokens=one.output_tokens + two.output_tokens,
        cost_microusd=one.cost_microusd + two.cost_microusd,
    )
