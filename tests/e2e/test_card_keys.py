"""The card in a real browser: keys, typed text, panels, and one decision per press, never more."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import desk
import money_desk
import pytest
from always_true import broken
from playwright.sync_api import Browser, Locator, ViewportSize, expect
from screen import Screen, served, watched

from store.engine import Store
from store.reports.card import card
from store.settings import Settings
from store.transitions import ReviewStatus, Verdict

SIMPLE = desk.Case("T", "Where is my parcel?", amount_minor=None, confidence=0.4)
HOSTILE = "<img src=x onerror=alert(1)> **bold** \u202eevil"
TAB: ViewportSize = {"width": 1440, "height": 900}
ROUNDS = int(os.environ.get("GREENLIGHT_ROUNDS", "1"))  # 10: as often as docs/evidence.md says


class Cards:
    """New tickets on one desk: every test works on cards of its own."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.number = 0

    def put(self, case: desk.Case = SIMPLE) -> int:
        """Put a ticket on the desk; return its review."""
        self.number += 1
        name = f"K-{self.number:04d}"
        at = datetime.now(UTC) - timedelta(minutes=1)
        desk.run(self.store, replace(case, external_id=name, title=f"Card {name}"), at=at)
        return money_desk.waiting(self.store, name, now=datetime.now(UTC))

    def refund(self, amount_minor: int = 4_900) -> int:
        """Put a refund that can be taken back on the desk."""
        return self.put(replace(SIMPLE, action=money_desk.refund(amount_minor)))

    def verdict(self, review_id: int) -> Verdict | None:
        """Return what was decided, None while nothing stands."""
        decision = self.store.read(card, review_id).decision
        return None if decision is None or decision.is_undone else decision.verdict


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, migrated_home: Path) -> Path:
    found = tmp_path_factory.mktemp("cards") / "home"
    shutil.copytree(migrated_home, found)
    return found


@pytest.fixture(scope="module")
def cards(home: Path) -> Iterator[Cards]:
    with closing(Settings(home=home, database_url=None).open(may_decide=True)) as store:
        money_desk.company(store, now=datetime.now(UTC) - timedelta(days=30))
        yield Cards(store)
    assert broken(home) == []


@pytest.fixture(scope="module")
def address(cards: Cards, home: Path) -> Iterator[str]:
    with served({**os.environ, "GREENLIGHT_HOME": str(home)}) as found:
        yield found


@pytest.fixture
def tab(browser: Browser, address: str) -> Iterator[Screen]:
    with browser.new_context(viewport=TAB) as context:
        found = watched(context.new_page(), address)
        yield found
        assert (found.outside, found.wrong) == ([], [])


def show(tab: Screen, review_id: int) -> Locator:
    """Open a card by its link, ready for a press; return it."""
    tab.open(f"/?review={review_id}")
    tab.armed(review_id)
    return tab.drawn(review_id)


def line(tab: Screen) -> Locator:
    return tab.page.locator(".line")


def test_five_fast_presses_decide_one_card(tab: Screen, cards: Cards) -> None:
    waiting = [cards.put() for _ in range(4)]
    show(tab, waiting[0])
    for _ in range(5):
        tab.page.keyboard.press("a")
    tab.left(waiting[0])
    tab.armed(tab.card())
    assert [cards.verdict(one) for one in waiting] == [Verdict.APPROVE, None, None, None]


def test_a_press_before_arming_decides_nothing_and_one_after_it_counts(
    tab: Screen, cards: Cards
) -> None:
    first, second = cards.put(), cards.put()
    show(tab, first)
    tab.page.locator(".row", has_text=f"Card K-{cards.number:04d}").click()
    expect(tab.drawn(second)).to_be_visible(timeout=15_000)
    tab.page.evaluate(
        """() => { for (const key of ["a", "x", "s"])
        document.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true})); }"""
    )
    assert tab.drawn(second).get_attribute("data-mode") == "read"
    assert cards.verdict(second) is None
    tab.armed(second)
    tab.page.keyboard.press("a")
    tab.left(second)
    assert (cards.verdict(first), cards.verdict(second)) == (None, Verdict.APPROVE)


