"""A rejection that asked for a second draft, taken back, sent again or cut short by a crash."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from builders import NOW
from second_visit import BETTER, DOUBTFUL, Shop, opened
from small_shop import model
from sqlmodel import Session, col

from store import interventions, labels, queue, steps, undoing
from store.engine import Store
from store.errors import UndoTooLate
from store.queue import Claim
from store.schema import Label
from store.transitions import RunStatus, StepStatus, Verdict


@pytest.fixture
def shop(store: Store) -> Iterator[Shop]:
    with opened(store) as one:
        yield one


async def test_a_draft_that_a_person_has_edited_is_not_drafted_anew(shop: Shop) -> None:
    review = await shop.waiting()
    edit = shop.decide(review, verdict=Verdict.EDIT, reply="My own words, to be sure.")
    shop.store.transact(undoing.undo, edit.decision_id, "Ana", now=NOW)
    assert not shop.reject(shop.open_review()).will_redraft
    assert shop.run().status is RunStatus.REJECTED


async def test_an_approval_taken_back_does_not_stand_in_the_way(shop: Shop) -> None:
    yes = shop.decide(await shop.waiting(), verdict=Verdict.APPROVE)
    shop.store.transact(undoing.undo, yes.decision_id, "Ana", now=NOW)
    assert shop.reject(shop.open_review()).will_redraft
    await shop.work()
    assert shop.open_review().revision == 2


async def test_a_rejection_sent_again_is_the_same_decision(shop: Shop) -> None:
    review = await shop.waiting()
    assert shop.reject(review) == shop.reject(review)
    assert shop.run().visit == 2


async def test_no_worker_begins_before_the_undo_window_is_over(shop: Shop) -> None:
    review = await shop.waiting()
    shop.reject(review, undo_seconds=600)
    assert shop.claims() == []
    again = shop.store.transact(undoing.undo, "decision-1-reject", "Ana", now=NOW)
    run, reopened = shop.run(), shop.open_review()
    assert (run.status, run.visit, run.redo_from) == (RunStatus.AWAITING_REVIEW, 1, None)
    assert (reopened.id, reopened.draft_id) == (again, review.draft_id)
    shop.decide(reopened, verdict=Verdict.APPROVE)
    assert shop.run().status is RunStatus.COMMITTING
    assert labelled_right(shop.store) == [True]


def labelled_right(store: Store) -> list[bool]:
    def query(session: Session) -> list[bool]:
        whole = labels.valid(col(Label.is_right)).where(labels.whole_draft())
        return list(session.execute(whole).scalars())

    return store.read(query)


async def test_what_the_agent_has_begun_or_somebody_cancelled_is_not_undone(shop: Shop) -> None:
    shop.reject(await shop.waiting())
    (claim,) = shop.claims()
    with pytest.raises(UndoTooLate, match="second draft"):
        shop.store.transact(undoing.undo, "decision-1-reject", "Ana", now=NOW)
    steps_of(shop, claim, "synthesis")
    shop.store.transact(queue.release, claim.run_id, claim.epoch)
    with pytest.raises(UndoTooLate, match="second draft"):
        shop.store.transact(undoing.undo, "decision-1-reject", "Ana", now=NOW)
    shop.store.transact(interventions.cancel, claim.run_id, person="Mo", now=NOW)
    with pytest.raises(UndoTooLate, match="cancelled"):
        shop.store.transact(undoing.undo, "decision-1-reject", "Ana", now=NOW)
    assert shop.run().status is RunStatus.CANCELLED


def steps_of(shop: Shop, claim: Claim, name: str) -> None:
    """Record a failed attempt of this step."""
    failed = steps.StepWrite(
        name=name,
        attempt=1,
        status=StepStatus.ERROR,
        started_at=NOW,
        latency_ms=1.0,
        error_class="X",
        error="x",
    )
    shop.store.transact(steps.record, claim.run_id, claim.epoch, failed)


async def test_a_rejection_whose_window_has_closed_is_not_undone(shop: Shop) -> None:
    shop.reject(await shop.waiting())
    later = NOW + timedelta(seconds=1)
    with pytest.raises(UndoTooLate):
        shop.store.transact(undoing.undo, "decision-1-reject", "Ana", now=later)


async def test_a_crash_on_the_second_visit_goes_on_after_its_last_record(shop: Shop) -> None:
    shop.reject(await shop.waiting(), blamed_step="retrieval")
    (claim,) = shop.claims()
    assert set(claim.recorded) == {"intent"}
    found = {"query": "anew", "passages": []}
    done = steps.StepWrite("retrieval", 1, StepStatus.OK, NOW, 1.0, output=found)
    shop.store.transact(steps.record, claim.run_id, claim.epoch, done)
    steps_of(shop, claim, "tool_call")
    shop.store.transact(queue.reap, dead_workers=["w"], now=NOW)
    (again,) = shop.claims()
    assert (set(again.recorded), again.attempts) == ({"intent", "retrieval"}, {"tool_call": 1})
    assert again.recorded["retrieval"]["query"] == "anew"
    shop.store.transact(queue.release, again.run_id, again.epoch)
    await shop.work()
    assert shop.records().count((2, "retrieval")) == 1
    assert shop.open_review().revision == 2


async def test_a_second_visit_that_fails_can_be_tried_again(shop: Shop) -> None:
    broken = ValueError("no such thing")
    shop.scripted = model(synthesise=[DOUBTFUL, broken, BETTER])
    shop.reject(await shop.waiting())
    await shop.work()
    assert shop.run().status is RunStatus.FAILED
    shop.store.transact(interventions.retry, 1, person="Mo", now=NOW)
    await shop.work()
    assert shop.open_review().revision == 2
