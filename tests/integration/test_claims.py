"""Who is on which review: claimed by opening, given back by leaving, never two people on one."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import gated
import pytest
from builders import refund
from delivering import decide, shop

from store import claims
from store.engine import Store
from store.errors import NotFound, StaleReview
from store.gate import PolicyBody
from store.settings import Settings
from store.transitions import ReviewStatus

LIMIT = PolicyBody().two_person_above_minor
PEOPLE = ("Ana", "Ben")


def test_a_claim_keeps_others_off_until_it_is_given_back(store: Store, now: datetime) -> None:
    case = gated.case(store)
    assert store.transact(claims.take, case.review_id, "Ana", now=now) == "Ana"
    assert store.transact(claims.take, case.review_id, "Ben", now=now) == "Ana"
    assert store.read(claims.held, now=now) == {case.review_id: "Ana"}
    store.transact(claims.release, case.review_id, "Ben")
    assert store.read(claims.held, now=now) == {case.review_id: "Ana"}
    store.transact(claims.release, case.review_id, "Ana")
    assert store.read(claims.held, now=now) == {}
    assert gated.review(store, case.review_id).status is ReviewStatus.OPEN


def test_a_claim_runs_out_after_four_idle_minutes(store: Store, now: datetime) -> None:
    case = gated.case(store)
    store.transact(claims.take, case.review_id, "Ana", now=now)
    late = now + timedelta(minutes=claims.CLAIM_MINUTES)
    assert store.read(claims.held, now=late) == {}
    assert store.transact(claims.take, case.review_id, "Ben", now=late) == "Ben"


def test_whoever_is_active_keeps_it(store: Store, now: datetime) -> None:
    case = gated.case(store)
    for minutes in (0, 3, 6):
        at = now + timedelta(minutes=minutes)
        assert store.transact(claims.take, case.review_id, "Ana", now=at) == "Ana"
    assert store.transact(claims.take, case.review_id, "Ben", now=at) == "Ana"


def test_opening_the_next_gives_the_last_one_back(store: Store, now: datetime) -> None:
    one, other = gated.case(store), gated.case(store)
    store.transact(claims.take, one.review_id, "Ana", now=now)
    store.transact(claims.take, other.review_id, "Ana", leaving=one.review_id, now=now)
    assert store.read(claims.held, now=now) == {other.review_id: "Ana"}


def test_the_next_free_one_is_given_and_others_cards_are_passed_over(
    store: Store, now: datetime
) -> None:
    first, second, third = (gated.case(store).review_id for _ in range(3))
    store.transact(claims.take, first, "Ben", now=now)
    order = [first, second, third]
    assert store.transact(claims.take_next, "Ana", order, now=now) == second
    assert store.transact(claims.take_next, "Ben", order[1:], leaving=first, now=now) == third
    assert store.read(claims.held, now=now) == {second: "Ana", third: "Ben"}
    assert store.transact(claims.take_next, "Mo", [second, third], now=now) is None


def test_a_card_that_waits_for_a_second_person_keeps_its_place_while_somebody_looks(
    store: Store, now: datetime
) -> None:
    shop(store)
    case = gated.case(store, action=refund(LIMIT + 1))
    decide(store, case.approve("Ana"))
    assert store.transact(claims.take, case.review_id, "Ben", now=now) == "Ben"
    assert gated.review(store, case.review_id).status is ReviewStatus.AWAITING_SECOND
    store.transact(claims.release, case.review_id, "Ben")
    assert gated.review(store, case.review_id).status is ReviewStatus.AWAITING_SECOND


def test_a_closed_review_cannot_be_claimed(store: Store, now: datetime) -> None:
    case = gated.case(store)
    decide(store, case.reject("Ben"))
    with pytest.raises(StaleReview, match="decided"):
        store.transact(claims.take, case.review_id, "Ana", now=now)
    assert store.transact(claims.take_next, "Ana", [case.review_id], now=now) is None
    with pytest.raises(NotFound):
        store.transact(claims.take, 999, "Ana", now=now)


def test_two_who_ask_at_once_never_get_the_same_card(
    store: Store, settings: Settings, now: datetime
) -> None:
    order = [gated.case(store).review_id for _ in range(40)]
    start = Barrier(len(PEOPLE))

    def work(person: str) -> list[int]:
        mine: list[int] = []
        own = settings.open(urgent=True)
        start.wait()
        left = list(order)
        while (got := own.transact(claims.take_next, person, left, now=now)) is not None:
            mine.append(got)
            left.remove(got)
        own.close()
        return mine

    with ThreadPoolExecutor(len(PEOPLE)) as pool:
        taken = list(pool.map(work, PEOPLE))
    assert sorted(taken[0] + taken[1]) == order
