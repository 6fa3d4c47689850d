"""The cards where money is in question: who must agree, what changed, what nobody knows."""

from datetime import datetime
from typing import Any

import desk
import gated
import money_desk
import pages
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import session
from store import escalations
from store.engine import Store
from store.outputs import Reason
from store.reports.card import Card, card
from store.transitions import OutboxStatus, ReviewKind, ReviewStatus, RunStatus, Verdict


@pytest.fixture(autouse=True)
def clock(now: datetime, monkeypatch: pytest.MonkeyPatch) -> pages.Clock:
    found = pages.Clock(now)
    monkeypatch.setattr(session, "now", found)
    return found


@pytest.fixture(autouse=True)
def company(store: Store, now: datetime) -> None:
    money_desk.company(store, now=now)


def opened(review_id: int, clock: pages.Clock, person: str = "Ana") -> AppTest:
    """Open the queue on a card that a press counts on."""
    at = pages.app()
    at.session_state["person"] = person
    at.session_state["current_review"] = review_id
    at.run()
    assert not at.exception
    assert pages.part(at, "case")["id"] == review_id
    clock.pass_seconds(5)
    return at


def buttons(at: AppTest) -> dict[str, bool]:
    """Return the card's buttons, without ids, and whether each can be pressed."""
    return {(b.key or "").rstrip("0123456789_"): not b.disabled for b in at.button}


def seen(store: Store, review_id: int) -> Card:
    return store.read(card, review_id)


def notice(at: AppTest) -> dict[str, Any]:
    return pages.part(at, "notice")


def waiting(store: Store, now: datetime, external_id: str = "T-1", **values: Any) -> int:
    """Put a draft on the desk; return the review."""
    desk.run(store, desk.Case(external_id, "Twice!", **values), at=now)
    return money_desk.waiting(store, external_id, now=now)


def test_a_delivery_nobody_knows_the_end_of_is_told_in_full(
    store: Store, clock: pages.Clock
) -> None:
    at = opened(money_desk.unknown(store, "T-1", at=clock.at), clock)
    shown = pages.part(at, "case")
    facts = dict(shown["lead"]["facts"])
    assert shown["lead"]["title"] == "Did this happen? Nobody knows."
    assert (facts["Tool"], facts["Money"]) == ("refund_charge", "€84.90 for C-1042")
    assert facts["Unknown since"].endswith("ago")
    assert facts["Tried"] == "once"
    assert facts["What came back"] == "no answer within 10 s"
    assert facts["Look-up"].startswith("find_refund did not find it")
    assert dict(shown["action"]["args"])["expected_version"] == "3", "as it was made"
    assert shown["action"]["around"] == ["Waits behind it: send_reply"]
    assert shown["why"] == []


def test_it_takes_exactly_three_answers(store: Store, clock: pages.Clock) -> None:
    at = opened(money_desk.unknown(store, "T-1", at=clock.at), clock)
    assert buttons(at) == {"happened": True, "send_again": True, "reverse": True}
    keys = {button.label: button.proto.shortcut for button in at.button}
    assert keys == {"It happened": "h", "It did not: send again": "s", "Reverse": "v"}
    assert not at.toggle


@pytest.mark.parametrize(
    ("verdict", "said", "has_undo", "delivered"),
    [
        (Verdict.HAPPENED, "It happened", False, ["sent", "pending"]),
        (
            Verdict.SEND_AGAIN,
            "under a new key",
            True,
            ["failed", "cancelled", "pending", "pending"],
        ),
        (Verdict.REVERSE, "being taken back", True, ["failed", "pending", "pending"]),
    ],
)
def test_an_answer_about_money_is_asked_once_more_and_says_what_follows(
    store: Store,
    clock: pages.Clock,
    verdict: Verdict,
    said: str,
    has_undo: bool,
    delivered: list[str],
) -> None:
    review_id = money_desk.unknown(store, "T-1", at=clock.at)
    at = pages.press(opened(review_id, clock), f"{verdict}_")
    assert buttons(at) == {"confirm": True, "back": True}
    assert seen(store, review_id).decision is None
    at.text_area[0].set_value("Looked in the provider's console").run()
    at = pages.press(at, "confirm_")
    decision = seen(store, review_id).decision
    assert decision is not None
    assert (decision.verdict, decision.note) == (verdict, "Looked in the provider's console")
    assert said in notice(at)["text"]
    assert ("undo" in "".join(buttons(at))) is has_undo
    run_id = seen(store, review_id).run_id
    assert sorted(entry.status for entry in gated.entries(store, run_id)) == sorted(delivered)


def test_going_back_answers_nothing(store: Store, clock: pages.Clock) -> None:
    review_id = money_desk.unknown(store, "T-1", at=clock.at)
    at = pages.press(pages.press(opened(review_id, clock), "send_again_"), "back_")
    assert buttons(at) == {"happened": True, "send_again": True, "reverse": True}
    assert seen(store, review_id).status is ReviewStatus.OPEN


