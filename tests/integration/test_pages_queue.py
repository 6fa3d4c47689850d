"""The queue page: what a card shows, and that each button is one decision of what was shown."""

from datetime import datetime

import desk
import pages
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import session
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
    at = pages.app().run()
    assert not at.exception
    clock.pass_seconds(5)
    return at


def shown(at: AppTest) -> int:
    return int(pages.part(at, "case")["id"])


def open_ticket(at: AppTest, external_id: str) -> None:
    rows = pages.part(at, "queue_list")["items"]
    (row,) = [row for row in rows if external_id in row["who"]]
    at.session_state["current_review"] = row["id"]
    at.run()
    assert not at.exception


def decided(store: Store, review_id: int) -> Card:
    return store.read(card, review_id)


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
    drawn = pages.part(at, "case")["action"]
    assert drawn["tool"] == action.tool
    assert dict(drawn["args"]) == {
        name: value if isinstance(value, str) else str(value) for name, value in action.args.items()
    }
    assert drawn["money"] == "€240.00"


def test_a_card_says_why_it_is_here_with_the_margin(at: AppTest) -> None:
    open_ticket(at, "T-2002")
    limit, cap = pages.part(at, "case")["why"]
    assert "above the automatic limit" in limit["text"]
    assert limit["margin"] == "+€140.00"
    assert "today without a person" in cap["text"]
    assert cap["margin"] == "+€40.00"


def test_a_strangers_text_reaches_the_page_only_as_component_data(at: AppTest) -> None:
    hostile = "onerror=alert(1)"
    open_ticket(at, "T-2004")
    assert hostile in pages.part(at, "case")["message"]["text"]
    assert hostile not in pages.words_of(at)


def test_the_strip_shows_retries_and_marks_the_doubtful_step(at: AppTest) -> None:
    open_ticket(at, "T-2004")
    retrieval = pages.part(at, "evidence")["steps"][1]
    assert (retrieval["title"], retrieval["state"]) == ("Retrieval", "ran")
    assert "2 tries" in retrieval["note"]
    open_ticket(at, "T-2001")
    steps = pages.part(at, "evidence")["steps"]
    assert [step["title"] for step in steps if step["doubtful"]] != []


def test_approve_records_one_decision_and_opens_the_next_card(at: AppTest, store: Store) -> None:
    first = shown(at)
    pages.press(at, "approve_")
    found = decided(store, first)
    assert found.decision is not None
    assert (found.decision.person, found.decision.verdict) == ("Ana", Verdict.APPROVE)
    assert found.run_status is RunStatus.COMMITTING
    assert shown(at) != first
    assert pages.part(at, "notice")["tone"] == "done"


def test_undo_takes_the_decision_back_and_returns_the_card(at: AppTest, store: Store) -> None:
    first = shown(at)
    pages.press(at, "approve_")
    pages.press(at, "undo_")
    again = decided(store, shown(at))
    assert again.run_id == decided(store, first).run_id
    assert again.status in {ReviewStatus.OPEN, ReviewStatus.CLAIMED}
    assert decided(store, first).status is ReviewStatus.SUPERSEDED


def test_undo_after_the_window_says_so_and_changes_nothing(
    at: AppTest, store: Store, clock: pages.Clock
) -> None:
    first = shown(at)
    pages.press(at, "approve_")
    clock.pass_seconds(11)
    pages.press(at, "undo_")
    assert "too late" in pages.part(at, "notice")["text"]
    assert decided(store, first).status is ReviewStatus.DECIDED


def test_a_press_right_after_the_card_appeared_decides_nothing(
    at: AppTest, store: Store, clock: pages.Clock
) -> None:
    pages.press(at, "approve_")
    second = shown(at)
    clock.pass_seconds(0.3)
    pages.press(at, "approve_")
    assert shown(at) == second
    assert decided(store, second).decision is None


def test_an_edit_is_sent_and_the_draft_is_kept_beside_it(at: AppTest, store: Store) -> None:
    first = shown(at)
    at.text_area[0].set_value("Hello, here is my own answer.").run()
    pages.press(at, "send_")
    found = decided(store, first)
    assert found.draft.reply == "Hello, here is my own answer."
    assert found.original_draft is not None
    assert found.draft.author == "Ana"


def test_approving_never_drops_a_typed_edit_silently(at: AppTest, store: Store) -> None:
    first = shown(at)
    at.text_area[0].set_value("Something else").run()
    pages.press(at, "approve_")
    assert decided(store, first).decision is None
    assert shown(at) == first
    assert "Ctrl+Enter" in pages.part(at, "notice")["text"]
    assert at.text_area[0].value == "Something else"


