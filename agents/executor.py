"""The executor: the one process that holds write tools, and delivers what was authorised.

Each entry's attempt and lease are committed before its call. It verifies the authorisation itself,
calls with the entry's id as idempotency key, and stores the receipt. What became of a call is
decided by `settle`: a failure that may still have had its effect is only repeated under a key.
"""

import asyncio
import json
import logging
import os
import random
import signal
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlmodel import Session

from agents.clock import Clock, RealClock
from agents.company import Company
from agents.ports import Tools
from agents.tools import Toolbox
from agents.worker import dead_here
from store import authorisation, outbox, registry, workers
from store.engine import Store
from store.errors import LeaseLost
from store.outbox import Due
from store.outputs import ToolCallRecord
from store.settings import Settings
from store.writer import GroupWriter

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.01  # between looks at the database's change counter
SWEEP_SECONDS = 1.0
BATCH = 16
MAX_ATTEMPTS = 8
FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 60.0
UNSURE = frozenset({"timeout", "server_died"})  # it may have happened all the same


@dataclass(frozen=True, slots=True)
class Sent:
    """The tool confirmed it."""

    receipt: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """It certainly did not happen, and another attempt would end the same way."""

    error: str


@dataclass(frozen=True, slots=True)
class Again:
    """Repeat under the same key after a pause."""

    error: str
    delay_seconds: float


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have happened, and repeating it could do it twice."""

    error: str


Settled = Sent | Failed | Again | Unknown


def settle(record: ToolCallRecord, *, has_key: bool, attempt: int, jitter: float) -> Settled:
    """Decide what an answer means. `jitter` in [0, 1) spreads retries. Pure."""
    if record.status == "ok":
        return Sent(record.result if isinstance(record.result, dict) else {"answer": record.result})
    error = record.error or record.error_class or "no answer"
    if record.error_class not in UNSURE:
        return Failed(error)
    if not has_key or attempt >= MAX_ATTEMPTS:
        return Unknown(error)
    pause = min(FIRST_RETRY_SECONDS * 2 ** (attempt - 1), LONGEST_RETRY_SECONDS)
    return Again(error, delay_seconds=pause * (0.5 + jitter / 2))


class Executor:
    """Delivers due entries until stopped, or with `drain` until none is left."""

    def __init__(
        self,
        store: Store,
        writer: GroupWriter,
        tools: Tools,
        *,
        clock: Clock,
        lease_seconds: float,
        drain: bool,
    ) -> None:
        self._store = store
        self._writer = writer
        self._tools = tools
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._drain = drain
        self._name = f"executor-{os.getpid()}-{uuid4().hex[:8]}"
        self._keys = {tool.name: tool.key_field for tool in store.read(registry.tools)}
        self._in_flight: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._failure: BaseException | None = None

    def stop(self) -> None:
        """Begin no further delivery; those under way are finished."""
        self._stopping.set()

    async def work(self) -> None:
        """Deliver until stopped or drained; finish what is under way before leaving."""
        await self._writer.write(
            workers.start,
            worker=self._name,
            kind="executor",
            host=socket.gethostname(),
            pid=os.getpid(),
            now=datetime.now(UTC),
        )
        try:
            await self._deliver_until_stopped()
            if self._in_flight:
                await asyncio.wait(self._in_flight)
        finally:
            await self._writer.write(workers.stop, self._name)
        if self._failure is not None:
            raise self._failure

    async def _deliver_until_stopped(self) -> None:
        version = self._store.watch()
        loop = asyncio.get_running_loop()
        seen, due_at, sweep_at = -1, 0.0, 0.0
        while not self._stopping.is_set():
            now = loop.time()
            if now >= sweep_at:
                await self._writer.write(self._sweep)
                sweep_at, due_at = now + SWEEP_SECONDS, now
            current = version()
            if len(self._in_flight) < BATCH and (current != seen or now >= due_at):
                seen = current
                claimed = await self._begin_due()
                wait = 0.0 if claimed else await self._seconds_until_due()
                if wait is None and self._drain and not self._in_flight:
                    return
                due_at = loop.time() + (SWEEP_SECONDS if wait is None else wait)
            await asyncio.sleep(LOOK_SECONDS)

    async def _begin_due(self) -> int:
        entries = await self._writer.write(
            outbox.claim,
            self._name,
            limit=BATCH - len(self._in_flight),
            lease_seconds=self._lease_seconds,
        )
        for entry in entries:
            task = asyncio.create_task(self._deliver(entry))
            self._in_flight.add(task)
            task.add_done_callback(self._ended)
        return len(entries)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Leave if nobody settled it: then its lease runs out, and `reap` decides."""
        self._in_flight.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            self.stop()

    async def _seconds_until_due(self) -> float | None:
        return self._store.read(outbox.next_due_seconds)

    async def _deliver(self, entry: Due) -> None:
        """Verify, call, and record what became of it."""
        objection = self._store.read(authorisation.objection, entry)
        try:
            if objection is not None:
                log.error("delivery %s refused: %s", entry.id, objection)
                await self._record(entry, Failed(f"refused: {objection}"), latency_ms=0.0)
                return
            key_field = self._keys.get(entry.tool)
            args = json.loads(entry.body) | ({key_field: entry.id} if key_field else {})
            answer = await self._tools.call(entry.tool, args)
            jitter = random.random()  # noqa: S311 - spreads retries, guards nothing
            settled = settle(answer, has_key=bool(key_field), attempt=entry.attempt, jitter=jitter)
            await self._record(entry, settled, latency_ms=answer.latency_ms)
        except LeaseLost as lost:
            log.warning("%s", lost)

    async def _record(self, entry: Due, settled: Settled, *, latency_ms: float) -> None:
        now = self._clock.at(entry.created_at)
        write = self._writer.write
        if isinstance(settled, Sent):
            await write(outbox.mark_sent, entry, settled.receipt, latency_ms=latency_ms, now=now)
        elif isinstance(settled, Failed):
            await write(outbox.mark_failed, entry, settled.error, now=now)
        elif isinstance(settled, Again):
            await write(outbox.postpone, entry, settled.error, delay_seconds=settled.delay_seconds)
        else:
            await write(outbox.mark_unknown, entry, settled.error, now=now)

    def _sweep(self, session: Session) -> None:
        workers.beat(session, self._name, in_flight=len(self._in_flight))
        outbox.extend_leases(session, self._name, lease_seconds=self._lease_seconds)
        outbox.reap(session, dead_workers=dead_here(session), now=datetime.now(UTC))


def run(settings: Settings, company: Company, *, drain: bool = False) -> None:
    """Deliver in this process until SIGINT or SIGTERM, or with `drain` until nothing waits."""
    asyncio.run(_main(settings, company, drain=drain))


async def _main(settings: Settings, company: Company, *, drain: bool) -> None:
    store = settings.open()
    writer = GroupWriter(store)
    try:
        async with Toolbox.write(company, home=settings.home) as tools:
            tools.expect({tool.name: tool.fingerprint for tool in store.read(registry.tools)})
            executor = Executor(
                store,
                writer,
                tools,
                clock=RealClock(),
                lease_seconds=settings.lease_seconds,
                drain=drain,
            )
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, executor.stop)
            await executor.work()
    finally:
        writer.close()
        store.close()
