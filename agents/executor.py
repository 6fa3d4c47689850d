"""The executor: the one process that holds write tools, and delivers what was authorised.

Each entry's attempt and lease are committed before its call. It verifies the authorisation itself,
looks whether the world is still the one that was decided on, calls with the entry's id as
idempotency key, and stores the receipt. What an answer means is decided by `settling`.
"""

import asyncio
import json
import logging
import os
import random
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlmodel import Session

from agents import limits
from agents.clock import Clock, RealClock
from agents.company import Company
from agents.ports import Tools
from agents.settling import (
    Again,
    Failed,
    Patience,
    Sent,
    Settled,
    Stale,
    Unknown,
    compare,
    may_call,
    receipt_of,
    settle,
    unseen,
)
from agents.tools import Toolbox
from agents.witness import anchoring
from agents.worker import dead_here
from store import authorisation, deliveries, registry, workers
from store.connectors import Connector, Precondition, arguments, pick
from store.deliveries import Due
from store.engine import Store
from store.errors import LeaseLost
from store.outputs import ToolCallRecord
from store.settings import Settings
from store.writer import GroupWriter

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.01  # between looks at the database's change counter
SWEEP_SECONDS = 1.0
BATCH = 16
_PATIENT = Patience()


@dataclass(frozen=True, slots=True)
class Manner:
    """How an executor works; with `drain` it leaves when nothing is left."""

    lease_seconds: float
    drain: bool
    patience: Patience = field(default_factory=Patience)
    clock: Clock = field(default_factory=RealClock)


