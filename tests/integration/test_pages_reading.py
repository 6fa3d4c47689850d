"""Runs and Health: what they say, and what they refuse to say."""

from datetime import datetime, timedelta

import builders
import builders_aftermath as aftermath
import desk
import pages
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import session
from store.engine import Store
from store.transitions import Verdict


@pytest.fixture
def clock(now: datetime, monkeypatch: pytest.MonkeyPatch) -> pages.Clock:
    found = pages.Clock(now)
    monkeypatch.setattr(session, "now", found)
    return found


def runs_page() -> AppTest:
    def draw() -> None:
        from dashboard.app_pages import runs

        runs.page()

    return _run(pages.page(draw))


def health() -> AppTest:
    def draw() -> None:
        from dashboard.app_pages import health

        health.page()

    return _run(pages.page(draw))


def _run(at: AppTest) -> AppTest:
    at.run()
    assert not at.exception
    return at


def _decided(store: Store, count: int, *, wrong: int, now: datetime) -> None:
    for number in range(count):
        at = now - timedelta(days=2, minutes=number)
        built = store.transact(builders.case, confidence=0.7, at=at)
        is_wrong = number < wrong
        store.transact(
            aftermath.decide,
            built.review_id,
            Verdict.REJECT if is_wrong else Verdict.APPROVE,
            reason_code="wrong_facts" if is_wrong else None,
            blamed_step="retrieval" if is_wrong else None,
            at=at,
        )


def test_a_run_is_shown_step_by_step_with_its_stored_output(
    store: Store, clock: pages.Clock
) -> None:
    desk.fill(store, now=clock.at)
    at = runs_page()
    labels = [expander.label for expander in at.expander]
    assert [label.split("**")[1] for label in labels[:5]] == [
        "Intent",
        "Retrieval",
        "Tool call",
        "Synthesis",
        "Gate",
    ]
    assert '"reply"' in at.json[3].value
    rows = pages.part(at, "queue_list")["items"]
    assert len(rows) == len(desk.cases())


def test_runs_are_searched_and_filtered(store: Store, clock: pages.Clock) -> None:
    desk.fill(store, now=clock.at)
    at = runs_page()
    at.text_input[0].set_value("jackets").run()
    assert [row["who"] for row in pages.part(at, "queue_list")["items"]] == ["C-1290 · T-2005"]
    at.text_input[0].set_value("").run()
    at.selectbox[0].set_value("dead").run()
    assert pages.part(at, "queue_list")["items"] == []
    assert "No run matches" in pages.words_of(at)


def test_health_says_what_is_missing_and_how_far_calibration_has_come(
    store: Store, clock: pages.Clock
) -> None:
    _decided(store, 7, wrong=2, now=clock.at)
    at = health()
    values = {tile["label"]: tile for tile in pages.part(at, "tiles")["tiles"]}
    assert values["Processes alive"]["value"] == "0"
    assert values["Processes alive"]["tone"] == "bad"
    assert "No worker has reported yet" in pages.words_of(at)
    assert "every draft goes to a person" in pages.words_of(at)
