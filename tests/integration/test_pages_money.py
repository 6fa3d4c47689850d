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
from store import escalations, policies
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


def drawn(at: AppTest) -> dict[str, Any]:
    return pages.part(at, "card")


def able(at: AppTest) -> set[str]:
    """What the card lets the acting person do, answers included."""
    shown = drawn(at)
    ways = {name for name, can in shown["can"].items() if can}
    return ways | {answer["act"] for answer in shown["answers"] if not answer["isOff"]}


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
    shown = drawn(pages.opened(money_desk.unknown(store, "T-1", at=clock.at), clock))
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


def test_it_takes_exactly_three_answers_each_with_its_key_and_what_follows(
    store: Store, clock: pages.Clock
) -> None:
    at = pages.opened(money_desk.unknown(store, "T-1", at=clock.at), clock)
    assert able(at) == {"happened", "send_again", "reverse"}
    answers = drawn(at)["answers"]
    assert [(answer["key"], answer["label"]) for answer in answers] == [
        ("1", "It happened"),
        ("2", "It did not: send again"),
        ("3", "Take it back"),
    ]
    assert all(answer["isAsked"] and answer["text"] for answer in answers), "money is asked twice"
    assert drawn(at)["editor"] is None


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
def test_an_answer_is_recorded_with_its_note_and_says_what_follows(
    store: Store,
    clock: pages.Clock,
    verdict: Verdict,
    said: str,
    has_undo: bool,
    delivered: list[str],
) -> None:
    review_id = money_desk.unknown(store, "T-1", at=clock.at)
    at = pages.act(pages.opened(review_id, clock), verdict, note="Looked in the provider's console")
    decision = seen(store, review_id).decision
    assert decision is not None
    assert (decision.verdict, decision.note) == (verdict, "Looked in the provider's console")
    assert said in notice(at)["text"]
    assert notice(at)["canUndo"] is has_undo
    run_id = seen(store, review_id).run_id
    assert sorted(entry.status for entry in gated.entries(store, run_id)) == sorted(delivered)


def test_what_cannot_be_reversed_says_why(store: Store, clock: pages.Clock) -> None:
    review_id = money_desk.unknown(store, "T-1", at=clock.at, is_reply=True)
    at = pages.opened(review_id, clock)
    assert able(at) == {"happened", "send_again"}
    reverse = drawn(at)["answers"][-1]
    assert reverse["whyNot"] == "send_reply names no way to take an action back."
    facts = dict(drawn(at)["lead"]["facts"])
    assert "no look-up" in facts["Look-up"]
    assert "Money" not in facts
    (row,) = pages.part(at, "queue_list")["items"]
    assert (row["money"], row["tag"]) == ("", "did it happen?")


def test_a_reply_is_sent_again_at_once_and_that_can_be_undone(
    store: Store, clock: pages.Clock
) -> None:
    review_id = money_desk.unknown(store, "T-1", at=clock.at, is_reply=True)
    at = pages.opened(review_id, clock)
    assert not drawn(at)["answers"][1]["isAsked"]
    at = pages.act(at, "send_again")
    assert seen(store, review_id).status is ReviewStatus.DECIDED
    at = pages.undo(at)
    assert drawn(at)["lead"]["title"] == "Did this happen? Nobody knows."


def test_above_the_limit_two_people_must_give_the_same_answer(
    store: Store, clock: pages.Clock
) -> None:
    review_id = money_desk.unknown(store, "T-1", at=clock.at, action=money_desk.refund(240_000))
    at = pages.act(pages.opened(review_id, clock), "send_again")
    assert "Somebody else must say so too" in notice(at)["text"]
    again = pages.opened(review_id, clock)
    assert able(again) == {"unsay"}
    assert drawn(again)["people"]["slots"][0]["text"].startswith("Ana says: send it again")
    pages.act(pages.opened(review_id, clock, "Ben"), "send_again")
    assert seen(store, review_id).status is ReviewStatus.DECIDED