CLICK_20_MS_LATER = """([not, own]) => new Promise((done) => {
  const all = (root) => [...root.querySelectorAll("*")].flatMap((node) =>
    node.shadowRoot ? [node, ...all(node.shadowRoot)] : [node]);
  document.dispatchEvent(new KeyboardEvent("keydown", {key: "a", bubbles: true}));
  const rows = all(document).filter((node) => node.classList.contains("row"));
  const other = rows.find(({dataset}) => dataset.id !== not && own.includes(dataset.id));
  setTimeout(() => { other.click(); done(Number(other.dataset.id)); }, 20);
})"""


def test_approve_and_another_click_20_ms_later_keeps_the_approval_and_the_click(
    tab: Screen, cards: Cards
) -> None:
    own = [str(cards.put()) for _ in range(10 * ROUNDS + 1)]  # others may need more than a key
    on_card = int(own[0])
    show(tab, on_card)
    for _ in range(10 * ROUNDS):
        tab.armed(on_card)
        clicked = tab.page.evaluate(CLICK_20_MS_LATER, [str(on_card), own])
        tab.armed(clicked)
        assert cards.verdict(on_card) is Verdict.APPROVE
        on_card = clicked


def test_ctrl_enter_sends_the_words_that_were_typed_a_moment_before(
    tab: Screen, cards: Cards
) -> None:
    waiting = [cards.put() for _ in range(5 * ROUNDS)]
    show(tab, waiting[0])
    for number in range(5 * ROUNDS):
        on_card = tab.card()
        tab.armed(on_card)
        tab.page.keyboard.press("e")
        tab.page.keyboard.press("Control+a")
        tab.page.keyboard.insert_text(f"Answer {number}: jkaxs is no command here.")
        tab.page.keyboard.press("Control+Enter")
        tab.left(on_card)
        found = cards.store.read(card, on_card)
        assert found.draft.reply == f"Answer {number}: jkaxs is no command here."
        assert cards.verdict(on_card) is Verdict.EDIT


def test_half_typed_words_survive_live_figures_and_other_peoples_decisions(
    tab: Screen, cards: Cards
) -> None:
    on_card = cards.put()
    others = [cards.put() for _ in range(2 * ROUNDS)]
    drawn = show(tab, on_card)
    tab.page.keyboard.press("e")
    tab.page.keyboard.press("Control+a")
    tab.page.keyboard.insert_text("Half a sen")
    box = drawn.locator(".reply-box")
    for other in others:  # the page asks every three seconds
        desk.decide(cards.store, other, Verdict.REJECT, at=datetime.now(UTC), reason_code="tone")
        gone = tab.page.locator(f'.row.closed[data-id="{other}"]')
        expect(gone).to_be_visible(timeout=15_000)
        expect(box).to_have_value("Half a sen")
        expect(box).to_be_focused()
    assert cards.verdict(on_card) is None


def test_half_typed_words_survive_other_cards_other_pages_and_a_reload(
    tab: Screen, cards: Cards
) -> None:
    first, second = cards.put(), cards.put()
    drawn = show(tab, first)
    tab.page.keyboard.press("e")
    tab.page.keyboard.type(" Half a sen")
    desk.decide(cards.store, second, Verdict.REJECT, at=datetime.now(UTC), reason_code="tone")
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.press("a")
    expect(drawn.get_by_role("alert")).to_contain_text("an edit that is not sent")
    assert cards.verdict(first) is None
    third = cards.put()
    for path in (f"/?review={third}", "/runs", f"/?review={first}"):
        tab.open(path)
    tab.armed(first)
    expect(drawn.locator("ins")).to_have_text("Half a sen")
    tab.page.keyboard.press("e")
    expect(tab.reply(first)).to_have_value(re.compile("Half a sen$"))
    expect(tab.reply(first)).to_be_focused()
    tab.page.get_by_role("button", name="Back to the draft").click()
    expect(drawn.locator("ins")).to_have_count(0)


