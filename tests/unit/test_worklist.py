"""Whose turn it is: the next row that is free, never back to the top of itself."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dashboard.filters import Filters
from dashboard.worklist import Worklist, passed, sample
from store.bulk import BulkItem
from store.reports.queue import QueueItem
from store.transitions import ReviewKind, ReviewStatus, SlaStage

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def item(review_id: int, **values: object) -> QueueItem:
    made = QueueItem(
        review_id=review_id,
        run_id=review_id,
        kind=ReviewKind.ESCALATION,
        status=ReviewStatus.OPEN,
        title="Charged twice",
        external_id=f"T-{review_id}",
        customer_id="C-1",
        intent="duplicate_charge",
        action_kind="refund",
        amount_minor=100,
        currency="EUR",
        confidence=0.5,
        threshold=0.85,
        risk=1.0,
        urgency=1.0,
        reasons=(),
        age_s=0.0,
        claimed_by=None,
        revision=1,
        is_blocked=False,
        is_reversal=False,
        needed=1,
        approved_by=(),
        assigned_to=None,
        snoozed_until=None,
        due_at=None,
        sla_stage=SlaStage.FRESH,
    )
    return replace(made, **values)  # type: ignore[arg-type]


def work(*items: QueueItem, current: int | None = None) -> Worklist:
    made = Worklist(person="Ana", current=current, claimed=current)
    made.fill(items, total=len(items), newest=9, at=NOW)
    return made


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, None),
        ({"claimed_by": "Ana"}, None),
        ({"claimed_by": "Ben"}, "with Ben"),
        ({"assigned_to": "Ana"}, None),
        ({"assigned_to": "Ben"}, "assigned to Ben"),
        ({"approved_by": ("Ben",)}, None),
        ({"approved_by": ("Ana",)}, "waiting for a second person"),
        ({"snoozed_until": NOW + timedelta(hours=1)}, "snoozed"),
        ({"snoozed_until": NOW}, None),
    ],
)
def test_a_card_that_is_not_mine_to_take_is_passed_over(
    values: dict[str, object], why: str | None
) -> None:
    assert passed(item(1, **values), "Ana", NOW) == why


def test_after_a_decision_it_is_the_turn_of_the_free_ones_below() -> None:
    place = work(item(1), item(2), item(3, claimed_by="Ben"), item(4), item(5), current=2)
    place.advance(2, NOW)
    assert place.coming == (4, 5)
    assert place.order == [1, 3, 4, 5]
    assert place.total == 4
    assert (place.current, place.claimed) == (None, None)


def test_the_end_of_the_list_leaves_nobodys_turn() -> None:
    place = work(item(1), item(2), current=2)
    place.advance(2, NOW)
    assert place.coming == ()


def test_a_decision_on_a_card_that_is_not_on_screen_moves_nothing() -> None:
    place = work(item(1), item(2), item(3), current=1)
    place.advance(3, NOW)
    assert place.current == 1
    assert place.coming is None
    assert place.order == [1, 2]


def test_a_skipped_card_comes_after_the_others_also_when_the_list_is_read_anew() -> None:
    place = work(item(1), item(2), item(3), current=1)
    place.skip(1, NOW)
    assert place.coming == (2, 3)
    assert place.order == [2, 3, 1]
    assert place.claimed == 1  # given back with the next claim, in one transaction
    place.fill((item(1), item(4), item(2)), total=3, newest=9, at=NOW)
    assert place.order == [4, 2, 1]


def test_skipping_twice_skips_one_card() -> None:
    place = work(item(1), item(2), item(3), current=1)
    place.skip(1, NOW)
    place.arrive(2)
    place.skip(1, NOW)
    assert place.current == 2


def test_an_undone_card_comes_on_top_and_the_other_rows_stay_where_they_are() -> None:
    place = work(item(3), item(1), item(2), current=3)
    place.bring_back(7)
    assert place.current == 7
    assert place.is_to_read
    place.fill_around((item(1), item(2), item(9), item(3), item(7)), total=5, newest=9, at=NOW)
    assert place.order == [7, 3, 1, 2, 9]
    assert not place.is_to_read


def test_rows_read_again_keep_their_order_and_closed_ones_leave() -> None:
    place = work(item(3), item(1), item(2), current=3)
    place.refresh([item(3), item(2)], NOW)
    assert place.order == [3, 2]
    assert place.total == 2


def test_another_filter_or_person_starts_anew() -> None:
    place = work(item(1), item(2), current=1)
    place.skip(1, NOW)
    place.look(Filters(search="late"))
    assert (place.items, place.current, place.skipped) == (None, None, (1,))
    place.begin("Ben")
    assert (place.person, place.filters, place.skipped) == ("Ben", Filters(search="late"), ())


def test_snoozed_cards_are_nobodys_turn_unless_they_are_what_is_looked_for() -> None:
    asleep = item(1, snoozed_until=NOW + timedelta(hours=1))
    place = work(asleep)
    assert place.free(NOW) == []
    place.filters = Filters(snoozed=True)
    assert place.free(NOW) == [1]


def test_a_card_given_to_somebody_else_is_left_for_the_next() -> None:
    place = work(item(1), item(2), current=1)
    place.hand_over(1, NOW)
    assert place.coming == (2,)
    assert (place.current, place.claimed) == (None, None)


@pytest.mark.parametrize("number", [0, 1, 2, 4, 5, 200])
def test_a_sample_is_small_has_the_dearest_card_and_no_card_twice(number: int) -> None:
    items = [BulkItem(n, "d", "t", n * 7 % 31, "EUR") for n in range(number)]
    shown = sample(items)
    assert len(shown) == min(4, number)
    assert len({one.review_id for one in shown}) == len(shown)
    if items:
        assert max(items, key=lambda one: one.amount_minor or 0) in shown
