"""A desk where money is on its way: unknown deliveries, moved worlds, two people, taking back.

Everything is brought there by the store's own verbs; the executor's part is played through
`deliveries`, as if its calls had ended so.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import desk
from gated import entries

from store import deliveries, registry, reviews
from store.actions import Action
from store.engine import Store
from store.gate import PolicyBody
from store.outputs import Reason
from store.registry import ToolFacts
from store.reports.card import card
from store.reports.queue import queue_page
from store.reports.wanted import Wanted
from store.reviews import Decided, DecisionRequest
from store.transitions import Verdict

POLICY = desk.POLICY.model_copy(
    update={"undo_seconds": {"cancel_order": 30.0}, "delay_seconds": {"refund": 5.0}}
)
_TEXT = {"type": "string"}
_REFUND = {
    "type": "object",
    "properties": {
        "customer_id": _TEXT,
        "order_id": _TEXT,
        "charge_id": _TEXT,
        "amount_minor": {"type": "integer", "minimum": 1},
        "expected_version": {"type": "integer"},
        "idempotency_key": _TEXT,
    },
    "required": ["customer_id", "order_id", "charge_id", "amount_minor"],
}
_PROMISES = {
    "expected": "expected_version",
    "precondition": {
        "tool": "get_order",
        "args": {"order_id": "order_id"},
        "value": "order.version",
    },
    "lookup": {"tool": "find_refund", "args": {"key": "key"}, "found": "refund"},
    "reversal": {"tool": "cancel_refund", "args": {"key": "key", "order_id": "args.order_id"}},
}
TOOLS = (
    ToolFacts(
        name="refund_charge",
        server="shop",
        is_write=True,
        input_schema=_REFUND,
        fingerprint="refund",
        action_kind="refund",
        customer_field="customer_id",
        order_field="order_id",
        amount_field="amount_minor",
        key_field="idempotency_key",
        connector=_PROMISES,
    ),
    ToolFacts(
        name="cancel_refund",
        server="shop",
        is_write=True,
        input_schema={"type": "object", "properties": {"key": _TEXT, "order_id": _TEXT}},
        fingerprint="cancel_refund",
        action_kind="cancel_refund",
        key_field="idempotency_key",
    ),
    ToolFacts(
        name="send_voucher",
        server="shop",
        is_write=True,
        input_schema={
            "type": "object",
            "properties": {"customer_id": _TEXT, "amount_minor": {"type": "integer"}},
        },
        fingerprint="voucher",
        action_kind="voucher",
        customer_field="customer_id",
        amount_field="amount_minor",
        key_field="idempotency_key",
    ),
)
PLAIN = desk.Case("T-3000", "I was charged twice for order ord-71487. Please refund one.")


def company(store: Store, *, now: datetime, policy: PolicyBody = POLICY) -> None:
    """Register the desk's company with tools that keep promises."""
    desk.company(store, now=now, policy=policy)
    store.transact(registry.register_tools, TOOLS)


def refund(amount_minor: int = 8_490, *, customer_id: str = "C-1042", version: int = 3) -> Action:
    """Return a refund that acts only on this version of the order."""
    return Action(
        kind="refund",
        tool="refund_charge",
        args={
            "customer_id": customer_id,
            "order_id": "ord-71487",
            "charge_id": "ch_9102",
            "amount_minor": amount_minor,
            "expected_version": version,
        },
        amount_minor=amount_minor,
        currency="EUR",
        customer_id=customer_id,
        order_id="ord-71487",
    )


def voucher(amount_minor: int = 1_500, *, customer_id: str = "C-1042") -> Action:
    """Return a voucher, which nothing can take back."""
    return Action(
        kind="voucher",
        tool="send_voucher",
        args={"customer_id": customer_id, "amount_minor": amount_minor},
        amount_minor=amount_minor,
        currency="EUR",
        customer_id=customer_id,
    )


def waiting(store: Store, external_id: str, *, now: datetime) -> int:
    """Return the review that waits on this ticket."""
    (item,) = store.read(queue_page, Wanted(search=external_id), now=now).items
    return item.review_id


def say(
    store: Store, review_id: int, verdict: Verdict, person: str, *, at: datetime, **said: Any
) -> Decided:
    """Decide what is on the card as somebody would, with no undo window."""
    request = DecisionRequest(
        decision_id=f"desk-{review_id}-{person}-{verdict}",
        review_id=review_id,
        verdict=verdict,
        person=person,
        seen_digest=store.read(card, review_id).draft.digest,
        **said,
    )
    return store.transact(reviews.decide, request, now=at, undo_seconds=0.0)


