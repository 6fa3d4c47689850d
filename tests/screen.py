"""One browser tab on the dashboard, in the words of the tests."""

from dataclasses import dataclass, field

from playwright.sync_api import Locator, Page, expect


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
        return int(self.current_row().get_attribute("data-id") or 0)

    def rows(self) -> Locator:
        """Return the rows of the list."""
        return self.page.locator(".row")

    def current_row(self) -> Locator:
        """Return the row of the card on screen."""
        return self.page.locator(".row.current")

    def reply(self, review_id: int) -> Locator:
        """Return the reply's box of one review."""
        return self.page.locator(f'[class*="st-key-edit_{review_id}_"] textarea')

    def armed(self, review_id: int) -> None:
        """Wait until a press on this card counts."""
        expect(self.reply(review_id)).to_be_visible(timeout=15_000)
        self.page.wait_for_timeout(700)  # the guard itself is a time, so there is no event

    def left(self, review_id: int) -> None:
        """Wait until this card has gone."""
        expect(self.reply(review_id)).to_have_count(0, timeout=15_000)
        self.idle()
