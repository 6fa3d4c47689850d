"""A million finished runs by plain SQL, every constraint and trigger of the database in force.

Their outputs are as small as the schema allows; what they were about, how they ended, who decided
and what was delivered has the shares of a real company over half a year.
"""

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

DAYS = 180
BATCH = 20_000
CUSTOMERS = 60_000
KINDS = (  # action kind, tool, share
    ("reply_only", None, 0.55),
    ("refund", "issue_refund", 0.15),
    ("replacement", "create_replacement", 0.10),
    ("cancel_order", "cancel_order", 0.10),
    ("return_label", "send_return_label", 0.10),
)
PASSED, AUDITED, RIGHT = 0.86, 0.02, 0.95
VERDICTS = {"approve": 0.62, "edit": 0.22, "reject": 0.16}
STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8").split(";\n")
COLUMNS = (
    "n INTEGER PRIMARY KEY", "key", "at", "later", "done", "customer", "intent", "kind", "tool",
    "amount", "action", "confidence", "outcome", "verdict", "said", "person", "is_audited",
    "is_sent", "seconds",
)  # fmt: skip
Row = dict[str, object]


def write(
    raw: sqlite3.Connection,
    runs: int,
    *,
    intents: Sequence[str],
    people: Sequence[str],
    now: datetime,
    say: Callable[[int, int], None],
) -> None:
    """Insert `runs` finished runs with everything that hangs on them, oldest first."""
    first = _first(raw)
    names = [column.split()[0] for column in COLUMNS]
    marks = ", ".join(f":{name}" for name in names)
    raw.execute(f"CREATE TEMP TABLE past ({', '.join(COLUMNS)})")
    rng = Random(4)
    for begin in range(0, runs, BATCH):
        numbers = range(begin + 1, min(begin + BATCH, runs) + 1)
        moments = ((n, now - timedelta(days=DAYS) * (1 - n / runs)) for n in numbers)
        raw.execute("BEGIN IMMEDIATE")
        raw.execute("DELETE FROM past")
        rows = (_run(rng, n, at, intents, people, now) for n, at in moments)
        raw.executemany(f"INSERT INTO past VALUES ({marks})", rows)
        for statement in STATEMENTS:
            raw.execute(statement, {name: first[name] for name in first if f":{name}" in statement})
        raw.execute("COMMIT")
        say(numbers[-1], runs)
    raw.execute("DROP TABLE past")


def _first(raw: sqlite3.Connection) -> dict[str, int]:
    """Return the ids that the past begins behind, and the policy it was judged under."""
    tables = ("ticket", "run", "draft", "review")
    ids = {
        table: raw.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0]
        for table in tables
    }
    active = raw.execute("SELECT version FROM policy WHERE status = 'active'").fetchone()[0]
    return {**ids, "policy": active}


def _run(
    rng: Random,
    n: int,
    at: datetime,
    intents: Sequence[str],
    people: Sequence[str],
    now: datetime,
) -> Row:
    is_pass = rng.random() < PASSED
    is_audited = is_pass and rng.random() < AUDITED
    verdict = None if is_pass else rng.choices(list(VERDICTS), list(VERDICTS.values()))[0]
    judged = ("right" if rng.random() < RIGHT else "wrong") if is_audited else None
    kind, tool, _ = rng.choices(KINDS, [share for _, _, share in KINDS])[0]
    later = min(at + timedelta(minutes=rng.lognormvariate(3.2, 0.9)), now)
    return {
        "n": n,
        "key": f"past-{n:08d}",
        "at": _text(at),
        "later": _text(later),
        "done": _text(min(later + timedelta(seconds=20), now)),
        "customer": f"K-{rng.randrange(CUSTOMERS):05d}",
        "intent": rng.choice(intents),
        "kind": kind,
        "tool": tool,
        "amount": rng.randrange(500, 9_900) if kind == "refund" else None,
        "action": None,  # put together in SQL
        "confidence": round(rng.uniform(0.86, 0.99) if is_pass else rng.uniform(0.3, 0.85), 4),
        "outcome": "pass" if is_pass else "escalate",
        "verdict": verdict,
        "said": verdict or judged,
        "person": rng.choice(people),
        "is_audited": int(is_audited),
        "is_sent": int(verdict != "reject"),
        "seconds": round(rng.lognormvariate(2.5, 0.7), 1),
    }


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")
