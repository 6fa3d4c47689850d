"""The whole loop with every process real: tickets, worker, person in a browser, executor, ledger."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from live_company import Loop, running_loop, until
from playwright.sync_api import Browser, expect
from screen import Screen, watched

from agents.demo import ledger, tickets
from store.transitions import OutboxStatus, Verdict

UNDO_SECONDS = 3.0
DELIVERED_WITHIN = timedelta(seconds=2)  # after the time for an undo is over
WAIT_MS = 20_000
PLOTTED = """() => [...document.querySelectorAll('.js-plotly-plot')]
  .flatMap((chart) => chart.data ?? []).filter((line) => line.name === 'ran')
  .flatMap((line) => [...line.customdata])
  .reduce((sum, said) => sum + Number(said.at(-1).replaceAll(/\\D/g, '')), 0)"""


def ran(card: str) -> int:
    """Return how many runs reached a step, as its card says it: `5 of 5`, `97.1 %, n = 1 204`."""
    said = re.search(r"ran .*?(?:n = |of )([\d\u202f]+)", card)
    assert said is not None, card
    return int(said[1].replace("\u202f", ""))


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Loop]:
    """A demo company with tickets, a worker, an executor and a dashboard."""
    with running_loop(tmp_path_factory.mktemp("loop"), undo_seconds=UNDO_SECONDS) as opened:
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
    for key in ("x", "1", "0"):
        tab.page.keyboard.press(key)
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
    keys = [entry.action_id for entry in loop.card(approved).deliveries]
    assert [entry["idempotency_key"] for entry in done] == keys
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
    on_card = writing.card()
    writing.armed(on_card)
    writing.page.keyboard.press("e")
    box = writing.reply(on_card)
    box.fill("Half a sen")
    charts.open("/reliability")
    charts.page.evaluate("window.isTheSamePage = true")
    intent = charts.page.locator(".st-key-step_intent")
    until(lambda: int(charts.page.evaluate(PLOTTED)) > 0, "the chart is drawn")
    before, drawn = ran(intent.inner_text()), int(charts.page.evaluate(PLOTTED))
    chapter = ledger.settled_world(loop.home, chapter=1)
    now = datetime.now(UTC)
    more = tickets.generate(chapter, seed=12, count=8, start=now - timedelta(hours=1), end=now)
    for number, ticket in enumerate(more, start=1):
        loop.submit([ticket.as_new()])
        if number % 4 == 0:
            counted = re.compile(rf"ran .*(n = |of ){before + number}\s*$")
            expect(intent.get_by_text(counted)).to_be_visible(timeout=WAIT_MS)
    until(lambda: int(charts.page.evaluate(PLOTTED)) > drawn, "the chart has moved")
    assert charts.page.evaluate("window.isTheSamePage")
    expect(box).to_have_value("Half a sen")
    expect(box).to_be_focused()
