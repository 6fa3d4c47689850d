"""Money in a real browser: two people on one card, the hold on every page, answers by keyboard."""

import re
from datetime import datetime, timedelta

import desk as seeded
import money_desk
import pytest
from playwright.sync_api import Browser, expect
from screen import Screen, watched

from store import holds
from store.engine import Store
from store.reports.card import card
from store.transitions import OutboxStatus, ReviewStatus, RunStatus

PAGES = ("/", "/reliability", "/gate", "/runs", "/audit", "/health")
HELD = re.compile("^All automatic delivery is on hold since .* by Mo: the bank is down")


@pytest.fixture
def filled(store: Store, moment: datetime) -> Store:
    """Three deliveries nobody knows the end of, and one refund that two people must approve."""
    money_desk.company(store, now=moment - timedelta(days=30))
    then = moment - timedelta(hours=1)
    for number in (1, 2, 3):
        money_desk.unknown(store, f"T-900{number}", at=then)
    large = seeded.Case("T-9004", "A lot of money.", action=money_desk.refund(180_000))
    seeded.run(store, large, at=then)
    return store


def review(store: Store, external_id: str, moment: datetime) -> int:
    return money_desk.waiting(store, external_id, now=moment)


def open_card(screen: Screen, external_id: str, moment: datetime, filled: Store) -> int:
    """Open a ticket's card and wait until a press on it counts; return its review."""
    review_id = review(filled, external_id, moment)
    screen.page.locator(".row", has_text=external_id).click()
    screen.armed(review_id)
    return review_id


def approve(screen: Screen, review_id: int) -> None:
    """Approve a card that asks for its amount to be typed."""
    expect(screen.page.get_by_role("button", name=re.compile("^Approve"))).to_be_enabled()
    screen.armed(review_id)
    screen.page.keyboard.press("a")
    box = screen.drawn(review_id).locator(".confirm-box")
    expect(box).to_be_focused()
    box.fill("1800.00")
    box.press("Enter")


def act_as(screen: Screen, name: str) -> None:
    screen.page.locator(".st-key-person").click()
    screen.page.get_by_role("option", name=re.compile(f"^{name}")).click()
    acting = screen.page.get_by_role("combobox", name="Acting as")
    expect(acting).to_have_value(re.compile(f"^{name}"), timeout=15_000)
    screen.idle()


def test_two_people_approve_one_refund(screen: Screen, filled: Store, moment: datetime) -> None:
    large = open_card(screen, "T-9004", moment, filled)
    approve(screen, large)
    expect(
        screen.page.get_by_text("Approved by you; somebody else must approve too. Nothing is sent")
    ).to_be_visible(timeout=15_000)
    assert filled.read(card, large).deliveries == ()

    screen.open(f"/?review={large}")
    screen.armed(large)
    row = screen.page.locator(".row", has_text="T-9004")
    expect(row.locator(".tag")).to_have_text("1 of 2 · by you")
    expect(screen.page.get_by_role("button", name="Take my approval back")).to_be_visible()
    expect(screen.page.get_by_role("button", name=re.compile("^Approve"))).to_be_disabled()
    act_as(screen, "Ben")
    open_card(screen, "T-9004", moment, filled)
    expect(screen.page.locator(".people")).to_contain_text("Ana approved")
    approve(screen, large)
    expect(screen.page.get_by_text(re.compile("^Approved: "))).to_be_visible(timeout=15_000)
    found = filled.read(card, large)
    assert (found.status, found.run_status) == (ReviewStatus.DECIDED, RunStatus.COMMITTING)
    assert {entry.status for entry in found.deliveries} == {OutboxStatus.PENDING}


def test_escape_answers_nothing(screen: Screen, filled: Store, moment: datetime) -> None:
    asked = open_card(screen, "T-9001", moment, filled)
    screen.page.keyboard.press("2")
    expect(screen.drawn(asked).get_by_text("goes out once more")).to_be_visible()
    screen.page.keyboard.press("Escape")
    expect(screen.page.get_by_role("button", name="It happened")).to_be_visible()
    assert filled.read(card, asked).decision is None


def test_a_hold_shows_on_every_page_even_on_one_that_nobody_touches(
    screen: Screen, browser: Browser, address: str, filled: Store
) -> None:
    with browser.new_context(viewport={"width": 390, "height": 844}) as context:
        idle = watched(context.new_page(), address)
        idle.open("/health")
        screen.open("/gate")
        act_as(screen, "Mo")
        screen.page.get_by_role("button", name="Hold all automatic delivery").click()
        screen.page.get_by_placeholder("One line that everybody will read").fill("the bank is down")
        screen.page.get_by_role("button", name="Yes, hold it").click()
        expect(screen.page.locator(".hold")).to_have_text(HELD, timeout=15_000)
        assert [held.note for held in filled.read(holds.in_force)] == ["the bank is down"]
        expect(idle.page.locator(".hold")).to_have_text(HELD, timeout=15_000)
        for path in PAGES:
            for tab in (screen, idle):
                tab.open(path)
                expect(tab.page.locator(".hold")).to_have_text(HELD, timeout=15_000)
                expect(tab.page.locator(".hold")).to_be_in_viewport()
        assert (idle.outside, idle.wrong) == ([], [])
    screen.open("/gate")
    act_as(screen, "Mo")
    screen.page.get_by_role("button", name="Release everything").click()
    screen.page.get_by_role("button", name="Yes, release it").click()
    expect(screen.page.locator(".hold")).to_have_count(0, timeout=15_000)
    assert filled.read(holds.in_force) == []