def test_what_cannot_be_reversed_says_why(store: Store, clock: pages.Clock) -> None:
    review_id = money_desk.unknown(store, "T-1", at=clock.at, is_reply=True)
    at = opened(review_id, clock)
    assert buttons(at) == {"happened": True, "send_again": True, "reverse": False}
    assert "send\\_reply names no way to take an action back" in pages.words_of(at)
    facts = dict(pages.part(at, "case")["lead"]["facts"])
    assert "no look-up" in facts["Look-up"]
    assert "Money" not in facts
    (row,) = pages.part(at, "queue_list")["items"]
    assert (row["money"], row["tag"]) == ("", "did it happen?")


def test_a_reply_is_sent_again_at_once_and_that_can_be_undone(
    store: Store, clock: pages.Clock
) -> None:
    review_id = money_desk.unknown(store, "T-1", at=clock.at, is_reply=True)
    at = pages.press(opened(review_id, clock), "send_again_")
    assert seen(store, review_id).status is ReviewStatus.DECIDED
    at = pages.press(at, "undo_")
    assert pages.part(at, "case")["lead"]["title"] == "Did this happen? Nobody knows."


def test_above_the_limit_two_people_must_give_the_same_answer(
    store: Store, clock: pages.Clock
) -> None:
    review_id = money_desk.unknown(store, "T-1", at=clock.at, action=money_desk.refund(240_000))
    at = pages.press(pages.press(opened(review_id, clock), "send_again_"), "confirm_")
    assert "Somebody else must say so too" in notice(at)["text"]
    again = opened(review_id, clock)
    able = buttons(again)
    assert [able[name] for name in ("happened", "send_again", "reverse")] == [False] * 3
    assert pages.part(again, "case")["people"]["slots"][0]["text"].startswith(
        "Ana says: send it again"
    )
    other = opened(review_id, clock, "Ben")
    pages.press(pages.press(other, "send_again_"), "confirm_")
    assert seen(store, review_id).status is ReviewStatus.DECIDED


def test_a_moved_world_stands_on_top_with_before_and_after(
    store: Store, clock: pages.Clock
) -> None:
    review_id = money_desk.moved(store, "T-1", at=clock.at)
    at = opened(review_id, clock)
    shown = pages.part(at, "case")
    assert shown["lead"]["title"] == "Changed since it was decided"
    assert shown["lead"]["rows"] == [["version", "3", "4"]]
    assert shown["action"]["condition"] == "Acts only if version is still 4"
    assert shown["whyTitle"] == "It needed a person because"
    assert [reason["text"] for reason in shown["why"]] == ["Confidence 0.79 does not exceed 0.85"]
    pages.press(at, "approve_")
    assert seen(store, review_id).run_status is RunStatus.COMMITTING


def test_a_cap_that_stopped_a_delivery_is_the_first_thing_said(
    store: Store, clock: pages.Clock
) -> None:
    run_id = money_desk.approved(store, "T-1", at=clock.at)
    reason = Reason(code="daily_cap", message="€210.00 would go to this customer today")
    review_id = store.transact(escalations.send_back, run_id, reason, now=clock.at)
    lead = pages.part(opened(review_id, clock), "case")["lead"]
    assert lead["title"] == "Stopped at this customer's daily limit"
    assert lead["text"] == "€210.00 would go to this customer today"


def test_a_wish_to_take_back_is_only_approved_or_rejected_by_somebody_else(
    store: Store, clock: pages.Clock
) -> None:
    review_id = money_desk.asked_back(store, "T-1", at=clock.at)
    mine = opened(review_id, clock)
    assert not any(able for name, able in buttons(mine).items() if name in {"approve", "reject"})
    at = opened(review_id, clock, "Ben")
    assert buttons(at) == {"approve": True, "reject": True}
    assert not at.text_area
    lead = pages.part(at, "case")["lead"]
    assert lead["title"] == "Take back €2,400.00?"
    assert lead["text"].startswith("Ana asks to take back what refund_charge did: The parcel did")
    pages.press(at, "approve_")
    newest = gated.entries(store, seen(store, review_id).run_id)[-1]
    assert (newest.tool, newest.status) == ("cancel_refund", OutboxStatus.PENDING)
    assert newest.reverses is not None


def test_the_first_of_two_approvals_sends_nothing_and_stays_undoable(
    store: Store, clock: pages.Clock
) -> None:
    review_id = waiting(store, clock.at, action=money_desk.refund(180_000))
    at = opened(review_id, clock)
    people = pages.part(at, "case")["people"]
    assert [slot["isDone"] for slot in people["slots"]] == [False, False]
    assert pages.part(at, "case")["action"]["title"] == "On the second approval this runs, exactly"
    at = pages.press(at, "approve_")
    assert notice(at)["text"] == (
        "Approved by you; somebody else must approve too. Nothing is sent yet."
    )
    assert notice(at)["remainingMs"] is None
    assert seen(store, review_id).deliveries == ()
    clock.pass_seconds(3600)
    at = pages.press(at, "undo_")
    assert "Undone" in notice(at)["text"]
    assert pages.part(at, "case")["people"]["slots"][0]["isDone"] is False


