"""Undo: inside the window everything is taken back, after it nothing is touched."""

from datetime import datetime, timedelta

import gated
import pytest
from builders import NOW

from store import deliveries, reviews, undoing
from store.engine import Store
from store.errors import NotAllowed, NotFound, StaleReview, UndoTooLate
from store.gate import PolicyBody
from store.reviews import Decided, DecisionRequest
from store.transitions import OutboxStatus, ReviewStatus, RunStatus, Verdict


def decide(store: Store, request: DecisionRequest, *, now: datetime) -> Decided:
    return store.transact(reviews.decide, request, now=now, undo_seconds=10)


def test_undo_cancels_delivery_and_reopens_the_same_draft(store: Store, now: datetime) -> None:
    case = gated.case(store)
    decided = decide(store, case.approve(), now=now)
    again = store.transact(undoing.undo, decided.decision_id, "Ana", now=now)
    assert {entry.status for entry in gated.entries(store, case.run_id)} == {OutboxStatus.CANCELLED}
    assert gated.status(store, case.run_id) is RunStatus.AWAITING_REVIEW
    before, after = gated.review(store, case.review_id), gated.review(store, again)
    assert (before.status, after.status) == (ReviewStatus.SUPERSEDED, ReviewStatus.OPEN)
    for field in ("draft_id", "payload_digest", "policy_version", "reasons", "opened_at", "risk"):
        assert getattr(after, field) == getattr(before, field)


def test_undo_of_a_rejection_reopens_it(store: Store, now: datetime) -> None:
    case = gated.case(store)
    decided = decide(store, case.reject(), now=now)
    store.transact(undoing.undo, decided.decision_id, "Ana", now=now)
    run = gated.run(store, case.run_id)
    assert (run.status, run.finished_at) == (RunStatus.AWAITING_REVIEW, None)


def test_undo_of_an_edit_goes_back_to_the_draft_that_was_shown(store: Store, now: datetime) -> None:
    case = gated.case(store)
    decided = decide(store, case.edit(reply="Other words"), now=now)
    again = store.transact(undoing.undo, decided.decision_id, "Ana", now=now)
    assert gated.review(store, again).payload_digest == case.digest


def test_after_an_undo_the_draft_can_be_decided_anew(store: Store, now: datetime) -> None:
    case = gated.case(store)
    decided = decide(store, case.approve(), now=now)
    again = store.transact(undoing.undo, decided.decision_id, "Ana", now=now)
    second = DecisionRequest("second-decision", again, Verdict.APPROVE, "Ana", case.digest)
    decide(store, second, now=now)
    pending = [e for e in gated.entries(store, case.run_id) if e.status is OutboxStatus.PENDING]
    assert [entry.decision_id for entry in pending] == ["second-decision"] * 2
    with pytest.raises(StaleReview):
        decide(store, case.approve("Ben", decision_id="on-the-old-review"), now=now)


def test_the_window_closes(store: Store, now: datetime) -> None:
    case = gated.case(store)
    decided = decide(store, case.approve(), now=now)
    late = decided.undo_until + timedelta(milliseconds=1)
    with pytest.raises(UndoTooLate):
        store.transact(undoing.undo, decided.decision_id, "Ana", now=late)
    assert gated.status(store, case.run_id) is RunStatus.COMMITTING
    store.transact(undoing.undo, decided.decision_id, "Ana", now=decided.undo_until)


def test_once_delivery_began_nothing_is_undone(store: Store, now: datetime) -> None:
    case = gated.case(store)
    decided = store.transact(reviews.decide, case.approve(), now=now, undo_seconds=0)
    store.transact(deliveries.claim, "x", limit=1, lease_seconds=60, now=NOW)
    with pytest.raises(UndoTooLate, match="Nothing was changed"):
        store.transact(undoing.undo, decided.decision_id, "Ana", now=now)
    action, reply = gated.entries(store, case.run_id)
    assert (action.status, reply.status) == (OutboxStatus.SENDING, OutboxStatus.PENDING)
    assert gated.count(store, "undo") == 0


def test_a_decision_is_undone_once(store: Store, now: datetime) -> None:
    case = gated.case(store)
    decided = decide(store, case.approve(), now=now)
    store.transact(undoing.undo, decided.decision_id, "Ana", now=now)
    with pytest.raises(UndoTooLate, match="undone already"):
        store.transact(undoing.undo, decided.decision_id, "Ana", now=now)


def test_only_the_decider_or_a_manager_may_undo(store: Store, now: datetime) -> None:
    case = gated.case(store)
    decided = decide(store, case.approve("Ana"), now=now)
    with pytest.raises(NotAllowed, match="Ana"):
        store.transact(undoing.undo, decided.decision_id, "Ben", now=now)
    store.transact(undoing.undo, decided.decision_id, "Mo", now=now)


def test_an_audit_verdict_has_nothing_to_undo(store: Store, now: datetime) -> None:
    case = gated.passed(store, policy=PolicyBody(audit_rate=1.0))
    decided = decide(store, case.verdict(Verdict.RIGHT), now=now)
    with pytest.raises(NotAllowed, match="label"):
        store.transact(undoing.undo, decided.decision_id, "Ana", now=now)


def test_a_decision_that_does_not_exist_is_named(store: Store, now: datetime) -> None:
    gated.case(store)
    with pytest.raises(NotFound, match="no-such"):
        store.transact(undoing.undo, "no-such", "Ana", now=now)
