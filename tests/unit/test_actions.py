"""The digest pins what a person saw: same content, same digest; any change, another one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from store.actions import Action, as_json, canonical_json, digest, reply_only

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
CANCEL = Action(kind="cancel", tool="cancel_order", args={"order_id": "O-1"}, customer_id="C-1")
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
        {"also": (CANCEL,)},
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
    assert not Action(kind="gone", also=(Action(kind="refund", tool="t"),)).is_reply_only


FIELDS = {"kind", "tool", "args", "amount_minor", "currency", "customer_id", "order_id"}


def refund(amount_minor: int, **values: Any) -> Action:
    given = {"tool": "issue_refund", "args": {"amount_minor": amount_minor}, "currency": "EUR"}
    return Action(kind="refund", amount_minor=amount_minor, **{**given, **values})


def test_a_single_action_is_written_as_before_there_were_several() -> None:
    for written in (as_json(CANCEL), CANCEL.model_dump(mode="json"), CANCEL.model_dump()):
        assert set(written) == FIELDS
    assert Action.model_validate({**as_json(CANCEL), "also": []}) == CANCEL


def test_several_actions_survive_storage_and_their_order_is_pinned() -> None:
    one = CANCEL.model_copy(update={"also": (refund(1, customer_id="C-1"),)})
    other = refund(1, customer_id="C-1", also=(CANCEL,))
    assert Action.model_validate_json(one.model_dump_json()) == one
    assert [set(part) for part in as_json(one)["also"]] == [FIELDS]
    assert digest("Hello", Action.model_validate(as_json(one))) == digest("Hello", one)
    assert digest("Hello", one) != digest("Hello", other)


def test_money_is_summed_over_the_parts() -> None:
    assert (refund(100).total_minor, refund(0).total_minor, CANCEL.total_minor) == (100, 0, None)
    cancelled = Action(kind="cancel", tool="c", also=(refund(100), refund(250)))
    assert (cancelled.amount_minor, cancelled.total_minor) == (None, 350)
    assert (cancelled.currency, cancelled.total_currency) == (None, "EUR")
    assert [part.also for part in cancelled.parts] == [(), (), ()]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (refund(1, customer_id="C-2"), "one customer"),
        (refund(1), "one customer"),
        (refund(1, customer_id="C-1", currency="USD"), "one currency"),
        (refund(1, customer_id="C-1", also=(refund(2, customer_id="C-1"),)), "no parts of its own"),
    ],
)
def test_a_part_that_a_sum_would_miss_or_mix_up_is_refused(part: Action, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        refund(1, customer_id="C-1", also=(part,))