def test_an_undone_edit_comes_back_as_it_was_typed(tab: Screen, cards: Cards) -> None:
    first = cards.put()
    show(tab, first)
    tab.page.keyboard.press("e")
    tab.page.keyboard.type(" My own words.")
    tab.page.keyboard.press("Control+Enter")
    tab.left(first)
    tab.page.keyboard.press("u")
    expect(line(tab)).to_contain_text("Undone", timeout=15_000)
    again = tab.card()
    assert cards.store.read(card, again).run_id == cards.store.read(card, first).run_id
    assert cards.store.read(card, first).status is ReviewStatus.SUPERSEDED
    tab.page.keyboard.press("e")
    expect(tab.reply(again)).to_have_value(re.compile("My own words.$"))


def test_three_keys_reject_with_reason_and_first_wrong_step(tab: Screen, cards: Cards) -> None:
    first, second, third = cards.put(), cards.put(), cards.put()
    show(tab, first)
    for key in ("x", "2", "3"):
        tab.page.keyboard.press(key)
    tab.left(first)
    found = cards.store.read(card, first).decision
    assert found is not None
    assert (found.reason_code, found.blamed_step) == ("wrong_action", "tool_call")
    show(tab, second)
    for key in ("x", "4", "q"):
        tab.page.keyboard.press(key)
    tab.left(second)
    found = cards.store.read(card, second).decision
    assert found is not None
    assert (found.reason_code, found.blamed_step) == ("not_ours", "customer")
    drawn = show(tab, third)
    for key in ("x", "1", "n"):
        tab.page.keyboard.press(key)
    tab.page.keyboard.type("It is a hold: a, x and 1 are words here.")
    tab.page.keyboard.press("Control+Enter")
    tab.left(third)
    found = cards.store.read(card, third).decision
    assert found is not None
    assert found.note == "It is a hold: a, x and 1 are words here."
    assert found.blamed_step is None
    expect(drawn).to_have_count(0)


def test_escape_and_a_key_typed_elsewhere_decide_nothing(tab: Screen, cards: Cards) -> None:
    first = cards.put()
    drawn = show(tab, first)
    tab.page.keyboard.press("x")
    tab.page.keyboard.press("1")
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.press("h")
    expect(drawn.locator(".help")).to_contain_text("Next, previous card")
    tab.page.keyboard.press("h")
    search = tab.page.locator("input").first
    search.click()
    tab.page.keyboard.type("ax1")
    tab.page.keyboard.press("Escape")
    tab.page.locator("h2").first.click()
    tab.page.keyboard.press("o")
    drawn.get_by_role("button", name="Turn keys off").click()
    for key in "ajktlm":
        tab.page.keyboard.press(key)
    expect(tab.page.get_by_role("tab", name="Evidence")).to_have_attribute("aria-selected", "true")
    assert tab.card() == first
    expect(drawn.get_by_role("button", name="Approve")).to_be_enabled()
    assert cards.verdict(first) is None
    drawn.get_by_role("button", name="Approve").click()
    tab.left(first)
    assert cards.verdict(first) is Verdict.APPROVE


def test_arguments_are_checked_while_they_are_typed(tab: Screen, cards: Cards) -> None:
    first = cards.refund()
    drawn = show(tab, first)
    tab.page.keyboard.press("e")
    amount = drawn.locator('[data-field="amount_minor"]')
    amount.fill("0")
    expect(drawn.get_by_text("At least 1.")).to_be_visible()
    amount.press("Control+Enter")
    expect(drawn.get_by_role("alert")).to_contain_text("amount_minor: At least 1.")
    assert cards.verdict(first) is None
    amount.fill("123456")
    expect(drawn.get_by_text("€1,234.56")).to_be_visible()
    amount.fill("4000")
    amount.press("Control+Enter")
    tab.left(first)
    assert cards.store.read(card, first).draft.action.amount_minor == 4_000


