"""Four weeks of demo history, really run: tickets through the pipeline, actions into the ledger.

Only the dates are set back, and only the reviewers are simulated: they know the truth, err in two
of a hundred cases, and their decisions and labels are marked as simulated in the store. What they
reject is never drafted anew: a second draft of today would be no history.
"""

import asyncio
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from pydantic import BaseModel
from sqlmodel import Session, col, select

from agents.clock import BackdatedClock
from agents.company import Company, load
from agents.demo import ledger, tickets
from agents.demo.reviewers import REVIEWERS, verdict_of
from agents.demo.tickets import DemoTicket
from agents.executor import Manner, open_executor
from agents.kit import open_kit
from agents.preflight import CannotStart
from agents.worker import Shift, Worker
from store import queue, reviews, steps
from store.actions import Action
from store.engine import Store
from store.errors import AlreadyDecided, StaleReview
from store.outputs import (
    IntentOutput,
    Output,
    RetrievalOutput,
    SynthesisOutput,
    ToolCallOutput,
)
from store.schema import Review, Run, StepRecord, Ticket
from store.settings import Settings
from store.transitions import OPEN_REVIEW, RunStatus, StepStatus
from store.writer import GroupWriter

COMPANY = Path(__file__).parent / "company"
TICKETS = 2_000
DAYS = 28
SEED = 7  # of the demo's tickets; the shipped calibrator was fitted on other ones
CONCURRENCY = 24
SHIFTS = 2
LOOK_SECONDS = 0.2
LEASE_SECONDS = 300.0
STILL_OPEN = timedelta(hours=30)  # of the reviews younger than this, most are still waiting
LEFT_OPEN = 0.8
MEDIAN_DELAY_MINUTES = 25.0
KINDS: dict[str, type[Output]] = {
    "intent": IntentOutput,
    "retrieval": RetrievalOutput,
    "tool_call": ToolCallOutput,
    "synthesis": SynthesisOutput,
}


@dataclass(frozen=True, slots=True)
class Case:
    """An open review with what its reviewer looks at."""

    review: Review
    external_id: str
    outputs: dict[str, Output]
    reply: str
    action: Action


class Progress(BaseModel):
    """How far the history of a home has come; one that was interrupted goes on."""

    end: datetime
    is_done: bool = False


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
    file = settings.home / "demo" / "history.json"
    known = Progress.model_validate_json(file.read_text()) if file.exists() else None
    if known is not None and known.is_done:
        return
    progress = known or Progress(end=datetime.now(UTC))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(progress.model_dump_json())
    past = written(settings.home, seed=SEED, count=count, end=progress.end)
    truths = {ticket.external_id: ticket for ticket in past}
    rng = Random(SEED)  # noqa: S311
    with closing(settings.open(may_decide=True)) as store:
        submit(store, past)
        if not _work_in_shifts(settings, store, on_progress, should_stop):
            return
        for case in store.read(open_cases):
            if case.external_id in truths:
                decide(store, case, truths[case.external_id], rng, now=progress.end)
        asyncio.run(deliver(settings, store, load(COMPANY)))
    file.write_text(progress.model_copy(update={"is_done": True}).model_dump_json())


def _work_in_shifts(
    settings: Settings,
    store: Store,
    on_progress: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> bool:
    """Run the shifts to their end; return False if they were told to stop."""
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
            on_progress(sum(counts.values()) - left, sum(counts.values()))
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


def open_cases(session: Session) -> list[Case]:
    """Return every open review with its ticket's id, draft and step outputs, oldest first."""
    rows = session.exec(
        select(Review, Ticket.external_id)
        .join(Run, col(Run.id) == col(Review.run_id))
        .join(Ticket, col(Ticket.id) == col(Run.ticket_id))
        .where(col(Review.status).in_(OPEN_REVIEW))
        .order_by(col(Review.opened_at))
    ).all()
    return [_case(session, review, external_id) for review, external_id in rows]


def _case(session: Session, review: Review, external_id: str) -> Case:
    draft = steps.latest_draft(session, review.run_id)
    return Case(
        review=review,
        external_id=external_id,
        outputs=outputs_of(session, review.run_id),
        reply=draft.reply,
        action=Action.model_validate(draft.action),
    )


def outputs_of(session: Session, run_id: int) -> dict[str, Output]:
    """Return the recorded outputs of the first four steps, by step name."""
    records = session.exec(
        select(StepRecord).where(StepRecord.run_id == run_id, StepRecord.status == StepStatus.OK)
    )
    return {
        row.name: KINDS[row.name].model_validate(row.output) for row in records if row.name in KINDS
    }


def decide(store: Store, case: Case, ticket: DemoTicket, rng: Random, *, now: datetime) -> None:
    """Let a simulated reviewer decide, unless their time has not come yet."""
    opened = case.review.opened_at
    decided_at = opened + timedelta(minutes=rng.lognormvariate(math.log(MEDIAN_DELAY_MINUTES), 0.8))
    if decided_at > now or (opened > now - STILL_OPEN and rng.random() < LEFT_OPEN):
        return
    person = rng.choice(REVIEWERS)
    request = verdict_of(case.review, case.outputs, ticket.truth, person, rng)
    with suppress(AlreadyDecided, StaleReview):  # somebody looking at the page was first
        store.transact(reviews.decide, request, now=decided_at, undo_seconds=0.0)