def test_an_undone_edit_gives_the_typed_words_back(at: AppTest) -> None:
    at.text_area[0].set_value("My words").run()
    pages.press(at, "send_")
    pages.press(at, "undo_")
    assert at.text_area[0].value == "My words"


def test_edited_arguments_are_checked_against_the_tools_schema(at: AppTest, store: Store) -> None:
    first = shown(at)
    at.toggle[1].set_value(True).run()
    at.number_input[0].set_value(0).run()
    pages.press(at, "send_")
    assert decided(store, first).decision is None
    assert "tool would refuse" in pages.part(at, "notice")["text"]
    at.number_input[0].set_value(12_000).run()
    pages.press(at, "send_")
    assert decided(store, first).draft.action.amount_minor == 12_000


def test_only_replying_drops_the_action(at: AppTest, store: Store) -> None:
    first = shown(at)
    at.toggle[0].set_value(True).run()
    pages.press(at, "send_")
    assert decided(store, first).draft.action.is_reply_only


def test_a_rejection_carries_reason_step_and_note(at: AppTest, store: Store) -> None:
    first = shown(at)
    pages.press(at, "reject_")
    at.button_group[1].set_value("wrong_facts")
    at.button_group[2].set_value("tool_call")
    note = next(area for area in at.text_area if area.key and area.key.startswith("note_"))
    note.set_value("The charge is a hold.").run()
    pages.press(at, "confirm_")
    found = decided(store, first).decision
    assert found is not None
    assert (found.verdict, found.reason_code, found.blamed_step, found.note) == (
        Verdict.REJECT,
        "wrong_facts",
        "tool_call",
        "The charge is a hold.",
    )


def test_a_rejection_without_a_reason_is_refused(at: AppTest, store: Store) -> None:
    first = shown(at)
    pages.press(at, "reject_")
    pages.press(at, "confirm_")
    assert decided(store, first).decision is None
    assert "reason" in pages.part(at, "notice")["text"]


def test_losing_a_race_shows_who_decided_what_and_moves_on(
    at: AppTest, store: Store, clock: pages.Clock
) -> None:
    first = shown(at)
    desk.decide(store, first, Verdict.REJECT, at=clock.at, person="Ben", reason_code="tone")
    pages.press(at, "approve_")
    line = pages.part(at, "notice")
    assert line["tone"] == "problem"
    assert "Already decided by Ben" in line["text"]
    assert shown(at) != first
    found = decided(store, first).decision
    assert found is not None
    assert found.person == "Ben"


def test_a_half_typed_edit_survives_reruns_and_other_peoples_decisions(
    at: AppTest, store: Store, clock: pages.Clock
) -> None:
    at.text_area[0].set_value("Half a sen").run()
    other = store.read(queue_page, now=clock.at).items[-1].review_id
    desk.decide(store, other, Verdict.APPROVE, at=clock.at)
    for _ in range(3):
        at.run()
    assert at.text_area[0].value == "Half a sen"


def test_the_acting_person_is_the_one_chosen(at: AppTest, store: Store, clock: pages.Clock) -> None:
    at.selectbox[0].set_value("Ben").run()
    clock.pass_seconds(5)
    first = shown(at)
    pages.press(at, "approve_")
    found = decided(store, first).decision
    assert found is not None
    assert found.person == "Ben"


def test_an_audit_gives_no_probability_away_and_takes_right_or_wrong(
    store: Store, clock: pages.Clock
) -> None:
    policy = desk.POLICY.model_copy(update={"audit_rate": 1.0})
    desk.company(store, now=clock.at, policy=policy)
    desk.run(
        store, desk.Case("T-1", "Where is it?", amount_minor=None, confidence=0.97), at=clock.at
    )
    at = pages.app()
    at.query_params["tab"] = "Audits"
    at.run()
    assert not at.exception
    seen = pages.part(at, "case"), pages.part(at, "queue_list"), pages.part(at, "evidence")
    assert "0.97" not in str(seen)
    assert not [button for button in at.button if (button.key or "").startswith("approve_")]
    first = shown(at)
    clock.pass_seconds(5)
    pages.press(at, "wrong_")
    at.button_group[1].set_value("synthesis").run()
    pages.press(at, "confirm_")
    found = decided(store, first)
    assert found.kind is ReviewKind.AUDIT
    assert found.decision is not None
    assert (found.decision.verdict, found.decision.blamed_step) == (Verdict.WRONG, "synthesis")


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
