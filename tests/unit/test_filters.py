"""The filters of the queue as the address bar says them."""

import pytest

from dashboard.filters import Filters, from_query, review_of
from store.reports.wanted import Whose
from store.transitions import ReviewKind

ALL = Filters(
    tab="audits",
    search="refund late",
    intent="duplicate_charge",
    kind="refund",
    reason="critic_objects",
    above=100,
    whose=Whose.MINE,
    overdue=True,
    snoozed=True,
)


def test_what_is_chosen_comes_back_from_the_address_it_makes() -> None:
    assert from_query(ALL.query()) == ALL


def test_an_address_without_filters_shows_everything_and_says_nothing() -> None:
    assert from_query({}) == Filters()
    assert Filters().query() == {}
    assert not Filters(tab="audits").is_any
    assert Filters(search="x").is_any


@pytest.mark.parametrize(
    "wrong",
    [
        {"tab": "everything"},
        {"whose": "ben"},
        {"above": "-3"},
        {"above": "1e9"},
        {"above": "9" * 30},
        {"reason": "because"},
        {"intent": "x'; drop"},
        {"kind": "Refund all"},
        {"overdue": "true"},
        {"snoozed": "yes"},
        {"elephant": "1"},
    ],
)
def test_a_value_that_means_nothing_is_ignored(wrong: dict[str, str]) -> None:
    assert from_query(wrong) == Filters()


def test_a_search_is_cut_and_never_refused() -> None:
    assert from_query({"search": " a" * 500}).search == ("a " * 500).strip()[:100]


def test_tabs_are_read_in_any_case_and_divide_all_kinds() -> None:
    assert from_query({"tab": "Audits"}).tab == "audits"
    escalations = set(Filters().wanted("EUR").kinds or ())
    audits = set(Filters(tab="audits").wanted("EUR").kinds or ())
    assert escalations | audits == set(ReviewKind)
    assert escalations & audits == set()
    assert audits == {ReviewKind.AUDIT, ReviewKind.SECOND_LOOK}


def test_money_is_asked_for_in_minor_units_of_the_companys_currency() -> None:
    assert Filters(above=100).wanted("EUR").above_minor == 10_000
    assert Filters(above=100).wanted("JPY").above_minor == 100
    assert Filters().wanted("EUR").above_minor is None


@pytest.mark.parametrize(
    ("said", "opened"), [("12", 12), ("", None), ("twelve", None), ("-1", None), ("9" * 40, None)]
)
def test_an_address_opens_the_review_it_names(said: str, opened: int | None) -> None:
    assert review_of({"review": said}) == opened
