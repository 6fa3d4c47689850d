"""Working together on the queue page: whose turn it is, filters in the address, many at once."""

from datetime import UTC, datetime, timedelta

import desk
import gated
import money_desk
import pages
import pytest
from seats import held, look, opened, row, rows, shown, under
from streamlit.testing.v1 import AppTest

from dashboard import session
from dashboard.desk import tomorrow
from store import claims, notes, registry, routing
from store.engine import Store
from store.reports.card import card
from store.reports.queue import queue_page
from store.transitions import ReviewStatus, Verdict


@pytest.fixture
def clock(now: datetime, monkeypatch: pytest.MonkeyPatch) -> pages.Clock:
    found = pages.Clock(now)
    monkeypatch.setattr(session, "now", found)
    return found


@pytest.fixture
def queue(store: Store, clock: pages.Clock) -> list[int]:
    """Five waiting cards, most urgent first."""
    desk.fill(store, now=clock.at)
    store.transact(registry.register_tools, money_desk.TOOLS)  # a refund can be taken back
    return [item.review_id for item in store.read(queue_page, now=clock.at).items]


def as_ben(at: AppTest) -> AppTest:
    at.selectbox[0].set_value("Ben").run()
    assert not at.exception
    return at


# --- whose card it is


def test_the_card_on_screen_is_claimed_and_leaving_it_gives_it_back(
    store: Store, queue: list[int], clock: pages.Clock
) -> None:
    at = opened(clock)
    assert held(store, clock) == {queue[0]: "Ana"}
    assert under(at)["claimed"] == queue[0]
    pages.send(at, "queue_list", "open", queue[2])
    assert held(store, clock) == {queue[2]: "Ana"}


def test_two_people_who_open_the_queue_get_different_cards(
    store: Store, queue: list[int], clock: pages.Clock
) -> None:
    first, second = opened(clock), opened(clock, person="Ben")
    assert shown(first) == queue[0]
    assert shown(second) != shown(first)
    assert sorted(held(store, clock).values()) == ["Ana", "Ben"]


def test_a_row_says_who_is_on_it_and_is_passed_over(
    store: Store, queue: list[int], clock: pages.Clock
) -> None:
    store.transact(claims.take, queue[1], "Ben", now=clock.at)
    at = opened(clock)
    assert row(at, queue[1])["holder"] == "Ben"
    assert row(at, queue[1])["passed"] == "with Ben"
    pages.act(at, "approve")
    assert shown(at) == queue[2]


def test_a_click_still_opens_another_persons_card_and_takes_nothing(
    store: Store, queue: list[int], clock: pages.Clock
) -> None:
    store.transact(claims.take, queue[1], "Ben", now=clock.at)
    at = opened(clock)
    pages.send(at, "queue_list", "open", queue[1])
    assert shown(at) == queue[1]
    assert under(at)["claimed"] is None
    assert held(store, clock) == {queue[1]: "Ben"}


def test_acting_as_somebody_else_gives_the_card_back(
    store: Store, queue: list[int], clock: pages.Clock
) -> None:
    as_ben(opened(clock))
    assert held(store, clock) == {queue[0]: "Ben"}


# --- what comes next


def test_after_a_decision_the_card_below_comes_and_the_list_keeps_its_order(
    store: Store, queue: list[int], clock: pages.Clock
) -> None:
    at = opened(clock)
    pages.send(at, "queue_list", "open", queue[2])
    clock.pass_seconds(5)
    pages.act(at, "approve")
    assert shown(at) == queue[3]
    assert rows(at) == [one for one in queue if one != queue[2]]


def test_what_others_decide_or_send_moves_nothing_until_it_is_asked_for(
    store: Store, queue: list[int], clock: pages.Clock
) -> None:
    at = opened(clock)
    desk.run(store, desk.Case("T-NEW", "Urgent.", amount_minor=90_000), at=clock.at)
    at.run()
    assert rows(at) == queue
    pages.send(at, "queue_list", "refresh", 1)
    assert len(rows(at)) == len(queue) + 1
    assert shown(at) == queue[0]


