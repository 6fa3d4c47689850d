"""A real dashboard process on a real store, and a real browser in front of it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import desk as seeded
import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from screen import Screen

from store.engine import Store
from store.settings import Settings

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
CANDIDATES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests; without one they are skipped, in CI they fail."""
    path = next((found for name in CANDIDATES if (found := shutil.which(name))), None)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium found, and CI must run the browser tests")
        pytest.skip("no Chromium found")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield launched
        launched.close()


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
    command = [sys.executable, "-m", "dashboard.server", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()  # printed once the port is bound
            assert line.startswith("Greenlight dashboard: "), line
            yield line.split()[-1]
        finally:
            process.terminate()
            process.wait(timeout=10)


@pytest.fixture
def screen(browser: Browser, address: str) -> Iterator[Screen]:
    """A tab on the queue, wide enough for one card at a glance."""
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        page = context.new_page()
        tab = Screen(page, address)
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((address, "data:", "blob:"))
                else tab.outside.append(request.url)
            ),
        )
        page.on("pageerror", lambda error: tab.wrong.append(str(error)))
        page.on("dialog", lambda dialog: tab.wrong.append(dialog.message))
        page.on(
            "console",
            lambda line: tab.wrong.append(line.text) if "Content Security" in line.text else None,
        )
        tab.open()
        expect(tab.current_row()).to_be_visible(timeout=20_000)
        yield tab
        assert tab.outside == []
        assert tab.wrong == []
