"""Tickets in: one identity, one run; text cleaned; whatever cannot be used refused whole."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime

import gated
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import queue
from store.engine import Store
from store.errors import BadInput, QueueFull
from store.queue import MAX_TEXT, NewTicket, clean_text
from store.schema import Ticket
from store.settings import Settings
from store.transitions import RunStatus


def submit(store: Store, *tickets: NewTicket, now: datetime) -> list[queue.Submitted]:
    return store.transact(queue.submit, tickets, now=now)


def test_the_same_id_twice_is_one_run(store: Store, now: datetime) -> None:
    (first,) = submit(store, NewTicket("Where is it?", external_id="T-1"), now=now)
    (again,) = submit(store, NewTicket("Other words", external_id="T-1"), now=now)
    assert not first.is_duplicate
    assert again.is_duplicate
    assert again.run_id == first.run_id
    assert gated.count(store, "run") == gated.count(store, "ticket") == 1


def test_a_duplicate_inside_one_batch_is_found_too(store: Store, now: datetime) -> None:
    results = submit(store, *[NewTicket("Hi", external_id="T-1")] * 3, now=now)
    assert [result.is_duplicate for result in results] == [False, True, True]


def test_without_an_id_customer_text_and_time_are_the_identity(store: Store, now: datetime) -> None:
    ticket = NewTicket("Where is it?", customer_id="C-1", received_at=now)
    others = [
        NewTicket("Where is it?", customer_id="C-2", received_at=now),
        NewTicket("Where is it??", customer_id="C-1", received_at=now),
        NewTicket("Where is it?", customer_id="C-1"),
    ]
    results = submit(store, ticket, *others, ticket, now=now)
    assert [result.is_duplicate for result in results] == [False] * 4 + [True]
    assert results[-1].run_id == results[0].run_id


def test_one_id_submitted_by_two_processes_at_once_is_one_run(
    store: Store, settings: Settings, now: datetime
) -> None:
    other = settings.open()
    batches = [[NewTicket("Hi", external_id=f"T-{n}") for n in range(20)]] * 4
    with ThreadPoolExecutor(4) as pool:
        stores = [store, other, store, other]
        results = list(pool.map(lambda s, b: submit(s, *b, now=now), stores, batches))
    assert gated.count(store, "run") == 20
    assert sum(not r.is_duplicate for batch in results for r in batch) == 20
    other.close()


def test_a_refused_text_stores_nothing_of_its_batch(store: Store, now: datetime) -> None:
    with pytest.raises(BadInput, match="empty"):
        submit(store, NewTicket("Good", external_id="T-1"), NewTicket(" \x00\n"), now=now)
    assert gated.count(store, "ticket") == 0


def test_a_text_of_exactly_the_limit_is_taken_and_one_more_character_refused() -> None:
    assert len(clean_text("x" * MAX_TEXT)) == 100_000
    with pytest.raises(BadInput, match="100,001"):
        clean_text("x" * (MAX_TEXT + 1))


@given(st.text(alphabet=st.characters(codec=None), min_size=1).map(lambda text: "x" + text))
def test_any_text_can_be_stored_once_cleaned(text: str) -> None:
    cleaned = clean_text(text)
    cleaned.encode()
    assert "\x00" not in cleaned


def test_nul_and_lone_surrogates_in_any_field_do_not_stop_a_ticket(
    store: Store, now: datetime
) -> None:
    bad = "a\x00b\ud800c"
    ticket = NewTicket(bad, external_id=bad, customer_id=bad, subject=bad, extra={"k": bad})
    (stored,) = submit(store, ticket, now=now)
    row = store.read(lambda session: session.get_one(Ticket, 1))
    assert row.text == row.subject == row.customer_id == row.external_id == "ab?c"
    assert stored.external_id == row.external_id
    (again,) = submit(store, ticket, now=now)
    assert again.is_duplicate


def test_a_ticket_never_changes_and_extra_columns_are_kept(store: Store, now: datetime) -> None:
    submit(store, NewTicket("Hi", external_id="T-1", extra={"channel": "web"}), now=now)
    assert store.read(lambda session: session.get_one(Ticket, 1)).extra == {"channel": "web"}


def test_counts_name_every_status_that_has_runs(store: Store, now: datetime) -> None:
    gated.case(store)
    submit(store, NewTicket("Hi"), NewTicket("Ho"), now=now)
    assert store.read(queue.counts) == {RunStatus.AWAITING_REVIEW: 1, RunStatus.QUEUED: 2}


def test_a_ticket_submitted_already_claimed_cannot_be_taken_by_another(
    store: Store, now: datetime
) -> None:
    ticket = NewTicket("Hi", external_id="T-1")
    store.transact(queue.submit_claimed, ticket, "ask", lease_seconds=60, now=now)
    assert not store.transact(queue.claim, "w", limit=9, in_flight=0, lease_seconds=60)
    with pytest.raises(BadInput, match="exists already"):
        store.transact(queue.submit_claimed, ticket, "ask", lease_seconds=60, now=now)


def test_intake_stops_at_its_bound_and_then_stores_nothing_of_the_batch(
    store: Store, now: datetime
) -> None:
    batch = [NewTicket("Hi", external_id=f"T-{n}") for n in range(5)]
    store.transact(queue.submit, batch[:2], now=now, max_queued=4)
    with pytest.raises(QueueFull, match="4 tickets may wait") as full:
        store.transact(queue.submit, batch, now=now, max_queued=4)
    assert full.value.fits == 4, "two known ones and two that still fit"
    assert gated.count(store, "ticket") == gated.count(store, "run") == 2
    store.transact(queue.submit, batch[: full.value.fits], now=now, max_queued=4)
    assert gated.count(store, "run") == 4


def test_a_duplicate_never_counts_against_the_bound(store: Store, now: datetime) -> None:
    batch = [NewTicket("Hi", external_id=f"T-{n}") for n in range(3)]
    store.transact(queue.submit, batch, now=now, max_queued=3)
    again = store.transact(queue.submit, batch, now=now, max_queued=3)
    assert all(one.is_duplicate for one in again)


def test_only_what_waits_counts_against_the_bound(store: Store, now: datetime) -> None:
    batch = [NewTicket("Hi", external_id=f"T-{n}") for n in range(4)]
    store.transact(queue.submit, batch[:2], now=now, max_queued=2)
    store.transact(queue.claim, "w", limit=1, in_flight=0, lease_seconds=60)
    store.transact(queue.submit, batch[2:3], now=now, max_queued=2)
    with pytest.raises(QueueFull):
        store.transact(queue.submit, batch[3:], now=now, max_queued=2)


def test_several_processes_together_never_pass_the_bound(
    store: Store, settings: Settings, now: datetime
) -> None:
    other = settings.open()
    accepted = []

    def hand_in(mine: Store, name: str) -> None:
        for number in range(20):
            ticket = NewTicket("Hi", external_id=f"{name}-{number}")
            with suppress(QueueFull):
                accepted.extend(mine.transact(queue.submit, [ticket], now=now, max_queued=30))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(hand_in, [store, other, store, other], "abcd"))
    assert len(accepted) == gated.count(store, "run") == 30
    other.close()
