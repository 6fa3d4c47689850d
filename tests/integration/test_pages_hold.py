"""Holding automatic delivery: a manager's button, a line on every page, nothing for operators."""

from datetime import datetime, timedelta

import gated
import money_desk
import pages
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import live, server, session
from store import deliveries, holds
from store.engine import Store

NOTE = "hold_note"


@pytest.fixture(autouse=True)
def clock(now: datetime, monkeypatch: pytest.MonkeyPatch) -> pages.Clock:
    found = pages.Clock(now)
    monkeypatch.setattr(session, "now", found)
    return found


@pytest.fixture(autouse=True)
def company(store: Store, now: datetime) -> None:
    money_desk.company(store, now=now)


def page(name: str, person: str = "Mo", **address: str) -> AppTest:
    """Draw one page with everything around it."""

    def draw(name: str) -> None:
        import importlib

        from dashboard.components import frame

        frame.frame()
        importlib.import_module(f"dashboard.app_pages.{name}").page()

    at = AppTest.from_function(draw, args=(name,), default_timeout=90)
    at.session_state["person"] = person
    for part, value in address.items():
        at.query_params[part] = value
    at.run()
    assert not at.exception
    return at


def hold(store: Store, now: datetime, kind: str | None = None, note: str = "") -> None:
    store.transact(holds.set_hold, person="Mo", kind=kind, is_held=True, note=note, now=now)


def line(at: AppTest) -> str:
    return str(pages.part(at, "hold")["text"])


def keys(at: AppTest) -> set[str]:
    return {button.key or "" for button in at.button}


def test_a_manager_holds_everything_after_one_question(store: Store) -> None:
    at = pages.press(page("gate"), "hold_all")
    assert store.read(holds.in_force) == [], "asked, not done"
    at.text_input(key=NOTE).set_value("Bookings arrive twice.").run()
    at = pages.press(at, "confirm_hold")
    (held,) = store.read(holds.in_force)
    assert (held.kind, held.person, held.note) == (None, "Mo", "Bookings arrive twice.")
    assert line(at) == (
        "All automatic delivery is on hold since 12:00 UTC by Mo: Bookings arrive twice."
        " What people approve still goes out."
    )
    assert "is on hold" in pages.part(at, "notice")["text"]
    assert at.text_input(key="policy_note").value == ""
    assert keys(at) >= {"release_all"}
    assert not keys(at) & {"hold_all", "hold_refund"}


def test_one_kind_is_held_by_itself(store: Store) -> None:
    at = page("gate")
    assert keys(at) >= {"hold_all", "hold_refund", "hold_voucher", "hold_reply_only"}
    at = pages.press(pages.press(at, "hold_refund"), "confirm_hold")
    assert [held.kind for held in store.read(holds.in_force)] == ["refund"]
    assert line(at).startswith("Automatic delivery is on hold (refund) since 12:00 UTC by Mo.")
    assert keys(at) >= {"hold_all", "hold_voucher", "release_refund"}


def test_releasing_is_asked_too_and_lets_it_go_on(store: Store, now: datetime) -> None:
    hold(store, now, note="wait")
    at = pages.press(page("gate"), "release_all")
    assert store.read(holds.in_force), "asked, not done"
    at = pages.press(at, "confirm_release")
    assert store.read(holds.in_force) == []
    assert line(at) == ""
    assert "goes on" in pages.part(at, "notice")["text"]
    tags = [entry.tag for entry in store.read(gated.audit_entries)]
    assert tags[-2:] == ["hold:set", "hold:released"]


def test_going_back_holds_nothing(store: Store) -> None:
    at = pages.press(pages.press(page("gate"), "hold_all"), "back_hold")
    assert store.read(holds.in_force) == []
    assert "hold_all" in keys(at)


def test_an_operator_sees_how_it_stands_and_no_button(store: Store, now: datetime) -> None:
    hold(store, now, "refund", "a bank is down")
    at = page("gate", "Ana")
    assert "On hold: refund, since 12:00 UTC by Mo: a bank is down" in pages.words_of(at)
    assert "Only a manager" in pages.words_of(at)
    assert not [key for key in keys(at) if key.startswith(("hold_", "release_"))]


@pytest.mark.parametrize("name", server.PAGES)
def test_every_page_says_it_while_it_lasts(store: Store, now: datetime, name: str) -> None:
    hold(store, now)
    assert line(page(name, "Ana")).startswith("All automatic delivery is on hold since 12:00 UTC")


def test_nothing_is_said_without_a_hold() -> None:
    assert line(page("queue")) == ""


def test_a_page_that_nobody_touches_learns_of_it_through_its_own_route(
    store: Store, now: datetime, clock: pages.Clock
) -> None:
    hold(store, now, "refund")
    clock.pass_seconds(timedelta(days=1).total_seconds())
    assert live.hold_line().startswith(
        "Automatic delivery is on hold (refund) since 20 Nov 12:00 UTC"
    )


def test_what_people_approved_goes_out_all_the_same(store: Store, now: datetime) -> None:
    run_id = money_desk.approved(store, "T-1", at=now)
    hold(store, now)
    due = store.transact(deliveries.claim, "x", limit=9, lease_seconds=60, now=now)
    assert [entry.run_id for entry in due] == [run_id]


def test_the_rules_name_the_second_person_and_the_windows() -> None:
    said = pages.words_of(page("gate", "Ana", show="Versions"))
    assert "Above €1,000.00 two people must approve" in said
    assert "Cancel order: 30 s to undo a decision" in said
    assert "Refund: waits 5 s before it goes out alone" in said
