"""A thousand approvals of refunds whose orders move before the money does: none goes out blindly."""

from collections.abc import Iterator
from random import Random

import fake_payments
import gated
import many_cases
import pytest
from fake_payments import CONDITIONAL, PAID_MINOR, FakePayments

from store.actions import Action
from store.engine import Store
from store.reports.card import card
from store.schema import Draft, Review
from store.transitions import OutboxStatus, ReviewKind, RunStatus
from store.writer import GroupWriter

CASES = 1_000
AGAIN = 100
REFUND_MINOR = 4_250
BEHIND_OUR_BACK = (0, REFUND_MINOR, PAID_MINOR - REFUND_MINOR + 1, PAID_MINOR)


@pytest.fixture
def writer(store: Store) -> Iterator[GroupWriter]:
    opened = GroupWriter(store)
    yield opened
    opened.close()


def approved(store: Store, cases: int) -> None:
    """Have Ana approve a refund of each order as it was when drafted: at version 1."""
    store.transact(fake_payments.company, connector=CONDITIONAL)
    actions = [
        fake_payments.refund(n, REFUND_MINOR, customer_id=f"C-{n}", version=1) for n in range(cases)
    ]
    store.transact(many_cases.waiting, actions)
    waiting = many_cases.open_reviews(store, ReviewKind.ESCALATION)
    many_cases.approve_all(store, waiting, "Ana")


def sent_back(store: Store) -> list[tuple[Review, Draft]]:
    """Return the open reviews of a world that moved, each with the revision it is about."""
    stale = many_cases.open_reviews(store, ReviewKind.STALE)
    return store.read(
        lambda session: [(review, session.get_one(Draft, review.draft_id)) for review in stale]
    )


def require_fresh(review: Review, draft: Draft, version: int) -> None:
    (reason, *_) = review.reasons
    words = f"Changed since this was decided: version was 1, now it is {version}"
    assert (reason["code"], reason["message"]) == ("changed", words)
    action = Action.model_validate(draft.action)
    assert action.args["expected_version"] == version
    assert (draft.revision, draft.author) == (2, "executor")
    assert review.payload_digest == draft.digest


async def test_an_order_that_moved_after_its_approval_is_never_over_refunded(
    store: Store, writer: GroupWriter
) -> None:
    approved(store, CASES)
    random = Random("moving world")
    service = FakePayments()
    late = {f"O-{n}" for n in range(CASES) if random.random() < 0.5}
    for number in range(CASES):
        if f"O-{number}" not in late:
            service.move(f"O-{number}", random.choice(BEHIND_OUR_BACK))
    service.between = lambda order: service.move(order, random.choice(BEHIND_OUR_BACK))
    await many_cases.executor(store, writer, service).work()

    assert service.ledger == []
    assert service.over_refunded == 0
    called = [args["order_id"] for tool, args in service.asked if tool == "issue_refund"]
    assert sorted(called) == sorted(late), "what had moved already was not even asked for"
    back = sent_back(store)
    assert len({review.run_id for review, _ in back}) == len(back) == CASES
    for review, draft in back:
        require_fresh(review, draft, 2)
    assert many_cases.counted(store, OutboxStatus.CANCELLED) == CASES

    chosen = [
        (review, draft)
        for review, draft in back
        if not service.order(Action.model_validate(draft.action).order_id or "").refunded_minor
    ][:AGAIN]
    many_cases.approve_all(store, [review for review, _ in chosen], "Ben")
    service.between = None
    await many_cases.executor(store, writer, service).work()
    wanted = {Action.model_validate(draft.action).order_id for _, draft in chosen}
    assert {booking.order_id for booking in service.ledger} == wanted
    assert len(service.ledger) == AGAIN
    assert (service.doubled, service.over_refunded) == (0, 0)
    assert gated.count(store, "run WHERE status = 'done'") == AGAIN


async def test_a_world_that_moves_again_sends_it_back_again(
    store: Store, writer: GroupWriter
) -> None:
    approved(store, 1)
    service = FakePayments()
    service.move("O-0", 0)
    await many_cases.executor(store, writer, service).work()
    ((review, _),) = sent_back(store)
    many_cases.approve_all(store, [review], "Ben")
    service.move("O-0", PAID_MINOR)
    await many_cases.executor(store, writer, service).work()
    ((review, draft),) = sent_back(store)
    assert draft.action["args"]["expected_version"] == 3
    assert "version was 2, now it is 3" in review.reasons[0]["message"]
    shown = store.read(card, review.id or 0)
    assert shown.run_status is RunStatus.AWAITING_REVIEW
    assert shown.reasons is not None
    assert shown.reasons[0].code == "changed"
    assert service.ledger == []


async def test_a_world_that_holds_still_is_delivered_at_once(
    store: Store, writer: GroupWriter
) -> None:
    approved(store, 20)
    service = FakePayments()
    await many_cases.executor(store, writer, service).work()
    assert len(service.ledger) == 20
    assert sent_back(store) == []