def test_a_moved_world_stands_on_top_with_before_and_after(
    store: Store, clock: pages.Clock
) -> None:
    review_id = money_desk.moved(store, "T-1", at=clock.at)
    at = pages.opened(review_id, clock)
    shown = drawn(at)
    assert shown["lead"]["title"] == "Changed since it was decided"
    assert shown["lead"]["rows"] == [["version", "3", "4"]]
    assert (shown["reply"]["by"], shown["reply"]["before"]) == ("Written by the agent", None)
    assert shown["action"]["condition"] == "Acts only if version is still 4"
    assert shown["whyTitle"] == "It needed a person because"
    assert [reason["text"] for reason in shown["why"]] == ["Confidence 0.79 does not exceed 0.85"]
    pages.act(at, "approve")
    assert seen(store, review_id).run_status is RunStatus.COMMITTING


def test_a_cap_that_stopped_a_delivery_is_the_first_thing_said(
    store: Store, clock: pages.Clock
) -> None:
    run_id = money_desk.approved(store, "T-1", at=clock.at)
    reason = Reason(code="daily_cap", message="€210.00 would go to this customer today")
    review_id = store.transact(escalations.send_back, run_id, reason, now=clock.at)
    lead = drawn(pages.opened(review_id, clock))["lead"]
    assert lead["title"] == "Stopped at this customer's daily limit"
    assert lead["text"] == "€210.00 would go to this customer today"


def test_a_wish_to_take_back_is_only_approved_or_rejected_by_somebody_else(
    store: Store, clock: pages.Clock
) -> None:
    review_id = money_desk.asked_back(store, "T-1", at=clock.at)
    assert able(pages.opened(review_id, clock)) == {"unsay"}
    at = pages.opened(review_id, clock, "Ben")
    assert able(at) == {"approve", "reject"}
    shown = drawn(at)
    assert (shown["editor"], shown["steps"]) == (None, [])
    assert shown["lead"]["title"] == "Take back €2,400.00?"
    said = "Ana asks to take back what refund_charge did: The parcel did"
    assert shown["lead"]["text"].startswith(said)
    pages.act(at, "approve", confirmation=shown["confirm"])
    newest = gated.entries(store, seen(store, review_id).run_id)[-1]
    assert (newest.tool, newest.status) == ("cancel_refund", OutboxStatus.PENDING)
    assert newest.reverses is not None


def test_what_moves_much_is_approved_only_with_the_amount_typed(
    store: Store, clock: pages.Clock
) -> None:
    review_id = waiting(store, clock.at, action=money_desk.refund(180_000))
    at = pages.opened(review_id, clock)
    assert drawn(at)["confirm"] == "1800.00"
    at = pages.act(at, "approve")
    assert drawn(at)["answer"]["ask"] == "1800.00"
    at = pages.act(at, "approve", confirmation="180.00")
    assert drawn(at)["answer"]["problem"] == "That is not 1800.00. Nothing was sent."
    assert seen(store, review_id).decision is None
    pages.act(at, "approve", confirmation=" 1800.00 ")
    assert seen(store, review_id).decision is not None


def test_what_nothing_can_take_back_is_typed_even_when_it_is_little(
    store: Store, clock: pages.Clock
) -> None:
    review_id = waiting(store, clock.at, action=money_desk.voucher())
    at = pages.opened(review_id, clock)
    assert drawn(at)["confirm"] == "15.00"
    at = pages.act(at, "edit", args={"amount_minor": 2_000})
    assert drawn(at)["answer"]["ask"] == "20.00", "an edit asks for its own amount"
    assert seen(store, review_id).decision is None
    pages.act(at, "edit", args={"amount_minor": 2_000}, confirmation="20.00")
    assert seen(store, review_id).draft.action.amount_minor == 2_000


