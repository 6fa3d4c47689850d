"""Assigning and snoozing: whose a card is and when it comes up, never what becomes of it."""

from datetime import datetime, timedelta

import gated
import pytest
from delivering import decide

from store import claims, notes, routing
from store.engine import Store
from store.errors import BadInput, NotAllowed, NotFound, StaleReview
from store.reports.queue import queue_page
from store.reports.wanted import Wanted, Whose
from store.transitions import RunStatus


def listed(store: Store, wanted: Wanted, person: str, now: datetime) -> list[int]:
    return [one.review_id for one in store.read(queue_page, wanted, person=person, now=now).items]


def test_an_assigned_card_is_one_persons_and_still_open_to_all(store: Store, now: datetime) -> None:
    case = gated.case(store)
    store.transact(claims.take, case.review_id, "Ana", now=now)
    store.transact(routing.assign, case.review_id, "Ben", by="Ana", now=now)
    assert store.read(claims.held, now=now) == {}
    assert listed(store, Wanted(whose=Whose.MINE), "Ben", now) == [case.review_id]
    assert listed(store, Wanted(whose=Whose.FREE), "Ana", now) == []
    assert listed(store, Wanted(), "Ana", now) == [case.review_id]
    decide(store, case.approve("Ana"))
    assert gated.status(store, case.run_id) is RunStatus.COMMITTING


def test_it_is_given_back_to_everybody(store: Store, now: datetime) -> None:
    case = gated.case(store)
    store.transact(routing.assign, case.review_id, "Ben", by="Ana", now=now)
    store.transact(routing.assign, case.review_id, None, by="Ben", now=now)
    assert listed(store, Wanted(whose=Whose.FREE), "Ana", now) == [case.review_id]


def test_a_snoozed_card_leaves_the_list_until_its_time(store: Store, now: datetime) -> None:
    case = gated.case(store)
    store.transact(claims.take, case.review_id, "Ana", now=now)
    until = now + timedelta(hours=1)
    store.transact(routing.snooze, case.review_id, until, by="Ana", now=now)
    assert listed(store, Wanted(), "Ana", now) == []
    assert listed(store, Wanted(is_snoozed=True), "Ana", now) == [case.review_id]
    assert store.read(claims.held, now=now) == {}
    assert listed(store, Wanted(), "Ana", until) == [case.review_id]
    assert gated.status(store, case.run_id) is RunStatus.AWAITING_REVIEW


@pytest.mark.parametrize("hours", [-1.0, 0.0, 24 * 7 + 1])
def test_it_is_snoozed_into_the_next_seven_days_only(
    store: Store, now: datetime, hours: float
) -> None:
    case = gated.case(store)
    with pytest.raises(BadInput, match="seven days"):
        store.transact(
            routing.snooze, case.review_id, now + timedelta(hours=hours), by="Ana", now=now
        )
    assert gated.review(store, case.review_id).snoozed_until is None


def test_snoozing_does_not_stop_the_clock(store: Store, now: datetime) -> None:
    case = gated.case(store)
    due = gated.review(store, case.review_id).due_at
    store.transact(routing.snooze, case.review_id, now + timedelta(hours=1), by="Ana", now=now)
    assert gated.review(store, case.review_id).due_at == due == now + timedelta(hours=24)


def test_a_decided_card_is_neither_assigned_nor_snoozed(store: Store, now: datetime) -> None:
    case = gated.case(store)
    decide(store, case.reject("Ben"))
    with pytest.raises(StaleReview):
        store.transact(routing.assign, case.review_id, "Ana", by="Ana", now=now)
    with pytest.raises(StaleReview):
        store.transact(routing.snooze, case.review_id, now + timedelta(hours=1), by="Ana", now=now)


def test_only_people_who_may_decide_are_named(store: Store, now: datetime) -> None:
    case = gated.case(store)
    with pytest.raises(NotFound):
        store.transact(routing.assign, case.review_id, "Nobody", by="Ana", now=now)
    gated.execute(store, "UPDATE person SET is_active = 0 WHERE name = 'Ben'")
    with pytest.raises(NotFound):
        store.transact(routing.assign, case.review_id, None, by="Ben", now=now)


def test_both_stand_in_the_audit_trail(store: Store, now: datetime) -> None:
    case = gated.case(store)
    store.transact(routing.assign, case.review_id, "Ben", by="Ana", now=now)
    store.transact(routing.snooze, case.review_id, now + timedelta(hours=1), by="Ben", now=now)
    told = [(entry.tag, entry.actor) for entry in store.read(gated.audit_entries)][-2:]
    assert told == [("run:review:assigned", "Ana"), ("run:review:snoozed", "Ben")]


def test_notes_are_kept_in_order_and_say_who_wrote_them(store: Store, now: datetime) -> None:
    case = gated.case(store)
    for person, text in (("Ana", "Called the bank."), ("Ben", "They will call back.")):
        store.transact(notes.add, case.run_id, f" {text} ", person=person, now=now)
    found = store.read(notes.of_run, case.run_id)
    assert [(note.person, note.text, note.at) for note in found] == [
        ("Ana", "Called the bank.", now),
        ("Ben", "They will call back.", now),
    ]


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 2_001])
def test_an_empty_or_endless_note_is_refused(store: Store, now: datetime, text: str) -> None:
    case = gated.case(store)
    with pytest.raises(BadInput, match="note"):
        store.transact(notes.add, case.run_id, text, person="Ana", now=now)
    assert gated.count(store, "note") == 0


def test_a_note_needs_a_run_and_a_person(store: Store, now: datetime) -> None:
    case = gated.case(store)
    with pytest.raises(NotFound):
        store.transact(notes.add, 999, "Hello", person="Ana", now=now)
    gated.execute(store, "UPDATE person SET is_active = 0 WHERE name = 'Ben'")
    with pytest.raises((NotFound, NotAllowed)):
        store.transact(notes.add, case.run_id, "Hello", person="Ben", now=now)
