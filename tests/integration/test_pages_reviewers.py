"""The Reviewers page: a manager's, with every figure's n; nobody else sees any of it."""

from datetime import datetime, timedelta

import builders
import pages
import pytest
import reviewed
from streamlit.testing.v1 import AppTest

from dashboard import session
from store.engine import Store
from store.transitions import Verdict


@pytest.fixture
def clock(store: Store, now: datetime, monkeypatch: pytest.MonkeyPatch) -> pages.Clock:
    """The time of a page over a registered company."""
    found = pages.Clock(now)
    monkeypatch.setattr(session, "now", found)
    store.transact(builders.company)
    return found


def opened(person: str) -> AppTest:
    def draw() -> None:
        from dashboard.app_pages import reviewers

        reviewers.page()

    at = pages.page(draw)
    at.session_state["person"] = person
    at.run()
    assert not at.exception
    return at


def rows(at: AppTest, person: int = 0, group: int = 0) -> dict[str, tuple[str, str]]:
    drawn = pages.parts(at, "reviewers")[group]["people"][person]["rows"]
    return {row["label"]: (row["value"], row.get("note", "")) for row in drawn}


def team(at: AppTest) -> dict[str, str]:
    return {tile["label"]: tile["value"] for tile in pages.parts(at, "tiles")[0]["tiles"]}


def test_an_operator_sees_nothing_of_it(store: Store, clock: pages.Clock) -> None:
    reviewed.cards(store, 3, Verdict.APPROVE, at=clock.at)
    at = opened("Ana")
    assert pages.words_of(at).splitlines() == [
        "This page is for managers; you act as operator.",
        "Reviewers",
    ]
    assert pages.parts(at, "reviewers") == pages.parts(at, "tiles") == []
    assert not at.button_group


def test_somebody_unknown_sees_nothing_either(store: Store, clock: pages.Clock) -> None:
    at = opened("Nobody")
    assert "you act as nobody" in pages.words_of(at)
    assert pages.parts(at, "reviewers") == []


def test_before_anybody_decides_it_says_so(store: Store, clock: pages.Clock) -> None:
    said = pages.words_of(opened("Mo"))
    assert "Nobody has decided anything in these 28 days" in said


def test_a_manager_sees_each_person_with_counts_below_thirty(
    store: Store, clock: pages.Clock
) -> None:
    reviewed.cards(store, 9, Verdict.APPROVE, at=clock.at, seconds=12.0)
    reviewed.cards(store, 3, Verdict.REJECT, at=clock.at, seconds=20.0)
    reviewed.planted(store, Verdict.REJECT, at=clock.at - timedelta(hours=1))
    at = opened("Mo")
    found = rows(at)
    assert found["Median time on a card"] == ("12.0 s", "90 % within 20.0 s, n = 12")
    assert found["Approved"] == ("9 of 12", "")
    assert found["First wrong step named"] == ("0 of 3", "goal 90 %")
    assert found["Agreed in second looks"] == ("unknown", "")
    assert found["Planted errors caught"] == ("1 of 1", "")
    assert team(at) == {
        "Cards decided": "12",
        "Wrong step named": "0 of 3",
        "Wrong overturned": "unknown",
        "Planted missed": "0 of 1",
    }


def test_from_thirty_a_rate_stands_with_its_range_and_n(store: Store, clock: pages.Clock) -> None:
    reviewed.cards(store, 30, Verdict.APPROVE, at=clock.at)
    reviewed.cards(store, 10, Verdict.REJECT, at=clock.at)
    assert rows(opened("Mo"))["Approved"] == ("30 of 40", "75.0 %, 59.8–85.8 %")


def test_somebody_faster_than_reading_is_told_calmly(store: Store, clock: pages.Clock) -> None:
    reviewed.cards(store, 50, Verdict.APPROVE, at=clock.at, seconds=1.5)
    at = opened("Mo")
    (person,) = pages.part(at, "reviewers")["people"]
    assert person["notice"].startswith("Ana approved 50 of 50 cards in a median of 1.5 s.")
    assert "no score of a person" in pages.words_of(at)


def test_simulated_reviewers_stand_apart_and_are_called_so(
    store: Store, clock: pages.Clock
) -> None:
    reviewed.cards(store, 2, Verdict.APPROVE, at=clock.at, is_simulated=True)
    reviewed.cards(store, 1, Verdict.APPROVE, at=clock.at)
    at = opened("Mo")
    people, simulated = pages.parts(at, "reviewers")
    assert [(one["name"], one["tag"]) for one in people["people"]] == [("Ana", "")]
    assert [(one["name"], one["tag"]) for one in simulated["people"]] == [("Ana", "simulated")]
    assert "**Simulated reviewers (demo)**" in pages.words_of(at)


def test_the_period_is_chosen(store: Store, clock: pages.Clock) -> None:
    reviewed.cards(store, 1, Verdict.APPROVE, at=clock.at)
    reviewed.cards(store, 2, Verdict.APPROVE, at=clock.at - timedelta(days=60))
    at = opened("Mo")
    assert team(at)["Cards decided"] == "1"
    at.button_group[0].set_value("90 days").run()
    assert team(at)["Cards decided"] == "3"
