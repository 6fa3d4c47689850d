"""A thousand forgeries by somebody who can write every table: none makes the executor pay.

The service takes no keys here, so a delivery repeated shows as well as one invented.
"""

from collections.abc import Iterator, Mapping, Sequence
from random import Random

import fake_payments
import forgeries
import gated
import many_cases
import pytest
from builders import NOW
from fake_payments import CONDITIONAL, Booking, FakePayments, Mishap
from forger import forging
from forgeries import Forgery
from sqlmodel import Session, select

from store import reviews, undoing
from store.actions import Action
from store.engine import Store
from store.schema import Run, Ticket
from store.settings import Settings
from store.transitions import ReviewKind, RunStatus, Verdict
from store.writer import GroupWriter

CASES = 1_000
CONTROLS = 10
LARGE_MINOR = 150_000  # more than one person may approve


class Desk:
    """Cases in every state that is worth forging, made by the verbs and the executor."""

    def __init__(self, store: Store, writer: GroupWriter, service: FakePayments) -> None:
        self._store = store
        self._writer = writer
        self._service = service
        self._orders = 0

    async def deliver(self) -> None:
        await many_cases.executor(self._store, self._writer, self._service).work()

    def passed(self, cases: int) -> list[int]:
        made = self._store.transact(many_cases.passed, self._actions(cases))
        return [case.run_id for case in made]

    def waiting(self, cases: int) -> list[int]:
        made = self._store.transact(many_cases.waiting, self._actions(cases))
        return [case.run_id for case in made]

    def decided(
        self, verdict: Verdict, cases: int, amount_minor: int = 4_250, version: int | None = None
    ) -> list[int]:
        actions = self._actions(cases, amount_minor, version)
        made = self._store.transact(many_cases.waiting, actions)
        reason = {"reason_code": "wrong_facts"} if verdict is Verdict.REJECT else {}

        def decide_all(session: Session) -> None:
            for case in made:
                request = case.verdict(verdict, decision_id=f"decided-{case.run_id}", **reason)
                reviews.decide(session, request, now=NOW, undo_seconds=0)

        self._store.transact(decide_all)
        return [case.run_id for case in made]

    def undone(self, cases: int) -> list[int]:
        runs = self.decided(Verdict.APPROVE, cases)

        def undo_all(session: Session) -> None:
            for run in runs:
                undoing.undo(session, f"decided-{run}", "Ana", now=NOW)

        self._store.transact(undo_all)
        return runs

    async def sent(self, cases: int) -> list[int]:
        runs = self.passed(cases // 2) + self.decided(Verdict.APPROVE, cases - cases // 2)
        await self.deliver()
        return runs

    async def stale(self, cases: int) -> list[int]:
        """Return approvals of orders that had moved, and now are what they were."""
        first = self._orders
        runs = self.decided(Verdict.APPROVE, cases, version=1)
        orders = [self._service.order(f"O-{first + n}") for n in range(cases)]
        for order in orders:
            order.version = 2
        await self.deliver()
        for order in orders:
            order.version = 1
        return runs

    async def answered(self, verdict: Verdict, cases: int) -> list[int]:
        runs = self.passed(cases)
        self._service.mishap = Mishap.REPLY_LOST
        await self.deliver()
        self._service.mishap = None
        asked = many_cases.open_reviews(self._store, ReviewKind.UNKNOWN_DELIVERY)

        def answer_all(session: Session) -> None:
            for review in asked:
                request = reviews.DecisionRequest(
                    f"answer-{review.id}", review.id or 0, verdict, "Ana", review.payload_digest
                )
                reviews.decide(session, request, now=NOW, undo_seconds=0)

        self._store.transact(answer_all)
        await self.deliver()
        return runs

    def _actions(
        self, cases: int, amount_minor: int = 4_250, version: int | None = None
    ) -> Sequence[Action]:
        numbers = range(self._orders, self._orders + cases)
        self._orders += cases
        return [
            fake_payments.refund(n, amount_minor, customer_id=f"C-{n}", version=version)
            for n in numbers
        ]


SHAPES = [
    forgeries.OF_A_WAITING_DRAFT,
    forgeries.OF_A_REJECTION,
    forgeries.OF_A_FIRST_APPROVAL,
    forgeries.OF_AN_APPROVAL,
    forgeries.OF_A_PASS,
    forgeries.OF_A_DELIVERY,
    forgeries.OF_AN_UNDONE_APPROVAL,
    forgeries.OF_A_STALE_APPROVAL,
    forgeries.OF_WHAT_HAPPENED,
    forgeries.OF_WHAT_WAS_SENT_AGAIN,
]
EACH = -(-CASES // sum(len(shapes) for shapes in SHAPES))


async def prepared(desk: Desk) -> list[tuple[int, str, Forgery]]:
    """Return a thousand runs, each with the forgery that it is there for."""
    many = [EACH * len(shapes) for shapes in SHAPES]
    delivered = await desk.sent(many[5])
    stale = await desk.stale(many[7])
    happened = await desk.answered(Verdict.HAPPENED, many[8])
    again = await desk.answered(Verdict.SEND_AGAIN, many[9])
    runs = [
        desk.waiting(many[0]),
        desk.decided(Verdict.REJECT, many[1]),
        desk.decided(Verdict.APPROVE, many[2], LARGE_MINOR),
        desk.decided(Verdict.APPROVE, many[3]),
        desk.passed(many[4]),
        delivered,
        desk.undone(many[6]),
        stale,
        happened,
        again,
    ]
    return [
        pair for mine, shapes in zip(runs, SHAPES, strict=True) for pair in _dealt(mine, shapes)
    ]


def _dealt(
    runs: Sequence[int], shapes: Mapping[str, Forgery]
) -> Iterator[tuple[int, str, Forgery]]:
    for place, (name, forge) in enumerate(shapes.items()):
        for run in runs[place * EACH : (place + 1) * EACH]:
            yield run, name, forge


@pytest.fixture
def service() -> FakePayments:
    return FakePayments()


@pytest.fixture
def desk(store: Store, service: FakePayments) -> Iterator[Desk]:
    store.transact(fake_payments.company, key_field=None, connector=CONDITIONAL)
    writer = GroupWriter(store)
    yield Desk(store, writer, service)
    writer.close()


async def test_no_forgery_makes_the_executor_pay(
    store: Store, settings: Settings, desk: Desk, service: FakePayments
) -> None:
    cases = await prepared(desk)
    assert len(cases) >= CASES
    genuine = desk.passed(CONTROLS) + desk.decided(Verdict.APPROVE, CONTROLS)
    paid = len(service.ledger)
    random = Random("forgeries")
    random.shuffle(cases)
    with forging(settings, random) as forger:
        for run, _, forge in cases:
            forge(forger, run)
    forged = gated.count(store, "outbox WHERE status = 'pending'") - len(genuine)
    assert forged >= len(cases), "each of them waits to be delivered"
    await desk.deliver()

    shapes = {run: name for run, name, _ in cases}
    paid_for = [run_of(store, booking) for booking in service.ledger[paid:]]
    assert [shapes[run] for run in paid_for if run in shapes] == []
    assert sorted(paid_for) == sorted(genuine)
    assert {gated.status(store, run) for run in genuine} == {RunStatus.DONE}


def run_of(store: Store, booking: Booking) -> int:
    """Return the run whose customer was paid: every case has its own."""
    wanted = select(Run.id).join(Ticket).where(Ticket.customer_id == booking.customer_id)
    return store.read(lambda session: session.exec(wanted).one()) or 0


async def test_what_is_taken_out_of_the_trail_does_not_become_deliverable_again(
    store: Store, settings: Settings, desk: Desk, service: FakePayments
) -> None:
    shapes = forgeries.OUT_OF_THE_TRAIL
    runs = [*await desk.sent(10), *desk.undone(10), *await desk.stale(10)]
    paid = len(service.ledger)
    with forging(settings, Random("trail")) as forger:
        for place, forge in enumerate(shapes.values()):
            for run in runs[10 * place : 10 * place + 10]:
                forge(forger, run)
    genuine = desk.passed(CONTROLS)
    await desk.deliver()
    fresh = [run_of(store, booking) for booking in service.ledger[paid:]]
    assert sorted(fresh) == genuine, "what is authorised from now on, and nothing else"


async def test_a_reply_goes_to_nobody_but_the_drafts_own_customer(
    store: Store, settings: Settings
) -> None:
    store.transact(fake_payments.company, has_reply=True)
    service = FakePayments()
    runs = store.transact(many_cases.passed, [fake_payments.refund(n) for n in range(4)])
    with forging(settings, Random("replies")) as forger:
        for case in runs[:2]:
            forger.sql(
                "UPDATE ticket SET customer_id = 'C-666' WHERE id ="
                " (SELECT ticket_id FROM run WHERE id = ?)",
                case.run_id,
            )
            forger.sql(
                "UPDATE outbox SET body = json_set(body, '$.customer_id', 'C-666')"
                " WHERE run_id = ? AND kind = 'reply'",
                case.run_id,
            )
    writer = GroupWriter(store)
    await many_cases.executor(store, writer, service).work()
    writer.close()
    replies = [booking.customer_id for booking in service.ledger if booking.tool == "send_reply"]
    assert replies == ["C-1", "C-1"]
    assert len(service.ledger) == 6, "the refunds themselves were not touched"