def test_who_approved_sees_the_card_as_waiting_for_others(store: Store, clock: pages.Clock) -> None:
    review_id = money_desk.halfway(store, "T-1", at=clock.at)
    at = opened(review_id, clock)
    able = buttons(at)
    assert [able["approve"], able["send"], able["reject"]] == [False, False, False]
    assert at.text_area[0].disabled
    assert "It waits for somebody else" in pages.words_of(at)
    done, missing = pages.part(at, "case")["people"]["slots"]
    assert done["text"].startswith("Ana approved, 12:00")
    assert missing["text"] == "still needed: a second person, not Ana"
    assert pages.part(at, "queue_list")["items"][0]["tag"] == "1 of 2 · by you"
    at = pages.press(at, "unsay_")
    assert buttons(at)["approve"]
    assert pages.part(at, "queue_list")["items"][0]["tag"] == "two people"


def test_the_second_person_makes_it_count(store: Store, clock: pages.Clock) -> None:
    review_id = money_desk.halfway(store, "T-1", at=clock.at)
    at = opened(review_id, clock, "Ben")
    assert pages.part(at, "queue_list")["items"][0]["tag"] == "1 of 2"
    at = pages.press(at, "approve_")
    found = seen(store, review_id)
    assert (found.status, found.run_status) == (ReviewStatus.DECIDED, RunStatus.COMMITTING)
    assert notice(at)["text"].startswith("Approved: ")


def test_a_card_that_waits_for_others_is_not_opened_by_itself(
    store: Store, clock: pages.Clock
) -> None:
    money_desk.halfway(store, "T-1", at=clock.at)
    other = waiting(store, clock.at, "T-2", amount_minor=500)
    at = pages.app().run()
    assert pages.part(at, "case")["id"] == other


def test_an_edit_above_the_limit_needs_two_others(store: Store, clock: pages.Clock) -> None:
    first = waiting(store, clock.at, action=money_desk.refund(180_000))
    at = opened(first, clock)
    at.text_area[0].set_value("My own words").run()
    at = pages.press(at, "send_")
    assert "Two others must approve it" in notice(at)["text"]
    again = money_desk.waiting(store, "T-1", now=clock.at)
    at = opened(again, clock)
    assert not buttons(at)["approve"]
    assert "You wrote this" in pages.words_of(at)
    assert {slot["text"] for slot in pages.part(at, "case")["people"]["slots"]} == {
        "still needed: a first person, not Ana",
        "still needed: a second person, not Ana",
    }
    assert buttons(opened(again, clock, "Ben"))["approve"]


def test_nobody_edits_the_state_of_the_world(store: Store, clock: pages.Clock) -> None:
    at = opened(waiting(store, clock.at, action=money_desk.refund()), clock)
    shown = pages.part(at, "case")["action"]
    assert shown["condition"] == "Acts only if version is still 3"
    assert "expected_version" not in dict(shown["args"])
    at.toggle[1].set_value(True).run()
    offered = [
        one.label for one in (*at.number_input, *at.text_input) if one.key and "arg_" in one.key
    ]
    assert sorted(offered) == ["amount\\_minor", "charge\\_id", "order\\_id"]


def test_every_part_of_an_action_is_shown_in_order_with_the_total(
    store: Store, clock: pages.Clock
) -> None:
    both = money_desk.voucher().model_copy(update={"also": (money_desk.refund(),)})
    review_id = waiting(store, clock.at, action=both)
    at = opened(review_id, clock)
    shown = pages.part(at, "case")["action"]
    assert "in this order" in shown["title"]
    assert (shown["tool"], shown["money"]) == ("refund_charge", "€84.90"), "reversible first"
    assert [(one["tool"], one["money"]) for one in shown["more"]] == [("send_voucher", "€15.00")]
    assert shown["total"] == "€99.90"
    assert [toggle.label for toggle in at.toggle] == [
        "Only reply, drop all 2 actions",
        "Change the arguments of send\\_voucher",
    ]
    at.toggle[0].set_value(True).run()
    pages.press(at, "send_")
    assert seen(store, review_id).draft.action.is_reply_only


def test_an_ordinary_card_asks_for_nobody_else(store: Store, clock: pages.Clock) -> None:
    shown = pages.part(opened(waiting(store, clock.at), clock), "case")
    assert (shown["people"], shown["lead"]) == (None, None)
    assert store.read(card, shown["id"]).kind is ReviewKind.ESCALATION
