"""What the write tools do inside the demo company. Each runs inside the ledger's transaction.

Every effect checks for itself that the order is the customer's and the money is still there: the
caller's authorisation is not this system's business, its own books are. Refuses with `Refused`.
All take `now`, though only money needs it.
"""

import json
import sqlite3
from datetime import datetime, timedelta
from typing import Any

from agents.demo import lookups
from agents.demo.facts import OrderFacts
from agents.demo.ledger import Refused, voided
from store.money import Money

_REFUND_DAYS = 5
_ADDRESS_LENGTH = range(8, 201)


def own_order(db: sqlite3.Connection, customer_id: str, order_id: str) -> OrderFacts:
    """Return the order if it is this customer's; raise Refused otherwise."""
    for order in lookups.orders_of(db, customer_id):
        if order.order_id == order_id:
            return order
    raise Refused(f"{order_id} is not an order of {customer_id}. Check both numbers.")


def issue_refund(
    db: sqlite3.Connection,
    *,
    customer_id: str,
    order_id: str,
    amount_minor: int,
    expected_refundable_minor: int,
    now: datetime,
) -> dict[str, Any]:
    """Pay back part of what was captured for an order, the latest charge first.

    Refuses when the order is not in the state that was decided on.
    """
    own_order(db, customer_id, order_id)
    left = amount_minor
    remaining = _refundable(db, order_id)
    total = sum(remaining.values())
    if total != expected_refundable_minor:
        raise Refused(
            f"{Money(total, 'EUR')} can be refunded for {order_id}, not the"
            f" {Money(expected_refundable_minor, 'EUR')} that was expected. Nothing was paid."
        )
    if amount_minor > total:
        raise Refused(
            f"{Money(amount_minor, 'EUR')} is more than the {Money(total, 'EUR')} that can still be"
            f" refunded for {order_id}. Nothing was paid."
        )
    expected_by = (now + timedelta(days=_REFUND_DAYS)).date().isoformat()
    refunds = []
    for charge_id, available in remaining.items():
        part = min(left, available)
        if part > 0:
            refunds.append(_record_refund(db, charge_id, part, now, expected_by))
            left -= part
    return {"refund_ids": refunds, "amount_minor": amount_minor, "expected_by": expected_by}


def reverse_refund(
    db: sqlite3.Connection, *, refund_key: str, now: datetime, **_: object
) -> dict[str, Any]:
    """Take back the refund that was issued under a key; its key can never issue one afterwards."""
    row = db.execute(
        "SELECT receipt FROM entry WHERE idempotency_key = ? AND tool = 'issue_refund'",
        (refund_key,),
    ).fetchone()
    if row is None:
        voided(db, refund_key, now)
        return {"reversed": [], "note": "no refund was issued under this key"}
    refunds: list[str] = json.loads(row["receipt"])["details"]["refund_ids"]
    db.executemany("DELETE FROM refund WHERE id = ?", [(one,) for one in refunds])
    return {"reversed": refunds}


def refundable_minor(db: sqlite3.Connection, customer_id: str, order_id: str) -> int:
    """Return what can still be paid back for the customer's order; 0 if it is not theirs."""
    own = db.execute(
        "SELECT 1 FROM orders WHERE id = ? AND customer_id = ?", (order_id, customer_id)
    ).fetchone()
    return sum(_refundable(db, order_id).values()) if own else 0


def _refundable(db: sqlite3.Connection, order_id: str) -> dict[str, int]:
    rows = db.execute(
        "SELECT c.id, c.amount_minor - coalesce(sum(r.amount_minor), 0) AS remaining"
        " FROM charge c LEFT JOIN refund r ON r.charge_id = c.id"
        " WHERE c.order_id = ? AND c.status = 'captured' GROUP BY c.id"
        " ORDER BY c.made_at DESC, c.id DESC",
        (order_id,),
    )
    return {row["id"]: row["remaining"] for row in rows}


def _record_refund(
    db: sqlite3.Connection, charge_id: str, amount_minor: int, now: datetime, expected_by: str
) -> str:
    number = db.execute(  # grows with every effect, so that a reversal frees no number
        "SELECT (SELECT count(*) FROM refund) + (SELECT count(*) FROM entry)"
    ).fetchone()[0]
    refund_id = f"RF-N{number + 1:05d}"
    db.execute(
        "INSERT INTO refund SELECT ?, customer_id, order_id, id, ?, 'processing', ?, ?"
        " FROM charge WHERE id = ?",
        (refund_id, amount_minor, now.date().isoformat(), expected_by, charge_id),
    )
    return refund_id


