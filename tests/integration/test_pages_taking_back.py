"""The Runs page: a sent action that can be taken back offers it, and shows what became of it."""

from datetime import datetime, timedelta

import gated
import money_desk
import pages
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import session
from store import deliveries
from store.engine import Store
from store.reports.runs import run_detail
from store.transitions import OutboxStatus, ReviewStatus, RunStatus


@pytest.fixture(autouse=True)
def clock(now: datetime, monkeypatch: pytest.MonkeyPatch) -> pages.Clock:
    found = pages.Clock(now)
    monkeypatch.setattr(session, "now", found)
    return found


@pytest.fixture(autouse=True)
def company(store: Store, now: datetime) -> None:
    money_desk.company(store, now=now)


@pytest.fixture
def sent(store: Store, now: datetime) -> int:
    """A run with a refund and a reply, both delivered."""
    then = now - timedelta(hours=1)
    return money_desk.sent(store, money_desk.approved(store, "T-1", at=then), at=then)


def runs_page(run_id: int) -> AppTest:
    def draw() -> None:
        from dashboard.app_pages import runs

        runs.page()

    at = pages.page(draw)
    at.session_state["current_run"] = run_id
    at.run()
    assert not at.exception
    return at


def keys(at: AppTest) -> list[str]:
    return [button.key or "" for button in at.button]


def test_only_what_can_be_taken_back_offers_it(store: Store, sent: int) -> None:
    refund, _reply = gated.entries(store, sent)
    assert keys(runs_page(sent)) == [f"reverse_{refund.id}"]


def test_taking_back_asks_first_and_sends_a_linked_action(store: Store, sent: int) -> None:
    refund = gated.entries(store, sent)[0]
    at = pages.press(runs_page(sent), "reverse_")
    assert keys(at) == [f"confirm_reverse_{refund.id}", "back_reverse"]
    assert len(gated.entries(store, sent)) == 2, "asked, not done"
    at.text_input(key=f"reverse_note_{refund.id}").set_value("paid twice").run()
    at = pages.press(at, "confirm_reverse_")
    back = gated.entries(store, sent)[-1]
    assert (back.tool, back.reverses, back.status) == (
        "cancel_refund",
        refund.id,
        OutboxStatus.PENDING,
    )
    assert pages.part(at, "notice")["text"] == "It is being taken back: refund_charge €84.90"
    assert pages.part(at, "notice")["remainingMs"] == 10_000
    (decision,) = store.read(run_detail, sent).reviews[-1].decisions
    assert (decision.person, decision.note) == ("Ana", "paid twice")


def test_both_deliveries_say_how_they_belong_together(
    store: Store, sent: int, now: datetime
) -> None:
    at = pages.press(pages.press(runs_page(sent), "reverse_"), "confirm_reverse_")
    assert "1. refund_charge · €84.90 · sent" in pages.words_of(at)
    assert "taken back by 3" in pages.words_of(at)
    assert "3. cancel_refund · €84.90 · pending · takes back 1" in pages.words_of(at)
    assert not [key for key in keys(at) if key.startswith("reverse_")], "not twice"


def test_undo_keeps_it_and_asks_somebody_else(store: Store, sent: int) -> None:
    at = pages.press(pages.press(runs_page(sent), "reverse_"), "confirm_reverse_")
    at = pages.undo(at)
    assert gated.entries(store, sent)[-1].status is OutboxStatus.CANCELLED
    assert "Nothing was sent" in pages.part(at, "notice")["text"]
    assert gated.status(store, sent) is RunStatus.AWAITING_REVIEW


def test_it_can_be_asked_for_anew_once_the_first_attempt_has_failed(
    store: Store, sent: int, now: datetime
) -> None:
    at = pages.press(pages.press(runs_page(sent), "reverse_"), "confirm_reverse_")
    store.shift_clock(60)
    due = money_desk.claimed(store, sent, at=now)
    store.transact(deliveries.mark_failed, due, "closed", now=now)
    at = runs_page(sent)
    pages.press(pages.press(at, "reverse_"), "confirm_reverse_")
    newest = gated.entries(store, sent)[-1]
    assert (newest.tool, newest.status) == ("cancel_refund", OutboxStatus.PENDING)


def test_above_the_limit_it_only_asks(store: Store, now: datetime) -> None:
    action = money_desk.refund(240_000)
    run_id = money_desk.approved(store, "T-1", at=now, action=action)
    money_desk.sent(store, run_id, at=now)
    at = pages.press(pages.press(runs_page(run_id), "reverse_"), "confirm_reverse_")
    assert "somebody else must agree. Nothing is sent yet." in pages.part(at, "notice")["text"]
    assert len(gated.entries(store, run_id)) == 2
    assert store.read(run_detail, run_id).reviews[-1].status is ReviewStatus.AWAITING_SECOND
