"""The demo company's own database file: its world and the ledger of everything done to it.

Not Greenlight's store: a second system, so that a commit is a real cross-system commit. Several
server processes share the file. Refuses a reused idempotency key with another body, and any change
of a ledger entry.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import astuple, dataclass, fields
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from agents.demo.stories import build
from agents.demo.tables import statements
from agents.demo.world import Charge, Customer, Membership, Order, Refund, Shipment, World

T = TypeVar("T")
DEFAULT_SEED = 2_026
_SAFE_WAL = (3, 51, 3)  # before it, several processes on one WAL file can lose a commit
_BUSY_SECONDS = 20.0
VOID = "void"  # in place of a tool: the key was used up and nothing was done


class Refused(Exception):
    """The company will not do this; the text is fit for a person. Nothing was written."""


def path_in(home: Path) -> Path:
    """Return where the ledger lies under Greenlight's home folder."""
    return home / "demo" / "ledger.db"


def _sqlite() -> ModuleType:
    """The bundled SQLite where there is one; kept apart from the store's, which costs a second."""
    try:
        from pysqlite3 import dbapi2
    except ImportError:
        return sqlite3
    return dbapi2 if dbapi2.sqlite_version_info > sqlite3.sqlite_version_info else sqlite3


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, creating folder and tables; every commit is on disk before it returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    module = _sqlite()
    connection: sqlite3.Connection = module.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None
    )
    connection.row_factory = module.Row
    journal = "WAL" if module.sqlite_version_info >= _SAFE_WAL else "TRUNCATE"
    connection.execute(f"PRAGMA journal_mode={journal}")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    write(connection, lambda: [connection.execute(statement) for statement in statements()])
    return connection


