"""What came out of a ticket, held against its known truth. Pure.

`agents.demo.truth` judges a draft; here stands what only a mix-up of tickets can do to it: greeting
somebody by another customer's name, and answering a request that was to be handed over.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agents.demo.truth import TicketTruth, judge
from store.gate import GateInput
from store.outputs import (
    IntentOutput,
    Output,
    RetrievalOutput,
    SynthesisOutput,
    ToolCallOutput,
)

HANDS_OVER = "colleague"  # in every holding reply of the composer


@dataclass(frozen=True, slots=True)
class Drafted:
    """The outputs of the first four steps, and what the gate weighs."""

    intent: IntentOutput
    retrieval: RetrievalOutput
    tool_call: ToolCallOutput
    synthesis: SynthesisOutput
    gate_input: GateInput

    @property
    def outputs(self) -> Mapping[str, Output]:
        return {
            "intent": self.intent,
            "retrieval": self.retrieval,
            "tool_call": self.tool_call,
            "synthesis": self.synthesis,
        }


def is_right(truth: TicketTruth, outputs: Mapping[str, Output], first_name: str | None) -> bool:
    """Return whether the draft in these outputs is right for this customer."""
    draft = outputs["synthesis"]
    assert isinstance(draft, SynthesisOutput)
    return (
        judge(truth, outputs).is_right
        and draft.reply.split("\n", 1)[0] in ("Hello,", f"Hello {first_name},")
        and (truth.intents != (None,) or HANDS_OVER in draft.reply)
    )


def wrong_steps(
    truth: TicketTruth, made: Drafted, customer_id: str | None, first_name: str | None
) -> frozenset[str]:
    """Return the steps of the first four whose own output is not what the truth asks for."""
    found = [hit.source for hit in made.retrieval.passages]
    facts = made.tool_call.facts
    named = {fact["customer_id"] for fact in facts.values() if isinstance(fact, Mapping)}
    checks = {
        "intent": made.intent.intent in truth.intents,
        "retrieval": not truth.sources or any(one.startswith(truth.sources) for one in found),
        "tool_call": named <= {customer_id}
        and all(facts.get(name) is not None for name in truth.facts),
        "synthesis": is_right(truth, made.outputs, first_name),
    }
    return frozenset(step for step, is_fine in checks.items() if not is_fine)
