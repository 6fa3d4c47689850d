"""Somebody with the file but without the key: whatever is done to the chain, `verify` names it.

Two hundred seeded tries of each kind on one chain of sixty entries with anchors at 20, 40 and 60.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlmodel import Session

from store import anchors, audit
from store.actions import canonical_json
from store.engine import Store, sqlite_module
from store.settings import Settings

TRIES = 200
LENGTH = 60
ANCHORED = (20, 40, 60)
COLUMNS = ("seq", "at", "actor", "tag", "subject", "body", "prev_hash", "hash")
MARKS = ", ".join("?" * len(COLUMNS))


class Intruder:
    """Raw access to the trail, its triggers dropped."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        connection.execute("PRAGMA synchronous=OFF")
        for (name,) in self("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            connection.execute(f"DROP TRIGGER {name}")
        self._before = self.rows()

    def __call__(self, sql: str, *values: Any) -> list[Any]:
        return list(self._connection.execute(sql, values).fetchall())

    def rows(self) -> list[dict[str, Any]]:
        """Return every entry as stored."""
        columns = ", ".join(COLUMNS)
        found = self(f"SELECT {columns} FROM audit_entry ORDER BY seq")
        return [dict(zip(COLUMNS, row, strict=True)) for row in found]

    def put(self, rows: list[dict[str, Any]]) -> None:
        """Make the trail exactly these rows."""
        with self._connection:
            self._connection.execute("DELETE FROM audit_entry")
            values = [tuple(row[name] for name in COLUMNS) for row in rows]
            self._connection.executemany(f"INSERT INTO audit_entry VALUES ({MARKS})", values)

    def restore(self) -> None:
        """Undo everything."""
        self.put(self._before)


@pytest.fixture
def chain(store: Store, settings: Settings, now: datetime) -> Store:
    """A store with sixty entries and an anchor at every twentieth."""
    for number in range(1, LENGTH + 1):
        store.transact(grow, number, now)
        if number in ANCHORED:
            anchors.write_last(store, settings.anchor_file, now + timedelta(minutes=number))
    return store


@pytest.fixture
def intruder(chain: Store, settings: Settings) -> Iterator[Intruder]:
    path = settings.url.removeprefix("sqlite:///")
    connection = sqlite_module().connect(path, isolation_level=None)
    with closing(connection):
        yield Intruder(connection)


def grow(session: Session, number: int, now: datetime) -> None:
    audit.append(
        session,
        actor=("Ana", "gate", "executor")[number % 3],
        tag=("run:review:approve", "run:draft:passed", "run:action:sent")[number % 3],
        subject=f"run:{number // 3}",
        at=now + timedelta(minutes=number),
        body={"draft": number, "note": f"entry {number}"},
    )


def again(session: Session, entries: int, now: datetime) -> None:
    for number in range(entries):
        grow(session, 100 + number, now)


def edit(rows: list[dict[str, Any]], random: Random) -> int:
    row = random.choice(rows)
    column = random.choice(COLUMNS[1:])
    values = {
        "at": random.choice(["2020-01-01 00:00:00.000000", "yesterday", "2026-11-20 12:00:00"]),
        "body": random.choice(["{}", "not json", row["body"].replace("entry", "Entry")]),
        "prev_hash": random.randbytes(32).hex(),
        "hash": random.randbytes(32).hex(),
    }
    row[column] = values.get(column, row[column] + random.choice("x 1é"))
    return int(row["seq"])


def delete(rows: list[dict[str, Any]], random: Random) -> int:
    start = random.randrange(LENGTH)
    del rows[start : start + random.randint(1, 3)]
    return start + 1


def swap(rows: list[dict[str, Any]], random: Random) -> int:
    one, other = sorted(random.sample(range(LENGTH), 2))
    rows[one]["seq"], rows[other]["seq"] = rows[other]["seq"], rows[one]["seq"]
    return one + 1


def insert(rows: list[dict[str, Any]], random: Random) -> int:
    place = random.randint(0, LENGTH)  # behind so many entries
    before = rows[place - 1]["hash"] if place else audit.GENESIS
    forged = {**random.choice(rows), "seq": place + 1, "prev_hash": before}
    forged["hash"] = random.randbytes(32).hex()  # a copied one would fork the chain: refused
    for row in rows[place:]:
        row["seq"] += 1
    if place < LENGTH:
        rows[place]["prev_hash"] = forged["hash"] if random.random() < 0.5 else "f" * 64
    rows.insert(place, forged)
    return place + 1


def rechain(rows: list[dict[str, Any]], random: Random) -> int:
    """Change an entry and write every hash anew, with plain SHA or with a guessed key."""
    start = random.randrange(LENGTH)
    key = random.choice([None, b"", b"greenlight", random.randbytes(32)])
    rows[start]["body"] = canonical_json({"draft": 99, "note": "never happened"})
    previous = rows[start - 1]["hash"] if start else audit.GENESIS
    for row in rows[start:]:
        row["prev_hash"] = previous
        at = datetime.fromisoformat(row["at"]).isoformat(timespec="microseconds") + "+00:00"
        facts = [previous, row["seq"], at, *(row[name] for name in COLUMNS[2:6])]
        message = canonical_json({"fields": facts}).encode()
        previous = row["hash"] = (
            hashlib.sha256(message).hexdigest()
            if key is None
            else hmac.new(key, message, hashlib.sha256).hexdigest()
        )
    return start + 1


def cut_tail(rows: list[dict[str, Any]], random: Random) -> int:
    left = random.randint(1, LENGTH - 1)
    del rows[left:]
    return left + 1


Trick = Callable[[list[dict[str, Any]], Random], int]


@pytest.mark.parametrize("trick", [edit, delete, swap, insert, rechain, cut_tail])
def test_each_trick_is_found_and_its_first_bad_row_named(
    chain: Store, settings: Settings, intruder: Intruder, trick: Trick
) -> None:
    assert state(chain, settings).is_ok
    missed = []
    for number in range(TRIES):
        random = Random(f"{trick.__name__} {number}")
        rows = intruder.rows()
        first_bad = trick(rows, random)
        intruder.put(rows)
        found = state(chain, settings)
        if found.first_bad_seq != first_bad or f"Entry {first_bad} " not in found.problem:
            missed.append((number, first_bad, found))
        intruder.restore()
    assert not missed
    assert state(chain, settings).is_ok


def test_dropping_all_of_it_is_found_whatever_was_written_since(
    chain: Store, settings: Settings, intruder: Intruder, now: datetime
) -> None:
    """Greenlight itself goes on with a new chain, sealed with the right key."""
    for number in range(TRIES):
        since = number % 25
        intruder("DELETE FROM audit_entry")
        chain.transact(again, since, now)
        assert state(chain, settings).first_bad_seq == min(since + 1, ANCHORED[0])
    intruder.restore()


def test_a_tail_cut_and_grown_again_contradicts_the_next_anchor(
    chain: Store, settings: Settings, intruder: Intruder, now: datetime
) -> None:
    intruder("DELETE FROM audit_entry WHERE seq > 33")
    chain.transact(again, 30, now)
    found = state(chain, settings)
    assert (found.first_bad_seq, found.entries) == (40, 39)
    assert found.anchored is not None
    assert found.anchored.seq == 20
    assert "entries after 20 were cut off and written anew" in found.problem


def test_the_cut_tail_is_told_with_the_anchor_that_knows(
    chain: Store, settings: Settings, intruder: Intruder
) -> None:
    intruder("DELETE FROM audit_entry WHERE seq > 51")
    assert state(chain, settings).problem == (
        "Entry 52 is gone: the anchor of 2026-11-20 13:00 UTC says the chain reached 60."
    )
    assert chain.read(audit.verify).is_ok  # which is why anchors exist


def test_a_dropped_table_is_a_finding(chain: Store, settings: Settings, intruder: Intruder) -> None:
    intruder("DROP TABLE audit_entry")
    found = state(chain, settings)
    assert found.first_bad_seq == 1
    assert "Entry 1 cannot be read" in found.problem


def test_a_forged_entry_is_no_fact(chain: Store, settings: Settings, intruder: Intruder) -> None:
    """One entry's own seal says whether it was written by a holder of the key."""
    facts = {"tag": "run:review:approve", "subject": "run:4"}
    (genuine,) = chain.read(audit.find_authentic, **facts)
    assert genuine == {"draft": 12, "note": "entry 12"}
    intruder(
        "INSERT INTO audit_entry SELECT 61, at, actor, 'run:review:approve', 'run:5', body,"
        " hash, lower(hex(randomblob(32))) FROM audit_entry WHERE seq = 60"
    )
    assert chain.read(audit.find_authentic, tag="run:review:approve", subject="run:5") == [
        {"draft": 15, "note": "entry 15"}
    ]
    intruder("UPDATE audit_entry SET body = '{\"draft\":13}' WHERE seq = 12")
    assert chain.read(audit.find_authentic, **facts) == []


def state(store: Store, settings: Settings) -> audit.ChainState:
    return store.read(anchors.verify, settings.anchor_file)
