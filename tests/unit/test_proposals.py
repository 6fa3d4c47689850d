"""What a language model may propose: closed shapes built from the company's own tools."""

import json
from typing import Any

import pytest
from anthropic import transform_schema
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agents.company import WriteTool
from agents.models.proposals import Draft, Objections, intent_shape, proposal_shape
from agents.tools import ToolSchema

TEXT = {"type": "string"}
REFUND = {
    "type": "object",
    "properties": {
        "customer_id": TEXT,
        "idempotency_key": TEXT,
        "order_id": {"type": "string", "pattern": "^A-"},
        "amount_minor": {"type": "integer", "exclusiveMinimum": 0},
        "note": {"anyOf": [TEXT, {"type": "null"}], "default": None},
        "reason": {"enum": ["duplicate", "damaged"]},
    },
    "required": ["customer_id", "idempotency_key", "order_id", "amount_minor"],
}
MOVE = {
    "type": "object",
    "$defs": {
        "Address": {
            "type": "object",
            "properties": {"city": TEXT, "lines": {"type": "array", "items": TEXT}},
            "required": ["city"],
        }
    },
    "properties": {"order-id": TEXT, "address": {"$ref": "#/$defs/Address"}},
    "required": ["order-id", "address"],
}
REPLY = {"type": "object", "properties": {"text": TEXT}, "required": ["text"]}
ANYTHING = {
    "type": "object",
    "properties": {"payload": {"type": "object"}},
    "required": ["payload"],
}
TOOLS = [
    WriteTool(name="issue_refund", action="refund", customer="customer_id", key="idempotency_key"),
    WriteTool(name="move_order", action="change_address"),
    WriteTool(name="send_reply", is_reply=True, text="text"),
    WriteTool(name="do_anything", action="anything"),
]
SCHEMAS = {
    name: ToolSchema("shop", schema, "f")
    for name, schema in {
        "issue_refund": REFUND,
        "move_order": MOVE,
        "send_reply": REPLY,
        "do_anything": ANYTHING,
    }.items()
}
SHAPE = proposal_shape(TOOLS, SCHEMAS)


def draft(action: dict[str, Any], **changes: Any) -> Draft:
    said = {
        "reply": "Hello",
        "concerns": [],
        "sources": ["refunds.md#duplicates"],
        "stated_certainty": 0.9,
        "action": action,
    }
    return SHAPE.model_validate_json(json.dumps(said | changes))


def refund(**args: Any) -> dict[str, Any]:
    return {"kind": "refund", "args": {"order_id": "A-1", "amount_minor": 990, **args}}


def test_an_action_becomes_a_proposal_with_the_tools_own_argument_names() -> None:
    address = {"city": "Graz", "lines": ["Ring 1"]}
    action = {"kind": "change_address", "args": {"order-id": "A-1", "address": address}}
    proposal = draft(action).proposal(["refunds.md#duplicates"])
    assert (proposal.kind, proposal.args) == (
        "change_address",
        {"order-id": "A-1", "address": address},
    )
    assert proposal.sources == ("refunds.md#duplicates",)


def test_arguments_that_were_not_given_are_left_out() -> None:
    assert draft(refund()).proposal([]).args == {"order_id": "A-1", "amount_minor": 990}
    assert draft(refund(note=None)).proposal([]).args["note"] is None


def test_the_models_own_certainty_is_only_a_signal() -> None:
    proposal = draft({"kind": "reply_only"}, stated_certainty=1).proposal([])
    assert proposal.signals == {"model_stated": 1.0}
    assert (proposal.kind, proposal.args) == ("reply_only", {})


def test_a_source_that_was_never_shown_is_left_out() -> None:
    made_up = draft({"kind": "reply_only"}, sources=["refunds.md#a", "made-up.md"])
    assert made_up.proposal(["refunds.md#a", "other.md"]).sources == ("refunds.md#a",)


@pytest.mark.parametrize(
    "args",
    [
        {"customer_id": "C-9"},
        {"idempotency_key": "k"},
        {"approved_by": "Mo"},
        {"amount_minor": 0},
        {"amount_minor": "990"},
        {"amount_minor": 9.9},
        {"amount_minor": True},
        {"order_id": "B-1"},
        {"order_id": "A-\x00"},
        {"reason": "because"},
        {"note": "x" * 2_001},
    ],
)
def test_arguments_outside_the_tools_schema_are_refused(args: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        draft(refund(**args))


@pytest.mark.parametrize(
    "changes",
    [
        {"confidence": 0.99},
        {"status": "approved"},
        {"stated_certainty": 1.01},
        {"stated_certainty": float("nan")},
        {"stated_certainty": "high"},
        {"reply": ""},
        {"reply": "x" * 6_001},
        {"reply": "nul \x00"},
        {"concerns": ["x"] * 6},
        {"action": {"kind": "reply_only", "args": {}}},
        {"action": {"kind": "send_reply", "args": {"text": "hi"}}},
        {"action": {"kind": "anything", "args": {"payload": {}}}},
        {"action": None},
    ],
)
def test_nothing_beside_the_shape_is_accepted(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        draft(**{"action": refund()} | changes)


def test_without_write_tools_only_a_reply_can_be_proposed() -> None:
    shape = proposal_shape([], {})
    said = {"reply": "Hi", "concerns": [], "sources": [], "stated_certainty": 0.5}
    said["action"] = {"kind": "reply_only"}
    assert shape.model_validate(said).proposal([]).kind == "reply_only"
    with pytest.raises(ValidationError):
        shape.model_validate(said | {"action": refund()})


def test_the_schema_that_is_sent_names_each_action_and_no_field_that_code_fills_in() -> None:
    sent = json.dumps(transform_schema(SHAPE))
    assert "refund_args" in sent
    assert "change_address_args" in sent
    for hidden in ("customer_id", "idempotency_key", "anything", "send_reply"):
        assert hidden not in sent


def test_only_the_companys_intents_can_be_named() -> None:
    shape = intent_shape(["refund", "out_of_scope"])
    with pytest.raises(ValidationError):
        shape.model_validate({"candidates": [{"intent": "hack", "likelihood": 1}]})
    with pytest.raises(ValidationError):
        shape.model_validate({"candidates": []})


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.floats(0, 1)), min_size=1, max_size=5)
)
def test_likelihoods_are_ranked_and_never_exceed_one_in_sum(
    stated: list[tuple[str, float]],
) -> None:
    candidates = [{"intent": name, "likelihood": value} for name, value in stated]
    ranked = intent_shape(["a", "b", "c"]).model_validate({"candidates": candidates}).likelihoods()
    assert set(ranked) == {name for name, _ in stated}
    assert list(ranked.values()) == sorted(ranked.values(), reverse=True)
    assert sum(ranked.values()) <= 1 + 1e-9


def test_objections_are_bounded() -> None:
    assert Objections.model_validate({"objections": []}).objections == []
    with pytest.raises(ValidationError):
        Objections.model_validate({"objections": ["x" * 401]})
