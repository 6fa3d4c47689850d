"""Many cards at once on the queue page: planned, looked at by sample, decided and undone as one."""

from datetime import datetime
from typing import Any

import desk
import money_desk
import pages
import pytest
from seats import look, opened, rows, shown
from streamlit.testing.v1 import AppTest

from dashboard import session
from dashboard.components.bulk_panel import panel_data
from dashboard.worklist import Batch
from store import claims, registry
from store.bulk import Plan
from store.engine import Store
from store.reports.card import card
from store.reports.queue import queue_page
from store.transitions import Verdict


@pytest.fixture
def clock(now: datetime, monkeypatch: pytest.MonkeyPatch) -> pages.Clock:
    found = pages.Clock(now)
    monkeypatch.setattr(session, "now", found)
    return found


@pytest.fixture
def queue(store: Store, clock: pages.Clock) -> list[int]:
    """Five waiting cards, most urgent first."""
    desk.fill(store, now=clock.at)
    store.transact(registry.register_tools, money_desk.TOOLS)  # a refund can be taken back
    return [item.review_id for item in store.read(queue_page, now=clock.at).items]


def batch(at: AppTest) -> dict[str, Any]:
    return pages.part(at, "bulk_panel")


def confirm(at: AppTest, **said: str) -> AppTest:
    panel = batch(at)
    sent = {"batch": panel["batch"], "typed": str(panel["count"]), **said}
    return pages.send(at, "bulk_panel", "confirm", sent)


def verdicts(store: Store, queue: list[int]) -> list[Verdict]:
    found = [store.read(card, review_id).decision for review_id in queue]
    return [one.verdict for one in found if one is not None and not one.is_undone]


def test_look_alikes_are_approved_after_a_sample_and_their_number(
    store: Store, queue: list[int], clock: pages.Clock
) -> None:
    at = opened(clock)
    pages.send(at, "queue_list", "batch", 1)
    panel = batch(at)
    assert panel["verdict"] == "approve"
    assert panel["sample"]
    assert {"message", "reply", "action"} <= set(panel["sample"][0])
    assert shown(at) is None  # no key of a card can be pressed meanwhile
    confirm(at)
    assert verdicts(store, queue) == [Verdict.APPROVE] * panel["count"]
    line = pages.part(at, "notice")
    assert line["text"].startswith(f"{panel['count']} approved")
    assert line["canUndo"]
    assert len(rows(at)) == len(queue) - panel["count"]


def test_the_batch_is_undone_as_a_whole(store: Store, queue: list[int], clock: pages.Clock) -> None:
    at = opened(clock)
    pages.send(at, "queue_list", "batch", 1)
    confirm(at)
    pages.undo(at)
    assert verdicts(store, queue) == []
    assert "undone" in pages.part(at, "notice")["text"]
    assert len(rows(at)) == len(queue)


def test_a_wrong_number_decides_nothing(store: Store, queue: list[int], clock: pages.Clock) -> None:
    at = opened(clock)
    pages.send(at, "queue_list", "batch", 1)
    confirm(at, typed="1000")
    assert verdicts(store, queue) == []
    assert pages.part(at, "notice")["tone"] == "problem"


def test_rejecting_in_a_batch_needs_a_filter_and_a_reason(
    store: Store, queue: list[int], clock: pages.Clock
) -> None:
    at = opened(clock)
    pages.send(at, "queue_list", "batch", 1)
    pages.send(at, "bulk_panel", "switch", "reject")
    assert batch(at)["needsFilter"]
    assert batch(at)["count"] == 0
    look(at, search="charged twice")
    pages.send(at, "queue_list", "batch", 1)
    pages.send(at, "bulk_panel", "switch", "reject")
    number = batch(at)["count"]
    assert 0 < number < len(queue)
    confirm(at)
    assert verdicts(store, queue) == []
    confirm(at, reason="tone", note="Wave of the same mistake.")
    assert verdicts(store, queue) == [Verdict.REJECT] * number


def test_a_card_that_somebody_took_meanwhile_is_left_alone_and_named(
    store: Store, queue: list[int], clock: pages.Clock
) -> None:
    at = opened(clock)
    pages.send(at, "queue_list", "batch", 1)
    first = batch(at)["items"][0]["id"]
    store.transact(claims.release, first, "Ana")
    store.transact(claims.take, first, "Ben", now=clock.at)
    confirm(at)
    text = pages.part(at, "notice")["text"]
    assert f"#{first}" in text
    assert "left alone" in text
    assert store.read(card, first).decision is None


@pytest.mark.parametrize(
    ("total", "said"),
    [(200, ""), (9_943, "The first 200 of 9\u202f943 cards; the others stay as they are.")],
)
def test_a_list_longer_than_a_batch_is_said_to_be(
    store: Store, queue: list[int], total: int, said: str
) -> None:
    assert queue
    company = store.read(registry.company)
    assert company is not None
    planned = Batch("bulk:one", Verdict.REJECT, Plan((), ()))
    shown = panel_data(planned, company, [], is_filtered=True, total=total)
    assert shown["scope"] == said