def test_at_the_end_of_the_list_it_is_read_anew(
    store: Store, queue: list[int], clock: pages.Clock
) -> None:
    at = opened(clock)
    pages.send(at, "queue_list", "open", queue[-1])
    clock.pass_seconds(5)
    pages.act(at, "reject", reason="tone")
    assert shown(at) == queue[0]


def test_a_skipped_card_is_given_back_and_comes_last(
    store: Store, queue: list[int], clock: pages.Clock
) -> None:
    at = opened(clock)
    pages.act(at, "skip")
    assert shown(at) == queue[1]
    assert rows(at) == [*queue[1:], queue[0]]
    assert held(store, clock) == {queue[1]: "Ana"}


def test_a_snoozed_card_leaves_the_list_until_its_time(
    store: Store, queue: list[int], clock: pages.Clock
) -> None:
    at = opened(clock)
    pages.act(at, "snooze", hours=1)
    assert shown(at) == queue[1]
    assert queue[0] not in rows(at)
    look(at, snoozed="1")
    assert rows(at) == [queue[0]]
    assert shown(at) == queue[0]
    clock.pass_seconds(3_700)
    look(at)
    assert queue[0] in rows(at)


def test_a_card_given_to_ben_is_passed_over_by_ana_and_first_with_ben(
    store: Store, queue: list[int], clock: pages.Clock
) -> None:
    at = opened(clock)
    pages.act(at, "assign", to="Ben")
    assert shown(at) == queue[1]
    assert row(at, queue[0])["passed"] == "assigned to Ben"
    assert row(at, queue[0])["tag"] == "for Ben"
    assert shown(opened(clock, person="Ben")) == queue[0]


def test_a_note_stands_beside_the_run_for_colleagues(
    store: Store, queue: list[int], clock: pages.Clock
) -> None:
    at = opened(clock)
    pages.act(at, "note", note="The customer called twice.")
    run_id = store.read(card, queue[0]).run_id
    assert [(one.person, one.text) for one in store.read(notes.of_run, run_id)] == [
        ("Ana", "The customer called twice.")
    ]


def test_nothing_free_says_where_the_cards_are(
    store: Store, queue: list[int], clock: pages.Clock
) -> None:
    for review_id in queue[:2]:
        store.transact(claims.take, review_id, "Ben", now=clock.at)
    for review_id in queue[2:]:
        store.transact(routing.assign, review_id, "Mo", by="Mo", now=clock.at)
    at = opened(clock)
    assert shown(at) is None
    said = pages.words_of(at)
    assert "Nothing waits for you" in said
    assert "2 with Ben" in said
    assert f"{len(queue) - 2} assigned to Mo" in said


# --- links and filters


def test_a_link_opens_any_review_without_taking_it(
    store: Store, queue: list[int], clock: pages.Clock
) -> None:
    store.transact(claims.take, queue[3], "Ben", now=clock.at)
    at = opened(clock, review=str(queue[3]))
    assert shown(at) == queue[3]
    assert held(store, clock) == {queue[3]: "Ben"}


def test_a_link_opens_a_decided_review_and_work_goes_on_from_there(
    store: Store, queue: list[int], clock: pages.Clock
) -> None:
    desk.decide(store, queue[0], Verdict.APPROVE, at=clock.at)
    at = opened(clock, review=str(queue[0]))
    assert shown(at) == queue[0]
    assert store.read(card, queue[0]).status is ReviewStatus.DECIDED
    assert rows(at) == queue[1:]
    assert held(store, clock) == {}


def test_a_link_to_nothing_says_so_and_opens_the_first_card(
    queue: list[int], clock: pages.Clock
) -> None:
    at = opened(clock, review="999999")
    assert "no review 999999" in pages.part(at, "notice")["text"]
    assert shown(at) == queue[0]


