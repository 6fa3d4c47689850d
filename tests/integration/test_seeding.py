"""Check cards: copies of what people found wrong, at an honest rate, never delivered."""

import json
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import builders
import gated
import pytest
from sqlmodel import col, select

from store import reviews, seeding, undoing
from store.engine import Store
from store.gate import PolicyBody, Sla
from store.outputs import Reason
from store.schema import Review
from store.settings import Settings
from store.transitions import ReviewKind, ReviewStatus, RunStatus

LONG_AGO = timedelta(days=20)


@pytest.fixture
def stores(settings: Settings) -> Iterator[list[Store]]:
    """Two Store objects on one file, as two watchers hold them."""
    opened = [settings.open() for _ in range(2)]
    yield opened
    for store in opened:
        store.close()


def company(store: Store, *, is_demo: bool = False, policy: PolicyBody | None = None) -> None:
    store.transact(builders.company, is_demo=is_demo, policy=policy)


def rejected(
    store: Store, at: datetime, *, said: dict[str, Any] | None = None, **values: Any
) -> gated.Gated:
    """Have a person reject a draft, with a reason and its first wrong step."""
    case = gated.case(store, at=at, **values)
    words = {"blamed_step": "retrieval", **(said or {})}
    store.transact(reviews.decide, case.reject("Ben", **words), now=at)
    return case


def busy(store: Store, now: datetime, cards: int = 10) -> None:
    """Have that many escalations opened within the last day."""
    for _ in range(cards):
        gated.case(store, at=now - timedelta(hours=1))


def seed(store: Store, now: datetime, *, share: float = 0.1, draw: int = 1) -> int:
    return store.transact(seeding.seed, share=share, rng=random.Random(draw), now=now)


def seeded(store: Store) -> list[Review]:
    wanted = select(Review).where(Review.kind == ReviewKind.SEEDED).order_by(col(Review.id))
    return store.read(lambda session: list(session.exec(wanted)))


def test_a_check_card_is_the_past_one_opened_now(store: Store, now: datetime) -> None:
    company(store, policy=PolicyBody(sla=Sla(remind=1, due=2, hold=3)))
    case = rejected(store, now - LONG_AGO)
    busy(store, now)
    assert seed(store, now) == 1
    past, (card,) = gated.review(store, case.review_id), seeded(store)
    fresh = {"id", "kind", "status", "opened_at", "due_at", "decided_at", "after_decision"}
    assert card.model_dump(exclude=fresh) == past.model_dump(exclude=fresh)
    assert (card.status, card.opened_at) == (ReviewStatus.OPEN, now)
    assert card.due_at == now + timedelta(hours=2), "like every other card"
    assert gated.status(store, case.run_id) is RunStatus.REJECTED


def test_the_trail_tells_that_one_was_opened_and_not_which(store: Store, now: datetime) -> None:
    company(store)
    rejected(store, now - LONG_AGO)
    busy(store, now)
    seed(store, now)
    entry = store.read(gated.audit_entries)[-1]
    assert (entry.actor, entry.tag, entry.subject) == ("watcher", "run:seeded:opened", "seeded")
    body = json.loads(entry.body)
    assert list(body) == ["mark"]
    assert len(body["mark"]) == 64


@pytest.mark.parametrize("verdict", ["approve", "edit", "reject"])
def test_whatever_is_said_of_it_delivers_nothing_and_moves_nothing(
    store: Store, now: datetime, verdict: str
) -> None:
    company(store)
    case = rejected(store, now - LONG_AGO)
    busy(store, now)
    seed(store, now)
    (card,) = seeded(store)
    labels = gated.count(store, "label")
    said = {"edit": {"reply": "Something else."}}.get(verdict, {})
    request = partial(getattr(case, verdict), "Ana", **said)()
    decided = store.transact(
        reviews.decide, replace(request, review_id=card.id or 0), now=now, undo_seconds=0
    )
    assert decided.was_seeded
    assert gated.entries(store, case.run_id) == []
    assert gated.status(store, case.run_id) is RunStatus.REJECTED
    assert gated.count(store, "label") == labels


