"""Who approves faster than a card can be read, and when it is too early or too little to say so."""

import pytest

from store.reports.reviewers import Reviewer, Share

NONE = Share.of(0, 0)


def reviewer(approved: int, others: int, median_s: float | None, *, timed: int) -> Reviewer:
    cards = approved + others
    return Reviewer(
        person="Ana",
        is_simulated=False,
        cards=cards,
        in_bulk=0,
        audits=0,
        timed=timed,
        median_s=median_s,
        p90_s=median_s,
        approved=Share.of(approved, cards),
        edited=NONE,
        rejected=Share.of(others, cards),
        undone=NONE,
        named=NONE,
        agreed=NONE,
        caught=NONE,
    )


def test_nearly_everything_approved_in_no_time_is_told_in_words() -> None:
    assert reviewer(97, 3, 2.1, timed=100).notice == (
        "Ana approved 97 of 100 cards in a median of 2.1 s. That is faster than a card can be read."
    )


@pytest.mark.parametrize(
    ("approved", "others", "median_s", "timed", "is_rapid"),
    [
        (96, 4, 2.9, 100, True),
        (95, 5, 2.9, 100, False),  # not above 95 %
        (96, 4, 3.0, 100, False),  # not under 3 s
        (50, 0, 1.0, 50, True),
        (49, 0, 1.0, 49, False),  # too few cards
        (90, 0, 1.0, 49, False),  # too few whose time is known
        (60, 0, None, 0, False),
        (0, 0, None, 0, False),
    ],
)
def test_the_notice_stands_only_where_all_three_hold(
    approved: int, others: int, median_s: float | None, timed: int, is_rapid: bool
) -> None:
    found = reviewer(approved, others, median_s, timed=timed)
    assert found.is_rapid is is_rapid
    assert (found.notice is not None) is is_rapid


def test_a_share_of_nothing_is_unknown() -> None:
    assert Share(0, 0, None, None, None) == NONE
    assert not NONE.has_enough
