"""The whole loop with every process real: tickets, worker, person in a browser, executor, ledger."""

import os
import re
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

import pytest
from playwright.sync_api import Browser, expect
from screen import Screen, served, watched

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
from store.settings import Settings
from store.transitions import OutboxStatus, RunStatus, Verdict

COMPANY = Path(ledger.__file__).parent / "company"
UNDO_SECONDS = 3.0
DELIVERED_WITHIN = timedelta(seconds=2)  # after the time for an undo is over
WAIT_MS = 20_000
PLOTTED = """() => [...document.querySelectorAll('.js-plotly-plot')]
  .flatMap((chart) => chart.data ?? []).filter((line) => line.name === 'Sent alone')
  .flatMap((line) => [...line.customdata]).reduce((sum, drafts) => sum + drafts, 0)"""


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
        found = self.store.read(queue_page, now=datetime.now(UTC), search=external_id)
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


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Loop]:
    """A demo company with tickets, a worker, an executor and a dashboard."""
    folder = tmp_path_factory.mktemp("loop")
    home = folder / "home"
    environment = os.environ | {
        "GREENLIGHT_HOME": str(home),
        "GREENLIGHT_UNDO_SECONDS": str(UNDO_SECONDS),
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


@pytest.fixture
def tabs(browser: Browser, loop: Loop) -> Iterator[Callable[[], Screen]]:
    """Opens tabs of one window; none may ask anybody else or break."""
    opened: list[Screen] = []
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:

        def another() -> Screen:
            opened.append(watched(context.new_page(), loop.address))
            return opened[-1]

        yield another
        assert [tab.outside + tab.wrong for tab in opened] == [[] for _ in opened]


def bring_up(tab: Screen, loop: Loop, external_id: str) -> int:
    """Open the ticket's card by a link to its search, ready for a press."""
    review_id = loop.waiting(external_id)
    tab.open(f"/?search={external_id}")
    expect(tab.rows()).to_have_count(1, timeout=WAIT_MS)
    assert tab.card() == review_id
    tab.armed(review_id)
    return review_id


def test_what_a_person_approves_is_done_once_and_nothing_else(
    tabs: Callable[[], Screen], loop: Loop
) -> None:
    tab = tabs()
    rejected = bring_up(tab, loop, "loop-2")
    tab.page.keyboard.press("x")
    tab.page.locator('[class*="st-key-reason_"]').get_by_role("radio").first.click()
    tab.page.get_by_role("button", name="Confirm rejection").click()
    tab.left(rejected)

    undone = bring_up(tab, loop, "loop-3")
    tab.page.get_by_role("button", name="Approve").click()
    tab.page.get_by_role("button", name="Undo").click()
    expect(tab.page.get_by_text(re.compile("^Undone"))).to_be_visible(timeout=WAIT_MS)

    approved = bring_up(tab, loop, "loop-1")
    tab.page.get_by_role("button", name="Approve").click()
    tab.left(approved)

    decision = loop.card(approved).decision
    assert decision is not None
    assert decision.verdict is Verdict.APPROVE

    def deliveries() -> set[OutboxStatus]:
        return {entry.status for entry in loop.card(approved).deliveries}

    until(lambda: deliveries() == {OutboxStatus.SENT}, "refund and reply are delivered")
    customer = loop.card(approved).ticket.customer_id
    done = [entry for entry in loop.ledger() if entry["customer_id"] == customer]
    assert [entry["tool"] for entry in done] == ["issue_refund", "send_reply"]
    for entry in done:
        after = datetime.fromisoformat(entry["at"]) - decision.undo_until
        assert timedelta(0) <= after <= DELIVERED_WITHIN

    touched = {entry["customer_id"] for entry in loop.ledger()}
    assert loop.card(rejected).ticket.customer_id not in touched
    assert loop.card(undone).ticket.customer_id not in touched
    taken_back = loop.card(undone)
    assert taken_back.decision is not None
    assert taken_back.decision.is_undone
    assert {entry.status for entry in taken_back.deliveries} == {OutboxStatus.CANCELLED}


def test_figures_move_by_themselves_and_leave_a_half_typed_edit_alone(
    tabs: Callable[[], Screen], loop: Loop
) -> None:
    writing, charts = tabs(), tabs()
    writing.open()
    box = writing.reply(writing.card())
    box.fill("Half a sen")
    charts.open("/reliability")
    charts.page.evaluate("window.isTheSamePage = true")
    runs = charts.page.locator(".tile", has_text="Runs").locator(".value")
    charts.page.wait_for_function(f"({PLOTTED})() > 0", timeout=WAIT_MS)
    before, drawn = int(runs.inner_text()), charts.page.evaluate(PLOTTED)
    chapter = ledger.settled_world(loop.home, chapter=1)
    now = datetime.now(UTC)
    more = tickets.generate(chapter, seed=12, count=8, start=now - timedelta(hours=1), end=now)
    for number, ticket in enumerate(more, start=1):
        loop.submit([ticket.as_new()])
        if number % 4 == 0:
            expect(runs).to_have_text(str(before + number), timeout=WAIT_MS)
    charts.page.wait_for_function(f"({PLOTTED})() > {drawn}", timeout=WAIT_MS)
    assert charts.page.evaluate("window.isTheSamePage")
    expect(box).to_have_value("Half a sen")
    expect(box).to_be_focused()
