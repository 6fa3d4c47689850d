"""Several actions of one draft: reversible ones first, and taken back in reverse order on failure."""

from typing import Any

import gated
import pytest
from builders import NOW, refund
from delivering import (
    Books,
    answer,
    cancel_order,
    claim,
    decide,
    deliver_all,
    execute,
    gift,
    promise,
    said,
    send_next,
    shop,
    statuses,
    together,
    tools_of,
    waiting,
)

from agents.testing import failing
from store import authorisation, deliveries, interventions, undoing
from store.engine import Store
from store.schema import OutboxEntry
from store.transitions import ReviewKind, RunStatus, Verdict

THREE = together(gift(), cancel_order(), refund())


@pytest.fixture
def case(store: Store) -> gated.Gated:
    """A draft that ships a gift, cancels an order and refunds, let pass by the gate."""
    shop(store)
    return gated.passed(store, action=THREE)


def fail(store: Store, tool: str, error: str = "out of stock") -> None:
    (entry,) = claim(store)
    assert entry.tool == tool
    store.transact(deliveries.mark_failed, entry, error, now=NOW)


def entry_of(store: Store, run_id: int, tool: str) -> OutboxEntry:
    return [one for one in gated.entries(store, run_id) if one.tool == tool][-1]


def test_what_can_be_taken_back_is_done_first_and_the_reply_is_last(
    store: Store, case: gated.Gated
) -> None:
    order = [tool for tool, _ in statuses(store, case.run_id)]
    assert order == ["cancel_order", "issue_refund", "ship_gift", "send_reply"]
    assert tools_of(deliver_all(store)) == order
    assert gated.status(store, case.run_id) is RunStatus.DONE


def test_a_failure_takes_back_what_came_before_in_reverse_order_and_says_why(
    store: Store, case: gated.Gated
) -> None:
    cancelled = send_next(store, "cancel_order")
    refunded = send_next(store, "issue_refund")
    fail(store, "ship_gift")
    assert gated.status(store, case.run_id) is RunStatus.COMMITTING
    back = deliver_all(store)
    assert [(one.tool, one.reverses) for one in back] == [
        ("void_refund", refunded.id),
        ("restore_order", cancelled.id),
    ]
    run = gated.run(store, case.run_id)
    assert (run.status, run.finished_at) == (RunStatus.FAILED, NOW)
    assert run.error == "out of stock; its effects were taken back"
    assert statuses(store, case.run_id)[3] == ("send_reply", "cancelled")


def test_each_reversal_is_authorised_by_what_authorised_the_action(
    store: Store, case: gated.Gated
) -> None:
    send_next(store, "cancel_order")
    fail(store, "issue_refund")
    (back,) = claim(store)
    assert (back.tool, back.decision_id) == ("restore_order", None)
    assert store.read(authorisation.objection, back) is None


def test_what_cannot_be_taken_back_is_named_as_standing(store: Store) -> None:
    shop(store)
    promise(store, "cancel_order")  # nothing takes it back any more
    case = gated.passed(store, action=together(gift(), refund(), cancel_order()))
    entries = [tool for tool, _ in statuses(store, case.run_id)]
    assert entries == ["issue_refund", "ship_gift", "cancel_order", "send_reply"]
    send_next(store, "issue_refund")
    send_next(store, "ship_gift")
    fail(store, "cancel_order", "too late")
    deliver_all(store)
    assert gated.run(store, case.run_id).error == "too late; ship_gift was not taken back"


def test_a_failed_reply_takes_nothing_back(store: Store, case: gated.Gated) -> None:
    for tool in ("cancel_order", "issue_refund", "ship_gift"):
        send_next(store, tool)
    fail(store, "send_reply", "no such address")
    assert deliver_all(store) == []
    run = gated.run(store, case.run_id)
    assert (run.status, run.error) == (RunStatus.FAILED, "no such address")


def test_a_retry_after_everything_was_taken_back_does_everything_again(
    store: Store, case: gated.Gated
) -> None:
    send_next(store, "cancel_order")
    send_next(store, "issue_refund")
    fail(store, "ship_gift")
    deliver_all(store)
    store.transact(interventions.retry, case.run_id, person="Ana", now=NOW)
    review = waiting(store, case.run_id)
    assert (review.kind, review.payload_digest) == (ReviewKind.STALE, case.digest)
    assert "out of stock" in review.reasons[0]["message"]
    answer(store, case.run_id, Verdict.APPROVE)
    sent = []
    while due := claim(store):
        assert [store.read(authorisation.objection, one) for one in due] == [None]
        for one in due:
            store.transact(deliveries.mark_sent, one, {}, latency_ms=1.0, now=NOW)
            sent.append(one.tool)
    assert sent == ["cancel_order", "issue_refund", "ship_gift", "send_reply"]
    assert gated.status(store, case.run_id) is RunStatus.DONE


def test_a_second_failure_takes_back_only_what_was_done_since(
    store: Store, case: gated.Gated
) -> None:
    send_next(store, "cancel_order")
    fail(store, "issue_refund")
    deliver_all(store)
    for _ in range(2):
        store.transact(interventions.retry, case.run_id, person="Ana", now=NOW)
        answer(store, case.run_id, Verdict.APPROVE)
        again = send_next(store, "cancel_order")
        fail(store, "issue_refund")
        (back,) = deliver_all(store)
        assert (back.tool, back.reverses) == ("restore_order", again.id)
    assert gated.status(store, case.run_id) is RunStatus.FAILED


