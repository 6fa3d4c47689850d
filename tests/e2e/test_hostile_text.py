"""Whatever strangers write is shown as letters: nothing is fetched, nothing runs, nothing hides."""

import os
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import hostile
import pytest
from always_true import broken
from playwright.sync_api import Browser, Page, expect
from screen import Screen, served, watched

from store.settings import Settings

SHOWN = """() => {
  const parts = [];
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE) parts.push(node.data);
    if (/^(SCRIPT|STYLE)$/.test(node.nodeName)) return;
    if (/^(INPUT|TEXTAREA)$/.test(node.nodeName)) parts.push(node.value);
    for (const child of node.shadowRoot?.childNodes ?? []) walk(child);
    for (const child of node.childNodes) walk(child);
    if (node.nodeType === Node.ELEMENT_NODE) parts.push(node.tagName === "MARK" ? "" : " ");
  };
  walk(document.body);
  return parts.join("").replace(/\\s+/g, " ");
}"""
FOREIGN = """(selector) => {
  const found = [];
  const walk = (root) => {
    found.push(...[...root.querySelectorAll(selector)].map((node) => node.outerHTML));
    for (const node of root.querySelectorAll("*")) if (node.shadowRoot) walk(node.shadowRoot);
  };
  walk(document);
  return found;
}"""


@pytest.fixture(scope="module")
def strange(
    migrated_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, list[int]]]:
    """The address of a dashboard over a desk full of hostile text, and its reviews."""
    home = tmp_path_factory.mktemp("hostile") / "home"
    shutil.copytree(migrated_home, home)
    store = Settings(home=home, database_url=None).open(may_decide=True)
    reviews = hostile.fill(store, now=datetime.now(UTC))
    store.close()
    with served(os.environ | {"GREENLIGHT_HOME": str(home)}) as address:
        yield address, reviews
    assert broken(home) == []


@pytest.fixture
def tab(browser: Browser, strange: tuple[str, list[int]]) -> Iterator[Screen]:
    """A tab that must end without a request to anybody, a dialog, or anything that ran."""
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        page = context.new_page()
        found = watched(page, strange[0])
        yield found
        assert page.evaluate("window.__pwned") is None
        assert page.evaluate(FOREIGN, hostile.FOREIGN) == []
        assert found.outside == []
        assert found.wrong == []


def shown(page: Page) -> str:
    """Return every letter on the page, spaces joined."""
    return str(page.evaluate(SHOWN))


def missing(page: Page, *texts: str) -> list[str]:
    """Return which of the texts do not stand on the page, as it must show them."""
    said = shown(page)
    return [text for text in texts if hostile.on_screen(text) not in said]


def test_every_text_is_shown_as_letters_on_its_card_and_in_the_evidence(
    tab: Screen, strange: tuple[str, list[int]]
) -> None:
    tab.open()
    for review_id, text in zip(strange[1], hostile.STRINGS, strict=True):
        tab.page.locator(f'.row[data-id="{review_id}"]').click()
        expect(tab.drawn(review_id)).to_be_visible(timeout=15_000)
        expect(tab.page.locator(f'.column[data-id="{review_id}"]')).to_be_visible()
        parts = ("subject", "ticket", "reply", "order", "heading", "passage", "refusal", "cell")
        assert missing(tab.page, *(f"{part} {text}"[:50] for part in parts)) == []
        assert missing(tab.page, text[:50], f"title {text}", f"name {text}"[:50]) == []


def test_what_stands_around_a_case_is_shown_as_letters_too(
    tab: Screen, strange: tuple[str, list[int]]
) -> None:
    tab.open()
    tab.page.locator(f'.row[data-id="{strange[1][23]}"]').click()
    expect(tab.drawn(strange[1][23])).to_be_visible(timeout=15_000)
    text = hostile.STRINGS[23]
    for key, expected in (
        ("t", [text, f"subject {text}"]),
        ("l", [f"because {hostile.STRINGS[29]}", f"edited {hostile.STRINGS[30]}", *hostile.NAMES]),
        ("m", [f"note {text}"]),
    ):
        tab.page.keyboard.press(key)
        expect(tab.page.locator(".pane .past").first).to_be_visible()
        assert missing(tab.page, *expected) == []


def test_the_records_of_a_run_are_shown_as_letters(tab: Screen) -> None:
    tab.open("/runs")
    expect(tab.page.locator(".row").first).to_be_visible(timeout=15_000)
    for number in (1, 3, 24, 26):
        text = hostile.STRINGS[number - 1]
        tab.page.locator(".row", has_text=f"H-{number:02d}").click()
        expect(tab.page.get_by_text(f"H-{number:02d}").last).to_be_visible()
        expect(tab.page.locator(".st-key-run_ticket")).to_contain_text(f"H-{number:02d}")
        for row in tab.page.locator('[data-testid="stExpander"] summary').all():
            row.click()
        tab.idle()
        assert missing(tab.page, f"ticket {text}", f"error {text}", f"reply {text}") == []


@pytest.mark.parametrize("page", ["reliability", "gate", "runs", "audit", "health", "reviewers"])
def test_no_page_fetches_or_runs_anything(tab: Screen, page: str) -> None:
    tab.open()
    expect(tab.page.get_by_text("Demo data")).to_be_visible(timeout=15_000)
    tab.page.locator(".st-key-person").click()
    expect(tab.page.get_by_role("option", name=re.compile("^Mo"))).to_be_visible()
    assert missing(tab.page, *hostile.NAMES) == []
    tab.page.get_by_role("option", name=re.compile("^Mo")).click()
    tab.page.get_by_role("link", name=page.capitalize()).click()
    expect(tab.page).to_have_title(f"{page.capitalize()} · Greenlight", timeout=15_000)
    tab.idle()
    expect(tab.page.get_by_test_id("stException")).to_have_count(0)
    tab.page.wait_for_load_state("networkidle")
