"""How figures are said: units, ranges, and silence where nothing is known."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboard import words
from dashboard.components.gate_reasons import chips
from store.outputs import Reason
from store.transitions import SlaStage


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "–"),
        (0, "0 s"),
        (59.9, "59 s"),
        (300, "5 min"),
        (11_520, "3 h 12 min"),
        (187_200, "2 d 4 h"),
    ],
)
def test_an_age_uses_at_most_two_units(seconds: float | None, said: str) -> None:
    assert words.age(seconds) == said


@pytest.mark.parametrize(
    ("good", "n", "value", "said"),
    [
        (0, 0, None, "unknown"),
        (29, 29, 1.0, "29 of 29"),
        (27, 30, 0.9, "90.0 % (80.0–95.0 %, n = 30)"),
    ],
)
def test_a_rate_is_never_said_without_enough_labels(
    good: int, n: int, value: float | None, said: str
) -> None:
    assert words.rate(good, n, value, 0.8, 0.95) == said


def test_a_label_shows_markdown_literally() -> None:
    assert words.label("**a** [x](http://evil)\n:red[b]") == (
        r"\*\*a\*\* \[x\]\(http\://evil\) \:red\[b\]"
    )


def test_margins_are_said_in_the_unit_of_their_reason() -> None:
    reasons = (
        Reason(code="confidence_below_threshold", message="low", margin=-0.06),
        Reason(code="refund_over_limit", message="much", margin=2_000),
        Reason(code="critic_objects", message="no"),
    )
    shown = chips(reasons, "EUR", is_blocked=False)
    assert [chip["margin"] for chip in shown] == ["\u22120.06", "+€20.00", ""]


@pytest.mark.parametrize(
    ("hours", "stage", "said"),
    [
        (None, SlaStage.FRESH, ("", "")),
        (2.5, SlaStage.FRESH, ("due in 2 h", "")),
        (0.5, SlaStage.REMINDED, ("due in 30 min", "")),
        (0, SlaStage.REMINDED, ("due in 0 s", "")),
        (-3, SlaStage.REROUTED, ("overdue 3 h", "bad")),
        (-50, SlaStage.REROUTED, ("overdue 2 d", "bad")),
        (-90, SlaStage.HELD, ("held: a manager decides", "bad")),
    ],
)
def test_the_clock_of_a_waiting_card_is_short_and_red_only_when_overdue(
    hours: float | None, stage: SlaStage, said: tuple[str, str]
) -> None:
    now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    due_at = None if hours is None else now + timedelta(hours=hours)
    assert words.due(due_at, stage, now) == said
