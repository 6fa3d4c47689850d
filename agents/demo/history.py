"""Four weeks of demo history, really run: tickets through the pipeline, actions into the ledger.

Only the dates are set back, and only the people are simulated: the reviewers know the truth, err in
two of a hundred cases, and their decisions and labels are marked as simulated in the store; in the
second week a manager publishes a stricter policy. What is rejected is never drafted anew: a second
draft of today would be no history.
"""

import asyncio
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel
from sqlmodel import Session

from agents.clock import BackdatedClock
from agents.company import Company, load
from agents.demo import ledger, tickets
from agents.demo.afterwards import decide_all, hear_again
from agents.demo.tickets import DemoTicket
from agents.executor import Manner, open_executor
from agents.kit import open_kit
from agents.preflight import CannotStart
from agents.worker import Shift, Worker
from store import policies, queue
from store.engine import Store
from store.settings import Settings
from store.transitions import RunStatus
from store.writer import GroupWriter

COMPANY = Path(__file__).parent / "company"
TICKETS = 2_200
DAYS = 28
SEED = 7  # of the demo's tickets; the shipped calibrator was fitted on other ones
CONCURRENCY = 24
SHIFTS = 2
LOOK_SECONDS = 0.2
LEASE_SECONDS = 300.0
STRICTER_AFTER = timedelta(days=9)  # of the four weeks
STRICTER = 0.90  # the threshold from then on
MANAGER = "Mo"
STRICTER_NOTE = "Simulated: stricter, after the audits of the first week"


class Progress(BaseModel):
    """How far the history of a home has come; one that was interrupted goes on."""

    end: datetime
    is_done: bool = False


def _file(settings: Settings) -> Path:
    return settings.home / "demo" / "history.json"


def _progress(settings: Settings) -> Progress | None:
    file = _file(settings)
    return Progress.model_validate_json(file.read_text()) if file.exists() else None


def seed(
    settings: Settings,
    on_progress: Callable[[int, int], None],
    *,
    count: int = TICKETS,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Fill an opened demo store with history; where it is complete, nothing happens.

    Two processes share the work. Raises CannotStart if one of them fails; what is done stays done.
    """
    file = _file(settings)
    known = _progress(settings)
    if known is not None and known.is_done:
        return
    progress = known or Progress(end=datetime.now(UTC))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(progress.model_dump_json())
    past = written(settings.home, seed=SEED, count=count, end=progress.end)
    truths = {ticket.external_id: ticket for ticket in past}
    changed_at = progress.end - timedelta(days=DAYS) + STRICTER_AFTER
    early = [ticket for ticket in past if ticket.received_at < changed_at]
    with closing(settings.open(may_decide=True)) as store:
        for part in (early, past):
            submit(store, part)
            if not _work_in_shifts(settings, store, count, on_progress, should_stop):
                return
            store.transact(publish_stricter, now=changed_at)
        decide_all(store, truths, seed=SEED, now=progress.end)
        asyncio.run(deliver(settings, store, load(COMPANY)))
        hear_again(store, truths, seed=SEED, now=progress.end)
    file.write_text(progress.model_copy(update={"is_done": True}).model_dump_json())


def beginning(settings: Settings, *, now: datetime) -> datetime:
    """Return when the company of this home opened: four weeks ago, if its history is still to come.

    A policy that is published today would be younger than the drafts that it let through.
    """
    known = _progress(settings)
    if known is not None and known.is_done:
        return now
    return (known.end if known else now) - timedelta(days=DAYS)


def publish_stricter(session: Session, *, now: datetime) -> None:
    """Publish version 2 as of that moment, unless somebody has published since, or opened later."""
    before = policies.active(session)
    if before.version == 1 and before.published_at is not None and before.published_at < now:
        body = before.body.model_copy(update={"threshold": STRICTER})
        policies.publish(session, body, author=MANAGER, note=STRICTER_NOTE, now=now)


def _work_in_shifts(
    settings: Settings,
    store: Store,
    total: int,
    on_progress: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> bool:
    """Run the shifts until nothing is queued; return False if they were told to stop.

    `total` is how many tickets there are in all, for the progress.
    """
    command = [sys.executable, "-m", "agents.demo.shift", str(settings.home.resolve())]
    alone = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # a core each
    shifts = [
        subprocess.Popen(command, stdin=subprocess.DEVNULL, env=alone)  # noqa: S603
        for _ in range(SHIFTS)
    ]
    try:
        while any(shift.poll() is None for shift in shifts):
            counts = store.read(queue.counts)
            left = counts.get(RunStatus.QUEUED, 0) + counts.get(RunStatus.RUNNING, 0)
            on_progress(sum(counts.values()) - left, max(total, sum(counts.values())))
            if should_stop():
                return False
            time.sleep(LOOK_SECONDS)
    finally:
        for shift in shifts:
            shift.terminate()
            shift.wait()
    if any(shift.returncode for shift in shifts):
        raise CannotStart("The demo's history was interrupted. The next start goes on with it.")
    return True


def written(
    home: Path, *, seed: int, count: int, end: datetime, world_seed: int = ledger.DEFAULT_SEED
) -> list[DemoTicket]:
    """Return `count` tickets of the last four weeks, from as many casts of customers as needed."""
    chapters = math.ceil(count / tickets.TICKETS_PER_CHAPTER)
    start = end - timedelta(days=DAYS)
    past: list[DemoTicket] = []
    for chapter in range(chapters):
        share = count // chapters + (chapter < count % chapters)
        world = ledger.settled_world(home, chapter=chapter, seed=world_seed)
        past += tickets.generate(world, seed=seed, count=share, start=start, end=end)
    return sorted(past, key=lambda ticket: ticket.received_at)


def submit(store: Store, past: Sequence[DemoTicket]) -> None:
    """Hand in the tickets, each as of the moment it was received; known ones are left alone."""
    for first in range(0, len(past), 500):
        batch = [ticket.as_new() for ticket in past[first : first + 500]]
        store.transact(queue.submit, batch, now=batch[-1].received_at or datetime.now(UTC))


async def work_through(settings: Settings, store: Store, company: Company) -> None:
    """Run every queued ticket through the pipeline, as of the moment it was received."""
    shift = Shift(f"history-{os.getpid()}", CONCURRENCY, LEASE_SECONDS, drain=True)
    writer = GroupWriter(store)
    try:
        async with open_kit(settings, company, store, clock=BackdatedClock()) as kit:
            await Worker(store, kit, kit.journal(writer), shift).work()
    finally:
        writer.close()


async def deliver(settings: Settings, store: Store, company: Company) -> None:
    """Deliver everything that was authorised to the shop's ledger."""
    writer = GroupWriter(store)
    try:
        how = Manner(lease_seconds=LEASE_SECONDS, drain=True, clock=BackdatedClock())
        async with open_executor(settings, company, store, writer, how) as executor:
            await executor.work()
    finally:
        writer.close()