def test_the_first_of_two_approvals_sends_nothing_and_stays_undoable(
    store: Store, clock: pages.Clock
) -> None:
    review_id = waiting(store, clock.at, action=money_desk.refund(180_000))
    at = pages.opened(review_id, clock)
    assert [slot["isDone"] for slot in drawn(at)["people"]["slots"]] == [False, False]
    assert drawn(at)["action"]["title"] == "On the second approval this runs, exactly"
    at = pages.act(at, "approve", confirmation="1800.00")
    assert notice(at)["text"] == (
        "Approved by you; somebody else must approve too. Nothing is sent yet."
    )
    assert (notice(at)["remainingMs"], notice(at)["canUndo"]) == (None, True)
    assert seen(store, review_id).deliveries == ()
    clock.pass_seconds(3600)
    at = pages.undo(at)
    assert "Undone" in notice(at)["text"]
    assert drawn(at)["people"]["slots"][0]["isDone"] is False


def test_who_approved_sees_the_card_as_waiting_for_others(store: Store, clock: pages.Clock) -> None:
    review_id = money_desk.halfway(store, "T-1", at=clock.at)
    at = pages.opened(review_id, clock)
    assert able(at) == {"unsay"}
    assert "It waits for somebody else" in drawn(at)["bar"]
    done, missing = drawn(at)["people"]["slots"]
    assert done["text"].startswith("Ana approved, 12:00")
    assert missing["text"] == "still needed: a second person, not Ana"
    assert pages.part(at, "queue_list")["items"][0]["tag"] == "1 of 2 · by you"
    at = pages.act(at, "unsay")
    assert "approve" in able(at)
    assert pages.part(at, "queue_list")["items"][0]["tag"] == "two people"


def test_the_second_person_makes_it_count(store: Store, clock: pages.Clock) -> None:
    review_id = money_desk.halfway(store, "T-1", at=clock.at)
    at = pages.opened(review_id, clock, "Ben")
    assert pages.part(at, "queue_list")["items"][0]["tag"] == "1 of 2"
    at = pages.act(at, "approve", confirmation="2400.00")
    found = seen(store, review_id)
    assert (found.status, found.run_status) == (ReviewStatus.DECIDED, RunStatus.COMMITTING)
    assert notice(at)["text"].startswith("Approved: ")


def test_a_card_that_waits_for_others_is_not_opened_by_itself(
    store: Store, clock: pages.Clock
) -> None:
    money_desk.halfway(store, "T-1", at=clock.at)
    other = waiting(store, clock.at, "T-2", amount_minor=500)
    at = pages.app().run()
    assert drawn(at)["id"] == other


def test_an_edit_above_the_limit_needs_two_others(store: Store, clock: pages.Clock) -> None:
    first = waiting(store, clock.at, action=money_desk.refund(180_000))
    at = pages.opened(first, clock)
    agents = drawn(at)["reply"]["text"]
    at = pages.act(at, "edit", reply="My own words")
    assert "Two others must approve it" in notice(at)["text"]
    again = money_desk.waiting(store, "T-1", now=clock.at)
    at = pages.opened(again, clock)
    assert "approve" not in able(at)
    assert "You wrote this" in drawn(at)["bar"]
    assert {slot["text"] for slot in drawn(at)["people"]["slots"]} == {
        "still needed: a first person, not Ana",
        "still needed: a second person, not Ana",
    }
    other = drawn(pages.opened(again, clock, "Ben"))
    assert other["can"]["approve"]
    assert other["reply"]["by"] == "Written by Ana, instead of the agent"
    assert other["reply"]["before"] == agents


def test_a_draft_that_somebody_changed_meanwhile_says_what_is_different(
    store: Store, clock: pages.Clock
) -> None:
    first = waiting(store, clock.at, action=money_desk.refund(180_000))
    at = pages.opened(first, clock)
    agents = drawn(at)["reply"]["text"]
    money_desk.say(
        store,
        first,
        Verdict.EDIT,
        "Ben",
        at=clock.at,
        reply="Ben's words.",
        args={**money_desk.refund(180_000).args, "amount_minor": 170_000},
    )
    at = pages.act(at, "approve", confirmation="1800.00")
    shown = drawn(at)
    assert shown["id"] != first, "the review that stands in its place is on the card"
    assert seen(store, shown["id"]).decision is None
    assert "changed after it was shown" in notice(at)["text"]
    change = shown["changed"]
    assert (change["before"], change["after"]) == (agents, "Ben's words.")
    assert change["rows"] == [["refund_charge amount_minor", "180000", "170000"]]


