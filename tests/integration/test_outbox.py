"""The outbox: in order, leased before the call, repeated only under a key, final once sent."""

import json
from datetime import datetime
from functools import partial
from uuid import UUID

import gated
import pytest
from builders import NOW
from sqlmodel import select

from store import deliveries, outbox, reviews
from store.actions import reply_only
from store.deliveries import Due
from store.engine import Store
from store.errors import LeaseLost
from store.outputs import CommitOutput
from store.schema import StepRecord
from store.transitions import OutboxStatus, RunStatus


def claim(store: Store, worker: str = "x", *, limit: int = 9, lease: float = 60) -> list[Due]:
    return store.transact(deliveries.claim, worker, limit=limit, lease_seconds=lease, now=NOW)


def send(store: Store, entry: Due, now: datetime) -> None:
    store.transact(deliveries.mark_sent, entry, {"id": "r_1"}, latency_ms=5.0, now=now)


def statuses(store: Store, run_id: int) -> list[OutboxStatus]:
    return [entry.status for entry in gated.entries(store, run_id)]


def test_a_pass_is_authorised_without_a_person(store: Store) -> None:
    case = gated.passed(store)
    action, reply = gated.entries(store, case.run_id)
    assert (action.tool, reply.tool) == ("issue_refund", "send_reply")
    assert action.decision_id is None
    assert json.loads(action.body) == {
        "amount_minor": 4250,
        "customer_id": "C-1",
        "order_id": "O-1",
    }
    assert gated.status(store, case.run_id) is RunStatus.COMMITTING
    assert str(UUID(action.id)) == action.id != reply.id


def test_the_reply_waits_until_the_action_was_sent(store: Store, now: datetime) -> None:
    case = gated.passed(store)
    (action,) = claim(store)
    assert action.tool == "issue_refund"
    assert claim(store) == []
    send(store, action, now)
    (reply,) = claim(store)
    assert reply.tool == "send_reply"
    send(store, reply, now)
    assert gated.status(store, case.run_id) is RunStatus.DONE


def test_the_last_receipt_finishes_the_run_with_a_commit_record(
    store: Store, now: datetime
) -> None:
    case = gated.passed(store)
    while due := claim(store):
        send(store, due[0], now)
    run = gated.run(store, case.run_id)
    assert (run.status, run.finished_at) == (RunStatus.DONE, now)
    query = select(StepRecord.output).where(StepRecord.name == "commit")
    commit = CommitOutput.model_validate(store.read(lambda session: session.exec(query).one()))
    assert [one.tool for one in commit.deliveries] == ["issue_refund", "send_reply"]
    assert {one.status for one in commit.deliveries} == {"sent"}
    assert commit.deliveries[0].receipt == {"id": "r_1"}
    assert gated.count(store, "receipt") == 2


def test_a_draft_that_only_replies_is_one_entry(store: Store) -> None:
    case = gated.passed(store, action=reply_only("C-1"))
    (entry,) = gated.entries(store, case.run_id)
    assert (entry.tool, entry.kind) == ("send_reply", "reply")


def test_nothing_is_delivered_inside_the_undo_window(store: Store, now: datetime) -> None:
    case = gated.case(store)
    store.transact(reviews.decide, case.approve(), now=now, undo_seconds=600)
    assert claim(store) == []
    wait = store.read(deliveries.next_due_seconds)
    assert wait is not None
    assert 590 < wait <= 600


def test_attempt_and_lease_stand_before_the_call(store: Store) -> None:
    case = gated.passed(store)
    (due,) = claim(store, "executor-1")
    entry = gated.entries(store, case.run_id)[0]
    assert (entry.status, entry.attempt, due.attempt) == (OutboxStatus.SENDING, 1, 1)
    assert entry.lease_owner == "executor-1"
    assert entry.lease_until is not None


def test_an_entry_is_never_leased_to_two_executors(store: Store) -> None:
    gated.passed(store)
    assert len(claim(store, "one")) == 1
    assert claim(store, "two") == []