def approved(store: Store, external_id: str, *, at: datetime, **values: Any) -> int:
    """Put a ticket on the desk and have it approved; return its run."""
    case = replace(PLAIN, external_id=external_id, **{"action": refund(), **values})
    run_id, _ = desk.run(store, case, at=at)
    review_id = waiting(store, external_id, now=at)
    people = ["Ben", "Mo"][: store.read(card, review_id).people.needed]
    for person in people:
        say(store, review_id, Verdict.APPROVE, person, at=at)
    return run_id


def claimed(store: Store, run_id: int, *, at: datetime) -> deliveries.Due:
    """Lease the run's next delivery, as the executor would."""
    due = store.transact(deliveries.claim, "x", limit=99, lease_seconds=60, now=at)
    (mine,) = [entry for entry in due if entry.run_id == run_id]
    return mine


def sent(store: Store, run_id: int, *, at: datetime) -> int:
    """Deliver everything of the run; return the run."""
    while any(entry.sent_at is None for entry in entries(store, run_id)):
        entry = claimed(store, run_id, at=at)
        receipt = {"id": f"re_{entry.position}"}
        store.transact(deliveries.mark_sent, entry, receipt, latency_ms=4.0, now=at)
    return run_id


def unknown(
    store: Store, external_id: str, *, at: datetime, is_reply: bool = False, **values: Any
) -> int:
    """Have a delivery end so that nobody knows; return the review that asks."""
    run_id = approved(store, external_id, at=at, **values)
    entry = claimed(store, run_id, at=at)
    if is_reply:
        store.transact(deliveries.mark_sent, entry, {"id": "re_1"}, latency_ms=4.0, now=at)
        entry = claimed(store, run_id, at=at)
    lookup = "" if is_reply else "; the look-up did not find it"
    error = f"no answer within 10 s{lookup}"
    store.transact(deliveries.mark_unknown, entry, error, now=at)
    return waiting(store, external_id, now=at)


def moved(store: Store, external_id: str, *, at: datetime, **values: Any) -> int:
    """Have the world move under an approved draft; return the review that it came back as."""
    entry = claimed(store, approved(store, external_id, at=at, **values), at=at)
    message = "Changed since this was decided: version was 3, now it is 4"
    reason = Reason(code="changed", message=message)
    return store.transact(deliveries.mark_stale, entry, reason, {"expected_version": 4}, now=at)


def halfway(store: Store, external_id: str, *, at: datetime, person: str = "Ana") -> int:
    """Have one of two people approve; return the review."""
    desk.run(store, replace(PLAIN, external_id=external_id, action=refund(240_000)), at=at)
    review_id = waiting(store, external_id, now=at)
    say(store, review_id, Verdict.APPROVE, person, at=at)
    return review_id


def asked_back(store: Store, external_id: str, *, at: datetime, person: str = "Ana") -> int:
    """Have somebody ask to take back more than one person may; return the review."""
    run_id = sent(store, approved(store, external_id, at=at, action=refund(240_000)), at=at)
    action_id = entries(store, run_id)[0].id
    return store.transact(
        reviews.reverse,
        action_id,
        person,
        decision_id=f"back-{run_id}",
        note="The parcel did arrive",
        now=at,
    ).review_id


def fill(store: Store, *, now: datetime) -> None:
    """Put one of each on the desk."""
    company(store, now=now - timedelta(days=30))
    ago = iter(range(10, 1000, 7))

    def at() -> datetime:
        return now - timedelta(minutes=next(ago))

    unknown(store, "T-3001", at=at(), customer_id="C-1042")
    unknown(store, "T-3002", at=at(), is_reply=True, customer_id="C-1108")
    moved(store, "T-3003", at=at(), customer_id="C-1377")
    halfway(store, "T-3004", at=at())
    desk.run(store, replace(PLAIN, external_id="T-3005", action=refund(180_000)), at=at())
    asked_back(store, "T-3006", at=at())
    both = refund().model_copy(update={"also": (voucher(),)})
    desk.run(store, replace(PLAIN, external_id="T-3007", action=both), at=at())
    unknown(store, "T-3008", at=at(), action=voucher())
    desk.run(store, replace(PLAIN, external_id="T-3009", action=refund(150_000)), at=at())
    edited = waiting(store, "T-3009", now=now)
    say(store, edited, Verdict.EDIT, "Ana", at=now, reply="Hello, here is my own answer.")
    sent(store, approved(store, "T-3010", at=at()), at=at())
