"""A delivery nobody knows about: one question, three answers, and nothing happens twice."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
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
    promise,
    said,
    send_next,
    shop,
    statuses,
    together,
    tools_of,
    waiting,
)

from agents.settling import Patience
from agents.testing import ScriptedTools, failing
from store import authorisation, deliveries, reviews, undoing
from store.engine import Store
from store.errors import AlreadyDecided, BadInput, GreenlightError, NotAllowed
from store.outputs import ToolCallRecord
from store.schema import Receipt
from store.settings import Settings
from store.transitions import OutboxStatus, ReviewKind, ReviewStatus, RunStatus, Verdict

ONCE = Patience(attempts=1, first_seconds=0.0)
TRIES = 60
BOTH = together(cancel_order(), refund())


def lost(tool: str = "issue_refund", times: int = 1) -> Books:
    """Fakes that lose the answers of one tool; all later calls are confirmed."""
    return Books({tool: [failing("timeout", "no answer in 10 s")] * times})


@pytest.fixture
def unknown(store: Store) -> gated.Gated:
    """A pass whose refund is unknown, with its reply waiting behind it."""
    shop(store)
    case = gated.passed(store)
    (due,) = claim(store)
    store.transact(deliveries.mark_unknown, due, "no answer in 10 s", now=NOW)
    return case


def test_it_opens_one_review_that_says_what_is_not_known(
    store: Store, unknown: gated.Gated
) -> None:
    review = waiting(store, unknown.run_id)
    action, reply = gated.entries(store, unknown.run_id)
    assert (review.kind, review.action_id) == (ReviewKind.UNKNOWN_DELIVERY, action.id)
    assert review.payload_digest == unknown.digest
    message = "Nobody knows whether `issue_refund` happened: no answer in 10 s"
    assert review.reasons[0]["message"] == message
    assert (action.status, reply.status) == (OutboxStatus.UNKNOWN, OutboxStatus.PENDING)
    assert gated.status(store, unknown.run_id) is RunStatus.AWAITING_REVIEW
    assert claim(store) == []


@pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.EDIT, Verdict.REJECT, Verdict.RIGHT])
def test_it_takes_one_of_three_answers_and_nothing_else(
    store: Store, unknown: gated.Gated, verdict: Verdict
) -> None:
    with pytest.raises(BadInput, match="happened, reverse or send again"):
        decide(store, said(waiting(store, unknown.run_id), verdict, reason_code="x", reply="y"))
    assert waiting(store, unknown.run_id).status is ReviewStatus.OPEN


async def test_it_happened_goes_on_with_the_reply(store: Store) -> None:
    shop(store)
    case = gated.passed(store)
    tools = lost()
    await execute(store, tools, patience=ONCE)
    answer(store, case.run_id, Verdict.HAPPENED)
    await execute(store, tools)
    assert tools.called == ["issue_refund", "send_reply"]
    assert gated.status(store, case.run_id) is RunStatus.DONE
    refund_id = gated.entries(store, case.run_id)[0].id
    receipt = store.read(lambda session: session.get_one(Receipt, refund_id))
    assert receipt.body == {"confirmed_by": "Ana", "note": ""}
    assert gated.count(store, "step_record WHERE name = 'commit'") == 1


async def test_send_again_uses_a_new_key_and_never_repeats_what_was_sent(store: Store) -> None:
    shop(store)
    case = gated.passed(store, action=BOTH)
    tools = lost()
    await execute(store, tools, patience=ONCE)
    assert tools.called == ["cancel_order", "issue_refund"]
    answer(store, case.run_id, Verdict.SEND_AGAIN)
    await execute(store, tools)
    assert tools.called == ["cancel_order", "issue_refund", "issue_refund", "send_reply"]
    first, second = (args for tool, args in tools.calls if tool == "issue_refund")
    assert first.pop("idempotency_key") != second.pop("idempotency_key")
    assert first == second
    assert gated.status(store, case.run_id) is RunStatus.DONE
    assert sorted(statuses(store, case.run_id)) == [
        ("cancel_order", "sent"),
        ("issue_refund", "failed"),
        ("issue_refund", "sent"),
        ("send_reply", "cancelled"),
        ("send_reply", "sent"),
    ]


async def test_reverse_delivers_the_reversal_linked_to_the_first(store: Store) -> None:
    shop(store)
    case = gated.passed(store)
    tools = lost()
    await execute(store, tools, patience=ONCE)
    answer(store, case.run_id, Verdict.REVERSE)
    await execute(store, tools)
    assert tools.called == ["issue_refund", "void_refund"]
    first, second = (args for _, args in tools.calls)
    assert second["of"] == first["idempotency_key"]
    back = next(one for one in gated.entries(store, case.run_id) if one.tool == "void_refund")
    assert (back.reverses, back.status) == (first["idempotency_key"], OutboxStatus.SENT)
    run = gated.run(store, case.run_id)
    assert (run.status, run.error) == (RunStatus.FAILED, "its effects were taken back")
    assert ("send_reply", "cancelled") in statuses(store, case.run_id)


def test_what_has_no_reversal_cannot_be_answered_with_reverse(
    store: Store, unknown: gated.Gated
) -> None:
    promise(store, "issue_refund")
    with pytest.raises(BadInput, match="names no reversal"):
        answer(store, unknown.run_id, Verdict.REVERSE)
    assert waiting(store, unknown.run_id).status is ReviewStatus.OPEN
    assert gated.count(store, "draft") == 1


def test_a_reply_without_a_key_that_crashed_is_asked_and_not_repeated(store: Store) -> None:
    shop(store)
    case = gated.passed(store)
    send_next(store, "issue_refund")
    claim(store, lease=-1)
    store.transact(deliveries.reap, now=NOW)
    assert waiting(store, case.run_id).kind is ReviewKind.UNKNOWN_DELIVERY
    answer(store, case.run_id, Verdict.HAPPENED)
    assert claim(store) == []
    assert gated.status(store, case.run_id) is RunStatus.DONE


@pytest.mark.parametrize("verdict", [Verdict.SEND_AGAIN, Verdict.REVERSE])
def test_an_answer_that_is_undone_makes_it_unknown_again(
    store: Store, unknown: gated.Gated, verdict: Verdict
) -> None:
    review = waiting(store, unknown.run_id)
    decided = decide(store, said(review, verdict), undo_seconds=10)
    assert gated.entries(store, unknown.run_id)[0].status is OutboxStatus.FAILED
    store.transact(undoing.undo, decided.decision_id, "Ana", now=NOW)
    assert gated.entries(store, unknown.run_id)[0].status is OutboxStatus.UNKNOWN
    again = waiting(store, unknown.run_id)
    assert (again.kind, again.action_id) == (ReviewKind.UNKNOWN_DELIVERY, review.action_id)
    store.shift_clock(60)
    assert deliver_all(store) == []
    answer(store, unknown.run_id, Verdict.HAPPENED)
    assert tools_of(deliver_all(store)) == ["send_reply"]
    assert gated.status(store, unknown.run_id) is RunStatus.DONE


def test_that_it_happened_is_not_undone(store: Store, unknown: gated.Gated) -> None:
    decided = answer(store, unknown.run_id, Verdict.HAPPENED)
    with pytest.raises(NotAllowed, match="take the action back"):
        store.transact(undoing.undo, decided.decision_id, "Ana", now=NOW)


def test_the_rest_that_a_confirmed_call_releases_is_authorised(store: Store) -> None:
    shop(store)
    case = gated.case(store, action=BOTH)
    decide(store, case.approve())
    (due,) = claim(store)
    store.transact(deliveries.mark_unknown, due, "no answer", now=NOW)
    review = waiting(store, case.run_id)
    undone = decide(store, said(review, Verdict.SEND_AGAIN), undo_seconds=10)
    store.transact(undoing.undo, undone.decision_id, "Ana", now=NOW)
    answer(store, case.run_id, Verdict.HAPPENED)  # what waited was cancelled by the first answer
    (rest,) = claim(store)
    assert rest.tool == "issue_refund"
    assert store.read(authorisation.objection, rest) is None
    store.transact(deliveries.mark_sent, rest, {}, latency_ms=1.0, now=NOW)
    assert tools_of(deliver_all(store)) == ["send_reply"]


class Looks(ScriptedTools):
    """A look-up that knows every call that was made."""

    def __init__(self, books: Books) -> None:
        super().__init__({})
        self._books = books

    async def call(self, tool: str, args: Mapping[str, Any]) -> ToolCallRecord:
        known = any(one["idempotency_key"] == args["key"] for _, one in self._books.calls)
        answer = {"found": known, "receipt": {"id": "re_9"}}
        return ToolCallRecord(tool=tool, server="s", result=answer, status="ok")


LOOK = {"tool": "find_refund", "args": {"key": "key"}, "found": "found", "receipt": "receipt"}


async def test_a_service_that_can_be_asked_spares_the_person(store: Store) -> None:
    shop(store)
    promise(store, "issue_refund", lookup=LOOK)
    case = gated.passed(store)
    tools = lost()
    await execute(store, tools, Looks(tools), patience=ONCE)
    assert tools.called == ["issue_refund", "send_reply"]
    assert gated.status(store, case.run_id) is RunStatus.DONE


async def test_after_the_keys_retention_a_call_is_looked_up_and_never_repeated(
    store: Store,
) -> None:
    shop(store)
    promise(store, "issue_refund", lookup=LOOK, key_retention_seconds=1_000)
    case = gated.passed(store)
    claim(store, "dead", lease=-1)
    store.shift_clock(801)
    tools = Books({})
    await execute(store, tools, Looks(tools))
    assert tools.called == []
    assert waiting(store, case.run_id).kind is ReviewKind.UNKNOWN_DELIVERY


async def test_before_the_keys_retention_ends_a_call_is_repeated_under_its_key(
    store: Store,
) -> None:
    shop(store)
    promise(store, "issue_refund", key_retention_seconds=1_000)
    case = gated.passed(store)
    (first,) = claim(store, "dead", lease=-1)
    store.shift_clock(700)
    tools = Books({})
    await execute(store, tools)
    assert tools.calls[0][1]["idempotency_key"] == first.id
    assert gated.status(store, case.run_id) is RunStatus.DONE


@pytest.fixture
def stores(settings: Settings, store: Store) -> Iterator[list[Store]]:
    """Two Store objects on one file, as two dashboards hold them."""
    shop(store)
    opened = [settings.open(urgent=True, may_decide=True) for _ in range(2)]
    yield opened
    for one in opened:
        one.close()


def test_two_people_who_answer_at_once_are_one_answer_and_one_that_came_too_late(
    stores: list[Store],
) -> None:
    cases = [gated.passed(stores[0], customer_id=f"C-{number}") for number in range(TRIES)]
    for due in claim(stores[0], limit=TRIES):
        stores[0].transact(deliveries.mark_unknown, due, "no answer", now=NOW)
    start = Barrier(2)
    reviews_ = [waiting(stores[0], case.run_id) for case in cases]

    def say(store: Store, verdict: Verdict, person: str) -> list[Any]:
        return [_at_once(start, partial(decide, store, said(one, verdict, person)))
                for one in reviews_]  # fmt: skip

    with ThreadPoolExecutor(2) as pool:
        yes = pool.submit(say, stores[0], Verdict.HAPPENED, "Ana")
        again = pool.submit(say, stores[1], Verdict.SEND_AGAIN, "Ben")
        pairs = list(zip(yes.result(), again.result(), strict=True))
    for case, (first, second) in zip(cases, pairs, strict=True):
        assert {type(first), type(second)} == {reviews.Decided, AlreadyDecided}
        refunds = [one for one in gated.entries(stores[0], case.run_id) if one.kind == "refund"]
        happened = isinstance(first, reviews.Decided)
        expected = ["sent"] if happened else ["failed", "pending"]
        assert sorted(one.status for one in refunds) == expected


def _at_once(start: Barrier, act: Any) -> Any:
    start.wait()
    try:
        return act()
    except GreenlightError as error:
        return error
