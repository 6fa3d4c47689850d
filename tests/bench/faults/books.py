"""The payment service's own durable file: orders, everything done to them, keys with their answers.

A second system, not Greenlight's store. The service's process is the only one that books; the
campaign opens the same file to read it.
"""

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pysqlite3 import dbapi2

T = TypeVar("T")
_BUSY_SECONDS = 30.0
_TABLES = """
CREATE TABLE IF NOT EXISTS orders (
    order_id TEXT PRIMARY KEY,
    customer_id TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    total_minor INTEGER NOT NULL,
    elsewhere_minor INTEGER NOT NULL DEFAULT 0,
    refundable_minor INTEGER NOT NULL CHECK (refundable_minor >= 0)
) STRICT;
CREATE TABLE IF NOT EXISTS effect (
    id INTEGER PRIMARY KEY,
    tool TEXT NOT NULL,
    idempotency_key TEXT,  -- never unique: a service that forgets keys acts twice, and this shows it
    customer_id TEXT NOT NULL,
    order_id TEXT,
    amount_minor INTEGER NOT NULL,
    undoes TEXT UNIQUE,
    body TEXT NOT NULL,
    receipt TEXT NOT NULL,
    made_at REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS effect_key ON effect (idempotency_key);
CREATE TABLE IF NOT EXISTS saved (
    idempotency_key TEXT PRIMARY KEY,
    request TEXT,  -- NULL: whatever comes under this key is answered so
    is_error INTEGER NOT NULL,
    answer TEXT NOT NULL,
    made_at REAL NOT NULL
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a write tool says: a receipt, or an error's words."""

    body: dict[str, Any] | str

    @property
    def is_error(self) -> bool:
        return isinstance(self.body, str)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a write tool; `key` is None where the tool takes none."""

    tool: str
    body: Mapping[str, Any]
    key: str | None

    @property
    def text(self) -> str:
        return json.dumps([self.tool, dict(self.body)], sort_keys=True)


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, creating it; every commit is on disk before it returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    db: sqlite3.Connection = dbapi2.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    db.row_factory = dbapi2.Row
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.executescript(_TABLES)
    return db


def write(db: sqlite3.Connection, act: Callable[[], T]) -> T:
    """Run `act` in one write transaction: all of it or, when it raises, none of it."""
    db.execute("BEGIN IMMEDIATE")
    try:
        result = act()
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return result


# ---- Reading


def order_state(db: sqlite3.Connection, order_id: str) -> dict[str, Any] | None:
    """Return the order as the tools show it, or None."""
    row = db.execute(
        "SELECT order_id, customer_id, version, refundable_minor FROM orders WHERE order_id = ?",
        (order_id,),
    ).fetchone()
    return None if row is None else dict(row)


def find_effect(db: sqlite3.Connection, key: str) -> dict[str, Any] | None:
    """Return the receipt of what was done under the key, even one that is forgotten as a key."""
    row = db.execute(
        "SELECT receipt FROM effect WHERE idempotency_key = ? ORDER BY id", (key,)
    ).fetchone()
    return None if row is None else json.loads(row["receipt"])


def count_letters(db: sqlite3.Connection, order_id: str) -> int:
    """Return how many letters were posted about the order."""
    count: int = db.execute(
        "SELECT count(*) FROM effect WHERE tool = 'send_letter' AND order_id = ?", (order_id,)
    ).fetchone()[0]
    return count


def totals(db: sqlite3.Connection) -> dict[str, int]:
    """Return how many calls were carried out and the sum of the amounts they were asked for.

    A reversal's amount counts too, so that this compares with what the other side has sent.
    """
    row = db.execute(
        "SELECT count(*) AS entries,"
        " coalesce(sum(json_extract(body, '$.amount_minor')), 0) AS amount_minor FROM effect"
    ).fetchone()
    return dict(row)


def effects(db: sqlite3.Connection) -> list[dict[str, Any]]:
    """Return everything that was done, oldest first."""
    rows = db.execute("SELECT * FROM effect ORDER BY id").fetchall()
    return [
        {**dict(row), "body": json.loads(row["body"]), "receipt": json.loads(row["receipt"])}
        for row in rows
    ]


def doubled(db: sqlite3.Connection) -> list[str]:
    """Return every key under which something was done more than once."""
    rows = db.execute(
        "SELECT idempotency_key FROM effect WHERE idempotency_key IS NOT NULL"
        " GROUP BY idempotency_key HAVING count(*) > 1"
    )
    return [row[0] for row in rows]


def unbalanced(db: sqlite3.Connection) -> list[str]:
    """Return every order whose remainder is not its total less all that was paid back."""
    rows = db.execute(
        "SELECT o.order_id FROM orders o LEFT JOIN effect e ON e.order_id = o.order_id"
        " GROUP BY o.order_id HAVING o.total_minor - o.elsewhere_minor"
        " - coalesce(sum(e.amount_minor), 0) <> o.refundable_minor"
    )
    return [row[0] for row in rows]


# ---- Booking, inside a write transaction


def once(
    db: sqlite3.Connection,
    call: Call,
    *,
    now: float,
    forget_seconds: float | None,
    act: Callable[[], Answer],
    keep: Callable[[Answer], Answer],
) -> Answer:
    """Answer as before under a known key, else act; `keep` may change what the key remembers.

    The key comes before every condition of `act`, so that a repeated call is never judged by a
    world that its own first execution has changed.
    """
    if call.key is None:
        return act()
    if forget_seconds is not None:
        db.execute("DELETE FROM saved WHERE made_at < ?", (now - forget_seconds,))
    row = db.execute("SELECT * FROM saved WHERE idempotency_key = ?", (call.key,)).fetchone()
    if row is None:
        answer = keep(act())
        save(db, call.key, call.text, answer, now=now)
        return answer
    if row["request"] in (None, call.text):
        return Answer(json.loads(row["answer"]))
    return Answer(f"REFUSED: the key {call.key} was used before for another request")


def save(
    db: sqlite3.Connection, key: str, request: str | None, answer: Answer, *, now: float
) -> None:
    """Remember an answer under a key."""
    db.execute(
        "INSERT INTO saved VALUES (?, ?, ?, ?, ?)",
        (key, request, answer.is_error, json.dumps(answer.body), now),
    )


def book(
    db: sqlite3.Connection,
    call: Call,
    *,
    now: float,
    amount_minor: int = 0,
    undoes: str | None = None,
    **details: Any,
) -> Answer:
    """Enter what was done and return its receipt."""
    number: int = db.execute("SELECT coalesce(max(id), 0) + 1 FROM effect").fetchone()[0]
    receipt = {"receipt_id": f"RC-{number:07d}", "amount_minor": amount_minor, **details}
    if call.tool == "issue_refund":
        receipt["refund_id"] = f"RF-{number:07d}"
    db.execute(
        "INSERT INTO effect VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            number,
            call.tool,
            call.key,
            call.body["customer_id"],
            call.body.get("order_id"),
            amount_minor,
            undoes,
            json.dumps(dict(call.body), sort_keys=True),
            json.dumps(receipt),
            now,
        ),
    )
    return Answer(receipt)
