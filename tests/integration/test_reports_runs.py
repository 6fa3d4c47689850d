"""Runs: the list and one run with everything recorded about it."""

from datetime import timedelta

import builders
import builders_aftermath as aftermath
import pytest
from builders import NOW

from store.engine import Store
from store.errors import NotFound
from store.reports.runs import run_detail, runs
from store.transitions import OutboxStatus, RunStatus, StepStatus, Verdict


def test_the_newest_run_comes_first_and_total_counts_every_match(store: Store) -> None:
    ages = [3, 1, 2]
    built = [store.transact(builders.case, at=NOW - timedelta(hours=age)) for age in ages]
    page = store.read(runs, limit=2)
    assert [row.run_id for row in page.items] == [built[1].run_id, built[2].run_id]
    assert page.total == 3
    assert [row.run_id for row in store.read(runs, limit=2, offset=2).items] == [built[0].run_id]


def test_status_and_search_narrow_the_list(store: Store) -> None:
    sent = store.transact(builders.case, confidence=0.95, external_id="T-sent")
    store.transact(builders.case, subject="Annual plan", text="Why two?")
    assert [row.run_id for row in store.read(runs, status=RunStatus.DONE).items] == [sent.run_id]
    (annual,) = store.read(runs, search="annual").items
    assert annual.title == "Annual plan"
    assert store.read(runs, search="t-SENT").total == 1
    assert store.read(runs, status=RunStatus.DONE, search="annual").total == 0
    assert store.read(runs, status=RunStatus.DEAD).items == ()


def test_one_run_shows_every_attempt_draft_review_decision_and_delivery(store: Store) -> None:
    built = store.transact(
        builders.case, confidence=0.95, action=builders.refund(), is_audited=True
    )
    store.transact(
        builders.step, built.run_id, "commit", status=StepStatus.ERROR, attempt=1, latency_ms=80.0
    )
    decision_id = store.transact(
        aftermath.decide, built.review_id, Verdict.WRONG, blamed_step="commit"
    )
    store.transact(aftermath.delivery, built, status=OutboxStatus.CANCELLED)
    detail = store.read(run_detail, built.run_id)
    assert detail.run.external_id == detail.ticket.external_id
    assert [attempt.name for attempt in detail.attempts][-1] == "commit"
    assert (detail.attempts[-1].output, detail.attempts[-1].error_class) == (None, "timeout")
    assert detail.attempts[3].output is not None
    assert [draft.id for draft in detail.drafts] == [built.draft_id]
    (review,) = detail.reviews
    assert [decision.id for decision in review.decisions] == [decision_id]
    assert [delivery.status for delivery in detail.deliveries] == [OutboxStatus.CANCELLED]


def test_a_run_that_has_not_begun_has_an_empty_history(store: Store) -> None:
    detail = store.read(run_detail, store.transact(builders.run))
    assert (detail.attempts, detail.drafts, detail.reviews, detail.deliveries) == ((), (), (), ())


def test_an_unknown_run_is_named_in_the_error(store: Store) -> None:
    with pytest.raises(NotFound, match="no run 7"):
        store.read(run_detail, 7)
