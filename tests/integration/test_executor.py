"""The executor with scripted tools: delivers once, repeats only what is safe, refuses the forged."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import gated
import pytest
from builders import NOW

from agents.executor import Executor, Manner
from agents.ports import Tools
from agents.settling import Patience
from agents.testing import FixedClock, ScriptedTools, failing
from store import deliveries, reviews
from store.actions import reply_only
from store.engine import Store
from store.outputs import ToolCallRecord
from store.settings import Settings
from store.transitions import OutboxStatus, RunStatus
from store.writer import GroupWriter

QUICK = Patience(first_seconds=0.01)
OK = {"issue_refund": [{"refund_id": "re_1"}], "send_reply": [{"message_id": "m_1"}]}


@pytest.fixture
def writer(store: Store) -> Iterator[GroupWriter]:
    opened = GroupWriter(store)
    yield opened
    opened.close()


def executor(
    store: Store,
    writer: GroupWriter,
    tools: Tools,
    now: datetime,
    reading: Tools | None = None,
    patience: Patience = QUICK,
) -> Executor:
    how = Manner(lease_seconds=30.0, drain=True, patience=patience, clock=FixedClock(now))
    return Executor(store, writer, tools, reading or ScriptedTools({}), how)


def statuses(store: Store, run_id: int) -> list[OutboxStatus]:
    return [entry.status for entry in gated.entries(store, run_id)]


async def test_an_authorised_draft_is_delivered_once_in_order(
    store: Store, writer: GroupWriter, now: datetime
) -> None:
    case = gated.passed(store)
    tools = ScriptedTools(OK)
    await executor(store, writer, tools, now).work()
    refund, reply = gated.entries(store, case.run_id)
    assert [name for name, _ in tools.calls] == ["issue_refund", "send_reply"]
    assert tools.calls[0][1] == {
        "amount_minor": 4250,
        "customer_id": "C-1",
        "order_id": "O-1",
        "idempotency_key": refund.id,
    }
    assert tools.calls[1][1] == {"customer_id": "C-1", "text": gated.REPLY}
    assert {refund.status, reply.status} == {OutboxStatus.SENT}
    run = gated.run(store, case.run_id)
    assert (run.status, run.finished_at) == (RunStatus.DONE, now)
    assert gated.count(store, "step_record WHERE name = 'commit'") == 1
    await executor(store, writer, tools, now).work()
    assert len(tools.calls) == 2


async def test_a_timeout_is_repeated_under_the_same_key(
    store: Store, writer: GroupWriter, now: datetime
) -> None:
    case = gated.passed(store)
    tools = ScriptedTools({**OK, "issue_refund": [failing("timeout"), {"refund_id": "re_1"}]})
    await executor(store, writer, tools, now).work()
    first, second = (args for name, args in tools.calls if name == "issue_refund")
    assert first == second
    assert gated.entries(store, case.run_id)[0].attempt == 2
    assert gated.status(store, case.run_id) is RunStatus.DONE


async def test_a_timeout_without_a_key_is_unknown_and_holds_back_what_follows(
    store: Store, writer: GroupWriter, now: datetime
) -> None:
    case = gated.passed(store)
    gated.execute(store, "UPDATE tool SET key_field = NULL")
    tools = ScriptedTools({"issue_refund": [failing("timeout")]})
    await executor(store, writer, tools, now).work()
    assert statuses(store, case.run_id) == [OutboxStatus.UNKNOWN, OutboxStatus.PENDING]
    assert gated.status(store, case.run_id) is RunStatus.AWAITING_REVIEW, "a person has to say"
    assert gated.count(store, "review WHERE kind = 'unknown_delivery' AND status = 'open'") == 1
    await executor(store, writer, tools, now).work()
    assert len(tools.calls) == 1


async def test_a_refusal_fails_the_run_and_sends_no_reply(
    store: Store, writer: GroupWriter, now: datetime
) -> None:
    case = gated.passed(store)
    gated.execute(store, "UPDATE tool SET connector = json_object('refusal', '^card closed')")
    tools = ScriptedTools(
        {"issue_refund": [failing("tool_error", "card closed", said="card closed")]}
    )
    await executor(store, writer, tools, now).work()
    assert statuses(store, case.run_id) == [OutboxStatus.FAILED, OutboxStatus.CANCELLED]
    assert gated.run(store, case.run_id).error == "card closed"


async def test_an_error_that_is_no_known_refusal_is_repeated_then_asked_of_a_person(
    store: Store, writer: GroupWriter, now: datetime
) -> None:
    case = gated.passed(store)
    tools = ScriptedTools({"issue_refund": [failing("tool_error", "Oops")] * 3})
    impatient = Patience(attempts=3, first_seconds=0.01)
    await executor(store, writer, tools, now, patience=impatient).work()
    assert {args["idempotency_key"] for _, args in tools.calls} == {
        gated.entries(store, case.run_id)[0].id
    }
    assert statuses(store, case.run_id) == [OutboxStatus.UNKNOWN, OutboxStatus.PENDING]
    assert gated.status(store, case.run_id) is RunStatus.AWAITING_REVIEW


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE draft SET reply = 'Send your card number'",
        "UPDATE outbox SET body = json_set(body, '$.amount_minor', 99999)",
        "UPDATE outbox SET body = 'not json'",
        "UPDATE policy SET body = json_set(body, '$.threshold', 0.99)",
        "UPDATE outbox SET id = id || '0'",
        "UPDATE draft SET action = '[]'",
    ],
)
async def test_what_was_tampered_with_is_refused_without_a_call(
    store: Store, settings: Settings, writer: GroupWriter, now: datetime, sql: str
) -> None:
    case = gated.passed(store)
    gated.tamper(settings, sql)
    tools = ScriptedTools({})
    await executor(store, writer, tools, now).work()
    assert tools.calls == []
    assert statuses(store, case.run_id) == [OutboxStatus.FAILED, OutboxStatus.CANCELLED]
    run = gated.run(store, case.run_id)
    assert run.status is RunStatus.FAILED
    assert "refused" in (run.error or "")


async def test_what_a_dead_executor_had_under_way_is_delivered_under_its_key(
    store: Store, writer: GroupWriter, now: datetime
) -> None:
    case = gated.passed(store)
    (lost,) = store.transact(deliveries.claim, "dead", limit=9, lease_seconds=-1, now=NOW)
    tools = ScriptedTools(OK)
    await executor(store, writer, tools, now).work()
    assert tools.calls[0][1]["idempotency_key"] == lost.id
    assert statuses(store, case.run_id) == [OutboxStatus.SENT] * 2


async def test_a_decision_is_delivered_and_a_rejection_never(
    store: Store, writer: GroupWriter, now: datetime
) -> None:
    approved, rejected = gated.case(store), gated.case(store, customer_id="C-2")
    store.transact(reviews.decide, approved.approve(), now=now, undo_seconds=0)
    store.transact(reviews.decide, rejected.reject(), now=now, undo_seconds=0)
    tools = ScriptedTools(OK)
    await executor(store, writer, tools, now).work()
    assert gated.status(store, approved.run_id) is RunStatus.DONE
    assert {args["customer_id"] for _, args in tools.calls} == {"C-1"}


class BlockingTools:
    """A tool that answers only when told to, and says when it was called."""

    def __init__(self) -> None:
        self.called, self.answer = asyncio.Event(), asyncio.Event()

    async def call(self, tool: str, args: Mapping[str, Any]) -> ToolCallRecord:
        self.called.set()
        await self.answer.wait()
        return ToolCallRecord(tool=tool, server="s", args=dict(args), status="ok", result={})


@asynccontextmanager
async def at_work(one: Executor) -> Any:
    """Let an executor work; it has to end by itself."""
    task = asyncio.create_task(one.work())
    yield task
    await asyncio.wait_for(task, 30)


async def test_a_stopped_executor_finishes_the_call_under_way(
    store: Store, writer: GroupWriter, now: datetime
) -> None:
    case = gated.passed(store, action=reply_only("C-1"))
    tools = BlockingTools()
    one = executor(store, writer, tools, now)
    async with at_work(one):
        await tools.called.wait()
        one.stop()
        assert statuses(store, case.run_id) == [OutboxStatus.SENDING], "leased before the call"
        tools.answer.set()
    assert statuses(store, case.run_id) == [OutboxStatus.SENT]


class BrokenTools:
    """Breaks its port's promise never to raise."""

    async def call(self, tool: str, args: Mapping[str, Any]) -> ToolCallRecord:
        raise RuntimeError(f"{tool} broke")


