"""The Runs page: Retry and Cancel stand only where they can be done, and say what they did."""

from datetime import datetime

import builders
import gated
import pages
import pytest
from builders import NOW
from streamlit.testing.v1 import AppTest

from dashboard import session
from store import deliveries
from store.engine import Store
from store.reports.runs import run_detail
from store.transitions import ReviewStatus, RunStatus


@pytest.fixture(autouse=True)
def clock(now: datetime, monkeypatch: pytest.MonkeyPatch) -> pages.Clock:
    found = pages.Clock(now)
    monkeypatch.setattr(session, "now", found)
    return found


@pytest.fixture(autouse=True)
def company(store: Store) -> None:
    store.transact(builders.company)


def runs_page(run_id: int, person: str = "Ana") -> AppTest:
    def draw() -> None:
        from dashboard.app_pages import runs

        runs.page()

    at = pages.page(draw)
    at.session_state["person"] = person
    at.session_state["current_run"] = run_id
    at.run()
    assert not at.exception
    return at


def keys(at: AppTest) -> list[str]:
    return [(button.key or "").rsplit("_", 1)[0] for button in at.button]


@pytest.mark.parametrize(
    ("status", "offered"),
    [
        (RunStatus.QUEUED, ["cancel"]),
        (RunStatus.FAILED, ["retry", "cancel"]),
        (RunStatus.DEAD, ["retry", "cancel"]),
        (RunStatus.COMMITTING, []),
        (RunStatus.DONE, []),
        (RunStatus.REJECTED, []),
        (RunStatus.CANCELLED, []),
    ],
)
def test_buttons_stand_only_where_the_act_is_possible(
    store: Store, status: RunStatus, offered: list[str]
) -> None:
    run_id = store.transact(builders.run, status=status)
    assert keys(runs_page(run_id)) == offered


def test_a_dead_run_is_retried_and_the_page_says_so(store: Store) -> None:
    run_id = store.transact(builders.run, status=RunStatus.DEAD, error="crashed")
    at = pages.press(runs_page(run_id), "retry_")
    assert gated.status(store, run_id) is RunStatus.QUEUED
    assert pages.part(at, "notice")["text"].startswith(f"Run {run_id} is queued again")
    assert keys(at) == ["cancel"]


def test_a_delivery_that_failed_is_sent_to_a_person_by_its_own_words(store: Store) -> None:
    one = gated.passed(store)
    (due,) = store.transact(deliveries.claim, "x", limit=1, lease_seconds=60, now=NOW)
    store.transact(deliveries.mark_failed, due, "the order is closed", now=NOW)
    at = runs_page(one.run_id)
    assert at.button[0].label == "Ask a person again"
    at = pages.press(at, "retry_")
    (review,) = store.read(run_detail, one.run_id).reviews
    assert f"review {review.review_id} is on the queue" in pages.part(at, "notice")["text"]


def test_cancelling_asks_first_and_then_withdraws_with_the_note(store: Store) -> None:
    one = gated.case(store)
    at = pages.press(runs_page(one.run_id), "cancel_")
    assert gated.status(store, one.run_id) is RunStatus.AWAITING_REVIEW, "asked, not done"
    assert keys(at) == ["confirm_cancel", "keep"]
    at.text_input(key=f"cancel_note_{one.run_id}").set_value("a duplicate").run()
    at = pages.press(at, "confirm_cancel_")
    assert gated.run(store, one.run_id).error == "cancelled by Ana: a duplicate"
    assert gated.review(store, one.review_id).status is ReviewStatus.SUPERSEDED
    assert "Nothing of it will be delivered" in pages.part(at, "notice")["text"]
    assert keys(at) == []


def test_keeping_a_run_changes_nothing(store: Store) -> None:
    run_id = store.transact(builders.run)
    at = pages.press(pages.press(runs_page(run_id), "cancel_"), "keep_")
    assert gated.status(store, run_id) is RunStatus.QUEUED
    assert keys(at) == ["cancel"]


def test_a_press_that_comes_too_late_is_told_why(store: Store) -> None:
    run_id = store.transact(builders.run, status=RunStatus.FAILED)
    at = runs_page(run_id)
    gated.execute(store, "UPDATE run SET status = 'done' WHERE id = :id", id=run_id)
    at = pages.press(at, "retry_")
    said = pages.part(at, "notice")
    assert said["tone"] == "problem"
    assert "only a failed or dead one can be retried" in said["text"]
