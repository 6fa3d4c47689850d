"""Ten refunds just under the limit for one customer: together they stop at the daily cap."""

import asyncio
from collections.abc import Iterator

import fake_payments
import gated
import many_cases
import pytest
from builders import NOW
from fake_payments import FakePayments, Mishap

from agents.settling import Patience
from store import deliveries
from store.engine import Store
from store.gate import AmountRule, PolicyBody
from store.transitions import OutboxStatus, Outcome, ReviewKind
from store.writer import GroupWriter

LIMIT_MINOR = 5_000
CAP_MINOR = 20_000
POLICY = PolicyBody(
    amount_rules=(AmountRule(kind="refund", above_minor=LIMIT_MINOR),),
    daily_cap_minor=CAP_MINOR,
)
TEN = [fake_payments.refund(n, LIMIT_MINOR - 1) for n in range(10)]
UNDER = CAP_MINOR // (LIMIT_MINOR - 1)  # so many of them stay under the cap


@pytest.fixture
def writer(store: Store) -> Iterator[GroupWriter]:
    store.transact(fake_payments.company, policy=POLICY)
    opened = GroupWriter(store)
    yield opened
    opened.close()


def moved_minor(service: FakePayments) -> int:
    return sum(booking.amount_minor for booking in service.ledger)


def require_capped(store: Store, service: FakePayments) -> None:
    """Check that what stays under the cap was paid, and that the rest waits for a person."""
    assert len(service.ledger) == UNDER
    assert moved_minor(service) <= CAP_MINOR < moved_minor(service) + LIMIT_MINOR - 1
    held_back = many_cases.open_reviews(store, ReviewKind.STALE)
    assert len(held_back) == len(TEN) - UNDER
    assert {review.reasons[0]["code"] for review in held_back} == {"daily_cap"}
    assert "the cap is €200.00" in held_back[0].reasons[0]["message"]


async def test_the_gate_lets_pass_what_stays_under_the_cap(
    store: Store, writer: GroupWriter
) -> None:
    cases = [gated.case(store, action=action, confidence=0.97) for action in TEN]
    outcomes = [case.outcome for case in cases]
    assert outcomes == [Outcome.PASS] * UNDER + [Outcome.ESCALATE] * (len(TEN) - UNDER)
    service = FakePayments()
    await many_cases.executor(store, writer, service).work()
    assert len(service.ledger) == UNDER
    assert moved_minor(service) <= CAP_MINOR


async def test_the_executor_stops_at_the_cap_what_a_gate_let_pass_that_saw_only_one(
    store: Store, writer: GroupWriter
) -> None:
    store.transact(many_cases.passed, TEN)
    service = FakePayments()
    await many_cases.executor(store, writer, service).work()
    require_capped(store, service)


async def test_two_executors_stop_at_the_same_cap(store: Store, writer: GroupWriter) -> None:
    store.transact(many_cases.passed, TEN)
    service = FakePayments()
    workers = [many_cases.executor(store, writer, service) for _ in range(2)]
    await asyncio.gather(*(one.work() for one in workers))
    require_capped(store, service)


async def test_a_refund_that_may_have_gone_out_counts_towards_the_cap(
    store: Store, writer: GroupWriter
) -> None:
    store.transact(many_cases.passed, TEN)
    service = FakePayments(mishap=Mishap.CALLER_KILLED)
    await many_cases.executor(store, writer, service).work()
    require_capped(store, service)
    store.shift_clock(31)
    assert store.transact(deliveries.reap, now=NOW) == UNDER
    service.mishap = None
    await many_cases.executor(store, writer, service, patience=Patience(2, 0.0)).work()
    require_capped(store, service)
    assert many_cases.counted(store, OutboxStatus.SENT) == UNDER


async def test_a_person_may_approve_what_the_cap_held_back(
    store: Store, writer: GroupWriter
) -> None:
    store.transact(many_cases.passed, TEN)
    service = FakePayments()
    await many_cases.executor(store, writer, service).work()
    many_cases.approve_all(store, many_cases.open_reviews(store, ReviewKind.STALE), "Ana")
    await many_cases.executor(store, writer, service).work()
    assert len(service.ledger) == len(TEN)
    assert service.doubled == 0
