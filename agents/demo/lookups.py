"""The read-only questions to the demo company's database; nothing here writes.

An empty order, stage or month means that none was named. An order that is not the customer's own is
not even repeated: what stands in a fact beside a customer belongs to that customer.
"""

import sqlite3
from datetime import date, timedelta

from agents.demo.charges import explain
from agents.demo.facts import (
    ChargeLine,
    ChargesFound,
    CustomerFacts,
    ItemFacts,
    MembershipFound,
    OrderFacts,
    OrdersFound,
    RefundFacts,
    RefundsFound,
    ShipmentFacts,
    ShipmentFound,
)
from agents.demo.world import RETURN_DAYS, WARRANTY_DAYS

_ORDERS = """
SELECT o.id AS order_id, o.status, o.placed_at, o.ships_to, s.delivered_on,
  EXISTS (SELECT 1 FROM entry e WHERE e.order_id = o.id AND e.tool = 'create_replacement')
    AS has_replacement,
  EXISTS (SELECT 1 FROM entry e WHERE e.order_id = o.id AND e.tool = 'send_return_label')
    AS has_return_label
FROM orders o LEFT JOIN shipment s ON s.order_id = o.id
WHERE o.customer_id = ? ORDER BY o.placed_at, o.id
"""
_RECENT_DAYS = 90  # a request without an order number means something recent


def customer(db: sqlite3.Connection, customer_id: str) -> CustomerFacts:
    """Return who the customer is; an unknown id is a fact, not an error."""
    row = db.execute("SELECT * FROM customer WHERE id = ?", (customer_id,)).fetchone()
    if row is None:
        return CustomerFacts(customer_id=customer_id, is_known=False)
    return CustomerFacts(
        customer_id=customer_id,
        is_known=True,
        first_name=row["name"].split(" ", 1)[0],
        address=row["address"],
        joined_on=row["joined_on"],
    )


def orders_of(db: sqlite3.Connection, customer_id: str) -> list[OrderFacts]:
    """Return all orders of the customer, oldest first."""
    rows = db.execute(_ORDERS, (customer_id,)).fetchall()
    return [_order(db, row) for row in rows]


def _order(db: sqlite3.Connection, row: sqlite3.Row) -> OrderFacts:
    items = [
        ItemFacts(**dict(item))
        for item in db.execute(
            "SELECT sku, name, quantity, price_minor FROM item WHERE order_id = ? ORDER BY sku",
            (row["order_id"],),
        )
    ]
    is_open = row["status"] == "processing"
    delivered_on = row["delivered_on"]
    return OrderFacts(
        order_id=row["order_id"],
        placed_on=row["placed_at"][:10],
        status=row["status"],
        articles=items,
        item_names=", ".join(item.name for item in items),
        total_minor=sum(item.quantity * item.price_minor for item in items),
        ships_to=row["ships_to"],
        can_cancel=is_open,
        can_change_address=is_open,
        delivered_on=delivered_on,
        return_until=_end_of_day(delivered_on, RETURN_DAYS),
        warranty_until=_end_of_day(delivered_on, WARRANTY_DAYS),
        has_replacement=bool(row["has_replacement"]),
        has_return_label=bool(row["has_return_label"]),
    )


def _end_of_day(day: str | None, days_later: int) -> str | None:
    if day is None:
        return None
    return f"{date.fromisoformat(day) + timedelta(days=days_later)}T23:59:59+00:00"


def find_orders(
    db: sqlite3.Connection,
    customer_id: str,
    order_id: str,
    stage: str,
    today: date,
) -> OrdersFound:
    """Return the orders a request can mean: the one it names, else the recent ones in `stage`."""
    all_orders = orders_of(db, customer_id)
    since = (today - timedelta(days=_RECENT_DAYS)).isoformat()
    if order_id:
        matches = [order for order in all_orders if order.order_id == order_id]
    else:
        matches = [
            order
            for order in all_orders
            if not stage or (order.status == stage and order.placed_on >= since)
        ]
    return OrdersFound(
        customer_id=customer_id,
        asked_order_id=order_id if order_id and matches else None,
        is_unknown_order=bool(order_id) and not matches,
        matches=matches,
        latest=all_orders[-1] if all_orders else None,
    )


