"""What a person may do to a run: retried where it stopped, or through a person; withdrawn in time."""

from datetime import datetime, timedelta
from typing import Any

import builders
import gated
import pytest
from builders import NOW
from sqlalchemy import update
from sqlmodel import Session, col

from store import audit, deliveries, interventions, queue, reviews, steps
from store.deliveries import Due
from store.engine import Store
from store.errors import BadInput, IllegalTransition, LeaseLost, NotAllowed, NotFound, StaleReview
from store.interventions import Retried
from store.queue import NewTicket
from store.schema import Person, Run
from store.transitions import OutboxStatus, ReviewKind, ReviewStatus, Role, RunStatus

LATER = NOW + timedelta(hours=1)


@pytest.fixture(autouse=True)
def company(store: Store) -> None:
    store.transact(builders.company)


def queued(store: Store, n: int = 1) -> None:
    new = [NewTicket(f"Ticket {number}") for number in range(n)]
    store.transact(queue.submit, new, now=NOW)


def set_run(store: Store, run_id: int, **values: Any) -> None:
    def change(session: Session) -> None:
        session.connection().execute(update(Run).where(col(Run.id) == run_id).values(**values))

    store.transact(change)


def retry(store: Store, run_id: int, person: str = "Ana") -> Retried:
    return store.transact(interventions.retry, run_id, person=person, now=LATER)


def cancel(store: Store, run_id: int, person: str = "Ana", note: str = "") -> None:
    store.transact(interventions.cancel, run_id, person=person, note=note, now=LATER)


def audited(store: Store, tag: str) -> list[tuple[str, str, str]]:
    entries = [entry for entry in store.read(gated.audit_entries) if entry.tag == tag]
    return [(entry.actor, entry.subject, entry.body) for entry in entries]


def claim_delivery(store: Store) -> Due:
    (due,) = store.transact(deliveries.claim, "x", limit=1, lease_seconds=60, now=NOW)
    return due


def failed_delivery(store: Store) -> gated.Gated:
    """Return a run whose reply went out never: the refund was refused for good."""
    one = gated.passed(store)
    due = claim_delivery(store)
    store.transact(deliveries.mark_failed, due, "the order is closed", now=NOW)
    assert gated.status(store, one.run_id) is RunStatus.FAILED
    return one


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.DEAD])
def test_a_run_that_ended_before_the_gate_goes_on_after_its_last_recorded_step(
    store: Store, now: datetime, status: RunStatus
) -> None:
    queued(store)
    (mine,) = store.transact(queue.claim, "w", limit=1, in_flight=0, lease_seconds=60)
    store.transact(steps.record, 1, mine.epoch, gated.write("intent", gated.INTENT))
    set_run(store, 1, status=status, tries=3, error="boom", finished_at=now, lease_owner=None)
    assert retry(store, 1) == Retried(1, RunStatus.QUEUED)
    run = gated.run(store, 1)
    assert (run.status, run.tries, run.error, run.finished_at) == (RunStatus.QUEUED, 0, None, None)
    (again,) = store.transact(queue.claim, "w", limit=1, in_flight=0, lease_seconds=60)
    assert list(again.recorded) == ["intent"]
    ((actor, subject, body),) = audited(store, "run:retried")
    assert (actor, subject) == ("Ana", "run:1")
    assert f'"from":"{status}"' in body
    assert store.read(audit.verify).is_ok


def test_a_dead_run_is_retried_alone_so_that_it_takes_no_neighbour_with_it(store: Store) -> None:
    queued(store, 3)
    for worker in ("w0", "w1", "w2", "w3"):
        store.transact(queue.claim, worker, limit=1, in_flight=0, lease_seconds=60)
        store.transact(queue.reap, dead_workers=[worker], now=NOW)
    assert gated.status(store, 1) is RunStatus.DEAD
    retry(store, 1)
    (alone,) = store.transact(queue.claim, "w", limit=9, in_flight=0, lease_seconds=60)
    assert (alone.run_id, alone.is_suspect) == (1, True)


