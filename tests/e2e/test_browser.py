"""The dashboard in a real browser: keys, clicks, live figures, and nothing leaving the page."""

import json
import re
import subprocess
import sys
import urllib.request
from datetime import datetime

import desk as seeded
from playwright.sync_api import expect
from screen import Screen

from store import policies
from store.engine import Store
from store.reports.card import card
from store.reports.queue import queue_page
from store.transitions import OutboxStatus, Verdict

PAGES = ("/", "/reliability", "/gate", "/runs", "/audit", "/health")


def decisions(store: Store, reviews: list[int]) -> list[Verdict]:
    """Return the verdicts on these reviews that stand."""
    found = [store.read(card, review_id).decision for review_id in reviews]
    return [decision.verdict for decision in found if decision and not decision.is_undone]


def test_approving_by_key_decides_the_card_and_opens_the_next(
    screen: Screen, filled: Store
) -> None:
    first = screen.card()
    waiting = screen.rows().count()
    screen.armed(first)
    screen.page.keyboard.press("a")
    screen.left(first)
    found = filled.read(card, first)
    assert found.decision is not None
    assert found.decision.verdict is Verdict.APPROVE
    assert {delivery.status for delivery in found.deliveries} == {OutboxStatus.PENDING}
    expect(screen.rows()).to_have_count(waiting - 1)
    assert screen.card() != first
    expect(screen.page.get_by_text(re.compile("^Approved:"))).to_be_visible()
    expect(screen.page.locator(".tile", has_text="Decided").locator(".value")).to_have_text("1")


def test_undo_takes_it_back_before_anything_goes_out(screen: Screen, filled: Store) -> None:
    first = screen.card()
    screen.armed(first)
    screen.page.get_by_role("button", name="Approve").click()
    screen.left(first)
    screen.page.keyboard.press("u")
    expect(screen.page.get_by_text(re.compile("^Undone"))).to_be_visible(timeout=15_000)
    assert filled.read(card, first).decision.is_undone  # type: ignore[union-attr]
    assert {entry.status for entry in filled.read(card, first).deliveries} == {
        OutboxStatus.CANCELLED
    }
    assert filled.read(card, screen.card()).run_id == filled.read(card, first).run_id


def test_ctrl_enter_sends_the_words_that_were_typed(screen: Screen, filled: Store) -> None:
    first = screen.card()
    screen.armed(first)
    screen.page.keyboard.press("e")
    screen.page.keyboard.press("Control+a")
    screen.page.keyboard.type("Hello, this is Ana. jka is not a command here.")
    screen.page.keyboard.press("Control+Enter")
    screen.left(first)
    found = filled.read(card, first)
    assert found.draft.reply == "Hello, this is Ana. jka is not a command here."
    assert found.decision is not None
    assert found.decision.verdict is Verdict.EDIT


def test_rejecting_asks_for_the_reason_in_place(screen: Screen, filled: Store) -> None:
    first = screen.card()
    screen.armed(first)
    screen.page.keyboard.press("x")
    screen.page.get_by_role("radio", name="Facts are wrong").click()
    screen.page.get_by_role("radio", name="Retrieval").click()
    note = screen.page.locator('[class*="st-key-note_"] textarea')
    note.fill("It is only a hold, not a charge.")
    note.press("Control+Enter")
    screen.left(first)
    found = filled.read(card, first)
    assert found.decision is not None
    assert (found.decision.verdict, found.decision.reason_code, found.decision.blamed_step) == (
        Verdict.REJECT,
        "wrong_facts",
        "retrieval",
    )
    assert found.decision.note == "It is only a hold, not a charge."
    assert found.deliveries == ()


def test_five_fast_presses_decide_one_card(screen: Screen, filled: Store, moment: datetime) -> None:
    everyone = [item.review_id for item in filled.read(queue_page, now=moment).items]
    first = screen.card()
    screen.armed(first)
    for _ in range(5):
        screen.page.keyboard.press("a")
    screen.left(first)
    screen.armed(screen.card())
    assert decisions(filled, everyone) == [Verdict.APPROVE]


def test_moving_by_j_and_k_opens_the_neighbour_and_decides_nothing(
    screen: Screen, filled: Store, moment: datetime
) -> None:
    everyone = [item.review_id for item in filled.read(queue_page, now=moment).items]
    assert screen.card() == everyone[0]
    screen.page.keyboard.press("j")
    expect(screen.reply(everyone[1])).to_be_visible(timeout=15_000)
    screen.page.keyboard.press("k")
    expect(screen.reply(everyone[0])).to_be_visible(timeout=15_000)
    assert decisions(filled, everyone) == []