def cancel_order(
    db: sqlite3.Connection, *, customer_id: str, order_id: str, **_: object
) -> dict[str, Any]:
    """Cancel an order that is not packed yet and release its authorisation."""
    order = own_order(db, customer_id, order_id)
    if not order.can_cancel:
        raise Refused(f"{order_id} is {order.status} and can no longer be cancelled.")
    db.execute("UPDATE orders SET status = 'cancelled' WHERE id = ?", (order_id,))
    db.execute(
        "UPDATE charge SET status = 'released' WHERE order_id = ? AND status = 'authorised'",
        (order_id,),
    )
    return {"status": "cancelled", "released_minor": order.total_minor}


def change_address(
    db: sqlite3.Connection, *, customer_id: str, order_id: str, address: str, **_: object
) -> dict[str, Any]:
    """Send an order that is not packed yet to another address."""
    order = own_order(db, customer_id, order_id)
    wanted = " ".join(address.split())
    if not order.can_change_address:
        raise Refused(f"{order_id} is {order.status}; its address can no longer be changed.")
    if len(wanted) not in _ADDRESS_LENGTH:
        raise Refused("That is not a postal address: street, number, postcode and town are needed.")
    db.execute("UPDATE orders SET ships_to = ? WHERE id = ?", (wanted, order_id))
    return {"was": order.ships_to, "ships_to": wanted}


def cancel_membership(db: sqlite3.Connection, *, customer_id: str, **_: object) -> dict[str, Any]:
    """End a membership when the paid term is over."""
    found = lookups.membership(db, customer_id)
    if not found.is_member:
        raise Refused(f"{customer_id} has no membership to cancel.")
    if found.status == "ending":
        raise Refused(f"The membership of {customer_id} already ends on {found.renews_on}.")
    db.execute("UPDATE membership SET status = 'ending' WHERE customer_id = ?", (customer_id,))
    return {"ends_on": found.renews_on}


def create_replacement(
    db: sqlite3.Connection, *, customer_id: str, order_id: str, amount_minor: int, **_: object
) -> dict[str, Any]:
    """Send the goods of an order again, free of charge, at most once per order."""
    order = own_order(db, customer_id, order_id)
    if order.has_replacement:
        raise Refused(f"A replacement for {order_id} is already on its way.")
    if order.status not in ("shipped", "delivered"):
        raise Refused(f"{order_id} is {order.status}; there is nothing to replace yet.")
    if amount_minor > order.total_minor:
        raise Refused(f"{order_id} was worth {Money(order.total_minor, 'EUR')}, not more.")
    return {"replaces": order_id, "items": order.item_names, "worth_minor": amount_minor}


def send_return_label(
    db: sqlite3.Connection, *, customer_id: str, order_id: str, **_: object
) -> dict[str, Any]:
    """Send a return label for a delivered order."""
    order = own_order(db, customer_id, order_id)
    if order.status != "delivered":
        raise Refused(f"{order_id} has not been delivered, so it cannot be sent back.")
    return {"label_for": order_id, "send_by": (order.return_until or "")[:10]}


def resend_invoice(
    db: sqlite3.Connection, *, customer_id: str, order_id: str, **_: object
) -> dict[str, Any]:
    """Send the invoice of an order again, to the address in the customer's own record."""
    own_order(db, customer_id, order_id)
    return {"invoice": f"INV-{order_id[3:]}", "sent_to": _email(db, customer_id)}


def send_reply(
    db: sqlite3.Connection, *, ticket_id: str, customer_id: str | None, text: str, **_: object
) -> dict[str, Any]:
    """Send the answer to the recorded address, without a customer to the ticket's channel."""
    if not text.strip():
        raise Refused("An empty answer is not sent.")
    sent_to = "the ticket's channel" if customer_id is None else _email(db, customer_id)
    return {"ticket_id": ticket_id, "sent_to": sent_to, "characters": len(text)}


def _email(db: sqlite3.Connection, customer_id: str) -> str:
    row = db.execute("SELECT email FROM customer WHERE id = ?", (customer_id,)).fetchone()
    if row is None:
        raise Refused(f"There is no customer {customer_id}. Nothing was sent.")
    email: str = row["email"]
    return email
