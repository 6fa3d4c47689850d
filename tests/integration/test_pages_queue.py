"""The queue page: what a card shows, and that each button is one decision of what was shown."""

from datetime import datetime, timedelta
from typing import Any

import desk
import money_desk
import pages
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import identity, session
from store import labels, notes, registry
from store.engine import Store
from store.reports.card import Card, card
from store.reports.queue import queue_page
from store.transitions import ReviewKind, ReviewStatus, RunStatus, Verdict


@pytest.fixture
def clock(now: datetime, monkeypatch: pytest.MonkeyPatch) -> pages.Clock:
    found = pages.Clock(now)
    monkeypatch.setattr(session, "now", found)
    return found


@pytest.fixture
def at(store: Store, clock: pages.Clock) -> AppTest:
    desk.fill(store, now=clock.at)
    store.transact(registry.register_tools, money_desk.TOOLS)  # a refund can be taken back
    at = pages.app().run()
    assert not at.exception
    clock.pass_seconds(5)
    return at


def shown(at: AppTest) -> int:
    return int(pages.part(at, "card")["id"])


def open_ticket(at: AppTest, external_id: str) -> None:
    rows = pages.part(at, "queue_list")["items"]
    (row,) = [row for row in rows if external_id in row["who"]]
    pages.send(at, "queue_list", "open", row["id"])


def decided(store: Store, review_id: int) -> Card:
    return store.read(card, review_id)


def said(at: AppTest) -> str:
    """What the card says against the last press."""
    return str(pages.part(at, "card")["answer"]["problem"])


def test_the_most_urgent_card_is_opened_first(
    at: AppTest, store: Store, clock: pages.Clock
) -> None:
    found = store.read(queue_page, now=clock.at)
    assert shown(at) == found.items[0].review_id
    assert [row["id"] for row in pages.part(at, "queue_list")["items"]] == [
        item.review_id for item in found.items
    ]


def test_the_action_on_the_card_is_the_payload_that_will_execute(at: AppTest, store: Store) -> None:
    open_ticket(at, "T-2002")
    action = store.read(card, shown(at)).draft.action
    drawn = pages.part(at, "card")["action"]
    assert drawn["tool"] == action.tool
    assert dict(drawn["args"]) == {
        name: value if isinstance(value, str) else str(value) for name, value in action.args.items()
    }
    assert drawn["money"] == "€240.00"


def test_a_card_says_why_it_is_here_with_the_margin(at: AppTest) -> None:
    open_ticket(at, "T-2002")
    limit, cap = pages.part(at, "card")["why"]
    assert "above the automatic limit" in limit["text"]
    assert limit["margin"] == "+€140.00"
    assert "today without a person" in cap["text"]
    assert cap["margin"] == "+€40.00"


def test_a_strangers_text_reaches_the_page_only_as_component_data(at: AppTest) -> None:
    hostile = "onerror=alert(1)"
    open_ticket(at, "T-2004")
    assert hostile in pages.part(at, "card")["message"]["text"]
    assert hostile not in pages.words_of(at)


def test_the_strip_shows_retries_and_marks_the_doubtful_step(at: AppTest) -> None:
    open_ticket(at, "T-2004")
    retrieval = pages.part(at, "evidence")["steps"][1]
    assert (retrieval["title"], retrieval["state"]) == ("Retrieval", "ran")
    assert retrieval["tries"] == "2 tries"
    open_ticket(at, "T-2001")
    steps = pages.part(at, "evidence")["steps"]
    assert [step["title"] for step in steps if step["doubtful"]] != []


def test_approve_records_one_decision_and_opens_the_next_card(
    at: AppTest, store: Store, clock: pages.Clock
) -> None:
    first = shown(at)
    pages.act(at, "approve")
    found = decided(store, first)
    assert found.decision is not None
    assert (found.decision.person, found.decision.verdict) == ("Ana", Verdict.APPROVE)
    assert found.run_status is RunStatus.COMMITTING
    assert shown(at) != first
    assert pages.part(at, "notice")["tone"] == "done"
    assert pages.part(at, "card")["answer"]["nonce"] == f"approve-{first}"


def late(first: dict[str, Any]) -> dict[str, Any]:
    """What a press on this card carries, whatever is on screen by now."""
    return {
        "review_id": first["id"],
        "revision": first["revision"],
        "digest": first["digest"],
        "decision_id": first["decisionId"],
    }


def test_a_second_press_on_a_card_that_has_gone_is_the_same_decision(
    at: AppTest, store: Store
) -> None:
    first = pages.part(at, "card")
    pages.act(at, "approve")
    second = shown(at)
    pages.act(at, "approve", **late(first))
    assert shown(at) == second
    assert decided(store, second).decision is None
    assert pages.part(at, "notice")["text"].startswith("Approved: ")


