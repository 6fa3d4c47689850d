"""A disk that is full when a test says so: SQLite's own page limit, on every connection in use."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.pool import Pool

NO_LIMIT = 1_000_000_000


class Disk:
    """How far every database of this process may grow."""

    def __init__(self) -> None:
        self._pages = NO_LIMIT

    def fill(self) -> None:
        """Leave no room: SQLite takes a lower limit as the size the database has."""
        self._pages = 1

    def free(self) -> None:
        """Make room again."""
        self._pages = NO_LIMIT

    def limit(self, raw: Any, _record: Any, _proxy: Any) -> None:
        """Set the limit on a connection that is taken from the pool."""
        raw.execute(f"PRAGMA max_page_count={self._pages}").fetchall()


@contextmanager
def limited() -> Iterator[Disk]:
    """Hand out the disk; while inside, connections obey it."""
    disk = Disk()
    event.listen(Pool, "checkout", disk.limit)
    try:
        yield disk
    finally:
        event.remove(Pool, "checkout", disk.limit)
