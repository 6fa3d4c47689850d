"""Signing in with a real browser at a real provider: on screen, signed out elsewhere, and back."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import money_desk
import pytest
import signing_in
from playwright.sync_api import Browser, BrowserContext, Page, expect
from screen import Screen, watched

from store import holds, people
from store.engine import Store
from store.schema import Person
from store.settings import Settings
from store.transitions import Role


def _identities(session: Any) -> None:
    """Give the desk's people the addresses that the provider knows, and an admin above them."""
    for name in ("Ana", "Mo"):
        session.get(Person, name).identity = f"{name.lower()}@example.com"
    session.add(Person(name="Ada", role=Role.ADMIN))


@pytest.fixture
def site(store: Store, settings: Settings) -> Iterator[str]:
    money_desk.company(store, now=datetime.now(UTC))
    store.transact(_identities)
    port = signing_in.free_port()
    with (
        signing_in.provider() as issuer,
        signing_in.dashboard(settings.home, port, **signing_in.oidc(issuer, port)),
    ):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def window(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        yield context


def enter(page: Page, address: str, person: str) -> Screen:
    """Open a page, be sent to the provider, and come back as this person."""
    page.goto(address)
    page.get_by_role("link", name=person, exact=True).click()
    screen = watched(page, address)
    screen.idle()
    return screen


def test_signed_out_in_another_tab_and_back_without_losing_a_word(
    window: BrowserContext, site: str, store: Store
) -> None:
    mine = enter(window.new_page(), site + "/gate", "mo").page
    expect(mine.get_by_text("Signed in as mo@example.com")).to_be_visible()
    expect(mine.get_by_role("link", name="Reviewers")).to_be_visible()
    why = mine.get_by_label("Why")
    why.fill("Half-typed words")
    other = window.new_page()
    other.goto(site + "/runs")
    other.get_by_role("button", name="Sign out").click()
    expect(other.get_by_role("heading", name="You are signed out")).to_be_visible()
    mine.bring_to_front()
    mine.get_by_role("button", name="Hold all automatic delivery").click()
    expect(mine.get_by_text("You are signed out. What you typed here is kept.")).to_be_visible(
        timeout=15_000
    )
    assert store.read(holds.in_force) == []
    with window.expect_page() as opened:
        mine.get_by_role("link", name="Sign in again").click()
    opened.value.get_by_role("link", name="mo", exact=True).click()
    expect(opened.value.get_by_text("Signed in as mo@example.com")).to_be_visible(timeout=20_000)
    mine.bring_to_front()
    expect(mine.get_by_text("Signed in as mo@example.com")).to_be_visible(timeout=20_000)
    expect(why).to_have_value("Half-typed words")
    expect(why).to_be_enabled(timeout=20_000)


def test_an_operator_finds_no_page_of_a_manager_and_a_revoked_role_writes_nothing(
    window: BrowserContext, site: str, store: Store
) -> None:
    page = enter(window.new_page(), site + "/gate", "mo").page
    page.get_by_role("button", name="Hold all automatic delivery").click()
    confirm = page.locator('[class*="st-key-confirm_hold"] button')
    expect(confirm).to_be_visible()
    now = datetime.now(UTC)
    store.transact(people.set_person, "Mo", role=Role.OPERATOR, by="Ada", now=now)
    confirm.click()
    expect(page.get_by_text("`Mo` is operator; this needs manager")).to_be_visible()
    assert store.read(holds.in_force) == []
    page.goto(site + "/reviewers")
    expect(page.get_by_text("Page not found")).to_be_visible(timeout=20_000)
    expect(page.get_by_role("link", name="Reviewers")).to_have_count(0)