def test_a_press_that_arrives_after_another_card_was_opened_still_counts_for_its_own(
    at: AppTest, store: Store
) -> None:
    first = pages.part(at, "card")
    second = pages.part(at, "queue_list")["items"][-1]["id"]
    pages.send(at, "queue_list", "open", second)
    pages.act(at, "approve", **late(first))
    assert decided(store, first["id"]).decision is not None
    assert decided(store, second).decision is None
    assert shown(at) == second


@pytest.mark.parametrize(
    "forged", [{"review_id": 999}, {"revision": 7}, {"digest": "0" * 64}, {"decision_id": "x"}]
)
def test_a_payload_that_does_not_fit_the_card_decides_nothing(
    at: AppTest, store: Store, forged: dict[str, Any]
) -> None:
    first = shown(at)
    pages.act(at, "approve", **forged)
    assert decided(store, first).decision is None
    assert "nothing was decided" in pages.part(at, "notice")["text"]


def test_a_payload_that_no_card_sends_is_ignored(at: AppTest, store: Store) -> None:
    first = shown(at)
    pages.send(at, "card", "act", {"act": "approve"})
    pages.send(at, "card", "act", "approve")
    assert decided(store, first).decision is None


def test_undo_takes_the_decision_back_and_returns_the_card(at: AppTest, store: Store) -> None:
    first = shown(at)
    pages.act(at, "approve")
    pages.undo(at)
    again = decided(store, shown(at))
    assert again.run_id == decided(store, first).run_id
    assert again.status in {ReviewStatus.OPEN, ReviewStatus.CLAIMED}
    assert decided(store, first).status is ReviewStatus.SUPERSEDED


def test_undo_after_the_window_says_so_and_changes_nothing(
    at: AppTest, store: Store, clock: pages.Clock
) -> None:
    first = shown(at)
    pages.act(at, "approve")
    clock.pass_seconds(11)
    pages.undo(at)
    assert "too late" in pages.part(at, "notice")["text"]
    assert decided(store, first).status is ReviewStatus.DECIDED


def test_a_press_right_after_the_card_appeared_decides_nothing(
    at: AppTest, store: Store, clock: pages.Clock
) -> None:
    pages.act(at, "approve")
    second = shown(at)
    clock.pass_seconds(0.3)
    pages.act(at, "approve")
    assert shown(at) == second
    assert decided(store, second).decision is None
    assert "too soon" in said(at)


def test_an_edit_is_sent_and_the_draft_is_kept_beside_it(at: AppTest, store: Store) -> None:
    first = shown(at)
    pages.act(at, "edit", reply="Hello, here is my own answer.")
    found = decided(store, first)
    assert found.draft.reply == "Hello, here is my own answer."
    assert found.original_draft is not None
    assert found.draft.author == "Ana"


def test_an_edit_that_changes_nothing_is_refused_in_place(at: AppTest, store: Store) -> None:
    first = shown(at)
    pages.act(at, "edit", reply=pages.part(at, "card")["reply"]["text"])
    assert shown(at) == first
    assert decided(store, first).decision is None
    assert "Nothing was edited" in said(at)


def test_edited_arguments_are_checked_against_the_tools_schema(at: AppTest, store: Store) -> None:
    first = shown(at)
    pages.act(at, "edit", args={"amount_minor": 0})
    assert decided(store, first).decision is None
    assert shown(at) == first
    assert "tool would refuse" in said(at)
    pages.act(at, "edit", args={"amount_minor": 12_000})
    assert decided(store, first).draft.action.amount_minor == 12_000


def test_nobody_chooses_another_customer_whatever_the_browser_sends(
    at: AppTest, store: Store
) -> None:
    first = shown(at)
    before = store.read(card, first).draft.action
    forged = {"customer_id": "C-6666", "amount_minor": 12_000, "extra": 1}
    pages.act(at, "edit", args=forged)
    after = decided(store, first).draft.action
    assert after.args == {**before.args, "amount_minor": 12_000}
    assert after.customer_id == before.customer_id


def test_only_replying_drops_the_action(at: AppTest, store: Store) -> None:
    first = shown(at)
    reply = pages.part(at, "card")["reply"]["text"]
    pages.act(at, "edit", reply=reply, is_answer_only=True)
    assert decided(store, first).draft.action.is_reply_only


def test_a_rejection_carries_reason_step_and_note(at: AppTest, store: Store) -> None:
    first = shown(at)
    pages.act(at, "reject", reason="wrong_facts", step="tool_call", note="The charge is a hold.")
    found = decided(store, first).decision
    assert found is not None
    assert (found.verdict, found.reason_code, found.blamed_step, found.note) == (
        Verdict.REJECT,
        "wrong_facts",
        "tool_call",
        "The charge is a hold.",
    )


def test_the_customer_can_be_blamed_instead_of_a_step(at: AppTest, store: Store) -> None:
    first = shown(at)
    offered = {step["title"]: step for step in pages.part(at, "card")["steps"]}
    assert offered["The customer"]["key"] == "Q"
    assert offered["No single step"]["key"] == "0"
    pages.act(at, "reject", reason="not_ours", step=offered["The customer"]["step"])
    found = decided(store, first).decision
    assert found is not None
    assert found.blamed_step == labels.CUSTOMER


