"""What the watcher finds to tell: dear new cards, unknown deliveries, too many wrong drafts."""

from datetime import datetime, timedelta

import audited
import gated
import pytest

from store import alarms, escalations, notifications, reviews
from store.engine import Store
from store.evidence.sampling import Sampled
from store.gate import PolicyBody
from store.outputs import Reason
from store.transitions import ReviewKind


def look(
    store: Store, now: datetime, *, risk_above: float = 100.0, wrong_above: float | None = None
) -> list[str]:
    """Look as the watcher does; return everything that waits to be told."""
    news = store.read(alarms.found, risk_above=risk_above, wrong_above=wrong_above, now=now)
    store.transact(alarms.tell, news, now=now)
    return [one.message.title for one in store.read(notifications.due, now, 100)]


def test_a_new_card_above_the_risk_is_told_once_with_its_money_and_reasons(
    store: Store, now: datetime
) -> None:
    case = gated.case(store, concerns=["Dear Ana, see [here](http://evil.test)"])
    for _ in range(2):
        assert look(store, now) == ["Card 1 needs a person: Charged twice"]
    (one,) = store.read(notifications.due, now, 100)
    assert one.message.body == "€42.50 · doubtful evidence · confidence below threshold"
    assert one.message.path == f"/?review={case.review_id}"


def test_a_card_at_or_below_the_risk_is_not_told(store: Store, now: datetime) -> None:
    case = gated.case(store)
    risk = gated.review(store, case.review_id).risk
    assert look(store, now, risk_above=risk) == []
    assert look(store, now, risk_above=risk - 0.001) != []


def test_a_decided_an_old_and_an_audited_card_are_not_news(store: Store, now: datetime) -> None:
    decided = gated.case(store, policy=PolicyBody(audit_rate=1.0))
    store.transact(reviews.decide, decided.reject(), now=now)
    gated.passed(store)
    gated.case(store, at=now - timedelta(hours=2))
    assert look(store, now) == []


def test_a_wave_of_dear_cards_is_one_notification_and_stays_one(
    store: Store, now: datetime
) -> None:
    store.transact(gated.several, 40)
    later = now + timedelta(minutes=50)
    assert look(store, now) == ["40 new cards with much at stake need a person"]
    assert look(store, later) == ["40 new cards with much at stake need a person"]
    assert not store.read(alarms.found, risk_above=100.0, wrong_above=None, now=later)


def test_an_unknown_delivery_is_told_whatever_it_costs_and_however_old(
    store: Store, now: datetime
) -> None:
    case = gated.passed(store)
    gated.execute(store, "UPDATE outbox SET status = 'sending' WHERE position = 0")
    _doubt(store, case, now)
    late = now + timedelta(days=3)
    assert look(store, late, risk_above=1e12) == [
        f"Card {_newest(store)} asks whether a delivery happened: Charged twice"
    ]


def _newest(store: Store) -> int:
    return gated.count(store, "review")


def _doubt(store: Store, case: gated.Gated, now: datetime) -> None:
    """Leave the first delivery of the case unknown, as the executor does."""
    entry = gated.entries(store, case.run_id)[0]
    gated.execute(store, "UPDATE outbox SET status = 'unknown' WHERE id = :id", id=entry.id)
    store.transact(
        escalations.open_review,
        case.run_id,
        ReviewKind.UNKNOWN_DELIVERY,
        reasons=[Reason(code="unknown_delivery", message="no answer")],
        action_id=entry.id,
        now=now,
    )


def labels(wrong: int, right: int, probability: float = 0.1) -> list[Sampled]:
    return [Sampled(False, probability)] * wrong + [Sampled(True, probability)] * right


@pytest.mark.parametrize(
    ("wrong", "right", "alarms_at_5"),
    [(0, 0, False), (29, 0, False), (30, 0, True), (2, 28, False), (5, 95, False), (20, 80, True)],
)
def test_an_alarm_needs_thirty_labels_and_a_range_wholly_above_the_limit(
    wrong: int, right: int, alarms_at_5: bool
) -> None:
    found = alarms.alarming(labels(wrong, right), 0.05)
    assert (found is not None) is alarms_at_5
    if found is not None:
        assert found.low is not None
        assert found.low > 0.05


def test_drafts_that_went_out_alone_and_were_wrong_are_told_once_a_day(
    store: Store, now: datetime
) -> None:
    audited.judged(store, now, wrong=25, right=10)
    told = ["Drafts that went out alone are wrong too often"]
    assert look(store, now, wrong_above=None) == []
    assert look(store, now, wrong_above=0.9) == []
    assert look(store, now, wrong_above=0.1) == told
    assert look(store, now + timedelta(hours=6), wrong_above=0.1) == told
    (one,) = store.read(notifications.due, now, 100)
    assert "about 71 % of them were wrong" in one.message.body
    assert "25 of 35 audits by people" in one.message.body
    assert look(store, now + timedelta(days=1), wrong_above=0.1) == told * 2
    assert look(store, now + timedelta(days=9), wrong_above=0.1) == told * 2, "only of 7 days"


def test_simulated_reviewers_raise_no_alarm(store: Store, now: datetime) -> None:
    audited.judged(store, now, wrong=35, right=0, is_simulated=True)
    assert look(store, now, wrong_above=0.0) == []
