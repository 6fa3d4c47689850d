"""The clock of waiting cards in the store: each move once, told once, and nothing decided by it."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import gated
import pytest
from sqlmodel import Session, col, select

from store import claims, notifications, reviews, routing, sla
from store.engine import Store
from store.errors import NotAllowed
from store.gate import PolicyBody, Sla
from store.schema import Notification, Review
from store.settings import Settings
from store.transitions import ReviewKind, ReviewStatus, SlaStage

OVERDUE = timedelta(hours=25)


@pytest.fixture
def stores(settings: Settings) -> Iterator[list[Store]]:
    """Two Store objects on one file, as two watchers hold them."""
    opened = [settings.open() for _ in range(2)]
    yield opened
    for store in opened:
        store.close()


def titles(store: Store) -> list[str]:
    """Return what waits to be told, in order."""
    wanted = select(Notification).order_by(col(Notification.id))
    rows = store.read(lambda session: list(session.exec(wanted)))
    return [row.title for row in rows if row.sent_at is None]


def tags(store: Store, *, of: str = "watcher") -> list[str]:
    return [entry.tag for entry in store.read(gated.audit_entries) if entry.actor == of]


def run_out(store: Store, now: datetime) -> int:
    """Tick until nothing moves; return how many cards moved."""
    moved = 0
    while batch := store.transact(sla.tick, now=now):
        moved += len(batch)
    return moved


def test_a_card_is_reminded_rerouted_and_held_each_once(store: Store, now: datetime) -> None:
    case = gated.case(store)
    for hours, reached in (
        (17, SlaStage.FRESH),
        (18, SlaStage.REMINDED),
        (24, SlaStage.REROUTED),
        (72, SlaStage.HELD),
    ):
        for _ in range(2):
            store.transact(sla.tick, now=now + timedelta(hours=hours))
        assert gated.review(store, case.review_id).sla_stage is reached
    assert tags(store) == [f"run:review:{one}" for one in ("reminded", "rerouted", "held")]
    assert titles(store) == [
        "Card 1 is nearly overdue: Charged twice",
        "Card 1 is overdue: Charged twice",
        "Card 1 waits for a manager: Charged twice",
    ]
    review = gated.review(store, case.review_id)
    assert (review.status, review.decided_at) == (ReviewStatus.OPEN, None), "time decides nothing"
    assert gated.entries(store, case.run_id) == []


def test_an_overdue_card_is_taken_from_whoever_has_it(store: Store, now: datetime) -> None:
    case = gated.case(store)
    store.transact(routing.assign, case.review_id, "Ana", by="Mo", now=now)
    late = now + OVERDUE
    store.transact(claims.take, case.review_id, "Ben", now=late)
    (moved,) = store.transact(sla.tick, now=late)
    assert (moved.stage, moved.taken_from) == (SlaStage.REROUTED, "Ben")
    review = gated.review(store, case.review_id)
    assert review.status is ReviewStatus.OPEN
    assert (review.claimed_by, review.claimed_until, review.assigned_to) == (None, None, None)
    assert store.transact(claims.take, case.review_id, "Ana", now=late) == "Ana"
    store.transact(sla.tick, now=late)
    assert gated.review(store, case.review_id).claimed_by == "Ana", "it is taken away once"


def test_a_snoozed_card_that_is_overdue_shows_again(store: Store, now: datetime) -> None:
    case = gated.case(store)
    until = now + timedelta(days=5)
    store.transact(routing.snooze, case.review_id, until, by="Ana", now=now)
    store.transact(sla.tick, now=now + OVERDUE)
    assert gated.review(store, case.review_id).snoozed_until is None


def test_a_card_that_waits_for_its_second_person_keeps_its_first_approval(
    store: Store, now: datetime
) -> None:
    case = gated.case(store, policy=PolicyBody(two_person_above_minor=100))
    store.transact(reviews.decide, case.approve("Ana"), now=now)
    run_out(store, now + timedelta(hours=80))
    review = gated.review(store, case.review_id)
    assert (review.status, review.sla_stage) == (ReviewStatus.AWAITING_SECOND, SlaStage.HELD)
    store.transact(reviews.decide, case.approve("Mo"), now=now + timedelta(hours=80))
    assert gated.review(store, case.review_id).status is ReviewStatus.DECIDED


def test_a_held_card_is_approved_by_a_manager_and_rejected_by_anybody(
    store: Store, now: datetime
) -> None:
    cases = [gated.case(store) for _ in range(2)]
    late = now + timedelta(hours=72)
    run_out(store, late)
    for refused in (cases[0].approve("Ana"), cases[0].edit("Ana", reply="Another answer.")):
        with pytest.raises(NotAllowed, match="a manager has to look"):
            store.transact(reviews.decide, refused, now=late)
    store.transact(reviews.decide, cases[0].approve("Mo"), now=late)
    store.transact(reviews.decide, cases[1].reject("Ana"), now=late)


def test_the_clock_is_that_of_the_policy_the_card_is_frozen_with(
    store: Store, now: datetime
) -> None:
    case = gated.case(store, policy=PolicyBody(sla=Sla(remind=1, due=2, hold=3)))
    later = now + timedelta(hours=2)
    assert [one.stage for one in store.transact(sla.tick, now=later)] == [SlaStage.REROUTED]
    assert gated.review(store, case.review_id).due_at == later


def test_decided_cards_audits_and_cards_from_before_the_clock_are_left_alone(
    store: Store, now: datetime
) -> None:
    decided, audit, old = (gated.case(store) for _ in range(3))
    store.transact(reviews.decide, decided.reject(), now=now)
    gated.execute(store, "UPDATE review SET due_at = NULL WHERE id = :id", id=audit.review_id)
    gated.execute(store, "UPDATE review SET due_at = NULL WHERE id = :id", id=old.review_id)
    late = now + timedelta(days=90)
    assert not store.read(sla.is_late, now=late)
    assert store.transact(sla.tick, now=late) == ()


def test_a_clock_that_is_set_back_moves_nothing_back(store: Store, now: datetime) -> None:
    case = gated.case(store)
    store.transact(sla.tick, now=now + OVERDUE)
    for days in (-400, 0):
        assert store.transact(sla.tick, now=now + timedelta(days=days)) == ()
    assert gated.review(store, case.review_id).sla_stage is SlaStage.REROUTED


def test_hundreds_of_overdue_cards_are_one_notification(store: Store, now: datetime) -> None:
    cases = store.transact(gated.several, 300)
    late = now + OVERDUE
    assert run_out(store, late) == 300
    assert titles(store) == ["300 cards are overdue"]
    assert len(tags(store)) == len(cases)
    assert not store.read(sla.is_late, now=late)


def test_a_few_in_an_hour_are_told_one_by_one_and_then_together(
    store: Store, now: datetime
) -> None:
    for number in range(1, 8):
        gated.case(store, at=now + timedelta(minutes=number))
    for number in range(1, 8):
        store.transact(sla.tick, now=now + timedelta(hours=24, minutes=number))
    said = [one for one in titles(store) if "nearly" not in one]
    assert said == [
        *(f"Card {number} is overdue: Charged twice" for number in range(1, 6)),
        "6 cards are overdue",
    ]


def test_a_card_with_broken_rows_moves_and_is_told_like_the_others(
    store: Store, settings: Settings, now: datetime
) -> None:
    for number in range(1, 5):
        gated.case(store, at=now - timedelta(minutes=9 - number))
    gated.tamper(settings, "UPDATE draft SET action = '[]' WHERE run_id = ?", 1)
    gated.tamper(settings, "UPDATE review SET reasons = '[1]' WHERE run_id = ?", 2)
    gated.tamper(settings, "UPDATE draft SET action = '{' WHERE run_id = ?", 3)
    assert run_out(store, now + OVERDUE) == 4
    assert titles(store) == [
        *(f"Card {number} is overdue" for number in range(1, 4)),
        "Card 4 is overdue: Charged twice",
    ]


def test_two_watchers_at_once_move_each_card_once(
    stores: list[Store], store: Store, now: datetime
) -> None:
    store.transact(gated.several, 200)
    late, start = now + OVERDUE, threading.Barrier(2)

    def watch(one: Store) -> list[int]:
        start.wait()
        moved: list[int] = []
        while batch := one.transact(sla.tick, now=late):
            moved += [each.review_id for each in batch]
        return moved

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(watch, stores)
    assert sorted(first + second) == list(range(1, 201))
    assert len(tags(store)) == 200
    assert titles(store) == ["200 cards are overdue"]


def test_without_anybody_to_tell_nothing_piles_up(store: Store, now: datetime) -> None:
    gated.case(store)
    assert store.transact(sla.tick, now=now + OVERDUE, tells=False)
    assert store.read(notifications.unsent, now=now).waiting == 0
    assert tags(store) == ["run:review:rerouted"]


def seeded(store: Store, case: gated.Gated, now: datetime) -> int:
    """Open a check card made of a rejected case, and return its review."""
    decided = store.transact(reviews.decide, case.reject(blamed_step="retrieval"), now=now)

    def add(session: Session) -> int:
        past = session.get_one(Review, case.review_id)
        values = past.model_dump(exclude={"id", "status", "kind", "decided_at"})
        card = Review(
            **{**values, "kind": ReviewKind.SEEDED, "after_decision": decided.decision_id}
        )
        session.add(card)
        session.flush()
        return card.id or 0

    return store.transact(add)


def test_a_check_card_keeps_pace_with_the_others_in_silence_and_expires(
    store: Store, now: datetime
) -> None:
    card = seeded(store, gated.case(store), now)
    run_out(store, now + OVERDUE)
    assert gated.review(store, card).sla_stage is SlaStage.REROUTED
    run_out(store, now + timedelta(hours=73))
    assert gated.review(store, card).status is ReviewStatus.EXPIRED
    assert titles(store) == []
    assert tags(store) == []


def test_a_check_card_somebody_is_on_does_not_expire_under_their_hands(
    store: Store, now: datetime
) -> None:
    card = seeded(store, gated.case(store), now)
    late = now + timedelta(hours=73)
    store.transact(claims.take, card, "Ben", now=late)
    store.transact(sla.tick, now=late)
    assert gated.review(store, card).status is ReviewStatus.CLAIMED
    run_out(store, late + timedelta(minutes=5))
    assert gated.review(store, card).status is ReviewStatus.EXPIRED
