"""How holds, answers and delivered actions are said, before anything is done and after."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboard import words
from dashboard.components.answers import consequence
from dashboard.components.deliveries import said
from store.holds import HoldView
from store.reports.delivery import DeliveryView
from store.schema import Tool
from store.transitions import OutboxStatus, Verdict

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
SINCE = datetime(2026, 11, 20, 14, 2, tzinfo=UTC)
FACTS = {
    "action_id": "k1",
    "kind": "refund",
    "tool": "refund_charge",
    "args": {},
    "amount_minor": 8_490,
    "currency": "EUR",
    "customer_id": "C-1",
    "status": OutboxStatus.SENT,
    "attempt": 1,
    "created_at": SINCE,
    "first_attempt_at": SINCE,
    "sent_at": SINCE,
    "receipt": None,
    "error": None,
    "reverses": None,
    "taken_back_by": None,
    "has_reversal": True,
}


def delivery(**values: object) -> DeliveryView:
    return DeliveryView(**{**FACTS, **values})  # type: ignore[arg-type]


def tool(name: str, kind: str | None, *, is_write: bool = True, is_reply: bool = False) -> Tool:
    return Tool(
        name=name,
        server="shop",
        is_write=is_write,
        is_reply=is_reply,
        action_kind=kind,
        input_schema={},
        fingerprint=name,
    )


def test_a_hold_says_what_since_when_by_whom_and_what_still_goes_out() -> None:
    held = [HoldView("refund", "Mo", "the bank is down.", SINCE)]
    assert words.on_hold(held, NOW) == (
        "Automatic delivery is on hold (refund) since 14:02 UTC by Mo: the bank is down."
        " What people approve still goes out."
    )


def test_several_holds_are_said_one_after_the_other() -> None:
    held = [HoldView(None, "Mo", "", SINCE), HoldView("reply_only", "Kim", "", SINCE)]
    assert words.on_hold(held, NOW) == (
        "All automatic delivery is on hold since 14:02 UTC by Mo."
        " Automatic delivery is on hold (replies without an action) since 14:02 UTC by Kim."
        " What people approve still goes out."
    )


def test_without_a_hold_nothing_is_said() -> None:
    assert words.on_hold([], NOW) == ""


def test_a_time_on_another_day_carries_its_day() -> None:
    assert words.clock(SINCE, NOW) == "14:02"
    assert words.clock(SINCE, NOW + timedelta(days=1)) == "20 Nov 14:02"


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        (Verdict.HAPPENED, "this answer has no undo"),
        (Verdict.SEND_AGAIN, "it is paid twice"),
        (Verdict.REVERSE, "€84.90 for C-1 is taken back"),
    ],
)
def test_an_answer_says_what_follows_before_it_is_given(verdict: Verdict, told: str) -> None:
    assert told in consequence(verdict, delivery())


def test_without_money_nothing_is_paid_twice() -> None:
    told = consequence(Verdict.SEND_AGAIN, delivery(amount_minor=None, currency=None))
    assert told.endswith("it happens twice.")


def test_why_nobody_knows_is_said_once() -> None:
    message = "Nobody knows whether `pay` happened: no answer; the look-up did not find it"
    assert words.in_doubt(message) == "no answer"
    assert (
        words.in_doubt("the executor died during the call") == "the executor died during the call"
    )


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"reverses": "k0"}, "takes an action back itself"),
        ({"taken_back_by": "k2"}, "being taken back already"),
        ({"has_reversal": False}, "names no way"),
    ],
)
def test_what_cannot_be_taken_back_says_why(values: dict[str, object], why: str) -> None:
    entry = delivery(**values)
    assert not entry.can_take_back
    assert why in (entry.why_not_reverse or "")


def test_only_what_was_sent_can_be_taken_back() -> None:
    assert delivery().can_take_back
    assert not delivery(status=OutboxStatus.PENDING).can_take_back


def test_deliveries_that_belong_together_name_each_other() -> None:
    numbers = {"k1": 1, "k2": 2}
    assert said(delivery(taken_back_by="k2"), numbers).endswith("UTC · taken back by 2")
    back = delivery(action_id="k2", reverses="k1", status=OutboxStatus.PENDING, sent_at=None)
    assert said(back, numbers) == "2. refund_charge · €84.90 · pending · takes back 1"