def test_what_moves_much_is_typed_before_it_is_approved(tab: Screen, cards: Cards) -> None:
    first = cards.refund(180_000)
    drawn = show(tab, first)
    tab.page.keyboard.press("a")
    box = drawn.locator(".confirm-box")
    expect(box).to_be_focused()
    box.fill("180000")
    box.press("Enter")
    expect(drawn.get_by_role("alert")).to_contain_text("That is not 1800.00", timeout=15_000)
    assert cards.verdict(first) is None
    expect(box).to_be_focused()
    box.fill("1800.00")
    box.press("Enter")
    expect(line(tab)).to_contain_text("Approved by you; somebody else", timeout=15_000)


def test_a_card_that_changed_says_what_and_offers_the_typed_words_back(
    tab: Screen, cards: Cards
) -> None:
    first = cards.refund(180_000)
    show(tab, first)
    tab.page.keyboard.press("e")
    tab.page.keyboard.type(" Typed by Ana.")
    now = datetime.now(UTC)
    money_desk.say(cards.store, first, Verdict.EDIT, "Ben", at=now, reply="Ben's own words.")
    tab.page.keyboard.press("Control+Enter")
    tab.left(first)
    again = tab.card()
    drawn = tab.drawn(again)
    expect(drawn.get_by_text("Changed since you looked")).to_be_visible(timeout=15_000)
    assert cards.verdict(again) is None
    drawn.get_by_role("button", name="Your text").click()
    expect(tab.reply(again)).to_have_value(re.compile("Typed by Ana.$"))
    assert cards.verdict(again) is None


def test_losing_a_race_says_who_decided_what_and_moves_on(tab: Screen, cards: Cards) -> None:
    first = cards.put()
    cards.put()
    show(tab, first)
    now = datetime.now(UTC)
    desk.decide(cards.store, first, Verdict.REJECT, at=now, person="Ben", reason_code="tone")
    tab.page.keyboard.press("a")
    expect(line(tab)).to_have_text(re.compile("^Ben rejected this .* before you"), timeout=15_000)
    tab.left(first)


def test_three_keys_answer_what_became_of_a_delivery(tab: Screen, cards: Cards) -> None:
    answers = (("1", Verdict.HAPPENED), ("2", Verdict.SEND_AGAIN), ("3", Verdict.REVERSE))
    at = datetime.now(UTC) - timedelta(minutes=1)
    for key, verdict in answers:
        asked = money_desk.unknown(cards.store, f"U-{key}", at=at, action=money_desk.refund(4_800))
        drawn = show(tab, asked)
        tab.page.keyboard.press(key)
        box = drawn.locator(".note-box")
        box.fill(f"Looked it up: {key}")
        box.press("Control+Enter")
        tab.left(asked)
        found = cards.store.read(card, asked).decision
        assert found is not None
        assert (found.verdict, found.note) == (verdict, f"Looked it up: {key}")


def test_a_strangers_markup_is_shown_as_text(tab: Screen, cards: Cards) -> None:
    case = replace(SIMPLE, text=HOSTILE, subject=HOSTILE, reply=f"Dear customer, {HOSTILE}")
    drawn = show(tab, cards.put(case))
    for part in (".message", ".reply"):
        expect(drawn.locator(part)).to_contain_text("<img src=x onerror=alert(1)> **bold**")
        expect(drawn.locator(part)).to_contain_text("[U+202E]")
    tab.page.keyboard.press("e")
    tab.page.keyboard.type(HOSTILE)
    expect(drawn.locator("ins")).to_contain_text("<img src=x")
    assert drawn.locator("img, a").count() == 0


def test_undo_is_offered_for_ten_seconds_and_takes_the_decision_back(
    tab: Screen, cards: Cards
) -> None:
    first = cards.put()
    show(tab, first)
    tab.page.keyboard.press("a")
    tab.left(first)
    button = tab.page.get_by_role("button", name="Undo")
    expect(button).to_be_visible()
    button.click()
    expect(line(tab)).to_contain_text("Undone", timeout=15_000)
    assert cards.verdict(first) is None