def write(connection: sqlite3.Connection, act: Callable[[], T]) -> T:
    """Run `act` in one write transaction: all of it or, when it raises, none of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = act()
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return result


@dataclass(frozen=True, slots=True)
class Request:
    """One call of a write tool, as the ledger compares it: the same key must mean the same."""

    key: str
    tool: str
    body: Mapping[str, Any]

    @property
    def text(self) -> str:
        return _json(self.body)


def exactly_once(
    connection: sqlite3.Connection,
    request: Request,
    *,
    now: datetime,
    effect: Callable[[], Mapping[str, Any]],
) -> dict[str, Any]:
    """Run `effect` once per key and return its receipt, the same one however often it is asked.

    Raises Refused when the key came before with another tool or body, or when `effect` refuses.
    """

    def act() -> dict[str, Any]:
        receipt = _known_receipt(connection, request)
        return receipt or _new_receipt(connection, request, dict(effect()), now)

    return write(connection, act)


def _known_receipt(connection: sqlite3.Connection, request: Request) -> dict[str, Any] | None:
    row = connection.execute(
        "SELECT tool, body, receipt FROM entry WHERE idempotency_key = ?", (request.key,)
    ).fetchone()
    if row is None:
        return None
    if (row["tool"], row["body"]) != (request.tool, request.text):
        raise Refused(
            f"The key {request.key} was used before for another request. Nothing was done."
            " Send the original request again, or a new key."
        )
    receipt: dict[str, Any] = json.loads(row["receipt"])
    return receipt


def _new_receipt(
    connection: sqlite3.Connection, request: Request, details: dict[str, Any], now: datetime
) -> dict[str, Any]:
    number = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM entry").fetchone()[0]
    at = now.isoformat()
    receipt = {"receipt_id": f"RC-{number:06d}", "tool": request.tool, "at": at, "details": details}
    about = (request.body.get("customer_id"), request.body.get("order_id"))
    connection.execute(
        "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (number, request.key, request.tool, *about, request.text, _json(receipt), at),
    )
    return receipt


def voided(connection: sqlite3.Connection, key: str, now: datetime) -> None:
    """Use up a key that nothing was done under, so that a late call under it is refused."""
    connection.execute(
        "INSERT OR IGNORE INTO entry SELECT coalesce(max(id), 0) + 1, ?, ?, NULL, NULL, '{}',"
        " '{}', ? FROM entry",
        (key, VOID, now.isoformat()),
    )


def receipt_of(connection: sqlite3.Connection, key: str) -> dict[str, Any] | None:
    """Return the receipt of what was done under a key, None if nothing was."""
    row = connection.execute(
        "SELECT receipt FROM entry WHERE idempotency_key = ? AND tool != ?", (key, VOID)
    ).fetchone()
    return None if row is None else dict(json.loads(row["receipt"]))


def totals(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how many effects there were, and the money they moved."""
    row = connection.execute(
        "SELECT count(*), coalesce(sum(json_extract(body, '$.amount_minor')), 0) FROM entry"
        " WHERE tool != ?",
        (VOID,),
    ).fetchone()
    return {"entries": row[0], "amount_minor": row[1]}


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def entries(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """Return every ledger entry, oldest first: what has really been done."""
    rows = connection.execute("SELECT * FROM entry ORDER BY id").fetchall()
    return [
        {**dict(row), "body": json.loads(row["body"]), "receipt": json.loads(row["receipt"])}
        for row in rows
    ]


def settle(connection: sqlite3.Connection, *, seed: int, anchor: date, chapter: int = 0) -> World:
    """Return the chapter's world, putting it into the file if it is not there yet.

    A chapter that is there keeps the seed and anchor it was made with.
    """

    def act() -> World:
        row = connection.execute("SELECT * FROM chapter WHERE chapter = ?", (chapter,)).fetchone()
        if row is not None:
            return build(row["seed"], date.fromisoformat(row["anchor"]), chapter)
        world = build(seed, anchor, chapter)
        connection.execute(
            "INSERT INTO chapter VALUES (?, ?, ?)", (chapter, seed, anchor.isoformat())
        )
        _insert(connection, world)
        return world

    return write(connection, act)


def settled_world(
    home: Path, *, chapter: int = 0, seed: int = DEFAULT_SEED, anchor: date | None = None
) -> World:
    """Open the home's ledger for a moment and return the chapter's world (made on first use)."""
    day = anchor or datetime.now(UTC).date()
    with closing(connect(path_in(home))) as connection:
        return settle(connection, seed=seed, anchor=day, chapter=chapter)


def new_chapters(home: Path, *, seed: int = DEFAULT_SEED) -> Iterator[World]:
    """Yield one new cast of customers after the other, dated from the day it is asked for."""
    while True:
        with closing(connect(path_in(home))) as connection:
            row = connection.execute("SELECT coalesce(max(chapter), 0) + 1 FROM chapter").fetchone()
            today = datetime.now(UTC).date()
            world = settle(connection, seed=seed, anchor=today, chapter=row[0])
        yield world


def _insert(connection: sqlite3.Connection, world: World) -> None:
    for person in world.customers.values():
        _add(connection, "customer", person)
    for order in world.orders.values():
        _add_order(connection, order)
    rows: list[tuple[str, Iterable[Charge | Refund | Shipment | Membership]]] = [
        ("charge", world.charges.values()),
        ("refund", world.refunds.values()),
        ("shipment", world.shipments.values()),
        ("membership", world.memberships.values()),
    ]
    for table, facts in rows:
        for fact in facts:
            _add(connection, table, fact)


def _add(
    connection: sqlite3.Connection,
    table: str,
    fact: Customer | Charge | Refund | Shipment | Membership,
) -> None:
    names = ", ".join(field.name for field in fields(fact))
    values = [v.isoformat() if isinstance(v, date) else v for v in astuple(fact)]
    marks = ", ".join("?" * len(values))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)  # noqa: S608


def _add_order(connection: sqlite3.Connection, order: Order) -> None:
    connection.execute(
        "INSERT INTO orders VALUES (?, ?, ?, ?, ?)",
        (order.id, order.customer_id, order.placed_at.isoformat(), order.status, order.ships_to),
    )
    connection.executemany(
        "INSERT INTO item VALUES (?, ?, ?, ?, ?)",
        [(order.id, i.sku, i.name, i.quantity, i.price_minor) for i in order.items],
    )
