"""No page has a serious barrier: axe-core on every page, light and dark, wide and narrow."""

import re
from collections.abc import Iterator
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from screen import Screen

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
PAGES = ("Reliability", "Gate", "Runs", "Audit", "Health", "Reviewers", "Queue")
WIDE: ViewportSize = {"width": 1440, "height": 900}
NARROW: ViewportSize = {"width": 390, "height": 844}
SIZES = {"wide": WIDE, "narrow": NARROW}
GRAVE = {"serious", "critical"}

# What Streamlit draws and offers no way to change; each with the reason it is left out.
NOT_OURS: tuple[str, ...] = ()
RUN = """async (left_out) => {
  const found = await axe.run({exclude: left_out.map((selector) => [selector])},
                              {resultTypes: ["violations"]});
  return found.violations.flatMap((rule) => rule.nodes.map((node) => [
    rule.impact, `${rule.id}: ${node.target.flat().join(" > ")} ${node.failureSummary}`]));
}"""


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Page]:
    """A tab in which axe may be loaded past the page's own policy."""
    with browser.new_context(
        bypass_csp=True, color_scheme=request.param, reduced_motion="reduce"
    ) as context:
        yield context.new_page()


def barriers(page: Page) -> list[str]:
    """Return in words every serious or critical violation on the page."""
    page.evaluate(AXE)
    return [said for impact, said in page.evaluate(RUN, list(NOT_OURS)) if impact in GRAVE]


def as_manager(page: Page) -> None:
    """Act as the manager, to whom every page is open."""
    page.locator(".st-key-person").click()
    page.get_by_role("option", name=re.compile("^Mo")).click()


@pytest.mark.parametrize("size", SIZES)
def test_no_page_has_a_serious_barrier(page: Page, address: str, size: str) -> None:
    tab = Screen(page, address)
    tab.open()
    as_manager(page)
    found = {}
    for name in PAGES:
        page.set_viewport_size(WIDE)  # a narrow screen hides the way to the other pages
        page.get_by_role("link", name=name).click()
        expect(page).to_have_url(re.compile(f"/{'' if name == 'Queue' else name.lower()}([?].*)?$"))
        tab.idle()
        page.set_viewport_size(SIZES[size])
        page.wait_for_load_state("networkidle")
        found[name] = barriers(page)
    assert {name: said for name, said in found.items() if said} == {}


def test_panels_and_tabs_of_the_card_have_no_serious_barrier(page: Page, address: str) -> None:
    page.set_viewport_size(WIDE)
    tab = Screen(page, address)
    tab.open()
    expect(tab.drawn()).to_be_visible(timeout=15_000)
    for keys in (["t"], ["l"], ["m", "Escape"], ["m", "x"], ["Escape", "e"], ["Escape", "h"]):
        for key in keys:
            page.keyboard.press(key)
        tab.idle()
        assert barriers(page) == [], keys