def test_a_retry_never_repeats_what_still_stands(store: Store, case: gated.Gated) -> None:
    for tool in ("cancel_order", "issue_refund", "ship_gift"):
        send_next(store, tool)
    fail(store, "send_reply", "no such address")
    store.transact(interventions.retry, case.run_id, person="Ana", now=NOW)
    answer(store, case.run_id, Verdict.APPROVE)
    assert tools_of(deliver_all(store)) == ["send_reply"]
    assert gated.status(store, case.run_id) is RunStatus.DONE


def test_a_reversal_that_fails_leaves_the_run_failed_with_that_reason(
    store: Store, case: gated.Gated
) -> None:
    send_next(store, "cancel_order")
    send_next(store, "issue_refund")
    fail(store, "ship_gift")
    fail(store, "void_refund", "refund is settled")
    assert claim(store) == []
    run = gated.run(store, case.run_id)
    assert (run.status, run.error) == (RunStatus.FAILED, "refund is settled")


@pytest.fixture
def doubtful(store: Store, case: gated.Gated) -> gated.Gated:
    """The first of two reversals is unknown, the other waits for it."""
    send_next(store, "cancel_order")
    send_next(store, "issue_refund")
    fail(store, "ship_gift")
    (void,) = claim(store)
    store.transact(deliveries.mark_unknown, void, "no answer", now=NOW)
    return case


def test_an_unknown_reversal_asks_a_person_and_yes_goes_on_with_the_others(
    store: Store, doubtful: gated.Gated
) -> None:
    assert waiting(store, doubtful.run_id).kind is ReviewKind.UNKNOWN_DELIVERY
    answer(store, doubtful.run_id, Verdict.HAPPENED)
    assert tools_of(deliver_all(store)) == ["restore_order"]
    assert gated.status(store, doubtful.run_id) is RunStatus.FAILED


def test_an_unknown_reversal_that_is_sent_again_takes_the_others_with_it(
    store: Store, doubtful: gated.Gated
) -> None:
    unknown = entry_of(store, doubtful.run_id, "void_refund")
    answer(store, doubtful.run_id, Verdict.SEND_AGAIN)
    (due,) = claim(store)
    assert store.read(authorisation.objection, due) is None
    assert (due.tool, due.body, due.reverses) == ("void_refund", unknown.body, unknown.reverses)
    assert due.id != unknown.id
    store.transact(deliveries.mark_sent, due, {}, latency_ms=1.0, now=NOW)
    (other,) = claim(store)
    assert store.read(authorisation.objection, other) is None
    assert other.tool == "restore_order"
    store.transact(deliveries.mark_sent, other, {}, latency_ms=1.0, now=NOW)
    run = gated.run(store, doubtful.run_id)
    assert run.status is RunStatus.FAILED
    assert run.error == "out of stock; its effects were taken back"


def test_an_undone_answer_about_a_reversal_loses_none_of_the_others(
    store: Store, doubtful: gated.Gated
) -> None:
    review = waiting(store, doubtful.run_id)
    decided = decide(store, said(review, Verdict.SEND_AGAIN), undo_seconds=10)
    store.transact(undoing.undo, decided.decision_id, "Ana", now=NOW)
    assert entry_of(store, doubtful.run_id, "void_refund").status == "cancelled"
    answer(store, doubtful.run_id, Verdict.HAPPENED)
    (other,) = claim(store)
    assert other.tool == "restore_order"
    store.transact(deliveries.mark_sent, other, {}, latency_ms=1.0, now=NOW)
    assert gated.status(store, doubtful.run_id) is RunStatus.FAILED


def test_a_reversal_is_not_itself_taken_back(store: Store, doubtful: gated.Gated) -> None:
    with pytest.raises(Exception, match="say whether it happened"):
        answer(store, doubtful.run_id, Verdict.REVERSE)


async def test_an_executor_takes_back_what_a_person_approved(store: Store) -> None:
    shop(store)
    case = gated.case(store, action=THREE)
    decide(store, case.approve())
    promise(store, "ship_gift", refusal="^out of stock")
    tools = Books({"ship_gift": [failing("tool_error", said="out of stock")]})
    await execute(store, tools)
    assert tools.called == [
        "cancel_order",
        "issue_refund",
        "ship_gift",
        "void_refund",
        "restore_order",
    ]
    keys = [args["idempotency_key"] for _, args in tools.calls]
    assert len(set(keys)) == 5
    sent: dict[str, Any] = dict(tools.calls)
    assert sent["void_refund"]["of"] == sent["issue_refund"]["idempotency_key"]
    assert sent["restore_order"]["of"] == sent["cancel_order"]["idempotency_key"]
    assert gated.status(store, case.run_id) is RunStatus.FAILED


@pytest.mark.parametrize("crash_at", range(5))
def test_a_crash_at_any_call_loses_and_doubles_nothing(
    store: Store, case: gated.Gated, crash_at: int
) -> None:
    """The executor dies right after each claim in turn; the keys stay the same."""
    made: list[tuple[str, str]] = []
    while due := claim(store, lease=-1 if len(made) == crash_at else 60):
        (entry,) = due
        made.append((entry.tool, entry.id))
        if len(made) - 1 == crash_at:
            assert store.transact(deliveries.reap, now=NOW) == 1
        elif entry.tool == "ship_gift":
            store.transact(deliveries.mark_failed, entry, "out of stock", now=NOW)
        else:
            store.transact(deliveries.mark_sent, entry, {}, latency_ms=1.0, now=NOW)
    order = ["cancel_order", "issue_refund", "ship_gift", "void_refund", "restore_order"]
    order.insert(crash_at, order[crash_at])
    assert [tool for tool, _ in made] == order
    assert len({key for _, key in made}) == 5
    assert gated.status(store, case.run_id) is RunStatus.FAILED