def test_a_delivery_that_failed_is_never_queued_again_but_asks_a_person(store: Store) -> None:
    one = failed_delivery(store)
    done = retry(store, one.run_id, "Mo")
    assert (done.status, gated.status(store, one.run_id)) == (RunStatus.AWAITING_REVIEW,) * 2
    assert done.review_id is not None
    review = gated.review(store, done.review_id)
    assert (review.kind, review.status) == (ReviewKind.STALE, ReviewStatus.OPEN)
    assert review.reasons[0]["message"] == "The delivery failed: the order is closed"
    assert not store.transact(queue.claim, "w", limit=9, in_flight=0, lease_seconds=60)
    assert not store.transact(deliveries.claim, "x", limit=9, lease_seconds=60, now=LATER)
    assert '"to":"awaiting_review"' in audited(store, "run:retried")[0][2]


@pytest.mark.parametrize("status", [RunStatus.QUEUED, RunStatus.CANCELLED, RunStatus.DONE])
def test_only_a_failed_or_dead_run_can_be_retried(store: Store, status: RunStatus) -> None:
    queued(store)
    set_run(store, 1, status=status)
    with pytest.raises(BadInput, match="only a failed or dead one"):
        retry(store, 1)
    assert gated.status(store, 1) is status


def test_retry_and_cancel_need_a_known_person_and_a_known_run(store: Store) -> None:
    queued(store)
    set_run(store, 1, status=RunStatus.FAILED)
    store.transact(
        lambda session: session.add(Person(name="Old", role=Role.OPERATOR, is_active=False))
    )
    for act in (retry, cancel):
        with pytest.raises((NotFound, NotAllowed)):
            act(store, 1, "Nobody")
        with pytest.raises((NotFound, NotAllowed)):
            act(store, 1, "Old")
        with pytest.raises(NotFound, match="no run 99"):
            act(store, 99)
    assert gated.status(store, 1) is RunStatus.FAILED


@pytest.mark.parametrize("status", [RunStatus.QUEUED, RunStatus.FAILED, RunStatus.DEAD])
def test_what_waits_or_ended_badly_can_be_withdrawn(store: Store, status: RunStatus) -> None:
    queued(store)
    set_run(store, 1, status=status)
    cancel(store, 1, note="sent twice\x00")
    run = gated.run(store, 1)
    assert (run.status, run.finished_at) == (RunStatus.CANCELLED, LATER)
    assert run.error == "cancelled by Ana: sent twice"
    assert not store.transact(queue.claim, "w", limit=9, in_flight=0, lease_seconds=60)
    ((_, subject, body),) = audited(store, "run:cancelled")
    assert subject == "run:1"
    assert '"note":"sent twice"' in body
    assert store.read(audit.verify).is_ok


def test_a_worker_can_write_nothing_more_to_a_run_that_was_withdrawn(store: Store) -> None:
    queued(store)
    (mine,) = store.transact(queue.claim, "w", limit=1, in_flight=0, lease_seconds=60)
    cancel(store, 1)
    with pytest.raises(LeaseLost):
        store.transact(steps.record, 1, mine.epoch, gated.write("intent", gated.INTENT))
    with pytest.raises(LeaseLost):
        store.transact(queue.release, 1, mine.epoch)
    assert store.transact(queue.reap, dead_workers=["w"], now=LATER) == 0
    assert gated.status(store, 1) is RunStatus.CANCELLED


def test_a_withdrawn_run_leaves_no_review_behind(store: Store) -> None:
    one = gated.case(store)
    cancel(store, one.run_id)
    assert gated.review(store, one.review_id).status is ReviewStatus.SUPERSEDED
    with pytest.raises(StaleReview):
        store.transact(reviews.decide, one.approve(), now=LATER)
    assert gated.entries(store, one.run_id) == []


