"""What becomes of a delivery: only a call that cannot happen twice is ever repeated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.executor import (
    FIRST_RETRY_SECONDS,
    LONGEST_RETRY_SECONDS,
    MAX_ATTEMPTS,
    UNSURE,
    Again,
    Failed,
    Sent,
    Settled,
    Unknown,
    settle,
)
from agents.testing import failing
from store.outputs import ToolCallRecord, ToolErrorClass

ATTEMPTS = st.integers(min_value=1, max_value=MAX_ATTEMPTS + 3)
JITTER = st.floats(min_value=0, max_value=1, exclude_max=True)


@pytest.mark.parametrize(
    ("error_class", "has_key", "attempt", "expected"),
    [
        ("timeout", True, 1, Again),
        ("timeout", True, MAX_ATTEMPTS - 1, Again),
        ("timeout", True, MAX_ATTEMPTS, Unknown),
        ("timeout", False, 1, Unknown),
        ("server_died", True, 1, Again),
        ("server_died", True, MAX_ATTEMPTS, Unknown),
        ("server_died", False, 1, Unknown),
        ("tool_error", True, 1, Failed),
        ("tool_error", False, 1, Failed),
        ("schema_drift", True, 1, Failed),
        ("schema_drift", False, 1, Failed),
        ("invalid_arguments", True, 1, Failed),
        ("invalid_arguments", False, 1, Failed),
    ],
)
def test_a_failure_is_settled_by_its_class_its_key_and_its_attempts(
    error_class: ToolErrorClass, has_key: bool, attempt: int, expected: type[Settled]
) -> None:
    settled = settle(failing(error_class), has_key=has_key, attempt=attempt, jitter=0.5)
    assert isinstance(settled, expected)
    assert "scripted failure" in settled.error  # type: ignore[union-attr]


@given(st.booleans(), ATTEMPTS, JITTER)
def test_an_answer_is_a_receipt_whatever_the_attempt(
    has_key: bool, attempt: int, jitter: float
) -> None:
    record = ToolCallRecord(tool="t", server="s", status="ok", result={"id": "re_1"})
    settled = settle(record, has_key=has_key, attempt=attempt, jitter=jitter)
    assert settled == Sent({"id": "re_1"})


def test_an_answer_that_is_no_object_is_kept_as_one() -> None:
    record = ToolCallRecord(tool="t", server="s", status="ok", result="sent")
    assert settle(record, has_key=True, attempt=1, jitter=0.0) == Sent({"answer": "sent"})


@given(st.sampled_from(sorted(UNSURE)), ATTEMPTS, JITTER)
def test_a_call_without_a_key_is_never_repeated(
    error_class: ToolErrorClass, attempt: int, jitter: float
) -> None:
    settled = settle(failing(error_class), has_key=False, attempt=attempt, jitter=jitter)
    assert isinstance(settled, Unknown)


@given(st.integers(min_value=1, max_value=MAX_ATTEMPTS - 1), JITTER)
def test_pauses_grow_with_each_attempt_and_stay_within_bounds(attempt: int, jitter: float) -> None:
    settled = settle(failing("timeout"), has_key=True, attempt=attempt, jitter=jitter)
    assert isinstance(settled, Again)
    full = min(FIRST_RETRY_SECONDS * 2 ** (attempt - 1), LONGEST_RETRY_SECONDS)
    assert full / 2 <= settled.delay_seconds <= full
