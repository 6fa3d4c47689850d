"""A thousand calls each that nobody heard the end of: a person is asked, and nothing is paid twice.

The money was moved every time, so a single call too many shows in the service's own books.
"""

from collections.abc import Iterator

import fake_payments
import gated
import many_cases
import pytest
from builders import NOW
from fake_payments import LOOKUP, RETENTION_SECONDS, FakePayments, Mishap
from sqlmodel import Session

from agents.settling import Patience
from store import deliveries, reviews
from store.engine import Store
from store.reports.card import Card, card
from store.schema import Review
from store.transitions import OutboxStatus, ReviewKind, RunStatus, Verdict
from store.writer import GroupWriter

CASES = 1_000
CARDS = 50
LATER = Patience(attempts=9, first_seconds=900.0, longest_seconds=900.0)
HORIZON_SECONDS = 0.8 * RETENTION_SECONDS


@pytest.fixture
def writer(store: Store) -> Iterator[GroupWriter]:
    opened = GroupWriter(store)
    yield opened
    opened.close()


def many(store: Store, cases: int = CASES) -> list[gated.Gated]:
    actions = [fake_payments.refund(n, customer_id=f"C-{n}") for n in range(cases)]
    return store.transact(many_cases.passed, actions)


def asked_about(store: Store, cases: int) -> list[Review]:
    """Return the open questions, one for each case, having read the cards of some as people do."""
    questions = many_cases.open_reviews(store, ReviewKind.UNKNOWN_DELIVERY)
    assert len(questions) == cases
    assert len({question.run_id for question in questions}) == cases
    assert len({question.action_id for question in questions}) == cases
    for question in questions:
        assert "Nobody knows whether `issue_refund` happened: " in question.reasons[0]["message"]
    some = questions[:: max(1, cases // CARDS)]

    def read_some(session: Session) -> list[Card]:
        return [card(session, question.id or 0) for question in some]

    for question, shown in zip(some, store.read(read_some), strict=True):
        assert [one.action_id for one in shown.deliveries] == [question.action_id]
        assert shown.kind is ReviewKind.UNKNOWN_DELIVERY
        assert shown.run_status is RunStatus.AWAITING_REVIEW
        assert shown.reasons is not None
        assert shown.reasons[0].message == question.reasons[0]["message"]
    return questions


async def test_a_failure_cached_under_the_key_is_shown_as_unknown_and_never_paid_again(
    store: Store, writer: GroupWriter
) -> None:
    store.transact(fake_payments.company)
    many(store)
    service = FakePayments(mishap=Mishap.FAILURE_CACHED)
    await many_cases.executor(store, writer, service, patience=Patience(2, 0.0)).work()
    questions = asked_about(store, CASES)
    assert "500: something went wrong" in questions[0].reasons[0]["message"]
    assert (len(service.ledger), service.doubled) == (CASES, 0)
    assert len(service.asked) == 2 * CASES, "under the one key, as often as patience has it"
    assert {args["idempotency_key"] for _, args in service.asked} == {
        question.action_id for question in questions
    }


async def test_a_retry_past_the_keys_retention_is_not_made_but_shown_as_unknown(
    store: Store, writer: GroupWriter
) -> None:
    store.transact(fake_payments.company)
    many(store)
    service = FakePayments(mishap=Mishap.REPLY_LOST)
    impatient = many_cases.executor(store, writer, service, patience=LATER)
    service.between = lambda _: impatient.stop() if len(service.asked) == CASES else None
    await impatient.work()
    assert len(service.asked) == CASES
    assert many_cases.counted(store, OutboxStatus.PENDING) == CASES
    store.shift_clock(RETENTION_SECONDS + 1)
    service.advance(RETENTION_SECONDS + 1)
    await many_cases.executor(store, writer, service).work()
    (reason, *_) = asked_about(store, CASES)[0].reasons
    assert "its key may be forgotten by now" in reason["message"]
    assert len(service.asked) == CASES, "the horizon was passed: not one further call"
    assert (len(service.ledger), service.doubled) == (CASES, 0)


@pytest.mark.parametrize(
    ("after_seconds", "status", "calls"),
    [
        (HORIZON_SECONDS - 60, OutboxStatus.SENT, 2),
        (HORIZON_SECONDS, OutboxStatus.UNKNOWN, 1),
    ],
)
async def test_the_horizon_is_a_fifth_short_of_the_retention(
    store: Store, writer: GroupWriter, after_seconds: float, status: OutboxStatus, calls: int
) -> None:
    store.transact(fake_payments.company)
    many(store, 20)
    service = FakePayments(mishap=Mishap.REPLY_LOST)
    first = many_cases.executor(store, writer, service, patience=LATER)
    service.between = lambda _: first.stop() if len(service.asked) == 20 else None
    await first.work()
    service.mishap, service.between = None, None
    store.shift_clock(after_seconds)
    service.advance(after_seconds)
    await many_cases.executor(store, writer, service).work()
    assert many_cases.counted(store, status) == 20
    assert (len(service.asked), len(service.ledger)) == (20 * calls, 20)


async def test_a_call_without_a_key_whose_caller_was_killed_is_shown_as_unknown(
    store: Store, writer: GroupWriter
) -> None:
    store.transact(fake_payments.company, key_field=None)
    many(store)
    service = FakePayments(mishap=Mishap.CALLER_KILLED)
    await many_cases.executor(store, writer, service).work()
    assert many_cases.counted(store, OutboxStatus.SENDING) == CASES, "nobody recorded an answer"
    store.shift_clock(31)
    assert store.transact(deliveries.reap, now=NOW) == CASES
    service.mishap = None
    await many_cases.executor(store, writer, service).work()
    (reason, *_) = asked_about(store, CASES)[0].reasons
    assert "the executor died during the call" in reason["message"]
    assert len(service.asked) == CASES
    assert (len(service.ledger), service.doubled) == (CASES, 0)


async def test_a_look_up_that_finds_the_call_spares_the_question(
    store: Store, writer: GroupWriter
) -> None:
    store.transact(fake_payments.company, connector=LOOKUP)
    many(store, 20)
    service = FakePayments(mishap=Mishap.CALLER_KILLED)
    await many_cases.executor(store, writer, service).work()
    store.shift_clock(RETENTION_SECONDS + 31)
    service.advance(RETENTION_SECONDS + 31)
    service.mishap = None
    await many_cases.executor(store, writer, service).work()
    assert many_cases.counted(store, OutboxStatus.SENT) == 20
    assert many_cases.open_reviews(store, ReviewKind.UNKNOWN_DELIVERY) == []
    assert (len(service.ledger), service.doubled) == (20, 0)


async def test_what_people_answer_truthfully_ends_every_case_with_one_payment(
    store: Store, writer: GroupWriter
) -> None:
    store.transact(fake_payments.company, key_field=None, has_reply=True)
    many(store, 50)
    service = FakePayments(mishap=Mishap.REPLY_LOST)
    await many_cases.executor(store, writer, service).work()
    del service.ledger[::2]  # every other call had not arrived after all
    service.mishap = None
    paid = {booking.customer_id for booking in service.ledger}

    def answer_all(session: Session) -> None:
        for question in many_cases.open_reviews(store, ReviewKind.UNKNOWN_DELIVERY):
            shown = card(session, question.id or 0)
            verdict = Verdict.HAPPENED if shown.ticket.customer_id in paid else Verdict.SEND_AGAIN
            request = reviews.DecisionRequest(
                f"answer-{question.id}", question.id or 0, verdict, "Ana", question.payload_digest
            )
            reviews.decide(session, request, now=NOW, undo_seconds=0)

    store.transact(answer_all)
    await many_cases.executor(store, writer, service).work()
    # the reply takes no key here either, but its answer arrives
    assert sum(booking.tool == "issue_refund" for booking in service.ledger) == 50
    assert sum(booking.tool == "send_reply" for booking in service.ledger) == 50
    assert service.doubled == 0
    assert gated.count(store, "run WHERE status = 'done'") == 50