def test_a_half_typed_edit_survives_live_figures_and_other_peoples_decisions(
    screen: Screen, filled: Store, moment: datetime
) -> None:
    first = screen.card()
    box = screen.reply(first)
    box.fill("Half a sen")
    other = filled.read(queue_page, now=moment).items[-1].review_id
    seeded.decide(filled, other, Verdict.APPROVE, at=moment, person="Ben")
    decided = screen.page.locator(".tile", has_text="Decided").locator(".value")
    expect(decided).to_have_text("1", timeout=15_000)
    expect(box).to_have_value("Half a sen")
    expect(box).to_be_focused()


def test_new_cards_are_offered_and_never_move_the_list_by_themselves(
    screen: Screen, filled: Store, moment: datetime
) -> None:
    waiting = screen.rows().count()
    seeded.run(filled, seeded.Case("T-NEW", "Another one.", confidence=0.2), at=moment)
    offer = screen.page.get_by_role("button", name="1 new card")
    expect(offer).to_be_visible(timeout=15_000)
    expect(screen.rows()).to_have_count(waiting)
    offer.click()
    expect(screen.rows()).to_have_count(waiting + 1, timeout=15_000)


def test_losing_a_race_says_who_decided_what(
    screen: Screen, filled: Store, moment: datetime
) -> None:
    first = screen.card()
    screen.armed(first)
    seeded.decide(filled, first, Verdict.REJECT, at=moment, person="Ben", reason_code="tone")
    screen.page.keyboard.press("a")
    expect(screen.page.get_by_role("alert")).to_contain_text(
        "Already decided by Ben", timeout=15_000
    )
    screen.left(first)


def test_a_decision_changes_the_reliability_charts(screen: Screen) -> None:
    screen.open("/reliability")
    retrieval = screen.page.locator(".st-key-step_retrieval")
    expect(retrieval).to_contain_text("right unknown", timeout=15_000)
    screen.open("/")
    first = screen.card()
    screen.armed(first)
    screen.page.keyboard.press("a")
    screen.left(first)
    screen.open("/reliability")
    expect(retrieval).to_contain_text("right 1 of 1", timeout=15_000)
    expect(screen.page.locator(".js-plotly-plot")).to_have_count(8, timeout=15_000)
    expect(screen.page.get_by_text("97 % = 83.3 %, at 98 % = 88.6 %")).to_be_visible()


def test_a_strangers_markup_is_shown_as_text(screen: Screen) -> None:
    screen.page.locator(".row", has_text="T-2004").click()
    message = screen.page.locator(".message")
    expect(message).to_contain_text("<img src=x onerror=alert(1)> **refund me**", timeout=15_000)
    expect(message).to_contain_text("[U+202E]")
    assert message.locator("img, a").count() == 0


def test_a_manager_tries_a_threshold_and_publishes_it(screen: Screen, filled: Store) -> None:
    screen.open("/gate")
    expect(screen.page.get_by_text("Publishing needs a manager")).to_be_visible(timeout=15_000)
    screen.page.locator(".st-key-person").click()
    screen.page.get_by_role("option", name=re.compile("^Mo")).click()
    expect(screen.page.get_by_text("Publishing needs a manager")).to_have_count(0, timeout=15_000)
    slider = screen.page.get_by_role("slider")
    slider.focus()
    screen.page.keyboard.press("Home")
    expect(screen.page.get_by_text("Threshold 0.85 → 0.50")).to_be_visible(timeout=15_000)
    screen.page.get_by_role("button", name="Publish", exact=True).click()
    expect(
        screen.page.get_by_text(re.compile("^Version 2 gates new drafts from now"))
    ).to_be_visible(timeout=15_000)
    assert filled.read(policies.active).body.threshold == 0.5


def test_every_page_is_drawn_without_a_request_to_anybody_else(screen: Screen) -> None:
    for path in PAGES:
        screen.open(path)
        expect(screen.page.get_by_text("Demo data")).to_be_visible(timeout=15_000)
        expect(screen.page.get_by_test_id("stException")).to_have_count(0)


def test_every_page_fits_a_narrow_screen(screen: Screen) -> None:
    screen.page.set_viewport_size({"width": 390, "height": 844})
    for path in PAGES:
        screen.open(path)
        expect(screen.page.get_by_text("Demo data")).to_be_visible(timeout=15_000)
        overflow = screen.page.evaluate(
            "document.querySelector('[data-testid=stMain]').scrollWidth - window.innerWidth"
        )
        assert overflow <= 0, path


def test_the_server_answers_health_and_refuses_a_taken_port(address: str) -> None:
    with urllib.request.urlopen(f"{address}/healthz", timeout=10) as answer:
        assert json.load(answer)["ok"] is True
        assert "script-src 'self'" in answer.headers["content-security-policy"]
    port = address.rsplit(":", 1)[1]
    second = subprocess.run(
        [sys.executable, "-m", "dashboard.server", "--port", port],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert second.returncode == 1
    assert len(second.stderr.strip().splitlines()) == 1
    assert f"Port {port} cannot be used" in second.stderr