def test_filters_come_from_the_address_and_go_back_into_it(
    store: Store, queue: list[int], clock: pages.Clock
) -> None:
    at = opened(clock, above="100")
    assert 0 < len(rows(at)) < len(queue)
    for review_id in rows(at):
        assert store.read(card, review_id).draft.action.amount_minor > 10_000  # type: ignore[operator]
    assert under(at)["address"] == {"above": "100", "review": str(shown(at))}
    assert pages.part(at, "queue_filters")["chosen"]["above"] == 100


def test_a_wrong_value_in_the_address_shows_everything(
    queue: list[int], clock: pages.Clock
) -> None:
    at = opened(clock, above="lots", whose="ben", tab="all", reason="x", review="-")
    assert rows(at) == queue


def test_search_finds_the_ticket_and_clearing_shows_everything(
    queue: list[int], clock: pages.Clock
) -> None:
    at = look(opened(clock), search="T-2004")
    assert len(rows(at)) == 1
    assert shown(at) == rows(at)[0]
    pages.send(at, "queue_list", "clear", 1)
    assert sorted(rows(at)) == sorted(queue)


def test_a_filter_that_lets_nothing_through_says_how_to_go_on(
    queue: list[int], clock: pages.Clock
) -> None:
    at = look(opened(clock), search="no such words")
    assert rows(at) == []
    assert shown(at) is None
    assert pages.part(at, "queue_list")["desk"]["canClear"]
    assert "Clear them" in pages.words_of(at)


def test_mine_are_those_i_was_given(store: Store, queue: list[int], clock: pages.Clock) -> None:
    store.transact(routing.assign, queue[4], "Ana", by="Mo", now=clock.at)
    at = look(opened(clock), whose="mine")
    assert queue[4] in rows(at)
    assert set(rows(at)) <= {queue[0], queue[4]}


def test_audits_have_a_tab_of_their_own(store: Store, clock: pages.Clock) -> None:
    policy = desk.POLICY.model_copy(update={"audit_rate": 1.0})
    desk.company(store, now=clock.at, policy=policy)
    desk.run(
        store, desk.Case("T-1", "Where is it?", amount_minor=None, confidence=0.97), at=clock.at
    )
    at = opened(clock)
    assert rows(at) == []
    at = opened(clock, tab="audits")
    assert len(rows(at)) == 1
    (line,) = pages.part(at, "queue_list")["items"]
    assert (line["confidence"], line["share"], line["reason"]) == ("", None, "Was this right?")


def test_the_clock_of_a_waiting_card_stands_on_its_row(
    store: Store, queue: list[int], clock: pages.Clock
) -> None:
    for review_id, hours in ((queue[0], 2), (queue[1], -3)):
        due = (clock.at + timedelta(hours=hours)).strftime("%Y-%m-%d %H:%M:%S.%f")
        gated.execute(
            store, "UPDATE review SET due_at = :due WHERE id = :id", due=due, id=review_id
        )
    at = opened(clock)
    assert (row(at, queue[0])["age"], row(at, queue[0])["ageTone"]) == ("due in 2 h", "")
    assert (row(at, queue[1])["age"], row(at, queue[1])["ageTone"]) == ("overdue 3 h", "bad")
    look(at, overdue="1")
    assert rows(at) == [queue[1]]


def test_a_card_is_put_off_until_tomorrow_morning(
    store: Store, queue: list[int], clock: pages.Clock
) -> None:
    at = opened(clock)
    pages.act(at, "snooze", hours=0)
    until = store.read(card, queue[0]).snoozed_until
    assert until is not None
    assert (until.date() - clock.at.date()).days == 1
    assert until.hour == 9


@pytest.mark.parametrize(("offset", "utc_hour"), [(0, 9), (-120, 7), (480, 17)])
def test_tomorrow_is_nine_oclock_where_the_person_is(offset: int, utc_hour: int) -> None:
    at = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
    assert tomorrow(at, offset) == datetime(2026, 11, 21, utc_hour, 0, tzinfo=UTC)
