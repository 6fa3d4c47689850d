"""Waiting cards by the thousand: whole cases copied, each with a customer and an order of its own.

Everything that a card shows and a decision checks goes along: ticket, run, steps, draft with its
digest computed anew, review, deliveries, audit entry.
"""

import re
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from sqlmodel import Session

from store import audit
from store.actions import Action, digest
from store.engine import Store

TABLES = ("ticket", "run", "step_record", "draft", "outbox", "receipt")
OLDEST_HOURS = 72.0
MOST_URGENT = (
    40_000.0  # risk x hours: dearer cards are younger, as people take the urgent ones first
)
BATCH = 500
_MOMENT = "%Y-%m-%d %H:%M:%S.%f"
_CUSTOMER = re.compile(r"\bC-\d+")
_ORDER = re.compile(r"\bLO-\d+")
Row = dict[str, Any]


class Copier:
    """Copies of finished or escalated cases, as new waiting ones."""

    def __init__(self, raw: sqlite3.Connection, run_ids: Sequence[int], kind: str) -> None:
        self._raw = raw
        self._kind = kind
        self._cases = [self._case(run_id) for run_id in run_ids]
        self._moments = {
            table: [
                name
                for _, name, declared, *_ in raw.execute(f"PRAGMA table_info({table})")
                if declared in ("DATETIME", "TIMESTAMP")
            ]
            for table in (*TABLES, "review")
        }

    def copy(self, count: int, rng: Random, *, now: datetime) -> list[tuple[int, int]]:
        """Insert copies, oldest first; return their run and review ids."""
        ids = {
            table: self._raw.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0]
            for table in ("ticket", "run", "draft", "review")
        }
        cases = [self._cases[number % len(self._cases)] for number in range(count)]
        aged = sorted(((_hours(case, rng), n) for n, case in enumerate(cases)), reverse=True)
        rows: dict[str, list[Row]] = {table: [] for table in (*TABLES, "review")}
        made = []
        for number, (ago, which) in enumerate(aged, start=1):
            fresh = {table: first + number for table, first in ids.items()}
            renewed = self._renewed(cases[which], fresh, now - timedelta(hours=ago))
            for table, some in renewed.items():
                rows[table] += some
            made.append((fresh["run"], fresh["review"]))
        self._raw.execute("BEGIN IMMEDIATE")
        for table, some in rows.items():
            self._insert(table, some)
        self._raw.execute("COMMIT")
        return made

    def _case(self, run_id: int) -> dict[str, list[Row]]:
        where = {
            "ticket": "id = (SELECT ticket_id FROM run WHERE id = :run)",
            "run": "id = :run",
            "step_record": "run_id = :run",
            "draft": "run_id = :run AND revision = 1",
            "outbox": "run_id = :run",
            "receipt": "action_id IN (SELECT id FROM outbox WHERE run_id = :run)",
            "review": f"run_id = :run AND kind = '{self._kind}' AND revision = 1 ORDER BY id"
            " LIMIT 1",
        }
        if self._kind != "audit":  # the copy waits, whatever was done about the original
            where["outbox"] = where["receipt"] = "0"
            where["step_record"] += " AND name != 'commit'"
        return {table: self._read(table, clause, run_id) for table, clause in where.items()}

    def _read(self, table: str, clause: str, run_id: int) -> list[Row]:
        found = self._raw.execute(f"SELECT * FROM {table} WHERE {clause}", {"run": run_id})
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found]

    def _renewed(
        self, case: dict[str, list[Row]], ids: dict[str, int], at: datetime
    ) -> dict[str, list[Row]]:
        opened = datetime.strptime(case["review"][0]["opened_at"], _MOMENT).replace(tzinfo=UTC)
        names = (f"C-{900_000 + ids['run']}", f"LO-{900_000 + ids['run']}")
        renewed = {
            table: [self._moved(table, row, at - opened, names, ids) for row in some]
            for table, some in case.items()
        }
        self._link(renewed, ids)
        return renewed

    def _moved(
        self, table: str, row: Row, by: timedelta, names: tuple[str, str], ids: dict[str, int]
    ) -> Row:
        fresh = {
            name: _ORDER.sub(names[1], _CUSTOMER.sub(names[0], value))
            if isinstance(value, str)
            else value
            for name, value in row.items()
        }
        for name in self._moments[table]:
            if row[name] is not None:
                moment = datetime.fromisoformat(row[name]) + by
                fresh[name] = moment.strftime(_MOMENT)
        for name, value in (("run_id", ids["run"]), ("draft_id", ids["draft"])):
            if name in fresh:
                fresh[name] = value
        return fresh

    def _link(self, rows: dict[str, list[Row]], ids: dict[str, int]) -> None:
        (ticket,), (run,), (draft,) = rows["ticket"], rows["run"], rows["draft"]
        (review,) = rows["review"]
        ticket |= {"id": ids["ticket"], "external_id": f"W-{ids['ticket']}"}
        run |= {"id": ids["run"], "ticket_id": ids["ticket"]}
        action = Action.model_validate_json(draft["action"])
        draft |= {"id": ids["draft"], "digest": digest(draft["reply"], action)}
        review |= {
            "id": ids["review"],
            "payload_digest": draft["digest"],
            "status": "open",
            **dict.fromkeys(("claimed_by", "claimed_until", "decided_at")),
        }
        if self._kind != "audit":
            run |= {"status": "awaiting_review", "finished_at": None}
        for step in rows["step_record"]:
            step["id"] = None
        for entry in rows["outbox"]:
            entry["id"] = f"{ids['run']}-{entry['position']}"
        for position, receipt in enumerate(rows["receipt"]):
            receipt["action_id"] = rows["outbox"][position]["id"]

    def _insert(self, table: str, rows: Sequence[Row]) -> None:
        if rows:
            names = list(rows[0])
            marks = ", ".join(f":{name}" for name in names)
            self._raw.executemany(
                f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows
            )


def _hours(case: dict[str, list[Row]], rng: Random) -> float:
    risk: float = case["review"][0]["risk"]
    most = MOST_URGENT / max(1.0, risk) - 1.0
    return rng.random() * min(OLDEST_HOURS, max(0.0, most))


def fill(
    raw: sqlite3.Connection,
    store: Store,
    copier: Copier,
    count: int,
    *,
    kind: str,
    now: datetime,
    say: Callable[[int, int], None],
) -> None:
    """Insert `count` waiting cards and the audit entries that say they were opened."""
    rng = Random(f"{kind} {now}")
    for begin in range(0, count, BATCH):
        made = copier.copy(min(BATCH, count - begin), rng, now=now)
        store.transact(_witness, made, kind, now)
        say(begin + len(made), count)


def _witness(session: Session, made: Sequence[tuple[int, int]], kind: str, now: datetime) -> None:
    for run_id, review_id in made:
        audit.append(
            session,
            actor="gate",
            tag=f"run:review:opened_{kind}",
            subject=f"run:{run_id}",
            at=now,
            body={"review": review_id},
        )
