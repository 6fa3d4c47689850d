"""The pages while the disk is full: each is drawn, each says so, and no press pretends."""

from collections.abc import Iterator
from datetime import datetime

import desk
import money_desk
import pages
import pytest
from builders import NOW
from disk import Disk, limited
from streamlit.testing.v1 import AppTest

from dashboard import server, session
from store import audit, registry
from store.engine import Store
from store.errors import ReadOnly
from store.reports.card import card
from store.transitions import ReviewStatus

SAID = "Read-only: disk full"


@pytest.fixture
def clock(now: datetime, monkeypatch: pytest.MonkeyPatch) -> pages.Clock:
    found = pages.Clock(now)
    monkeypatch.setattr(session, "now", found)
    return found


@pytest.fixture
def disk(store: Store, clock: pages.Clock) -> Iterator[Disk]:
    """A desk with cards on a disk that a test can fill."""
    desk.fill(store, now=clock.at)
    store.transact(registry.register_tools, money_desk.TOOLS)  # a refund can be taken back
    with limited() as found:
        yield found


def fill(store: Store, disk: Disk) -> None:
    """Fill the disk up to the last page of the audit trail, which every decision writes to."""
    disk.fill()
    try:
        while True:
            store.transact(audit.append, actor="t", tag="t", subject="t", at=NOW, body={})
    except ReadOnly:
        return


def page(name: str) -> AppTest:
    def draw(name: str) -> None:
        import importlib

        from dashboard.components import frame

        frame.frame()
        importlib.import_module(f"dashboard.app_pages.{name}").page()

    return AppTest.from_function(draw, args=(name,), default_timeout=90).run()


@pytest.mark.parametrize("name", server.PAGES)
def test_every_page_is_drawn_and_says_so_while_it_lasts(
    store: Store, disk: Disk, name: str
) -> None:
    fill(store, disk)
    at = page(name)
    assert not at.exception
    assert SAID in pages.words_of(at)


def test_a_decision_pressed_meanwhile_is_told_that_it_was_not_recorded(
    store: Store, disk: Disk, clock: pages.Clock
) -> None:
    at = pages.app().run()
    clock.pass_seconds(5)
    fill(store, disk)
    on_card = int(pages.part(at, "card")["id"])
    pages.act(at, "approve")
    assert "NOT recorded" in pages.part(at, "card")["answer"]["problem"]
    assert SAID in pages.words_of(at)
    assert store.read(card, on_card).status in {ReviewStatus.OPEN, ReviewStatus.CLAIMED}
    assert int(pages.part(at, "card")["id"]) == on_card, "the card stays"


def test_the_same_press_counts_once_there_is_room_again(
    store: Store, disk: Disk, clock: pages.Clock
) -> None:
    at = pages.app().run()
    clock.pass_seconds(5)
    fill(store, disk)
    on_card = int(pages.part(at, "card")["id"])
    pages.act(at, "approve")
    disk.free()
    pages.act(at, "approve")
    assert store.read(card, on_card).status is ReviewStatus.DECIDED
    assert SAID not in pages.words_of(at)


def test_with_room_on_the_disk_nothing_is_said(disk: Disk) -> None:
    assert SAID not in pages.words_of(page("queue"))
