"""A running demo company for browser tests: real worker, executor and dashboard, real ledger."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from screen import served

from agents.company import load
from agents.demo import ledger, tickets
from agents.demo.showcase import showcase
from agents.demo.world import StoryKind, World
from agents.opening import open_company
from store import queue
from store.engine import Store
from store.queue import NewTicket
from store.reports.card import Card, card
from store.reports.queue import queue_page
from store.reports.wanted import Wanted
from store.settings import Settings
from store.transitions import RunStatus

COMPANY = Path(ledger.__file__).parent / "company"


@dataclass
class Loop:
    """The running company."""

    home: Path
    store: Store
    address: str
    world: World

    def ledger(self) -> list[dict[str, Any]]:
        with closing(ledger.connect(ledger.path_in(self.home))) as connection:
            return ledger.entries(connection)

    def submit(self, some: list[NewTicket]) -> None:
        self.store.transact(queue.submit, some, now=datetime.now(UTC))

    def is_settled(self) -> bool:
        counts = self.store.read(queue.counts)
        return not any(counts.get(state) for state in (RunStatus.QUEUED, RunStatus.RUNNING))

    def waiting(self, external_id: str) -> int:
        """Return the review that waits on this ticket."""
        found = self.store.read(queue_page, Wanted(search=external_id), now=datetime.now(UTC))
        return found.items[0].review_id

    def card(self, review_id: int) -> Card:
        return self.store.read(card, review_id)


def until(condition: Callable[[], bool], what: str, *, seconds: float = 60.0) -> None:
    """Look until it is so."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, f"waited {seconds} s in vain: {what}"
        time.sleep(0.02)


def over_limit(world: World, *, today: datetime, taken: set[str | None]) -> list[NewTicket]:
    """Return three tickets of different people whose true duplicate is above the refund limit."""
    first = showcase(world).duplicate_above_limit
    others = [
        story
        for story in world.stories
        if story.kind is StoryKind.DUPLICATE_LARGE
        and story.on <= today.date()
        and story.customer_id not in taken | {first}
    ]
    asked = [(first, "May"), *((one.customer_id, f"{one.on:%B}") for one in others[-2:])]
    return [
        NewTicket(
            text=f"Why was I charged twice in {month}?",
            external_id=f"loop-{number}",
            customer_id=customer,
            received_at=today,
        )
        for number, (customer, month) in enumerate(asked, start=1)
    ]


def open_demo(home: Path) -> None:
    """Open the demo company in a new home."""
    with closing(Settings(home=home, database_url=None).open()) as store:
        open_company(store, load(COMPANY), home=home, now=datetime.now(UTC), say=lambda _: None)


@contextmanager
def process(name: str, environment: dict[str, str], log: Path) -> Iterator[None]:
    """Run the worker or the executor as a user would; it must end well when asked to."""
    command = [sys.executable, "-m", "agents.cli", name, "--company", str(COMPANY)]
    with (
        log.open("w") as said,
        subprocess.Popen(command, stdout=said, stderr=said, env=environment) as running,
    ):
        try:
            yield
        finally:
            running.send_signal(signal.SIGTERM)
            assert running.wait(timeout=30) == 0, log.read_text()


@contextmanager
def running_loop(folder: Path, *, undo_seconds: float) -> Iterator[Loop]:
    """Open the demo company in a folder and run it; its first tickets are worked through."""
    home = folder / "home"
    environment = os.environ | {
        "GREENLIGHT_HOME": str(home),
        "GREENLIGHT_UNDO_SECONDS": str(undo_seconds),
    }
    environment.pop("GREENLIGHT_DATABASE_URL", None)
    now = datetime.now(UTC)
    with ThreadPoolExecutor(1) as aside:  # the browser's own event loop runs in this thread
        aside.submit(open_demo, home).result()
    with closing(Settings(home=home, database_url=None).open()) as store, ExitStack() as running:
        world = ledger.settled_world(home)
        day_ago = now - timedelta(days=1)
        some = tickets.generate(world, seed=11, count=22, start=day_ago, end=now)
        taken = {ticket.customer_id for ticket in some}
        for name in ("worker", "executor"):
            running.enter_context(process(name, environment, folder / f"{name}.log"))
        address = running.enter_context(served(environment))
        opened = Loop(home, store, address, world)
        opened.submit([ticket.as_new() for ticket in some])
        opened.submit(over_limit(world, today=now, taken=taken))
        until(opened.is_settled, "every run is worked through")
        yield opened
