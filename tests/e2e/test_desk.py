"""Several people at one queue, each in a browser: claims, live rows, filters, links, many at once."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import desk
import money_desk
import pytest
from always_true import broken
from playwright.sync_api import Browser, Locator, expect
from screen import Screen, served, watched

from store import claims
from store.engine import Store
from store.reports.card import card
from store.reports.queue import queue_page
from store.reports.wanted import Wanted
from store.settings import Settings
from store.transitions import Verdict

SIMPLE = desk.Case("T", "Where is my parcel?", amount_minor=None, confidence=0.4)
LIVE_MS = 8_000  # the page asks every 3 s
Open = Callable[..., Screen]


class Desk:
    """A store under a served dashboard; every test puts cards of its own name on it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.number = 0

    def put(self, name: str, number: int = 3) -> list[int]:
        """Put tickets of this name on the desk; return their reviews, most urgent first."""
        for _ in range(number):
            self.number += 1
            at = datetime.now(UTC) - timedelta(hours=2, minutes=-self.number)
            case = replace(SIMPLE, external_id=f"{name}-{self.number}", title=f"About {name}")
            desk.run(self.store, case, at=at)
        found = self.store.read(queue_page, Wanted(search=name), now=datetime.now(UTC))
        return [item.review_id for item in found.items]

    def held(self) -> dict[int, str]:
        return self.store.read(claims.held, now=datetime.now(UTC))

    def verdicts(self, reviews: list[int]) -> list[Verdict | None]:
        found = [self.store.read(card, review_id).decision for review_id in reviews]
        return [None if one is None or one.is_undone else one.verdict for one in found]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, migrated_home: Path) -> Path:
    found = tmp_path_factory.mktemp("desk") / "home"
    shutil.copytree(migrated_home, found)
    return found


@pytest.fixture(scope="module")
def shared(home: Path) -> Iterator[Desk]:
    with closing(Settings(home=home, database_url=None).open(may_decide=True)) as store:
        money_desk.company(store, now=datetime.now(UTC) - timedelta(days=30))
        yield Desk(store)
    assert broken(home) == []


@pytest.fixture(scope="module")
def address(shared: Desk, home: Path) -> Iterator[str]:
    with served({**os.environ, "GREENLIGHT_HOME": str(home)}) as found:
        yield found


@pytest.fixture
def sit(browser: Browser, address: str) -> Iterator[Open]:
    """Open the page in a browser of its own, as Ana or as somebody else."""
    with ExitStack() as stack:
        tabs: list[Screen] = []

        def opened(path: str, *, person: str = "", width: int = 1440, height: int = 900) -> Screen:
            size = {"width": width, "height": height}
            context = stack.enter_context(browser.new_context(viewport=size))  # type: ignore[arg-type]
            tab = watched(context.new_page(), address)
            tabs.append(tab)
            tab.open("/runs" if person else path)
            if person:
                expect(tab.rows().first).to_be_visible(timeout=15_000)
                tab.page.locator(".st-key-person").click()
                tab.page.get_by_role("option", name=re.compile(f"^{person}")).click()
                tab.idle()
                tab.page.get_by_role("link", name="Queue").click()
                expect(tab.rows().first).to_be_visible(timeout=15_000)
            return tab

        yield opened
        for tab in tabs:
            assert (tab.outside, tab.wrong) == ([], [])


def row(tab: Screen, review_id: int) -> Locator:
    return tab.page.locator(f'.row[data-id="{review_id}"]')


def test_a_card_that_somebody_is_on_says_so_at_once_and_is_passed_over(
    sit: Open, shared: Desk
) -> None:
    first, second, third = shared.put("Ash")
    tab = sit("/?search=Ash")
    expect(tab.drawn(first)).to_be_visible(timeout=15_000)
    shared.store.transact(claims.take, second, "Ben", now=datetime.now(UTC))
    expect(row(tab, second)).to_contain_text("Ben is on this", timeout=LIVE_MS)
    assert shared.held() == {first: "Ana", second: "Ben"}
    tab.page.keyboard.press("j")
    expect(tab.drawn(third)).to_be_visible(timeout=15_000)
    tab.page.keyboard.press("k")
    expect(tab.drawn(first)).to_be_visible(timeout=15_000)
    row(tab, second).click()
    expect(tab.drawn(second)).to_contain_text("Ben is on this", timeout=15_000)
    assert shared.held() == {second: "Ben"}


def test_closing_the_tab_or_leaving_the_page_gives_the_card_back(sit: Open, shared: Desk) -> None:
    (first,) = shared.put("Birch", 1)
    tab = sit("/?search=Birch")
    expect(tab.drawn(first)).to_be_visible(timeout=15_000)
    assert shared.held().get(first) == "Ana"
    tab.page.get_by_role("link", name="Runs").click()
    expect(tab.page.locator(".st-key-desk")).to_have_count(0, timeout=15_000)
    _until(tab, lambda: first not in shared.held())
    tab.page.get_by_role("link", name="Queue").click()
    expect(tab.drawn(first)).to_be_visible(timeout=15_000)
    _until(tab, lambda: shared.held().get(first) == "Ana")
    other = sit("/health")
    tab.page.close(run_before_unload=True)
    _until(other, lambda: first not in shared.held())


