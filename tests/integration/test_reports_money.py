"""What cards and the queue read about money on its way: parts, people, changes, look-ups."""

from datetime import datetime, timedelta

import desk
import gated
import money_desk
import pytest

from store import deliveries, escalations, undoing
from store.engine import Store
from store.outputs import Reason
from store.reports.card import card
from store.reports.queue import queue_page
from store.settings import Settings
from store.transitions import Verdict


@pytest.fixture(autouse=True)
def company(store: Store, now: datetime) -> None:
    money_desk.company(store, now=now)


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        ("late; the look-up did not find it", "find_refund did not find it"),
        ("late; the look-up failed too: closed", "find_refund gave no answer either: closed"),
        ("refused: the signature is wrong", "find_refund was not asked."),
    ],
)
def test_a_doubt_says_what_asking_the_service_came_to(
    store: Store, now: datetime, ended: str, said: str
) -> None:
    entry = money_desk.claimed(store, money_desk.approved(store, "T-1", at=now), at=now)
    store.transact(deliveries.mark_unknown, entry, ended, now=now)
    shown = store.read(card, money_desk.waiting(store, "T-1", now=now))
    assert shown.lookup.startswith(said)
    assert shown.about is not None
    assert shown.about.args["amount_minor"] == 8_490


def test_a_tool_without_a_look_up_says_so(store: Store, now: datetime) -> None:
    review_id = money_desk.unknown(store, "T-1", at=now, action=money_desk.voucher())
    assert "no look-up" in store.read(card, review_id).lookup


def test_the_money_of_an_unknown_delivery_is_that_of_the_call(store: Store, now: datetime) -> None:
    money_desk.unknown(store, "T-1", at=now)
    money_desk.unknown(store, "T-2", at=now, is_reply=True)
    money = {item.external_id: item.amount_minor for item in store.read(queue_page, now=now).items}
    assert money == {"T-1": 8_490, "T-2": None}


def test_the_queue_says_how_many_are_needed_and_who_has_approved(
    store: Store, now: datetime
) -> None:
    money_desk.halfway(store, "T-1", at=now)
    desk.run(store, desk.Case("T-2", "Twice!"), at=now)
    found = {item.external_id: item for item in store.read(queue_page, now=now).items}
    assert (found["T-1"].needed, found["T-1"].approved_by) == (2, ("Ana",))
    assert (found["T-2"].needed, found["T-2"].approved_by) == (1, ())


def test_after_one_of_two_different_answers_the_card_stays_on_what_was_seen(
    store: Store, now: datetime
) -> None:
    action = money_desk.refund(240_000)
    review_id = money_desk.unknown(store, "T-1", at=now, action=action)
    before = store.read(card, review_id)
    money_desk.say(store, review_id, Verdict.REVERSE, "Ana", at=now)
    after = store.read(card, review_id)
    assert after.draft == before.draft, "else nobody could give the second answer"
    assert [decision.person for decision in after.people.given] == ["Ana"]
    assert (after.people.missing, after.people.has_approved("Ana")) == (1, True)


def test_an_undone_approval_counts_no_more(store: Store, now: datetime) -> None:
    review_id = money_desk.halfway(store, "T-1", at=now)
    (given,) = store.read(card, review_id).people.given
    again = store.transact(undoing.undo, given.id, "Ana", now=now)
    assert store.read(card, again).people.missing == 2


def test_changes_name_what_the_executor_brought_up_to_date(store: Store, now: datetime) -> None:
    shown = store.read(card, money_desk.moved(store, "T-1", at=now))
    assert [(one.name, one.before, one.after) for one in shown.changes] == [
        ("expected_version", 3, 4)
    ]
    assert shown.people.maker is None, "the executor is nobody"


def test_what_came_back_for_another_reason_has_not_changed(store: Store, now: datetime) -> None:
    run_id = money_desk.approved(store, "T-1", at=now)
    reason = Reason(code="daily_cap", message="too much today")
    review_id = store.transact(escalations.send_back, run_id, reason, now=now)
    assert store.read(card, review_id).changes == ()


def test_parts_stand_in_order_of_delivery_each_with_its_condition(
    store: Store, now: datetime
) -> None:
    both = money_desk.voucher().model_copy(update={"also": (money_desk.refund(),)})
    desk.run(store, desk.Case("T-1", "Twice!", action=both), at=now)
    shown = store.read(card, money_desk.waiting(store, "T-1", now=now))
    assert [(part.tool, part.expected) for part in shown.parts] == [
        ("refund_charge", "expected_version"),
        ("send_voucher", None),
    ]
    assert shown.filled_by_code == {"idempotency_key"}, "of the first part, which may be edited"


def test_a_body_that_was_tampered_with_is_shown_as_it_stands(
    store: Store, settings: Settings, now: datetime
) -> None:
    review_id = money_desk.unknown(store, "T-1", at=now - timedelta(hours=1))
    gated.tamper(settings, "UPDATE outbox SET body = 'not json' WHERE position = 0")
    about = store.read(card, review_id).about
    assert about is not None
    assert about.args == {"body": "not json"}
