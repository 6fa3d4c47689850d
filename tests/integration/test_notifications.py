"""Notifications in the store: told once, claimed before sending, tried again, and given up."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import gated
import pytest

from store import notifications
from store.engine import Store
from store.errors import BadInput
from store.notifications import MAX_ATTEMPTS, Message, Waiting
from store.settings import Settings


@pytest.fixture
def stores(settings: Settings) -> Iterator[list[Store]]:
    """Two Store objects on one file, as two watchers hold them."""
    opened = [settings.open() for _ in range(2)]
    yield opened
    for store in opened:
        store.close()


def tell(store: Store, key: str, now: datetime) -> bool:
    return store.transact(notifications.tell, key, "Card 1 is overdue", "€84.90", "/?review=1", now)


def due(store: Store, now: datetime) -> tuple[Waiting, ...]:
    return store.read(notifications.due, now, 10)


def test_the_same_key_is_told_once(store: Store, now: datetime) -> None:
    assert tell(store, "a", now)
    assert not tell(store, "a", now + timedelta(days=1))
    (one,) = due(store, now)
    assert one.message == Message("Card 1 is overdue", "€84.90", "/?review=1")


def test_what_somebody_wrote_is_made_harmless_before_it_is_stored(
    store: Store, now: datetime
) -> None:
    store.transact(
        notifications.tell,
        "a",
        "x\nBcc: a@b.test",
        "one\n\n<b>two</b>\r\n- [l](//e.test)",
        "/",
        now,
    )
    (one,) = due(store, now)
    assert one.message == Message("x Bcc: a b. test", "one\nb two b\n- l e. test")


@pytest.mark.parametrize("path", ["@evil.test", "https://evil.test", "/?x=a b", "/\n", ""])
def test_a_path_that_leads_elsewhere_is_refused(store: Store, now: datetime, path: str) -> None:
    with pytest.raises(BadInput):
        store.transact(notifications.tell, "a", "t", "b", path, now)


def test_a_claimed_one_is_due_again_only_after_the_back_off(store: Store, now: datetime) -> None:
    tell(store, "a", now)
    (one,) = due(store, now)
    assert store.transact(notifications.claim, one, now)
    assert not store.transact(notifications.claim, one, now), "somebody was first"
    assert due(store, now + timedelta(seconds=29)) == ()
    (again,) = due(store, now + timedelta(seconds=30))
    assert again.attempt == 1


def test_after_its_last_attempt_it_is_left_with_its_error_and_shown(
    store: Store, now: datetime
) -> None:
    tell(store, "a", now)
    at, waits = now, []
    while waiting := due(store, at):
        store.transact(notifications.claim, waiting[0], at)
        store.transact(notifications.mark_failed, waiting[0].id, "1 of 1 addresses did not take it")
        steps = (timedelta(seconds=30 * 2**power) for power in range(8))
        later = next((at + wait for wait in steps if due(store, at + wait)), None)
        if later is None:
            break
        waits.append((later - at).total_seconds())
        at = later
    assert waits == [30, 60, 120, 240, 480, 960, 1920]
    assert len(waits) + 1 == MAX_ATTEMPTS
    assert due(store, now + timedelta(days=30)) == ()
    found = store.read(notifications.unsent, now=at)
    assert (found.waiting, found.given_up) == (0, 1)
    assert found.last_error == "1 of 1 addresses did not take it"
    assert store.read(notifications.unsent, now=now + timedelta(days=8)).given_up == 0


def test_one_that_was_sent_is_over_even_if_an_address_did_not_take_it(
    store: Store, now: datetime
) -> None:
    tell(store, "a", now)
    (one,) = due(store, now)
    store.transact(notifications.claim, one, now)
    store.transact(notifications.mark_sent, one.id, now, "1 of 2 addresses did not take it (JSON)")
    assert due(store, now + timedelta(days=1)) == ()
    assert not store.transact(notifications.claim, Waiting(one.id, 1, one.message), now)


def test_a_clock_that_is_set_back_delays_nothing_by_years(store: Store, now: datetime) -> None:
    tell(store, "a", now + timedelta(days=900))
    assert len(due(store, now)) == 1


def test_what_waits_can_be_given_up_with_a_reason(store: Store, now: datetime) -> None:
    tell(store, "a", now)
    tell(store, "b", now)
    assert store.transact(notifications.give_up, "nobody to tell") == 2
    assert due(store, now + timedelta(days=1)) == ()
    assert store.read(notifications.unsent, now=now).last_error == "nobody to tell"


def test_two_watchers_at_once_claim_each_notification_once(
    stores: list[Store], store: Store, now: datetime
) -> None:
    for number in range(100):
        tell(store, f"k{number}", now)
    waiting = store.read(notifications.due, now, 100)
    start = threading.Barrier(2)

    def claim_all(one: Store) -> list[int]:
        start.wait()
        return [each.id for each in waiting if one.transact(notifications.claim, each, now)]

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(claim_all, stores)
    assert sorted(first + second) == [each.id for each in waiting]


def test_many_in_one_hour_become_a_summary_and_are_not_told_later(
    store: Store, now: datetime
) -> None:
    def word(number: int) -> Message:
        return Message(f"Card {number}", "")

    summary = Message("7 cards", "")

    def tell_each(numbers: Sequence[int], at: datetime) -> bool:
        return store.transact(notifications.tell_each, "topic", numbers, word, summary, now=at)

    assert not tell_each(range(7), now)
    assert not tell_each(range(7), now)
    store.transact(notifications.remember, "topic", range(7), summary, now=now)
    assert [one.message.title for one in due(store, now)] == ["7 cards"]
    next_hour = now + timedelta(hours=1)
    assert tell_each(range(7), next_hour), "all of them are known"
    assert tell_each([8], next_hour)
    assert [one.message.title for one in due(store, next_hour)] == ["7 cards", "Card 8"]
    assert gated.count(store, "notification") == 9