class Executor:
    """Delivers due entries until stopped, or with `drain` until none is left."""

    def __init__(
        self,
        store: Store,
        writer: GroupWriter,
        tools: Tools,
        reading: Tools,
        how: Manner,
    ) -> None:
        self._store = store
        self._writer = writer
        self._tools = tools
        self._reading = reading
        self._how = how
        self._name = f"executor-{os.getpid()}-{uuid4().hex[:8]}"
        listed = store.read(registry.tools)
        self._keys = {tool.name: tool.key_field for tool in listed}
        self._connectors = {tool.name: Connector.model_validate(tool.connector) for tool in listed}
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
                if wait is None and self._how.drain and not self._in_flight:
                    return
                due_at = loop.time() + (SWEEP_SECONDS if wait is None else wait)
            await asyncio.sleep(LOOK_SECONDS)

    async def _begin_due(self) -> int:
        entries = await self._writer.write(
            deliveries.claim,
            self._name,
            limit=BATCH - len(self._in_flight),
            lease_seconds=self._how.lease_seconds,
            now=datetime.now(UTC),
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
        return self._store.read(deliveries.next_due_seconds)

    async def _deliver(self, entry: Due) -> None:
        """Verify, look, call, and record what became of it."""
        try:
            objection, is_held = self._store.read(_ruling, entry)
            if is_held:
                await self._writer.write(
                    deliveries.postpone, entry, None, delay_seconds=0.0, may_have_happened=False
                )
                return
            settled, latency_ms = (
                (_refused(entry, objection), 0.0) if objection else await self._settle(entry)
            )
            await self._record(entry, settled, latency_ms=latency_ms)
        except LeaseLost as lost:
            log.warning("%s", lost)
        except deliveries.BROKEN_ROWS as broken:
            log.exception("delivery %s is set aside", entry.id)
            now = self._how.clock.at(entry.created_at)
            await self._writer.write(deliveries.set_aside, entry, str(broken)[:500], now=now)

    async def _settle(self, entry: Due) -> tuple[Settled, float]:
        connector = self._connectors.get(entry.tool, Connector())
        key_field = self._keys.get(entry.tool)
        has_key = key_field is not None
        args = json.loads(entry.body)
        if not may_call(entry, connector, has_key=has_key):
            late = "its key may be forgotten by now" if has_key else "it takes no key"
            return await self._look_up(entry, connector, f"no answer came, and {late}"), 0.0
        jitter = random.random()  # noqa: S311 - spreads retries, guards nothing
        if not entry.in_doubt and connector.precondition is not None:
            seen = await self._look(args, connector.precondition)
            value = pick(connector.precondition.value, seen.result)
            if value is None:
                return unseen(seen, entry, patience=self._how.patience, jitter=jitter), 0.0
            if (moved := compare(args, connector, value)) is not None:
                return moved, 0.0
            self._store.read(deliveries.require_mine, entry)  # looking took its time
        answer = await self._tools.call(
            entry.tool, args | {key_field: entry.id} if key_field else args
        )
        settled = settle(
            answer,
            entry,
            connector,
            has_key=has_key,
            patience=self._how.patience,
            jitter=jitter,
        )
        if isinstance(settled, Unknown):
            settled = await self._look_up(entry, connector, settled.error)
        elif isinstance(settled, Failed) and connector.precondition is not None:
            seen = await self._look(args, connector.precondition)
            value = pick(connector.precondition.value, seen.result)
            if value is None:
                return unseen(seen, entry, patience=self._how.patience, jitter=jitter), 0.0
            settled = compare(args, connector, value) or settled
        return settled, answer.latency_ms

    async def _look(self, args: dict[str, Any], precondition: Precondition) -> ToolCallRecord:
        """Look at the world as it is just now; an answer without a result is of no use."""
        return await self._reading.call(precondition.tool, arguments(precondition.args, args))

    async def _look_up(self, entry: Due, connector: Connector, error: str) -> Settled:
        """Ask the service whether a doubtful call took place; without a yes a person has to say."""
        if connector.lookup is None:
            return Unknown(error)
        source = {"key": entry.id, "args": json.loads(entry.body)}
        seen = await self._reading.call(
            connector.lookup.tool, arguments(connector.lookup.args, source)
        )
        if seen.status != "ok":
            return Unknown(f"{error}; the look-up failed too: {seen.error}")
        if not pick(connector.lookup.found, seen.result):
            return Unknown(f"{error}; the look-up did not find it")
        return Sent(receipt_of(pick(connector.lookup.receipt, seen.result)))

    async def _record(self, entry: Due, settled: Settled, *, latency_ms: float) -> None:
        now = self._how.clock.at(entry.created_at)
        write = self._writer.write
        if isinstance(settled, Sent):
            receipt = settled.receipt
            await write(deliveries.mark_sent, entry, receipt, latency_ms=latency_ms, now=now)
        elif isinstance(settled, Failed):
            await write(deliveries.mark_failed, entry, settled.error, now=now)
        elif isinstance(settled, Again):
            await write(
                deliveries.postpone,
                entry,
                settled.error,
                delay_seconds=settled.delay_seconds,
                may_have_happened=settled.may_have_happened,
            )
        elif isinstance(settled, Stale):
            await write(deliveries.mark_stale, entry, settled.reason, settled.fresh, now=now)
        else:
            await write(deliveries.mark_unknown, entry, settled.error, now=now)

    def _sweep(self, session: Session) -> None:
        workers.beat(session, self._name, in_flight=len(self._in_flight))
        deliveries.extend_leases(session, self._name, lease_seconds=self._how.lease_seconds)
        deliveries.reap(session, dead_workers=dead_here(session), now=datetime.now(UTC))


def _ruling(session: Session, entry: Due) -> tuple[str | None, bool]:
    """Return what speaks against the delivery, and whether a hold stops it, as of this moment."""
    return authorisation.objection(session, entry), deliveries.is_held(session, entry)


def _refused(entry: Due, objection: str) -> Settled:
    log.error("delivery %s refused: %s", entry.id, objection)
    error = f"refused: {objection}"
    return Unknown(error) if entry.in_doubt else Failed(error)


def run(
    settings: Settings, company: Company, *, drain: bool = False, patience: Patience = _PATIENT
) -> None:
    """Deliver in this process until SIGINT or SIGTERM, or with `drain` until nothing waits."""
    asyncio.run(_main(settings, company, drain=drain, patience=patience))


async def _main(settings: Settings, company: Company, *, drain: bool, patience: Patience) -> None:
    store = settings.open()
    writer = GroupWriter(store)
    how = Manner(lease_seconds=settings.lease_seconds, drain=drain, patience=patience)
    try:
        async with open_executor(settings, company, store, writer, how) as executor:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, executor.stop)
            async with (
                anchoring(store, settings.anchor_file),
                limits.pulse(settings.lease_seconds * limits.HANG_SHARE),
            ):
                await executor.work()
    finally:
        writer.close()
        store.close()


@asynccontextmanager
async def open_executor(
    settings: Settings, company: Company, store: Store, writer: GroupWriter, how: Manner
) -> AsyncIterator[Executor]:
    """Start the tool servers it needs; a tool that changed since its approval is refused."""
    approved = {tool.name: tool.fingerprint for tool in store.read(registry.tools)}
    async with (
        Toolbox.write(company, home=settings.home) as tools,
        Toolbox.checking(company, home=settings.home) as reading,
    ):
        tools.expect(approved)
        reading.expect(approved)
        yield Executor(store, writer, tools, reading, how)