def test_after_a_crash_a_call_with_a_key_is_due_again_under_the_same_key(
    store: Store, now: datetime
) -> None:
    case = gated.passed(store)
    (first,) = claim(store, lease=-1)
    assert store.transact(deliveries.reap, now=now) == 1
    assert statuses(store, case.run_id)[0] is OutboxStatus.PENDING
    (second,) = claim(store)
    assert (second.id, second.attempt) == (first.id, 2)


def test_after_a_crash_a_call_without_a_key_is_unknown_and_never_repeated(
    store: Store, now: datetime
) -> None:
    case = gated.passed(store, action=reply_only("C-1"))
    claim(store, lease=-1)
    assert store.transact(deliveries.reap, now=now) == 1
    assert statuses(store, case.run_id) == [OutboxStatus.UNKNOWN]
    assert claim(store) == []


def test_a_dead_executors_entries_are_taken_back_before_their_lease_ends(
    store: Store, now: datetime
) -> None:
    gated.passed(store)
    claim(store, "dead")
    assert store.transact(deliveries.reap, dead_workers=["dead"], now=now) == 1
    assert store.transact(deliveries.reap, dead_workers=["dead"], now=now) == 0


def test_an_executor_that_was_thought_dead_cannot_settle_any_more(
    store: Store, now: datetime
) -> None:
    gated.passed(store)
    (late,) = claim(store, "late", lease=-1)
    store.transact(deliveries.reap, now=now)
    (again,) = claim(store, "next")
    for verb in (
        partial(deliveries.mark_sent, receipt={}, latency_ms=1.0, now=now),
        partial(deliveries.mark_failed, error="x", now=now),
        partial(deliveries.mark_unknown, error="x", now=now),
        partial(deliveries.postpone, error="x", delay_seconds=0.0),
    ):
        with pytest.raises(LeaseLost):
            store.transact(verb, late)
    send(store, again, now)


def test_a_heartbeat_keeps_an_executors_lease(store: Store, now: datetime) -> None:
    gated.passed(store)
    claim(store, "alive", lease=-1)
    store.transact(deliveries.extend_leases, "alive", lease_seconds=60)
    assert store.transact(deliveries.reap, now=now) == 0


def test_a_refused_action_cancels_the_reply_and_fails_the_run(store: Store, now: datetime) -> None:
    case = gated.passed(store)
    (action,) = claim(store)
    store.transact(deliveries.mark_failed, action, "card closed", now=now)
    assert statuses(store, case.run_id) == [OutboxStatus.FAILED, OutboxStatus.CANCELLED]
    run = gated.run(store, case.run_id)
    assert (run.status, run.error, run.finished_at) == (RunStatus.FAILED, "card closed", now)
    assert claim(store) == []


def test_a_postponed_entry_is_due_after_its_delay(store: Store) -> None:
    gated.passed(store)
    (entry,) = claim(store)
    store.transact(deliveries.postpone, entry, "timeout", delay_seconds=60)
    assert claim(store) == []
    wait = store.read(deliveries.next_due_seconds)
    assert wait is not None
    assert 50 < wait <= 60


def test_nothing_is_due_behind_a_call_that_is_under_way_or_unknown(
    store: Store, now: datetime
) -> None:
    case = gated.passed(store)
    (action,) = claim(store)
    assert store.read(deliveries.next_due_seconds) is None, "the reply waits for its action"
    store.transact(deliveries.mark_unknown, action, "timeout", now=now)
    assert statuses(store, case.run_id) == [OutboxStatus.UNKNOWN, OutboxStatus.PENDING]
    assert store.read(deliveries.next_due_seconds) is None


def test_a_run_is_authorised_once(store: Store, now: datetime) -> None:
    case = gated.passed(store)
    with pytest.raises(LeaseLost):
        store.transact(outbox.authorise_pass, case.run_id, case.epoch, is_audited=False, now=now)
    assert gated.count(store, "outbox") == 2


def test_an_error_text_with_characters_no_database_takes_still_settles(
    store: Store, now: datetime
) -> None:
    case = gated.passed(store)
    (action,) = claim(store)
    store.transact(deliveries.mark_failed, action, "bad \ud800 byte\x00", now=now)
    assert statuses(store, case.run_id)[0] is OutboxStatus.FAILED
