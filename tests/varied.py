"""A store in which everything that can happen to a case has happened, through the verbs alone.

Healthy by construction: whoever looks for what must never be has to find nothing here.
"""

from datetime import datetime, timedelta
from uuid import uuid4

import builders
import gated
from sqlmodel import Session

from store import deliveries, holds, interventions, registry, reviews, undoing
from store.actions import reply_only
from store.deliveries import Due
from store.engine import Store
from store.gate import PolicyBody
from store.outputs import Reason
from store.reports.queue import queue_page
from store.transitions import OutboxStatus, Verdict

POLICY = PolicyBody(daily_cap_minor=1_000_000, two_person_above_minor=100_000)
LARGE = builders.refund(250_000)
VOID = registry.ToolFacts(
    name="void_refund",
    server="shop",
    is_write=True,
    input_schema={"type": "object"},
    fingerprint="v1",
    customer_field="customer_id",
    key_field="idempotency_key",
)
CONNECTOR = (
    '{"reversal": {"tool": "void_refund", "args": {"customer_id": "args.customer_id",'
    ' "refund": "key"}}}'
)
DECLINED = "the card is closed"


def open_shop(store: Store) -> None:
    """Register the company; its refunds can be taken back."""

    def register(session: Session) -> None:
        builders.company(session, policy=POLICY)
        registry.register_tools(session, [VOID])

    store.transact(register)
    gated.execute(
        store, "UPDATE tool SET connector = :it WHERE name = 'issue_refund'", it=CONNECTOR
    )


def decide(store: Store, request: reviews.DecisionRequest, now: datetime) -> reviews.Decided:
    """Decide, with no time to undo."""
    return store.transact(reviews.decide, request, now=now, undo_seconds=0.0)


def due(store: Store, now: datetime) -> list[Due]:
    """Lease whatever is due."""
    return store.transact(deliveries.claim, "x", limit=99, lease_seconds=600, now=now)


def send_all(store: Store, now: datetime) -> None:
    """Deliver whatever is due, and what becomes due by that."""
    while entries := due(store, now):
        for entry in entries:
            store.transact(
                deliveries.mark_sent, entry, {"id": entry.id[:8]}, latency_ms=1.0, now=now
            )


def waiting(store: Store, run_id: int, now: datetime) -> int:
    """Return the review that waits on the run."""
    items = store.read(queue_page, now=now, limit=10_000).items
    return next(item.review_id for item in items if item.run_id == run_id)


def on_what_waits(
    store: Store, case: gated.Gated, verdict: Verdict, person: str, now: datetime
) -> reviews.DecisionRequest:
    """Return this person's verdict on the review that waits on the case's run."""
    review = gated.review(store, waiting(store, case.run_id, now))
    assert review.id is not None
    reason = "wrong_facts" if verdict is Verdict.REJECT else None
    return reviews.DecisionRequest(
        uuid4().hex, review.id, verdict, person, review.payload_digest, reason_code=reason
    )


def lose(store: Store, now: datetime) -> None:
    """Let whatever is due come to an end that nobody knows."""
    for entry in due(store, now):
        store.transact(deliveries.mark_unknown, entry, "no answer", now=now)


def sent_refund(store: Store, case: gated.Gated) -> str:
    """Return the id of the run's refund that was sent."""
    entries = gated.entries(store, case.run_id)
    return next(
        one.id for one in entries if one.kind == "refund" and one.status is OutboxStatus.SENT
    )


def by_the_gate_and_by_people(store: Store, now: datetime) -> None:
    """Passes, an audit, approvals, edits, rejections, undos, a blocked draft, one of two people."""
    gated.passed(store)
    gated.passed(store, action=reply_only("C-1"))
    decide(store, gated.case(store).approve(), now)
    decide(store, gated.case(store).edit(reply="Other words"), now)
    decide(store, gated.case(store).reject(), now)
    decide(store, gated.case(store, blocks=(Reason(code="x", message="no"),)).reject("Ben"), now)
    for undone in (gated.case(store).approve(), gated.case(store).reject()):
        decided = store.transact(reviews.decide, undone, now=now, undo_seconds=10)
        store.transact(undoing.undo, decided.decision_id, "Mo", now=now)
    large = gated.case(store, action=LARGE)
    decide(store, large.approve("Ana"), now)
    decide(store, large.approve("Ben"), now)
    decide(store, gated.case(store, action=LARGE).approve("Ana"), now)
    edited = gated.case(store, action=LARGE)
    decide(store, edited.edit("Ana", reply="Better words"), now)
    for person in ("Ben", "Mo"):
        decide(store, on_what_waits(store, edited, Verdict.APPROVE, person, now), now)
    send_all(store, now)


def by_mishap(store: Store, now: datetime) -> None:
    """Unknown ends and every answer to one, a failure, a moved world, a crash, a hold."""
    for verdict in (Verdict.HAPPENED, Verdict.SEND_AGAIN, Verdict.REVERSE):
        case = gated.passed(store)
        lose(store, now)
        decide(store, on_what_waits(store, case, verdict, "Ben", now), now)
        send_all(store, now)
    gated.passed(store)
    lose(store, now)  # and nobody has answered
    failed = gated.passed(store)
    for entry in due(store, now):
        store.transact(deliveries.mark_failed, entry, DECLINED, now=now)
    store.transact(interventions.retry, failed.run_id, person="Mo", now=now)
    moved = Reason(code="world_moved", message="the order is not as it was")
    stale = gated.passed(store)
    for entry in due(store, now):
        store.transact(deliveries.mark_stale, entry, moved, {"amount_minor": 100}, now=now)
    decide(store, on_what_waits(store, stale, Verdict.APPROVE, "Ana", now), now)
    send_all(store, now)
    gated.passed(store)
    store.transact(deliveries.claim, "dead", limit=9, lease_seconds=-1, now=now)
    store.transact(deliveries.reap, now=now)
    send_all(store, now)
    store.transact(holds.set_hold, person="Mo", kind=None, is_held=True, now=now)
    gated.passed(store)
    send_all(store, now)


def taken_back(store: Store, now: datetime) -> None:
    """Reversals: of a small sum, of a large one by two people, one refused, one undone."""
    small, refused, undone = (gated.case(store) for _ in range(3))
    large = gated.case(store, action=LARGE)
    for case in (small, refused, undone):
        decide(store, case.approve(), now)
    for person in ("Ana", "Ben"):
        decide(store, large.approve(person), now)
    send_all(store, now)
    later = now + timedelta(seconds=5)
    take_back(store, small, "Ana", later)
    take_back(store, large, "Ana", later)
    decide(store, on_what_waits(store, large, Verdict.APPROVE, "Ben", later), later)
    for case in (refused, undone):
        decided = take_back(store, case, "Mo", later, undo_seconds=10.0)
        store.transact(undoing.undo, decided.decision_id, "Mo", now=later)
    decide(store, on_what_waits(store, refused, Verdict.REJECT, "Ben", later), later)
    send_all(store, later)


def take_back(
    store: Store, case: gated.Gated, person: str, now: datetime, undo_seconds: float = 0.0
) -> reviews.Decided:
    """Ask to have the case's refund taken back."""
    return store.transact(
        reviews.reverse,
        sent_refund(store, case),
        person,
        decision_id=uuid4().hex,
        now=now,
        undo_seconds=undo_seconds,
    )


def fill(store: Store, now: datetime) -> None:
    """Let everything happen."""
    open_shop(store)
    by_the_gate_and_by_people(store, now)
    by_mishap(store, now)
    taken_back(store, now)
