"""The judgement of a run: a right draft is right, a wrong one is blamed on its first wrong step."""

from typing import Any

import pytest

from agents.demo.truth import TicketTruth, judge
from store.actions import Action, reply_only
from store.outputs import (
    Critique,
    IntentOutput,
    Output,
    PassageHit,
    RetrievalOutput,
    SynthesisOutput,
    ToolCallOutput,
)

TRUTH = TicketTruth(
    scenario="duplicate_small",
    intents=("double_charge",),
    sources=("duplicate-charges.md",),
    facts=("charges",),
    kind="refund",
    args={"order_id": "LO-1", "amount_minor": 4_200},
    mentions=("LO-1", "€42.00"),
)
OUT_OF_SCOPE = TicketTruth(scenario="out_of_scope", intents=(None,))
REFUND = Action(
    kind="refund", tool="issue_refund", args={"order_id": "LO-1", "amount_minor": 4_200}
)


def outputs(
    intent: str | None = "double_charge",
    source: str = "duplicate-charges.md#charged-twice",
    charges: Any = "looked up",
    action: Action = REFUND,
    reply: str = "We refund €42.00\nfor LO-1.",
    concerns: tuple[str, ...] = (),
) -> dict[str, Output]:
    passage = PassageHit(passage_id=1, source=source, title="", text="", score=1.0)
    return {
        "intent": IntentOutput(
            intent=intent, title="", probability=0.9, is_out_of_scope=intent is None
        ),
        "retrieval": RetrievalOutput(query="", passages=[passage]),
        "tool_call": ToolCallOutput(facts={"charges": charges}),
        "synthesis": SynthesisOutput(
            reply=reply, action=action, concerns=list(concerns), critique=Critique(agrees=True)
        ),
    }


def test_a_right_draft_is_right() -> None:
    assert judge(TRUTH, outputs()) == (True, None)


def test_a_right_draft_is_right_whatever_happened_on_the_way() -> None:
    assert judge(TRUTH, outputs(source="returns.md#x")).is_right


def test_spaces_and_case_of_the_reply_do_not_matter() -> None:
    assert judge(TRUTH, outputs(reply="LO-1:\n  lo-1, €42.00")).is_right


@pytest.mark.parametrize(
    ("changed", "step"),
    [
        ({"intent": "refund_status"}, "intent"),
        ({"intent": None}, "intent"),
        ({"source": "returns.md#x"}, "retrieval"),
        ({"charges": None}, "tool_call"),
        ({}, "synthesis"),
    ],
)
def test_a_wrong_draft_is_blamed_on_the_first_wrong_step(
    changed: dict[str, Any], step: str
) -> None:
    wrong = outputs(action=reply_only("C-1"), **changed)
    assert judge(TRUTH, wrong) == (False, step)


def test_another_amount_is_wrong() -> None:
    other = REFUND.model_copy(update={"args": {"order_id": "LO-1", "amount_minor": 8_400}})
    assert not judge(TRUTH, outputs(action=other)).is_right


def test_a_doubtful_case_needs_a_named_doubt() -> None:
    doubtful = TRUTH.model_copy(update={"is_doubtful": True})
    assert not judge(doubtful, outputs()).is_right
    assert judge(doubtful, outputs(concerns=("which order?",))).is_right


def test_what_only_a_person_can_find_out_is_never_right_as_drafted() -> None:
    hidden = TRUTH.model_copy(update={"is_doubtful": True, "needs_person": True})
    assert judge(hidden, outputs(concerns=("which order?",))) == (False, "tool_call")


def test_out_of_scope_is_right_only_when_it_is_said_and_nothing_is_done() -> None:
    assert judge(OUT_OF_SCOPE, outputs(intent=None, action=reply_only(None))).is_right
    assert judge(OUT_OF_SCOPE, outputs(action=reply_only(None))) == (False, "intent")
    assert not judge(OUT_OF_SCOPE, outputs(intent=None)).is_right


def test_a_run_without_a_draft_is_wrong_at_the_step_it_lacks() -> None:
    partial = {name: one for name, one in outputs().items() if name != "synthesis"}
    assert judge(TRUTH, partial) == (False, "synthesis")
    assert judge(TRUTH, {}) == (False, "intent")
