"""A home as large as the figures are promised for: a million runs behind, ten thousand cards ahead.

`python -m bench.ui.big_store --home DIR [--runs N] [--waiting N]`. What is missing is added, so a
home whose cards were decided by an earlier measurement is topped up, never built anew.
"""

import argparse
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.ui import past, seed, waiting
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from store.engine import sqlite_module
from store.settings import Settings

Say = Callable[[int, int], None]
_OPEN = "status IN ('open', 'claimed', 'awaiting_second')"


@dataclass(frozen=True)
class Size:
    """How much a home holds."""

    runs: int = 1_000_000
    escalations: int = 10_000
    audits: int = 500


def default_home() -> Path:
    """Return the cache folder of this user for measurements."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "greenlight-bench-ui"


def ensure(home: Path, size: Size) -> None:
    """Add to the home whatever it lacks of `size`."""
    settings = Settings(home=home, database_url=None)
    now = datetime.now(UTC)
    with _progress() as part:
        seed.grow(settings, part("the demo's tickets, worked through"), now=now)
        store = settings.open(may_decide=True)
        try:
            known = seed.mothers(store, now=now)
            with closing(_raw(home)) as raw:
                _past(raw, size, now, part("finished runs"))
                for kind, runs, wanted in (
                    ("escalation", known.escalations, size.escalations),
                    ("audit", known.audits, size.audits),
                ):
                    copier = waiting.Copier(raw, runs, kind)
                    waiting.fill(
                        raw, store, copier, max(0, wanted - _open_cards(raw, kind)),
                        kind=kind, now=now, say=part(f"waiting cards: {kind}"),
                    )  # fmt: skip
        finally:
            store.close()


def sizes(home: Path) -> dict[str, int]:
    """Return what the home holds."""
    with closing(_raw(home)) as raw:
        return {
            "runs": raw.execute("SELECT count(*) FROM run").fetchone()[0],
            "waiting": _open_cards(raw, "escalation"),
            "audits": _open_cards(raw, "audit"),
            "bytes": (home / "greenlight.db").stat().st_size,
        }


def _past(raw: sqlite3.Connection, size: Size, now: datetime, say: Say) -> None:
    if raw.execute("SELECT 1 FROM ticket WHERE external_id = 'H-00000001'").fetchone():
        return
    names = [name for (name,) in raw.execute("SELECT name FROM person WHERE role = 'operator'")]
    intents = raw.execute(
        "SELECT json_extract(i.value, '$.name') FROM company, json_each(company.intents) i"
    )
    past.write(
        raw, size.runs, intents=[name for (name,) in intents], people=names, now=now, say=say
    )


def _open_cards(raw: sqlite3.Connection, kind: str) -> int:
    found = raw.execute(f"SELECT count(*) FROM review WHERE {_OPEN} AND kind = ?", (kind,))
    return int(found.fetchone()[0])


def _raw(home: Path) -> Any:
    raw = sqlite_module().connect(home / "greenlight.db", isolation_level=None, timeout=30)
    for pragma in ("synchronous=OFF", "foreign_keys=ON", "cache_size=-800000", "temp_store=MEMORY"):
        raw.execute(f"PRAGMA {pragma}")
    return raw


@contextmanager
def _progress() -> Iterator[Callable[[str], Say]]:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns) as progress:

        def part(title: str) -> Say:
            task = progress.add_task(title, total=None, visible=False)
            return lambda done, total: progress.update(
                task, completed=done, total=total, visible=True
            )

        yield part


def main() -> None:
    """Build or top up the home and say what it holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    usual = Size()
    parser.add_argument("--home", type=Path, default=default_home())
    parser.add_argument("--runs", type=int, default=usual.runs)
    parser.add_argument("--waiting", type=int, default=usual.escalations)
    parser.add_argument("--audits", type=int, default=usual.audits)
    given = parser.parse_args()
    ensure(given.home, Size(given.runs, given.waiting, given.audits))
    print(sizes(given.home))


if __name__ == "__main__":
    main()
