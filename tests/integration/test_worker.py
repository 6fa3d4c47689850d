"""The worker: drains its queue, settles every failure, gives back what it cannot finish."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

import gated
import pytest
import small_shop
from small_shop import model, tools
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from agents.ports import Model, ModelError, TicketView, Tools, Usage
from agents.testing import ScriptedModel
from agents.worker import MAX_ROUNDS, Shift, Worker
from store import queue
from store.engine import Store
from store.outputs import IntentOutput
from store.schema import Run
from store.transitions import RunStatus
from store.writer import GroupWriter

P = ParamSpec("P")
T = TypeVar("T")
BUSY = ModelError("overloaded", is_transient=True)


@pytest.fixture
async def writer(store: Store) -> AsyncIterator[GroupWriter]:
    store.transact(small_shop.open_shop)
    opened = GroupWriter(store)
    yield opened
    opened.close()


def worker(
    store: Store,
    writer: GroupWriter,
    scripted: Model | None = None,
    reading: Tools | None = None,
    *,
    name: str = "w",
    drain: bool = True,
    faults: float = 0.0,
) -> Worker:
    kit = small_shop.kit(store, scripted or model(), reading or tools(), faults=faults)
    shift = Shift(worker=name, concurrency=16, lease_seconds=30.0, drain=drain)
    return Worker(store, kit, kit.journal(writer, retry_seconds=0.0), shift)


def make_due(session: Session) -> None:
    session.connection().execute(update(Run).values(available_at=None))


async def attend_next(one: Worker, store: Store) -> None:
    (claim,) = store.transact(queue.claim, "w", limit=1, in_flight=0, lease_seconds=60)
    await one.attend(claim)


async def test_a_worker_drains_fifty_runs_and_leaves(store: Store, writer: GroupWriter) -> None:
    store.transact(small_shop.tickets, 50)
    await worker(store, writer).work()
    assert store.read(queue.counts) == {RunStatus.COMMITTING: 50}
    assert gated.count(store, "step_record") == 5 * 50
    assert gated.count(store, "outbox") == 2 * 50
    assert gated.count(store, "worker WHERE stopped_at IS NOT NULL") == 1


async def test_two_workers_share_a_queue_and_no_run_is_worked_twice(
    store: Store, writer: GroupWriter
) -> None:
    store.transact(small_shop.tickets, 20)
    scripted = model()
    kit = small_shop.kit(store, scripted, tools())
    both = [
        Worker(store, kit, kit.journal(writer), Shift(name, 4, 30.0, drain=True)) for name in "ab"
    ]
    await asyncio.gather(*(one.work() for one in both))
    assert store.read(queue.counts) == {RunStatus.COMMITTING: 20}
    assert sum(method == "intent" for method, _ in scripted.asked) == 20


async def test_injected_faults_lose_no_run(store: Store, writer: GroupWriter) -> None:
    store.transact(small_shop.tickets, 30)
    await worker(store, writer, faults=0.05).work()
    assert store.read(queue.counts) == {RunStatus.COMMITTING: 30}
    assert gated.count(store, "step_record WHERE status = 'error'") > 0


async def test_a_failure_for_good_ends_the_run_visibly(store: Store, writer: GroupWriter) -> None:
    store.transact(small_shop.tickets, 2)
    no_model = ModelError("no such model", is_transient=False)
    broken = model(intent=[no_model, small_shop.INTENT])
    await worker(store, writer, broken).work()
    counts = store.read(queue.counts)
    assert counts == {RunStatus.FAILED: 1, RunStatus.COMMITTING: 1}
    failed = [run for run in (gated.run(store, n) for n in (1, 2)) if run.status == "failed"]
    assert failed[0].error == "intent: no such model"
    assert failed[0].finished_at is not None


async def test_a_transient_failure_that_lasts_is_tried_again_later_and_then_given_up(
    store: Store, writer: GroupWriter
) -> None:
    store.transact(small_shop.tickets)
    one = worker(store, writer, model(intent=[BUSY]))
    for _ in range(MAX_ROUNDS - 1):
        await attend_next(one, store)
        run = gated.run(store, 1)
        assert (run.status, run.is_suspect) == (RunStatus.QUEUED, False)
        assert run.available_at is not None
        assert not store.transact(queue.claim, "w", limit=1, in_flight=0, lease_seconds=60)
        store.transact(make_due)
    await attend_next(one, store)
    assert gated.run(store, 1).status is RunStatus.FAILED
    assert gated.run(store, 1).error == "intent: overloaded"


async def test_trouble_behind_the_steps_fails_the_run_visibly_too(
    store: Store, writer: GroupWriter
) -> None:
    """The gate, the outbox and the review desk can raise as well, say without any policy."""
    store.transact(small_shop.tickets)
    gated.execute(store, "DROP TRIGGER policy_no_delete")
    gated.execute(store, "DELETE FROM policy")
    await attend_next(worker(store, writer), store)
    run = gated.run(store, 1)
    assert run.status is RunStatus.FAILED
    assert "No policy" in (run.error or "")


class HangingModel(ScriptedModel):
    """A model that never answers, and says when it was asked by so many."""

    def __init__(self, wanted: int) -> None:
        super().__init__(name="local")
        self._wanted = wanted
        self.is_full = asyncio.Event()

    async def intent(self, ticket: TicketView) -> tuple[IntentOutput, Usage]:
        """Wait for ever."""
        self.asked.append(("intent", (ticket,)))
        if len(self.asked) == self._wanted:
            self.is_full.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")


async def test_a_stopped_worker_gives_its_runs_back_unharmed(
    store: Store, writer: GroupWriter
) -> None:
    store.transact(small_shop.tickets, 20)
    hanging = HangingModel(wanted=16)
    one = worker(store, writer, hanging, drain=False)
    working = asyncio.create_task(one.work())
    await hanging.is_full.wait()
    one.stop()
    await asyncio.wait_for(working, 30)
    assert store.read(queue.counts) == {RunStatus.QUEUED: 20}
    assert not any(gated.run(store, n).is_suspect for n in range(1, 21))
    assert len(hanging.asked) == 16, "never more in flight than its concurrency"
    await worker(store, writer, name="next").work()
    assert store.read(queue.counts) == {RunStatus.COMMITTING: 20}


class StoppingWriter(GroupWriter):
    """Stops the worker at the very moment its claim has come back."""

    stop: Any = None

    async def write(
        self, verb: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Write, and stop after a claim that found something."""
        result = await super().write(verb, *args, **kwargs)
        if verb is queue.claim and result:
            self.stop()
        return result


