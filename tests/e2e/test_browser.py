"""The dashboard in a real browser: every page drawn, live, narrow, and nothing leaving it."""

import json
import re
import subprocess
import sys
import urllib.request
from datetime import datetime

import desk as seeded
import money_desk
from playwright.sync_api import expect
from screen import Screen

from store import policies, registry
from store.engine import Store
from store.evidence.risk_control import GRID
from store.reports.queue import queue_page
from store.transitions import Verdict

PAGES = ("/", "/reliability", "/gate", "/runs", "/audit", "/health")


def test_a_half_typed_edit_survives_live_figures_and_other_peoples_decisions(
    screen: Screen, filled: Store, moment: datetime
) -> None:
    first = screen.card()
    screen.armed(first)
    screen.page.keyboard.press("e")
    box = screen.reply(first)
    box.fill("Half a sen")
    other = filled.read(queue_page, now=moment).items[-1].review_id
    seeded.decide(filled, other, Verdict.APPROVE, at=moment, person="Ben")
    row = screen.page.locator(f'.row[data-id="{other}"]')
    expect(row).to_contain_text("decided by Ben", timeout=15_000)
    waiting = screen.page.locator(".tile", has_text="waiting").locator(".value")
    expect(waiting).to_have_text("4")
    expect(box).to_have_value("Half a sen")
    expect(box).to_be_focused()


def test_a_decision_changes_the_reliability_charts(screen: Screen, filled: Store) -> None:
    filled.transact(registry.register_tools, money_desk.TOOLS)  # one key is enough: reversible
    screen.open("/reliability")
    retrieval = screen.page.locator(".st-key-step_retrieval")
    expect(retrieval).to_contain_text("right unknown", timeout=15_000)
    screen.open("/")
    first = screen.card()
    screen.armed(first)
    screen.page.keyboard.press("a")
    screen.left(first)
    screen.open("/reliability")
    expect(retrieval).to_contain_text("right 1 of 1", timeout=15_000)
    expect(screen.page.locator(".js-plotly-plot")).to_have_count(7, timeout=15_000)
    expect(screen.page.get_by_text("97 % = 83.3 %, at 98 % = 88.6 %")).to_be_visible()


def test_a_manager_tries_a_threshold_and_publishes_it(screen: Screen, filled: Store) -> None:
    screen.open("/gate")
    expect(screen.page.get_by_text("Publishing needs a manager")).to_be_visible(timeout=15_000)
    screen.page.locator(".st-key-person").click()
    screen.page.get_by_role("option", name=re.compile("^Mo")).click()
    expect(screen.page.get_by_text("Publishing needs a manager")).to_have_count(0, timeout=15_000)
    slider = screen.page.get_by_role("slider")
    slider.focus()
    screen.page.keyboard.press("End")
    expect(screen.page.get_by_text("Threshold 0.85 → 0.50")).to_be_visible(timeout=15_000)
    screen.page.get_by_placeholder("Why: one line").fill("fewer easy cards")
    screen.page.get_by_role("button", name="Publish", exact=True).click()
    expect(
        screen.page.get_by_text(re.compile("^Version 2 gates new drafts from now"))
    ).to_be_visible(timeout=15_000)
    assert filled.read(policies.active).body.threshold == 0.5


def test_the_slider_follows_the_mouse_and_keeps_the_keyboard(screen: Screen, filled: Store) -> None:
    screen.open("/gate")
    slider = screen.page.get_by_role("slider")
    expect(slider).to_be_visible(timeout=15_000)
    level, alone = screen.page.locator(".level"), screen.page.locator(".figures .value").first
    begun, changes = alone.inner_text(), screen.page.get_by_text("→ 0.50")
    mouse, rail = screen.page.mouse, slider.bounding_box()
    assert rail is not None
    thumb = 9 + (rail["width"] - 18) * int(slider.input_value()) / (len(GRID) - 1)
    mouse.move(rail["x"] + thumb, rail["y"] + 9)
    mouse.down()
    mouse.move(rail["x"] + rail["width"] + 40, rail["y"] + 9, steps=5)
    expect(level).to_have_text("above 0.50")
    expect(alone).not_to_have_text(begun)
    expect(screen.page.locator(".figures .was").first).to_have_text(f"now {begun}")
    expect(changes).to_have_count(0)  # still held: only the browser knows
    mouse.up()
    expect(changes).to_be_visible(timeout=15_000)
    screen.page.keyboard.press("ArrowLeft")
    expect(screen.page.get_by_text("→ 0.51")).to_be_visible(timeout=15_000)
    expect(slider).to_be_focused()
    screen.page.keyboard.press("ArrowLeft")
    expect(screen.page.get_by_text("→ 0.52")).to_be_visible(timeout=15_000)
    mouse.click(rail["x"] + 9, rail["y"] + 9)
    expect(level).to_have_text("above 0.999")


def test_every_page_is_drawn_without_a_request_to_anybody_else(screen: Screen) -> None:
    for path in PAGES:
        screen.open(path)
        expect(screen.page.get_by_text("Demo data")).to_be_visible(timeout=15_000)
        expect(screen.page.get_by_test_id("stException")).to_have_count(0)


def test_every_page_fits_a_narrow_screen(screen: Screen) -> None:
    screen.page.set_viewport_size({"width": 390, "height": 844})
    for path in PAGES:
        screen.open(path)
        expect(screen.page.get_by_text("Demo data")).to_be_visible(timeout=15_000)
        overflow = screen.page.evaluate(
            "document.querySelector('[data-testid=stMain]').scrollWidth - window.innerWidth"
        )
        assert overflow <= 0, path


def test_the_server_answers_health_and_refuses_a_taken_port(address: str) -> None:
    with urllib.request.urlopen(f"{address}/healthz", timeout=10) as answer:
        assert json.load(answer)["ok"] is True
        assert "script-src 'self'" in answer.headers["content-security-policy"]
    port = address.rsplit(":", 1)[1]
    second = subprocess.run(
        [sys.executable, "-m", "dashboard.server", "--port", port],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert second.returncode == 1
    assert len(second.stderr.strip().splitlines()) == 1
    assert f"Port {port} cannot be used" in second.stderr