def test_a_card_that_was_replaced_leads_to_what_replaced_it(
    store: Store, clock: pages.Clock
) -> None:
    first = waiting(store, clock.at, action=money_desk.refund(180_000))
    money_desk.say(store, first, Verdict.EDIT, "Ben", at=clock.at, reply="Ben's words.")
    at = pages.opened(first, clock)
    assert able(at) == {"follow"}
    at = pages.act(at, "follow")
    assert drawn(at)["id"] == money_desk.waiting(store, "T-1", now=clock.at)
    assert drawn(at)["changed"]["after"] == "Ben's words."


def test_what_an_audit_finds_wrong_can_be_taken_back_from_the_notice(
    store: Store, clock: pages.Clock
) -> None:
    at_once = {"audit_rate": 1.0, "delay_seconds": {}}
    policy = money_desk.POLICY.model_copy(update=at_once)
    store.transact(policies.publish, policy, author="Mo", note="", now=clock.at)
    case = desk.Case("T-1", "Twice!", action=money_desk.refund(4_900), confidence=0.97)
    run_id, _ = desk.run(store, case, at=clock.at)
    clock.pass_seconds(60)
    money_desk.sent(store, run_id, at=clock.at)
    at = pages.app()
    at.query_params["tab"] = "audits"
    at.run()
    clock.pass_seconds(5)
    at = pages.act(at, "wrong", step="synthesis")
    assert notice(at)["offer"]["title"] == "Take back €49.00"
    at = pages.send(at, "notice", "takeBack", notice(at)["id"])
    newest = gated.entries(store, run_id)[-1]
    assert (newest.tool, newest.status) == ("cancel_refund", OutboxStatus.PENDING)
    assert "being taken back" in notice(at)["text"]
    assert notice(at)["canUndo"]


def test_nobody_edits_the_state_of_the_world(store: Store, clock: pages.Clock) -> None:
    shown = drawn(pages.opened(waiting(store, clock.at, action=money_desk.refund()), clock))
    assert shown["action"]["condition"] == "Acts only if version is still 3"
    assert "expected_version" not in dict(shown["action"]["args"])
    fields = {field["name"]: field for field in shown["editor"]["fields"]}
    assert sorted(fields) == ["amount_minor", "charge_id", "order_id"]
    amount = fields["amount_minor"]
    assert (amount["type"], amount["limits"]) == ("integer", {"minimum": 1})
    assert amount["money"] == {"before": "€", "after": "", "digits": 2}


def test_every_part_of_an_action_is_shown_in_order_with_the_total(
    store: Store, clock: pages.Clock
) -> None:
    both = money_desk.voucher().model_copy(update={"also": (money_desk.refund(),)})
    review_id = waiting(store, clock.at, action=both)
    at = pages.opened(review_id, clock)
    shown = drawn(at)["action"]
    assert "in this order" in shown["title"]
    assert (shown["tool"], shown["money"]) == ("refund_charge", "€84.90"), "reversible first"
    assert [(one["tool"], one["money"]) for one in shown["more"]] == [("send_voucher", "€15.00")]
    assert shown["total"] == "€99.90"
    editor = drawn(at)["editor"]
    assert (editor["drop"], editor["tool"]) == ("Only reply, drop all 2 actions", "send_voucher")
    reply = drawn(at)["reply"]["text"]
    pages.act(at, "edit", reply=reply, is_answer_only=True)
    assert seen(store, review_id).draft.action.is_reply_only


def test_an_ordinary_card_asks_for_nobody_else(store: Store, clock: pages.Clock) -> None:
    shown = drawn(pages.opened(waiting(store, clock.at, action=money_desk.refund()), clock))
    assert (shown["people"], shown["lead"], shown["confirm"]) == (None, None, None)
    assert store.read(card, shown["id"]).kind is ReviewKind.ESCALATION
