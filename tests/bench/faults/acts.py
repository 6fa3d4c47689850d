"""What each write tool of the payment service does to its books, inside one write transaction.

A refusal begins with REFUSED and means that nothing was done.
"""

import json
import sqlite3
from collections.abc import Callable

from bench.faults import books
from bench.faults.books import Answer, Call

Act = Callable[[sqlite3.Connection, Call, float], Answer]


def issue_refund(db: sqlite3.Connection, call: Call, now: float) -> Answer:
    """Pay back part of an order that is still as the caller saw it."""
    order = books.order_state(db, call.body["order_id"])
    amount, expected = call.body["amount_minor"], call.body["expected_version"]
    if order is None or order["customer_id"] != call.body["customer_id"]:
        return Answer("REFUSED: that is not an order of this customer")
    if order["version"] != expected:
        return Answer(f"REFUSED: changed; the order is at {order['version']}, not at {expected}")
    if amount > order["refundable_minor"]:
        return Answer(f"REFUSED: only {order['refundable_minor']} can still be refunded")
    _move(db, order["order_id"], -amount)
    return books.book(db, call, now=now, amount_minor=amount, version=expected + 1)


def reverse_refund(db: sqlite3.Connection, call: Call, now: float) -> Answer:
    """Take a refund back, once, or make sure that it never happens.

    `refund_id` may also be the key the refund was asked for with: if nothing was done under it, a
    request that is still on its way under that key is refused from now on.
    """
    subject = call.body["refund_id"]
    refund = _refund(db, call)
    undoes = f"never:{subject}" if refund is None else f"effect:{refund['id']}"
    done = db.execute("SELECT receipt FROM effect WHERE undoes = ?", (undoes,)).fetchone()
    if done is not None:
        return Answer(json.loads(done["receipt"]))
    if refund is None:
        if db.execute("SELECT 1 FROM saved WHERE idempotency_key = ?", (subject,)).fetchone():
            db.execute("DELETE FROM saved WHERE idempotency_key = ?", (subject,))
        words = Answer("REFUSED: it was reversed before it happened")
        books.save(db, subject, None, words, now=now)
        return books.book(db, call, now=now, undoes=undoes, reversed=False)
    if refund["amount_minor"] != call.body["amount_minor"]:
        return Answer(f"REFUSED: that refund was {refund['amount_minor']}")
    _move(db, refund["order_id"], refund["amount_minor"])
    amount = -refund["amount_minor"]
    return books.book(db, call, now=now, amount_minor=amount, undoes=undoes, reversed=True)


def send_reply(db: sqlite3.Connection, call: Call, now: float) -> Answer:
    """Send the customer an answer."""
    return books.book(db, call, now=now, ticket_id=call.body["ticket_id"])


def send_letter(db: sqlite3.Connection, call: Call, now: float) -> Answer:
    """Post a letter: every call is another letter."""
    return books.book(db, call, now=now)


def _move(db: sqlite3.Connection, order_id: str, amount_minor: int) -> None:
    db.execute(
        "UPDATE orders SET version = version + 1, refundable_minor = refundable_minor + ?"
        " WHERE order_id = ?",
        (amount_minor, order_id),
    )


def _refund(db: sqlite3.Connection, call: Call) -> sqlite3.Row | None:
    subject = call.body["refund_id"]
    number = int(subject[3:]) if subject.startswith("RF-") and subject[3:].isdigit() else None
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM effect WHERE tool = 'issue_refund' AND customer_id = ? AND order_id = ?"
        " AND (id = ? OR idempotency_key = ?) ORDER BY id",
        (call.body["customer_id"], call.body["order_id"], number, subject),
    ).fetchone()
    return row
