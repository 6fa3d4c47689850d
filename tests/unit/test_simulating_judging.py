"""What only a mix-up of tickets does to a draft is judged here, the rest by the demo's truth."""

from agents.demo.truth import TicketTruth
from agents.simulating.judging import Drafted, is_right, wrong_steps
from store.actions import reply_only
from store.gate import GateInput
from store.outputs import (
    Critique,
    IntentOutput,
    PassageHit,
    RetrievalOutput,
    SynthesisOutput,
    ToolCallOutput,
)

TRUTH = TicketTruth(
    scenario="late", intents=("order_status",), sources=("tracking.md",), facts=("parcel",),
    mentions=("TR-1",),
)  # fmt: skip
OUTSIDE = TicketTruth(scenario="out_of_scope", intents=(None,))


def drafted(
    reply: str = "Hello Eva,\n\nIt is TR-1.",
    intent: str | None = "order_status",
    source: str = "tracking.md#late",
    owner: str = "C-1",
) -> Drafted:
    action = reply_only("C-1")
    return Drafted(
        IntentOutput(intent=intent, title="", probability=1, is_out_of_scope=intent is None),
        RetrievalOutput(
            query="", passages=[PassageHit(passage_id=1, source=source, title="", text="", score=1)]
        ),
        ToolCallOutput(
            facts={"customer": {"customer_id": owner}, "parcel": {"customer_id": owner}}
        ),
        SynthesisOutput(reply=reply, action=action, critique=Critique(agrees=True)),
        GateInput(action=action, confidence=None),
    )


def test_a_reply_that_greets_somebody_else_is_wrong() -> None:
    assert is_right(TRUTH, drafted().outputs, "Eva")
    assert is_right(TRUTH, drafted("Hello,\n\nIt is TR-1.").outputs, None)
    assert not is_right(TRUTH, drafted().outputs, "Adam")
    assert not is_right(TRUTH, drafted().outputs, None)


def test_what_is_not_ours_is_right_only_when_it_is_handed_over() -> None:
    handed = drafted("Hello,\n\nA colleague is looking into it.", intent=None)
    assert is_right(OUTSIDE, handed.outputs, None)
    assert not is_right(OUTSIDE, drafted("Hello,\n\nIt is TR-1.", intent=None).outputs, None)


def test_each_step_is_judged_by_its_own_output() -> None:
    assert wrong_steps(TRUTH, drafted(), "C-1", "Eva") == set()
    assert wrong_steps(TRUTH, drafted(intent="return_item"), "C-1", "Eva") == {"intent"}
    assert wrong_steps(TRUTH, drafted(source="returns.md#x"), "C-1", "Eva") == {"retrieval"}
    assert wrong_steps(TRUTH, drafted(owner="C-2"), "C-1", "Eva") == {"tool_call"}
    assert wrong_steps(TRUTH, drafted("Hello Eva,\n\nNo."), "C-1", "Eva") == {"synthesis"}
