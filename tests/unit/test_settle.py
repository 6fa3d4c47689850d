"""What becomes of a delivery: only a call that cannot happen twice is ever repeated."""

from datetime import datetime
from typing import get_args

import pytest
from builders import NOW
from hypothesis import given
from hypothesis import strategies as st

from agents.settling import (
    CERTAIN,
    Again,
    Failed,
    Patience,
    Sent,
    Settled,
    Stale,
    Unknown,
    compare,
    may_call,
    settle,
)
from agents.testing import failing
from store.connectors import HORIZON_SHARE, Connector
from store.deliveries import Due
from store.outputs import ToolCallRecord, ToolErrorClass

PATIENCE = Patience(attempts=4)
KEYED = Connector(key_retention_seconds=1_000, refusal="^No such card")
ATTEMPTS = st.integers(min_value=1, max_value=PATIENCE.attempts + 3)
JITTER = st.floats(min_value=0, max_value=1, exclude_max=True)
CLASSES = st.sampled_from(sorted(get_args(ToolErrorClass)))


def due(attempt: int = 1, *, in_doubt: bool = False, age: float = 0.0, at: datetime = NOW) -> Due:
    return Due(
        id="key-1",
        run_id=1,
        draft_id=1,
        decision_id=None,
        position=0,
        kind="refund",
        tool="issue_refund",
        body="{}",
        attempt=attempt,
        created_at=at,
        reverses=None,
        in_doubt=in_doubt,
        age_seconds=age,
    )


def settled(
    record: ToolCallRecord, entry: Due | None = None, *, has_key: bool = True, jitter: float = 0.5
) -> Settled:
    return settle(record, entry or due(), KEYED, has_key=has_key, patience=PATIENCE, jitter=jitter)


@pytest.mark.parametrize(
    ("error_class", "has_key", "attempt", "expected"),
    [
        ("timeout", True, 1, Again),
        ("timeout", True, 3, Again),
        ("timeout", True, 4, Unknown),
        ("timeout", False, 1, Unknown),
        ("server_died", True, 1, Again),
        ("server_died", True, 4, Unknown),
        ("server_died", False, 1, Unknown),
        ("tool_error", True, 1, Again),  # words that are no known refusal: it may have happened
        ("tool_error", False, 1, Unknown),
        ("schema_drift", True, 1, Failed),
        ("schema_drift", False, 1, Failed),
        ("invalid_arguments", True, 1, Failed),
        ("invalid_arguments", False, 1, Failed),
    ],
)
def test_a_failure_is_settled_by_its_class_its_key_and_its_attempts(
    error_class: ToolErrorClass, has_key: bool, attempt: int, expected: type[Settled]
) -> None:
    found = settled(failing(error_class), due(attempt), has_key=has_key)
    assert isinstance(found, expected)
    assert "scripted failure" in found.error  # type: ignore[union-attr]


@given(st.booleans(), ATTEMPTS, JITTER)
def test_an_answer_is_a_receipt_whatever_the_attempt(
    has_key: bool, attempt: int, jitter: float
) -> None:
    record = ToolCallRecord(tool="t", server="s", status="ok", result={"id": "re_1"})
    assert settled(record, due(attempt), has_key=has_key, jitter=jitter) == Sent({"id": "re_1"})


def test_an_answer_that_is_no_object_is_kept_as_one() -> None:
    record = ToolCallRecord(tool="t", server="s", status="ok", result="sent")
    assert settled(record) == Sent({"answer": "sent"})


@given(CLASSES, ATTEMPTS, st.booleans(), JITTER)
def test_a_call_without_a_key_that_may_have_left_is_never_repeated(
    error_class: ToolErrorClass, attempt: int, in_doubt: bool, jitter: float
) -> None:
    found = settled(
        failing(error_class), due(attempt, in_doubt=in_doubt), has_key=False, jitter=jitter
    )
    assert isinstance(found, Unknown | Failed)
    assert isinstance(found, Failed) == (error_class in CERTAIN and not in_doubt)


def test_only_the_refusals_that_the_connector_names_are_believed() -> None:
    assert isinstance(settled(failing("tool_error", said="No such card")), Failed)
    assert isinstance(settled(failing("tool_error", said="Sorry: No such card")), Again)
    assert isinstance(settled(failing("timeout", said="No such card")), Again)


@given(CLASSES, st.sampled_from(["No such card", "Oops"]), st.booleans())
def test_after_an_attempt_in_doubt_no_refusal_says_that_it_never_happened(
    error_class: ToolErrorClass, said: str, has_key: bool
) -> None:
    """The first attempt may have done it; the refusal is of the second."""
    found = settled(failing(error_class, said=said), due(2, in_doubt=True), has_key=has_key)
    assert isinstance(found, Unknown | Again)


def test_what_never_left_waits_for_the_server_however_often_and_adds_no_doubt() -> None:
    record = failing("server_died", was_sent=False)
    for has_key in (True, False):
        found = settled(record, due(99), has_key=has_key)
        assert isinstance(found, Again)
        assert not found.may_have_happened
    assert isinstance(settled(failing("timeout")), Again)
    assert settled(failing("timeout")).may_have_happened  # type: ignore[union-attr]


@given(st.integers(min_value=1, max_value=PATIENCE.attempts - 1), JITTER)
def test_pauses_grow_with_each_attempt_and_stay_within_bounds(attempt: int, jitter: float) -> None:
    found = settled(failing("timeout"), due(attempt), jitter=jitter)
    assert isinstance(found, Again)
    full = min(PATIENCE.first_seconds * 2 ** (attempt - 1), PATIENCE.longest_seconds)
    assert full / 2 <= found.delay_seconds <= full


def test_a_pause_never_exceeds_the_longest_whatever_the_attempt() -> None:
    assert Patience().pause(10_000, 0.99) <= Patience().longest_seconds


@pytest.mark.parametrize(
    ("in_doubt", "age", "has_key", "expected"),
    [
        (False, 1e9, False, True),  # it never was called
        (True, 0.0, False, False),
        (True, HORIZON_SHARE * 1_000 - 1, True, True),
        (True, HORIZON_SHARE * 1_000, True, False),  # the key may be forgotten by now
    ],
)
def test_a_doubtful_call_is_repeated_only_while_its_key_is_surely_known(
    in_doubt: bool, age: float, has_key: bool, expected: bool
) -> None:
    entry = due(2, in_doubt=in_doubt, age=age)
    assert may_call(entry, KEYED, has_key=has_key) is expected


def test_a_moved_world_is_named_with_what_it_was_and_is() -> None:
    promise = Connector(expected="expected_refunded_minor")
    args = {"order_id": "O-1", "expected_refunded_minor": 0}
    found = compare(args, promise, 4_250)
    assert isinstance(found, Stale)
    assert found.fresh == {"expected_refunded_minor": 4_250}
    assert found.reason.message.endswith("refunded minor was 0, now it is 4250")
    assert compare(args, promise, 0) is None
    assert compare({"order_id": "O-1"}, promise, 4_250) is None, "it was never conditional"
