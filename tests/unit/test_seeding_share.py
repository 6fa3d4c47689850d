"""How many check cards are owed: never more than the share, counted honestly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.seeding import Opened, is_owed


@pytest.mark.parametrize(
    ("day", "week", "owed"),
    [
        ((100, 0), (100, 0), True),
        ((100, 1), (100, 1), True),
        ((100, 2), (100, 2), False),
        ((20, 0), (49, 0), False),
        ((20, 0), (50, 0), True),
        ((20, 0), (60, 1), False),
        ((20, 1), (500, 1), False),
        ((0, 0), (0, 0), False),
    ],
)
def test_one_is_owed_while_the_share_leaves_room(
    day: tuple[int, int], week: tuple[int, int], owed: bool
) -> None:
    assert is_owed(0.02, Opened(*day), Opened(*week)) is owed


@given(st.floats(0.001, 0.2), st.integers(0, 2_000))
def test_on_a_day_with_enough_cards_the_number_is_the_share_rounded_down(
    share: float, escalations: int
) -> None:
    seeded = 0
    while is_owed(share, Opened(escalations, seeded), Opened(escalations, seeded)):
        seeded += 1
    assert share * escalations - 1 < seeded <= share * escalations
