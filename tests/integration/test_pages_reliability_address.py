"""The Reliability page: what its address says, its label says and its figures are is one thing."""

from datetime import datetime

import builders
import pages
import pytest
from reliability_page import DAY, filter_label, headline, page, sent
from streamlit.testing.v1 import AppTest

from dashboard import session
from store.engine import Store


@pytest.fixture
def clock(now: datetime, monkeypatch: pytest.MonkeyPatch) -> pages.Clock:
    found = pages.Clock(now)
    monkeypatch.setattr(session, "now", found)
    return found


@pytest.fixture
def two_models(store: Store, clock: pages.Clock) -> None:
    """One wrong of 31 by an old model three weeks ago, three of 40 by a new one yesterday."""
    sent(store, 31, audited=31, wrong=1, at=clock.at - 20 * DAY, model="old")
    sent(store, 40, audited=40, wrong=3, at=clock.at - DAY, model="new")


def nothing(at: AppTest) -> str:
    """Return the sentence that stands in place of every figure."""
    assert not at.get("plotly_chart")
    assert not pages.parts(at, "headline")
    return str(at.text[-1].value)


def test_the_address_says_what_is_looked_at(store: Store, clock: pages.Clock) -> None:
    sent(store, 31, audited=31, wrong=1, at=clock.at - 2 * DAY)
    sent(store, 31, audited=31, wrong=3, at=clock.at - 20 * DAY)
    assert headline(page())["said"].startswith("4 wrong of 62")
    assert headline(page(period="7 days"))["said"].startswith("1 wrong of 31")
    assert headline(page(intent="duplicate_charge"))["said"].startswith("4 wrong of 62")
    for chosen in ({"policy": "1"}, {"model": builders.MODEL}, {"action": "reply_only"}):
        assert headline(page(**chosen))["said"].startswith("4 wrong of 62")


def test_closed_days_have_closed_ranges(store: Store, clock: pages.Clock) -> None:
    sent(store, 31, audited=31, wrong=1, at=clock.at - 2 * DAY)
    for days in ("2026-11-17,2026-11-19", "2026-11-19,2026-11-17"):
        said = headline(page(period="certain days", days=days))
        assert said["range"].startswith("closed range")
        assert "however often" not in said["said"]


@pytest.mark.parametrize(
    "address",
    [{"period": "x"}, {"view": "x"}, {"days": "x"}, {"period": "certain days", "days": "x"}],
)
def test_an_address_that_means_nothing_is_answered_all_the_same(
    store: Store, clock: pages.Clock, address: dict[str, str]
) -> None:
    sent(store, 1, audited=1, at=clock.at - DAY)
    assert headline(page(**address))["figure"] == "0 wrong of 1 audited"


@pytest.mark.usefixtures("two_models")
def test_a_link_with_a_filter_names_it_beside_the_title() -> None:
    at = page(model="old")
    assert headline(at)["said"].startswith("1 wrong of 31 audited")
    assert (at.text[0].value, filter_label(at)) == ("model old only", "Filter · 1")
    assert at.selectbox(key="model").value == "old"
    assert filter_label(page()) == "Filter"


@pytest.mark.usefixtures("two_models")
def test_what_is_picked_stands_in_the_address() -> None:
    at = page()
    at.selectbox(key="model").set_value("new").run()
    assert at.query_params == {"model": "new"}
    assert headline(at)["said"].startswith("3 wrong of 40 audited")
    assert filter_label(at) == "Filter · 1"
    at.selectbox(key="model").set_value("").run()
    assert at.query_params == {}
    assert headline(at)["said"].startswith("4 wrong of 71 audited")


@pytest.mark.usefixtures("two_models")
def test_a_filter_stays_where_the_period_has_nothing_of_it() -> None:
    at = page(model="old")
    at.segmented_control(key="period").set_value("7 days").run()
    for shown in (at, page(model="old", period="7 days")):
        assert shown.query_params == {"model": "old", "period": "7 days"}
        assert filter_label(shown) == "Filter · 1"
        assert "old" in shown.selectbox(key="model").options
        assert nothing(shown) == (
            "Nothing that fits the filter (model old) arrived in the last 7 days."
        )


@pytest.mark.usefixtures("two_models")
def test_another_address_counts_for_more_than_what_was_picked_before() -> None:
    at = page(model="old", view="Details", policy="1")
    at.query_params = {}
    at.run()
    assert headline(at)["said"].startswith("4 wrong of 71 audited")
    assert filter_label(at) == "Filter"
    assert at.selectbox(key="model").value == ""
    assert at.segmented_control(key="view").value == "Overview"


@pytest.mark.parametrize(
    "address", [{"policy": "99"}, {"policy": "9" * 30}, {"policy": "x"}, {"intent": "<b>x"}]
)
def test_a_filter_that_nothing_ever_fitted_shows_nothing_and_says_so(
    store: Store, clock: pages.Clock, address: dict[str, str]
) -> None:
    sent(store, 1, audited=1, at=clock.at - DAY)
    at = page(**address)
    (value,) = address.values()
    assert value in at.text[0].value
    assert nothing(at).startswith("Nothing that fits the filter (")


def test_days_that_nothing_can_be_in_are_told_once(store: Store, clock: pages.Clock) -> None:
    sent(store, 1, audited=1, at=clock.at - DAY)
    at = page(period="certain days", days="2030-01-01,2030-01-05", view="Details")
    assert nothing(at) == "Nothing arrived on these days."
    assert len(at.text) == 1
