"""A worker: claims runs, sends them through the graph, heartbeats, and takes back dead ones' runs.

It knows nothing about what the steps do and holds no write tools. Many runs are in flight at once
in one asyncio loop; one writer thread makes their records durable together. A run that crashes,
hangs or fills the process costs its neighbours a restart, never more.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from sqlmodel import Session

from agents import limits
from agents.company import Company
from agents.journal import Journal, Visit
from agents.kit import Kit, Loaded, open_kit
from agents.pipeline import MAX_ATTEMPTS, StepFailedError, build
from agents.ports import TicketView
from agents.witness import anchoring
from store import queue, workers
from store.engine import Store
from store.errors import LeaseLost
from store.queue import Claim
from store.redrafts import Feedback
from store.schema import Ticket
from store.settings import Settings
from store.transitions import RunStatus
from store.writer import GroupWriter

log = logging.getLogger(__name__)

IDLE_SECONDS = 0.02  # between looks at the database's change counter
SWEEP_SECONDS = 1.0  # between looks for due retries and dead workers
RETRY_LATER_SECONDS = 20.0  # after a transient failure used up its attempts
MAX_ROUNDS = 3  # rounds of attempts at one step before the run fails


@dataclass(frozen=True, slots=True)
class Shift:
    """How a worker works: its name, how many runs at once, and whether it leaves when done."""

    worker: str
    concurrency: int
    lease_seconds: float
    drain: bool


class Worker:
    """Runs claimed runs through the graph until told to stop, or until drained."""

    def __init__(self, store: Store, kit: Kit, journal: Journal, shift: Shift) -> None:
        self._store = store
        self._journal = journal
        self._graph = build(kit.work(), journal)
        self._shift = shift
        self._in_flight: dict[asyncio.Task[None], Claim] = {}
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Take nothing more; what is in flight is given back at its next step."""
        self._stopping.set()

    async def work(self) -> None:
        """Work until stopped (or drained), then give back whatever is unfinished."""
        shift = self._shift
        now = datetime.now(UTC)
        await self._journal.writer.write(
            workers.start,
            worker=shift.worker,
            kind="worker",
            host=socket.gethostname(),
            pid=os.getpid(),
            now=now,
        )
        beat = asyncio.create_task(self._beat())
        beat.add_done_callback(lambda _: self.stop())  # without leases there is no working on
        try:
            await self._claim_until_stopped()
        finally:
            failure = beat.exception() if beat.done() else None
            is_full = isinstance(failure or sys.exception(), MemoryError)
            beat.cancel()
            unfinished = dict(self._in_flight)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(beat, *unfinished, return_exceptions=True)
            for claim in unfinished.values():
                await self._give_back(claim, as_suspect=is_full)
            await self._journal.writer.write(workers.stop, shift.worker)
        if failure is not None:
            raise failure

    async def _claim_until_stopped(self) -> None:
        version = self._store.watch()
        seen, idle = -1, 0.0
        while not self._stopping.is_set():
            free = self._shift.concurrency - len(self._in_flight)
            changed = (current := version()) != seen
            if free > 0 and (changed or idle >= SWEEP_SECONDS):
                seen, idle = current, 0.0
                if await self._claim(free):
                    seen = -1  # there may be more
                    continue
                if self._shift.drain and not self._in_flight and await self._is_drained():
                    return
            await self._pause()
            idle += IDLE_SECONDS

    async def _pause(self) -> None:
        """Wait for a free place, a stop, or the next look."""
        if len(self._in_flight) >= self._shift.concurrency:
            await asyncio.wait(
                self._in_flight, return_when=asyncio.FIRST_COMPLETED, timeout=SWEEP_SECONDS
            )
            return
        await asyncio.sleep(IDLE_SECONDS)

    async def _claim(self, free: int) -> int:
        claims = await self._journal.writer.write(
            queue.claim,
            self._shift.worker,
            limit=free,
            in_flight=len(self._in_flight),
            lease_seconds=self._shift.lease_seconds,
        )
        for claim in claims:
            task = asyncio.create_task(self.attend(claim))
            self._in_flight[task] = claim
            task.add_done_callback(self._let_go)
        return len(claims)

    def _let_go(self, task: asyncio.Task[None]) -> None:
        """Forget a run. One that could not even be settled loses its lease, so it comes back."""
        claim = self._in_flight.pop(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("run %s was dropped", claim.run_id, exc_info=error)

    async def _is_drained(self) -> bool:
        """Nothing queued or running anywhere: what waits for a later retry counts as queued."""
        counts = self._store.read(queue.counts)
        return not any(counts.get(status) for status in (RunStatus.QUEUED, RunStatus.RUNNING))

    async def attend(
        self, claim: Claim, on_step: Callable[[str, str, float], None] | None = None
    ) -> None:
        """Send one claimed run through the graph and settle what became of it."""
        visit = Visit(
            claim=claim, ticket=ticket_view(claim.ticket, claim.feedback), on_step=on_step
        )
        try:
            await self._graph.ainvoke({}, context=visit)
        except LeaseLost as lost:
            log.warning("%s", lost)
        except StepFailedError as failed:
            await self._settle_failure(visit, failed)

    async def _settle_failure(self, visit: Visit, failed: StepFailedError) -> None:
        claim = visit.claim
        rounds = claim.attempts.get(failed.step, 0) // MAX_ATTEMPTS + 1
        try:
            if failed.is_out_of_memory and not claim.is_suspect:  # maybe a neighbour took it all
                await self._journal.write(visit, queue.release, as_suspect=True)
            elif failed.is_transient and rounds < MAX_ROUNDS:
                await self._journal.write(
                    visit, queue.release, delay_seconds=RETRY_LATER_SECONDS * rounds
                )
            else:
                log.error("run %s failed at %s", claim.run_id, failed)
                await self._journal.write(
                    visit, queue.fail, str(failed), now=self._journal.now(visit)
                )
        except LeaseLost as lost:
            log.warning("%s", lost)

    async def _give_back(self, claim: Claim, *, as_suspect: bool) -> None:
        try:
            await self._journal.writer.write(
                queue.release, claim.run_id, claim.epoch, as_suspect=as_suspect
            )
        except LeaseLost:
            log.info("run %s had been handed over already", claim.run_id)

    async def _beat(self) -> None:
        """Prolong the leases, say that we are alive, and take back the runs of the dead."""
        while True:
            held = [claim.run_id for claim in self._in_flight.values()]
            await self._journal.writer.write(self._sweep, held)
            await asyncio.sleep(min(SWEEP_SECONDS, self._shift.lease_seconds / 3))

    def _sweep(self, session: Session, held: Sequence[int]) -> None:
        shift = self._shift
        queue.extend_leases(session, shift.worker, held, lease_seconds=shift.lease_seconds)
        workers.beat(session, shift.worker, in_flight=len(held))
        queue.reap(
            session,
            dead_workers=dead_here(session),
            alive_workers=alive_here(session),
            now=datetime.now(UTC),
        )


def dead_here(session: Session) -> list[str]:
    """Return the processes of this host that died without saying so."""
    known = workers.running_on(session, socket.gethostname())
    return [worker for worker, pid in known if not workers.is_alive(pid)]


def alive_here(session: Session) -> list[str]:
    """Return the processes of this host that live; of several with one pid only the latest can."""
    by_pid = {pid: worker for worker, pid in workers.running_on(session, socket.gethostname())}
    return [worker for pid, worker in by_pid.items() if workers.is_alive(pid)]


def ticket_view(ticket: Ticket, feedback: Feedback | None = None) -> TicketView:
    """Return the ticket as steps see it."""
    assert ticket.id is not None
    return TicketView(
        id=ticket.id,
        external_id=ticket.external_id,
        text=ticket.text,
        subject=ticket.subject,
        customer_id=ticket.customer_id,
        received_at=ticket.received_at,
        feedback=feedback,
    )


def run(
    settings: Settings,
    company: Company,
    *,
    drain: bool = False,
    concurrency: int | None = None,
    loaded: Loaded | None = None,
) -> None:
    """Work in this process until SIGINT or SIGTERM, or with `drain` until nothing waits.

    `loaded` brings a model of your own, behind `agents.ports.Model`.
    """
    asyncio.run(_main(settings, company, drain=drain, concurrency=concurrency, loaded=loaded))


async def _main(
    settings: Settings,
    company: Company,
    *,
    drain: bool,
    concurrency: int | None,
    loaded: Loaded | None,
) -> None:
    shift = Shift(
        worker=f"worker-{os.getpid()}-{uuid4().hex[:8]}",
        concurrency=concurrency or settings.concurrency,
        lease_seconds=settings.lease_seconds,
        drain=drain,
    )
    store = settings.open()
    writer = GroupWriter(store)
    try:
        async with open_kit(settings, company, store, loaded=loaded) as kit:
            worker = Worker(store, kit, kit.journal(writer), shift)
            limits.go_first_when_memory_ends()
            if settings.worker_memory_mb is not None:
                limits.limit_memory(settings.worker_memory_mb)
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, worker.stop)
            async with (
                anchoring(store, settings.anchor_file),
                limits.pulse(settings.lease_seconds * limits.HANG_SHARE),
            ):
                await worker.work()
    finally:
        writer.close()
        store.close()