async def test_a_worker_stopped_while_it_claims_gives_those_runs_back_too(store: Store) -> None:
    store.transact(small_shop.open_shop)
    store.transact(small_shop.tickets, 5)
    writer = StoppingWriter(store)
    one = worker(store, writer, drain=False)
    writer.stop = one.stop
    await one.work()
    writer.close()
    assert store.read(queue.counts) == {RunStatus.QUEUED: 5}


async def test_a_worker_takes_back_the_runs_of_one_that_died(
    store: Store, writer: GroupWriter, now: datetime
) -> None:
    store.transact(small_shop.tickets, 3)
    store.transact(queue.claim, "dead", limit=2, in_flight=0, lease_seconds=-1)
    await worker(store, writer).work()
    assert store.read(queue.counts) == {RunStatus.COMMITTING: 3}
    assert [gated.run(store, n).lease_epoch for n in (1, 2, 3)] == [2, 2, 1]


class HungryModel(ScriptedModel):
    """A model that runs out of memory over one ticket."""

    def __init__(self) -> None:
        super().__init__(
            intent=[small_shop.INTENT],
            synthesise=[small_shop.proposal()],
            critique=[small_shop.AGREES],
            name="local",
            is_endless=True,
        )
        self.asked_for: list[str] = []

    async def intent(self, ticket: TicketView) -> tuple[IntentOutput, Usage]:
        """Have no memory for T-1."""
        self.asked_for.append(ticket.external_id)
        if ticket.external_id == "T-1":
            raise MemoryError
        return await super().intent(ticket)


async def test_a_run_that_takes_all_memory_is_tried_alone_before_it_is_blamed(
    store: Store, writer: GroupWriter
) -> None:
    store.transact(small_shop.tickets, 5)
    hungry = HungryModel()
    await worker(store, writer, hungry).work()
    assert store.read(queue.counts) == {RunStatus.COMMITTING: 4, RunStatus.FAILED: 1}
    failed = gated.run(store, 2)
    assert (failed.status, failed.is_suspect) == (RunStatus.FAILED, True)
    assert failed.error == "intent: it ran out of memory"
    assert hungry.asked_for.count("T-1") == 2, "once in company, once alone"
    assert hungry.asked_for[-1] == "T-1"


class BrokenWriter(GroupWriter):
    """Cannot store the first failure, and lets the time of a lease pass."""

    has_broken = False
    pass_time: Any = None

    async def write(
        self, verb: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Write, unless it is the first failure."""
        if verb is queue.fail and not self.has_broken:
            self.has_broken = True
            self.pass_time(60)
            raise OperationalError("UPDATE run", {}, Exception("disk I/O error"))
        return await super().write(verb, *args, **kwargs)


async def test_a_run_that_could_not_even_be_settled_comes_back_instead_of_standing_still(
    store: Store,
) -> None:
    store.transact(small_shop.open_shop)
    store.transact(small_shop.tickets, 1)
    writer = BrokenWriter(store)
    writer.pass_time = store.shift_clock
    no_model = ModelError("no such model", is_transient=False)
    one = worker(store, writer, model(intent=[no_model]))
    await asyncio.wait_for(one.work(), 30)
    writer.close()
    run = gated.run(store, 1)
    assert (run.status, run.lease_epoch, run.tries) == (RunStatus.FAILED, 2, 0)