def _undone(store: Store, at: datetime) -> None:
    case = gated.case(store, at=at)
    request = case.reject("Ben", blamed_step="retrieval")
    store.transact(reviews.decide, request, now=at)
    store.transact(undoing.undo, request.decision_id, "Ben", now=at)


UNFIT: dict[str, Any] = {
    "rejected lately": lambda store, at: rejected(store, at + timedelta(days=7)),
    "no first wrong step": lambda store, at: rejected(store, at, said={"blamed_step": None}),
    "the customer's fault": lambda store, at: rejected(store, at, said={"blamed_step": "customer"}),
    "a simulated reviewer": lambda store, at: rejected(store, at, said={"is_simulated": True}),
    "two people needed": lambda store, at: rejected(store, at, action=builders.refund(2_000_000)),
    "blocked": lambda store, at: rejected(
        store, at, blocks=[Reason(code="unknown_tool", message="no such tool")]
    ),
    "undone": _undone,
    "still waiting": lambda store, at: gated.case(store, at=at),
}


@pytest.mark.parametrize("why", UNFIT)
def test_a_card_that_proves_nothing_is_never_used(store: Store, now: datetime, why: str) -> None:
    company(store)
    UNFIT[why](store, now - LONG_AGO)
    busy(store, now)
    assert store.read(seeding.is_due, share=0.1, now=now)
    assert seed(store, now) == 0


def test_an_approved_draft_is_never_used(store: Store, now: datetime) -> None:
    company(store)
    case = gated.case(store, at=now - LONG_AGO)
    store.transact(reviews.decide, case.approve("Ben"), now=now - LONG_AGO)
    busy(store, now)
    assert seed(store, now) == 0


def test_a_demo_takes_simulated_rejections_of_a_few_days(store: Store, now: datetime) -> None:
    company(store, is_demo=True)
    rejected(store, now - timedelta(days=4), said={"is_simulated": True})
    busy(store, now)
    assert seed(store, now) == 1


def test_nothing_is_seeded_unless_a_share_is_set(store: Store, now: datetime) -> None:
    company(store)
    rejected(store, now - LONG_AGO)
    busy(store, now)
    assert seed(store, now, share=0.0) == 0
    assert not store.read(seeding.is_due, share=0.0, now=now)


def test_one_past_card_is_used_once(store: Store, now: datetime) -> None:
    company(store)
    rejected(store, now - LONG_AGO)
    busy(store, now, 30)
    assert [seed(store, now, draw=draw) for draw in range(3)] == [1, 0, 0]
    gated.execute(store, "UPDATE review SET status = 'expired' WHERE kind = 'seeded'")
    assert seed(store, now) == 0


def test_their_number_stays_at_the_share_of_what_was_opened(store: Store, now: datetime) -> None:
    company(store)
    for _ in range(10):
        rejected(store, now - LONG_AGO)
    opened = 0
    for number in range(1, 41):
        gated.case(store, at=now)
        opened += sum(seed(store, now, draw=number) for _ in range(2))
        assert opened == number // 10
    assert len({card.run_id for card in seeded(store)}) == 4
    assert seed(store, now + timedelta(hours=23)) == 0
    assert seed(store, now + timedelta(hours=25)) == 0, "yesterday's share is used up"


def test_two_watchers_at_once_open_one(stores: list[Store], store: Store, now: datetime) -> None:
    company(store)
    for _ in range(6):
        rejected(store, now - LONG_AGO)
    busy(store, now)
    start = threading.Barrier(2)

    def act(one: Store) -> int:
        start.wait()
        return sum(seed(one, now, draw=number) for number in range(5))

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(act, stores)) == 1
    assert len(seeded(store)) == 1
