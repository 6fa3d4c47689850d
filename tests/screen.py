"""A dashboard process and one browser tab on it, in the words of the tests."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Locator, Page, expect

CANDIDATES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def served(environment: Mapping[str, str]) -> Iterator[str]:
    """Serve the dashboard in a process of its own; give its address."""
    command = [sys.executable, "-m", "dashboard.server", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=dict(environment)
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()  # printed once the port is bound
            assert line.startswith("Greenlight dashboard: "), line
            yield line.split()[-1]
        finally:
            process.terminate()
            process.wait(timeout=60)


@dataclass
class Screen:
    """One browser tab, with everything that should not have happened in it."""

    page: Page
    address: str
    outside: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def open(self, path: str = "/") -> None:
        """Go to a page and wait until it is drawn."""
        self.page.goto(self.address + path)
        self.idle()

    def idle(self) -> None:
        """Wait until the script has run."""
        done = '[data-testid=stApp][data-test-script-state="notRunning"]'
        self.page.wait_for_selector(done, timeout=20_000)

    def card(self) -> int:
        """Return the review on the card, once it is drawn."""
        return int(self.drawn().get_attribute("data-review-id") or 0)

    def drawn(self, review_id: int | None = None) -> Locator:
        """Return the card, complete: this review's, or whichever is on screen."""
        which = "" if review_id is None else f'[data-review-id="{review_id}"]'
        return self.page.locator(f'[data-complete="true"]{which}')

    def rows(self) -> Locator:
        """Return the rows of the list."""
        return self.page.locator(".row")

    def current_row(self) -> Locator:
        """Return the row of the card on screen."""
        return self.page.locator(".row.current")

    def reply(self, review_id: int) -> Locator:
        """Return the reply's box of one review; it is there while somebody edits."""
        return self.drawn(review_id).locator(".reply-box")

    def armed(self, review_id: int) -> None:
        """Wait until a press on this card counts."""
        ready = f'[data-review-id="{review_id}"][data-complete="true"][data-armed="true"]'
        expect(self.page.locator(ready)).to_be_visible(timeout=15_000)

    def left(self, review_id: int) -> None:
        """Wait until this card has gone."""
        expect(self.drawn(review_id)).to_have_count(0, timeout=15_000)
        self.idle()


def watched(page: Page, address: str) -> Screen:
    """Return the tab, noting every request to anybody else and everything that goes wrong."""
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
    return tab
