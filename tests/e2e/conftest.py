"""A real dashboard process on a real store, and a real browser in front of it."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime

import desk as seeded
import pytest
from always_true import broken
from live_company import COMPANY, Loop
from playwright.sync_api import Browser, expect, sync_playwright
from screen import CANDIDATES, FLAGS, Screen, served, watched

from agents.company import load
from store.engine import Store
from store.settings import Settings


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests; without one they are skipped, or fail if nothing may be."""
    path = next((found for name in CANDIDATES if (found := shutil.which(name))), None)
    if path is None:
        if os.environ.get("GREENLIGHT_REQUIRE_ALL"):
            pytest.fail("no Chromium found, and GREENLIGHT_REQUIRE_ALL forbids skipping")
        pytest.skip("no Chromium found")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield launched
        launched.close()


@pytest.fixture(autouse=True)
def always_true(request: pytest.FixtureRequest) -> Iterator[None]:
    """After every test nothing that must never be is in its store, or in its services' books."""
    loop: Loop | None = None
    settings: Settings | None = None
    if "loop" in request.fixturenames:
        loop = request.getfixturevalue("loop")
    elif "store" in request.fixturenames:
        settings = request.getfixturevalue("settings")
    yield
    if loop is not None:
        assert broken(loop.home, load(COMPANY)) == []
    elif settings is not None:
        assert broken(settings.home) == []


@pytest.fixture
def moment() -> datetime:
    """The time the desk is filled at: the served pages run on the real clock."""
    return datetime.now(UTC)


@pytest.fixture
def filled(store: Store, moment: datetime) -> Store:
    """A store with a company and five waiting cards."""
    seeded.fill(store, now=moment)
    return store


@pytest.fixture
def address(filled: Store, settings: Settings) -> Iterator[str]:
    """The address of a served dashboard over `filled`."""
    with served(os.environ) as found:
        yield found


@pytest.fixture
def screen(browser: Browser, address: str) -> Iterator[Screen]:
    """A tab on the queue, wide enough for one card at a glance."""
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        tab = watched(context.new_page(), address)
        tab.open()
        expect(tab.current_row()).to_be_visible(timeout=20_000)
        yield tab
        assert tab.outside == []
        assert tab.wrong == []