def find_shipment(db: sqlite3.Connection, customer_id: str, order_id: str) -> ShipmentFound:
    """Return the parcel meant: of the order named, else the one under way, else the latest."""
    parcels = [_shipment(db, order) for order in orders_of(db, customer_id)]
    if order_id:
        candidates = [parcel for parcel in parcels if parcel.order_id == order_id]
    else:
        under_way = [parcel for parcel in parcels if parcel.status not in ("delivered", "none")]
        arrived = [parcel for parcel in parcels if parcel.status == "delivered"]
        candidates = under_way or arrived[-1:]
    return ShipmentFound(
        customer_id=customer_id,
        asked_order_id=order_id if order_id and candidates else None,
        is_unknown_order=bool(order_id) and not candidates,
        shipment=candidates[0] if len(candidates) == 1 else None,
        candidates=candidates,
    )


def _shipment(db: sqlite3.Connection, order: OrderFacts) -> ShipmentFacts:
    row = db.execute("SELECT * FROM shipment WHERE order_id = ?", (order.order_id,)).fetchone()
    fixed = ShipmentFacts(
        order_id=order.order_id,
        status="none" if order.status == "cancelled" else "preparing",
        item_names=order.item_names,
        value_minor=order.total_minor,
        placed_on=order.placed_on,
        has_replacement=order.has_replacement,
    )
    if row is None:
        return fixed
    known = {key: row[key] for key in row.keys() if key != "order_id"}  # noqa: SIM118
    return fixed.model_copy(update=known)


def find_charges(db: sqlite3.Connection, customer_id: str, month: str) -> ChargesFound:
    """Return the customer's charges with duplicates, holds and fee pairs told apart."""
    rows = db.execute(
        "SELECT * FROM charge WHERE customer_id = ? AND status != 'released' ORDER BY made_at, id",
        (customer_id,),
    ).fetchall()
    lines = [
        ChargeLine(
            charge_id=row["id"],
            order_id=row["order_id"],
            purpose=row["purpose"],
            status=row["status"],
            amount_minor=row["amount_minor"],
            made_on=row["made_at"][:10],
            drops_off_on=row["drops_off_on"],
        )
        for row in rows
    ]
    refunded = db.execute("SELECT charge_id FROM refund WHERE customer_id = ?", (customer_id,))
    return explain(customer_id, month or None, lines, [row["charge_id"] for row in refunded])


def find_refunds(db: sqlite3.Connection, customer_id: str, order_id: str) -> RefundsFound:
    """Return refunds, newest last, of the customer or of one order."""
    rows = db.execute(
        "SELECT id AS refund_id, order_id, amount_minor, status, issued_on, expected_by"
        " FROM refund WHERE customer_id = ? AND (? = '' OR order_id = ?)"
        " ORDER BY issued_on, id",
        (customer_id, order_id, order_id),
    ).fetchall()
    refunds = [RefundFacts(**dict(row)) for row in rows]
    is_theirs = db.execute(
        "SELECT 1 FROM orders WHERE id = ? AND customer_id = ?", (order_id, customer_id)
    ).fetchone()
    return RefundsFound(
        customer_id=customer_id,
        asked_order_id=order_id if is_theirs else None,
        is_unknown_order=bool(order_id) and is_theirs is None,
        refunds=refunds,
        latest=refunds[-1] if refunds else None,
    )


def membership(db: sqlite3.Connection, customer_id: str) -> MembershipFound:
    """Return the customer's membership; not being a member is a fact, not an error."""
    row = db.execute("SELECT * FROM membership WHERE customer_id = ?", (customer_id,)).fetchone()
    if row is None:
        return MembershipFound(customer_id=customer_id, is_member=False)
    return MembershipFound(is_member=True, **dict(row))