async def test_a_delivery_that_cannot_be_settled_ends_the_executor_instead_of_hanging(
    store: Store, writer: GroupWriter, now: datetime
) -> None:
    case = gated.passed(store)
    one = executor(store, writer, BrokenTools(), now)
    with pytest.raises(RuntimeError, match="issue_refund broke"):
        await asyncio.wait_for(one.work(), 10)
    assert statuses(store, case.run_id)[0] is OutboxStatus.SENDING, "its lease will run out"


async def test_many_entries_are_delivered_each_once(
    store: Store, writer: GroupWriter, now: datetime
) -> None:
    def enqueue_many(session: Any) -> list[gated.Gated]:
        return [gated.build(session, confidence=0.97, customer_id=f"C-{n}") for n in range(25)]

    cases = store.transact(enqueue_many)
    tools = ScriptedTools({"issue_refund": [{}], "send_reply": [{}]}, is_endless=True)
    await executor(store, writer, tools, now).work()
    keys = [args["idempotency_key"] for name, args in tools.calls if name == "issue_refund"]
    assert len(keys) == len(set(keys)) == 25
    assert len(tools.calls) == 50
    assert {gated.status(store, case.run_id) for case in cases} == {RunStatus.DONE}


async def test_an_approval_still_in_its_undo_window_keeps_a_draining_executor_waiting(
    store: Store, writer: GroupWriter, now: datetime
) -> None:
    case = gated.case(store)
    store.transact(reviews.decide, case.approve(), now=now, undo_seconds=0.3)
    tools = ScriptedTools(OK)
    await executor(store, writer, tools, now).work()
    assert gated.status(store, case.run_id) is RunStatus.DONE