def test_a_delivery_that_failed_can_be_withdrawn_and_nothing_of_it_goes_out(store: Store) -> None:
    one = failed_delivery(store)
    cancel(store, one.run_id)
    statuses = {entry.status for entry in gated.entries(store, one.run_id)}
    assert statuses == {OutboxStatus.FAILED, OutboxStatus.CANCELLED}


def test_what_is_being_delivered_or_done_cannot_be_withdrawn(store: Store) -> None:
    one = gated.passed(store)
    with pytest.raises(IllegalTransition, match="Undo the decision"):
        cancel(store, one.run_id)
    set_run(store, one.run_id, status=RunStatus.DONE)
    with pytest.raises(IllegalTransition, match="Reverse what was sent"):
        cancel(store, one.run_id)
    set_run(store, one.run_id, status=RunStatus.CANCELLED)
    with pytest.raises(IllegalTransition, match="cancelled already"):
        cancel(store, one.run_id)


def test_a_run_of_which_nobody_knows_what_it_did_cannot_be_withdrawn(store: Store) -> None:
    one = gated.passed(store)
    store.transact(deliveries.mark_unknown, claim_delivery(store), "no answer", now=NOW)
    with pytest.raises(IllegalTransition, match="issue_refund unknown"):
        cancel(store, one.run_id)
    assert gated.status(store, one.run_id) is RunStatus.AWAITING_REVIEW
    assert not store.read(_possible, one.run_id).can_cancel


def test_what_was_done_is_neither_withdrawn_nor_done_again_by_a_retry(store: Store) -> None:
    one = gated.passed(store)
    refund = claim_delivery(store)
    store.transact(deliveries.mark_sent, refund, {"ok": True}, latency_ms=1, now=NOW)
    reply = claim_delivery(store)
    store.transact(deliveries.mark_failed, reply, "no such address", now=NOW)
    assert gated.status(store, one.run_id) is RunStatus.FAILED
    with pytest.raises(IllegalTransition, match="issue_refund"):
        cancel(store, one.run_id)
    review_id = retry(store, one.run_id).review_id
    assert review_id is not None
    pinned = gated.review(store, review_id)
    draft = next(one for one in gated.drafts(store, one.run_id) if one.id == pinned.draft_id)
    assert draft.action["tool"] is None, "only the reply is left to approve"


def test_nothing_is_retried_while_nobody_knows_what_became_of_it(store: Store) -> None:
    one = gated.passed(store)
    due = claim_delivery(store)
    set_run(store, one.run_id, status=RunStatus.FAILED)
    assert due.run_id == one.run_id
    with pytest.raises(BadInput, match="Nobody knows yet"):
        retry(store, one.run_id)
    assert not store.read(_possible, one.run_id).can_retry


def _possible(session: Session, run_id: int) -> interventions.Possible:
    return interventions.possible(session, session.get_one(Run, run_id))


def test_what_is_possible_is_what_the_verbs_accept(store: Store) -> None:
    queued(store, 3)
    set_run(store, 2, status=RunStatus.FAILED)
    set_run(store, 3, status=RunStatus.DONE)
    sent_back = failed_delivery(store)
    found = {run_id: store.read(_possible, run_id) for run_id in (1, 2, 3, sent_back.run_id)}
    said = {key: (one.can_retry, one.retry_asks, one.can_cancel) for key, one in found.items()}
    assert said == {
        1: (False, False, True),
        2: (True, False, True),
        3: (False, False, False),
        sent_back.run_id: (True, True, True),
    }


def test_withdrawing_a_run_voids_the_first_of_two_approvals(store: Store) -> None:
    one = gated.case(store, action=builders.refund(150_000))
    store.transact(reviews.decide, one.approve("Ana"), now=LATER)
    assert gated.review(store, one.review_id).status is ReviewStatus.AWAITING_SECOND
    cancel(store, one.run_id, "Mo")
    assert gated.review(store, one.review_id).status is ReviewStatus.SUPERSEDED
    with pytest.raises(StaleReview):
        store.transact(reviews.decide, one.approve("Ben"), now=LATER)
    assert gated.entries(store, one.run_id) == []
