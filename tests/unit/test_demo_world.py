"""The demo's world: the same seed gives the same people, and every story leaves its own facts."""

from collections import Counter
from datetime import date

import pytest

from agents.demo.showcase import showcase
from agents.demo.stories import QUOTAS, SHOWCASE, build
from agents.demo.world import StoryKind, World

ANCHOR = date(2026, 11, 22)


@pytest.fixture(scope="module")
def world() -> World:
    return build(2026, ANCHOR)


def test_equal_arguments_give_an_equal_world(world: World) -> None:
    assert build(2026, ANCHOR) == world


def test_another_seed_gives_other_people(world: World) -> None:
    assert build(2027, ANCHOR).customers != world.customers


def test_every_story_is_told_as_often_as_planned(world: World) -> None:
    told = Counter(story.kind for story in world.stories if not story.is_showcase)
    assert told == QUOTAS


def test_ids_never_repeat_across_chapters(world: World) -> None:
    chapters = [world, build(2026, ANCHOR, 1), build(2026, ANCHOR, 2)]
    for ids in ("customers", "orders", "charges", "refunds"):
        seen = [one for chapter in chapters for one in getattr(chapter, ids)]
        assert len(seen) == len(set(seen))


def test_stories_begin_before_the_anchor(world: World) -> None:
    assert all(story.on < ANCHOR for story in world.stories)


def test_a_duplicate_is_one_order_captured_twice(world: World) -> None:
    for story in world.stories:
        if story.kind in (StoryKind.DUPLICATE_SMALL, StoryKind.DUPLICATE_LARGE):
            captured = [
                charge.amount_minor
                for charge in world.charges.values()
                if charge.order_id == story.order_id and charge.status == "captured"
            ]
            assert len(captured) == 2
            assert len(set(captured)) == 1
            assert (captured[0] > 10_000) is (story.kind is StoryKind.DUPLICATE_LARGE)


def test_honest_orders_of_one_customer_never_cost_the_same(world: World) -> None:
    for story in world.stories:
        if story.kind is not StoryKind.TWO_ORDERS:
            totals = [o.total_minor for o in world.orders.values()
                      if o.customer_id == story.customer_id]  # fmt: skip
            assert len(totals) == len(set(totals))


def test_the_showcase_names_the_same_customers_for_every_seed(world: World) -> None:
    assert showcase(world) == showcase(build(1, date(2026, 7, 1)))
    assert showcase(world).ambiguous == "C-1000"
    assert len([s for s in world.stories if s.is_showcase]) == len(SHOWCASE)


@pytest.mark.parametrize("anchor", [date(2026, 6, 1), date(2026, 11, 22), date(2027, 5, 30)])
def test_the_showcase_happened_in_may_2026(anchor: date) -> None:
    world = build(3, anchor)
    shown = {story.customer_id for story in world.stories if story.is_showcase}
    months = {
        charge.made_at.strftime("%Y-%m")
        for charge in world.charges.values()
        if charge.customer_id in shown and charge.made_at.year == 2026
    }
    assert "2026-05" in months


def test_a_later_chapter_has_no_showcase() -> None:
    with pytest.raises(KeyError):
        showcase(build(2026, ANCHOR, 1))