def test_rows_change_in_place_when_others_decide_and_new_cards_wait_to_be_asked_for(
    sit: Open, shared: Desk
) -> None:
    reviews = shared.put("Cedar", 4)
    tab = sit("/?search=Cedar")
    expect(tab.drawn(reviews[0])).to_be_visible(timeout=15_000)
    before = tab.rows().evaluate_all("nodes => nodes.map(node => node.dataset.id)")
    desk.decide(shared.store, reviews[2], Verdict.APPROVE, at=datetime.now(UTC), person="Ben")
    expect(row(tab, reviews[2])).to_contain_text("decided by Ben", timeout=LIVE_MS)
    new = (set(shared.put("Cedar", 1)) - set(reviews)).pop()
    offer = tab.page.get_by_role("button", name="1 new card")
    expect(offer).to_be_visible(timeout=LIVE_MS)
    assert tab.rows().evaluate_all("nodes => nodes.map(node => node.dataset.id)") == before
    shown = tab.card()
    offer.click()
    expect(row(tab, new)).to_be_visible(timeout=15_000)
    expect(row(tab, reviews[2])).to_have_count(0)
    expect(offer).to_be_hidden()
    assert tab.card() == shown


def test_deciding_by_key_opens_the_next_row_and_undo_brings_the_card_back(
    sit: Open, shared: Desk
) -> None:
    reviews = shared.put("Elm", 4)
    tab = sit("/?search=Elm")
    tab.armed(reviews[0])
    row(tab, reviews[1]).click()
    tab.armed(reviews[1])
    tab.page.keyboard.press("a")
    tab.armed(reviews[2])
    expect(tab.rows()).to_have_count(3)
    assert f"review={reviews[2]}" in tab.page.url
    assert shared.verdicts(reviews) == [None, Verdict.APPROVE, None, None]
    tab.page.keyboard.press("u")
    expect(tab.page.get_by_text(re.compile("^Undone"))).to_be_visible(timeout=15_000)
    expect(tab.rows()).to_have_count(4)
    assert shared.store.read(card, tab.card()).run_id == shared.store.read(card, reviews[1]).run_id
    tab.page.keyboard.press("j")
    tab.armed(reviews[0])
    tab.page.keyboard.press("s")
    expect(tab.drawn(reviews[2])).to_be_visible(timeout=15_000)


def test_filters_stand_in_the_address_and_come_back_with_it(sit: Open, shared: Desk) -> None:
    shared.put("Fir", 2)
    tab = sit("/")
    tab.page.get_by_role("searchbox").fill("Fir")
    tab.page.get_by_role("button", name=re.compile("^Filters")).click()
    tab.page.get_by_label("Whose").select_option("free")  # before what was typed is sent by itself
    expect(tab.page).to_have_url(re.compile("search=Fir.*whose=free"), timeout=15_000)
    chip = tab.page.get_by_role("button", name="Remove the filter Free")
    expect(chip).to_be_visible()
    tab.page.reload()
    expect(tab.rows()).to_have_count(2, timeout=15_000)
    expect(tab.page.get_by_role("searchbox")).to_have_value("Fir")
    chip.click()
    expect(tab.page).not_to_have_url(re.compile("whose"), timeout=15_000)
    expect(chip).to_have_count(0)
    expect(tab.rows()).to_have_count(2)


def test_look_alikes_are_decided_at_once_and_undone_at_once(sit: Open, shared: Desk) -> None:
    reviews = shared.put("Gorse", 6)
    tab = sit("/?search=Gorse")
    expect(tab.drawn(reviews[0])).to_be_visible(timeout=15_000)
    tab.page.get_by_role("button", name="Batch").click()
    sure = tab.page.get_by_role("button", name="Approve 6 cards")
    expect(sure).to_be_disabled(timeout=15_000)
    expect(tab.page.locator(".one")).to_have_count(4)
    expect(tab.drawn()).to_have_count(0)
    tab.page.get_by_label("Type 6 to confirm").fill("6")
    sure.click()
    expect(tab.page.get_by_text("6 approved")).to_be_visible(timeout=15_000)
    assert shared.verdicts(reviews) == [Verdict.APPROVE] * 6
    tab.idle()
    tab.page.keyboard.press("u")
    expect(tab.page.get_by_text("6 decisions undone")).to_be_visible(timeout=15_000)
    assert shared.verdicts(reviews) == [None] * 6


def test_two_people_at_one_queue_never_work_on_the_same_card(sit: Open, shared: Desk) -> None:
    shared.put("Hazel", 4)
    ana = sit("/")
    ben = sit("/", person="Ben")
    expect(ana.drawn()).to_be_visible(timeout=15_000)
    expect(ben.drawn()).to_be_visible(timeout=15_000)
    assert ana.card() != ben.card()
    for tab in (ana, ben, ana):
        shown = tab.card()
        tab.armed(shown)
        tab.page.keyboard.press("s")
        tab.left(shown)
        expect(tab.drawn()).to_be_visible(timeout=15_000)
        assert ana.card() != ben.card()


def test_the_page_stands_still_on_a_wide_screen_and_works_on_a_narrow_one(
    sit: Open, shared: Desk
) -> None:
    reviews = shared.put("Iris", 3)
    wide = sit("/?search=Iris")
    expect(wide.drawn(reviews[0])).to_be_visible(timeout=15_000)
    main = "document.querySelector('[data-testid=stMain]')"
    assert wide.page.evaluate(f"{main}.scrollHeight <= window.innerHeight")
    narrow = sit("/?search=Iris", width=390, height=844)
    expect(narrow.rows()).to_have_count(3, timeout=15_000)
    narrow.page.get_by_role("button", name="Whole list").click()
    narrow.page.locator(f'.row[data-id="{reviews[2]}"]').click()
    narrow.armed(reviews[2])
    narrow.page.get_by_role("button", name=re.compile("^Approve")).click()
    narrow.left(reviews[2])
    assert shared.verdicts(reviews)[2] is Verdict.APPROVE
    assert narrow.page.evaluate(f"{main}.scrollWidth <= window.innerWidth")


def _until(tab: Screen, is_so: Callable[[], bool]) -> None:
    for _ in range(100):
        if is_so():
            return
        tab.page.wait_for_timeout(100)
    raise AssertionError("it did not come to be")
