"""The orders that the payment service deals with, and what others do to them past its tools."""

from collections.abc import Iterable
from sqlite3 import Connection

from bench.faults import books


def add_orders(db: Connection, orders: Iterable[tuple[str, str, int]]) -> None:
    """Add orders as (order_id, customer_id, total_minor), at version 1 and refundable in full."""
    rows = [(order, customer, total, total) for order, customer, total in orders]
    statement = (
        "INSERT INTO orders (order_id, customer_id, total_minor, refundable_minor)"
        " VALUES (?, ?, ?, ?)"
    )
    books.write(db, lambda: db.executemany(statement, rows))


def change_order(db: Connection, order_id: str) -> None:
    """Change something about the order that is not money; its version moves on."""
    statement = "UPDATE orders SET version = version + 1 WHERE order_id = ?"
    books.write(db, lambda: db.execute(statement, (order_id,)))


def refund_elsewhere(db: Connection, order_id: str) -> int:
    """Pay back all that is left of an order, past this service's tools; return how much."""

    def act() -> int:
        left: int = db.execute(
            "SELECT refundable_minor FROM orders WHERE order_id = ?", (order_id,)
        ).fetchone()[0]
        db.execute(
            "UPDATE orders SET version = version + 1, refundable_minor = 0,"
            " elsewhere_minor = elsewhere_minor + ? WHERE order_id = ?",
            (left, order_id),
        )
        return left

    return books.write(db, act)