def test_a_rejection_without_a_reason_is_refused(at: AppTest, store: Store) -> None:
    first = shown(at)
    pages.act(at, "reject")
    assert decided(store, first).decision is None
    assert "reason" in said(at)


def test_losing_a_race_shows_who_decided_what_and_moves_on(
    at: AppTest, store: Store, clock: pages.Clock
) -> None:
    first = shown(at)
    desk.decide(store, first, Verdict.REJECT, at=clock.at, person="Ben", reason_code="tone")
    clock.pass_seconds(3)
    pages.act(at, "approve")
    line = pages.part(at, "notice")
    assert line["tone"] == "problem"
    assert line["text"] == "Ben rejected this 3 s before you. Your decision was not recorded."
    assert shown(at) != first
    found = decided(store, first).decision
    assert found is not None
    assert found.person == "Ben"


def test_a_review_that_is_closed_is_shown_with_how_it_ended(
    at: AppTest, store: Store, clock: pages.Clock
) -> None:
    first = shown(at)
    pages.act(at, "reject", reason="tone", note="Too curt")
    clock.pass_seconds(720)
    pages.send(at, "queue_list", "open", first)
    drawn = pages.part(at, "card")
    assert drawn["id"] == first
    assert drawn["closed"] == "You rejected this, 12 min ago: Tone or wording. Too curt"
    assert not any(drawn["can"].values())


def test_skip_goes_on_without_deciding(at: AppTest, store: Store) -> None:
    first = shown(at)
    pages.act(at, "skip")
    assert shown(at) != first
    assert decided(store, first).decision is None


def test_assign_and_snooze_and_a_note_are_one_press_each(
    at: AppTest, store: Store, clock: pages.Clock
) -> None:
    first = shown(at)
    run_id = decided(store, first).run_id
    pages.act(at, "note", note="Called the customer.")
    assert [note.text for note in store.read(notes.of_run, run_id)] == ["Called the customer."]
    pages.act(at, "assign", to="Ben")
    assert decided(store, first).assigned_to == "Ben"
    second = shown(at)
    pages.act(at, "snooze", hours=4)
    assert decided(store, second).snoozed_until == clock.at + timedelta(hours=4)
    assert shown(at) not in {first, second}


def test_the_acting_person_is_the_one_chosen(at: AppTest, store: Store, clock: pages.Clock) -> None:
    at.session_state[identity.PERSON] = "Ben"
    at.run()
    clock.pass_seconds(5)
    first = shown(at)
    pages.act(at, "approve")
    found = decided(store, first).decision
    assert found is not None
    assert found.person == "Ben"


@pytest.fixture
def audits(store: Store, clock: pages.Clock) -> AppTest:
    policy = desk.POLICY.model_copy(update={"audit_rate": 1.0})
    desk.company(store, now=clock.at, policy=policy)
    case = desk.Case("T-1", "Where is it?", amount_minor=None, confidence=0.97)
    desk.run(store, case, at=clock.at)
    at = pages.app()
    at.query_params["tab"] = "audits"
    at.run()
    assert not at.exception
    clock.pass_seconds(5)
    return at


def test_an_audit_gives_no_probability_away_and_takes_right_or_wrong(
    audits: AppTest, store: Store
) -> None:
    drawn = pages.part(audits, "card")
    seen = drawn, pages.part(audits, "queue_list"), pages.part(audits, "evidence")
    assert "0.97" not in str(seen)
    assert [name for name, can in drawn["can"].items() if can] == ["judge"]
    assert "The customer" not in [step["title"] for step in drawn["steps"]]
    pages.act(audits, "wrong", step="synthesis")
    found = decided(store, drawn["id"])
    assert found.kind is ReviewKind.AUDIT
    assert found.decision is not None
    assert (found.decision.verdict, found.decision.blamed_step) == (Verdict.WRONG, "synthesis")
    assert not pages.part(audits, "notice")["canUndo"]


def test_an_audit_cannot_be_approved_by_a_forged_payload(audits: AppTest, store: Store) -> None:
    first = shown(audits)
    pages.act(audits, "approve")
    assert decided(store, first).decision is None
    assert "takes right or wrong" in said(audits)


def test_an_empty_desk_says_what_will_come(store: Store, clock: pages.Clock) -> None:
    desk.company(store, now=clock.at)
    at = pages.app().run()
    assert not at.exception
    assert "Nothing waits for you" in pages.words_of(at)


def test_an_empty_store_says_how_to_start(settings: object, clock: pages.Clock) -> None:
    at = pages.app().run()
    assert not at.exception
    assert "greenlight demo" in pages.words_of(at)


@pytest.mark.parametrize("is_demo", [True, False])
def test_demo_data_is_labelled_as_such(store: Store, clock: pages.Clock, is_demo: bool) -> None:
    desk.company(store, now=clock.at, is_demo=is_demo)
    at = pages.app().run()
    assert ("Demo data" in pages.words_of(at)) is is_demo
