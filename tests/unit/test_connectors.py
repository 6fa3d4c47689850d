"""A connector's promises: what is not promised is not assumed, and no answer can break it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from store.connectors import Connector, Lookup, Precondition, Reversal, arguments, pick

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def test_a_tool_that_promises_nothing_is_neither_looked_up_nor_reversed() -> None:
    silent = Connector()
    assert (silent.expected, silent.precondition, silent.lookup) == (None, None, None)
    assert not silent.is_reversible
    assert not silent.is_refusal("Refused: anything")


def test_a_retry_must_arrive_while_the_key_is_surely_known() -> None:
    assert Connector().horizon_seconds == pytest.approx(0.8 * 86_400)
    assert Connector(key_retention_seconds=10).horizon_seconds == pytest.approx(8)
    with pytest.raises(ValidationError):
        Connector(key_retention_seconds=0)


@pytest.mark.parametrize(
    ("error", "is_certain"),
    [("Refused: card closed", True), ("It was Refused: x", False), ("refused: x", False)],
)
def test_only_words_that_match_say_that_nothing_happened(error: str, is_certain: bool) -> None:
    assert Connector(refusal="^Refused:").is_refusal(error) is is_certain


@pytest.mark.parametrize(
    "broken",
    [
        {"refusal": "("},
        {"lookup": {"tool": "t", "args": {"key": "a["}, "found": "found"}},
        {"lookup": {"tool": "t", "args": {}, "found": "nope("}},
        {"precondition": {"tool": "t", "args": {}, "value": ""}},
        {"reversal": {"tool": "t", "args": {"a": "!"}}},
        {"reversible": True},
    ],
)
def test_a_promise_that_cannot_be_read_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Connector.model_validate(broken)


def test_promises_survive_storage() -> None:
    promised = Connector(
        expected="state",
        precondition=Precondition(tool="look", args={"id": "id"}, value="state"),
        lookup=Lookup(tool="find", args={"key": "key"}, found="found"),
        reversal=Reversal(tool="back", args={"id": "args.id"}),
        refusal="no",
    )
    stored = promised.model_dump(mode="json", exclude_defaults=True)
    assert Connector.model_validate(stored) == promised
    assert promised.is_reversible


def test_arguments_are_found_by_their_paths_and_what_is_missing_is_left_out() -> None:
    source = {"args": {"order_id": "O-1", "amount_minor": 0}, "receipt": {}, "key": "k"}
    paths = {"order": "args.order_id", "amount": "args.amount_minor", "ref": "receipt.id"}
    assert arguments({**paths, "by": "key"}, source) == {"order": "O-1", "amount": 0, "by": "k"}


@given(JSON, st.sampled_from(["a", "a.b", "length(a)", "a[0].b", "sum(a)", "keys(@)", "a > b"]))
def test_no_answer_of_a_tool_breaks_a_path(answer: Any, path: str) -> None:
    found = pick(path, answer)
    source = {"args": answer}
    assert set(arguments({"x": f"args.{path}" if path[0] == "a" else path}, source)) <= {"x"}
    if path == "a" and isinstance(answer, dict):
        assert found is answer.get("a") or found == answer["a"]
