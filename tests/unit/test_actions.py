"""The digest pins what a person saw: same content, same digest; any change, another one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from store.actions import Action, canonical_json, digest, reply_only

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet=st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(alphabet=st.characters(codec="utf-8"), max_size=8), inner, max_size=3
        )
    ),
    max_leaves=8,
)
ARGS = st.dictionaries(st.text(alphabet="abcdef", min_size=1), VALUES, max_size=4)


@given(ARGS)
def test_the_order_of_arguments_does_not_change_the_digest(args: dict[str, Any]) -> None:
    turned = dict(reversed(list(args.items())))
    one = Action(kind="refund", tool="t", args=args)
    other = Action(kind="refund", tool="t", args=turned)
    assert digest("Hello", one) == digest("Hello", other)


@given(ARGS)
def test_a_digest_survives_storage_as_json(args: dict[str, Any]) -> None:
    action = Action(kind="refund", tool="t", args=args, amount_minor=1, currency="EUR")
    again = Action.model_validate_json(action.model_dump_json())
    assert digest("Hello", again) == digest("Hello", action)


def test_the_digest_of_a_known_draft_never_changes_between_versions() -> None:
    action = Action(kind="refund", tool="issue_refund", args={"b": 2, "a": "ü"}, amount_minor=2)
    assert canonical_json({"b": 2, "a": "ü"}) == '{"a":"ü","b":2}'
    assert digest("Hello", action) == (
        "7229b90514b2480664e3143134f1dfa1a021e57a5a5431a40d120b0fd401d82b"
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "credit"},
        {"tool": "other"},
        {"args": {"amount_minor": 2}},
        {"amount_minor": 2},
        {"currency": "USD"},
        {"customer_id": "C-2"},
        {"order_id": "O-2"},
    ],
)
def test_any_changed_field_changes_the_digest(changed: dict[str, Any]) -> None:
    facts: dict[str, Any] = {
        "kind": "refund",
        "tool": "t",
        "args": {"amount_minor": 1},
        "amount_minor": 1,
        "currency": "EUR",
        "customer_id": "C-1",
        "order_id": "O-1",
    }
    before = Action(**facts)
    assert digest("Hello", Action(**{**facts, **changed})) != digest("Hello", before)
    assert digest("Hello.", before) != digest("Hello", before)


def test_nan_has_no_canonical_form() -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"amount": float("nan")})


def test_an_action_refuses_negative_money_and_unknown_fields() -> None:
    with pytest.raises(ValidationError):
        Action(kind="refund", amount_minor=-1)
    with pytest.raises(ValidationError):
        Action.model_validate({"kind": "refund", "bcc": "thief"})


def test_only_an_action_without_a_tool_is_reply_only() -> None:
    assert reply_only("C-1").is_reply_only
    assert not Action(kind="refund", tool="t").is_reply_only
