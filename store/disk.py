"""The file under a SQLite database: is it still the same one, and is there room to write beside it.

A file that was replaced is noticed by its inode; a full disk by a refused write, or by trying to
put a little file next to the database. Nothing here touches the database itself.
"""

import errno
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import PoolProxiedConnection

from store.errors import DatabaseMissing

log = logging.getLogger(__name__)

Identity = tuple[int, int]

PROBE_BYTES = 64 * 1024  # about what one commit writes
PROBE_PAGES = 16
LOOK_SECONDS = 1.0  # at most one probe a second and process


class DatabaseFile:
    """Where the database lies, and which file that is now."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._was_open = False

    def identity(self) -> Identity | None:
        """Return device and inode of what lies at the path now; None if nothing does."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino

    def before_connect(self, record: Any) -> None:
        """Note the file before it is opened; a database that vanished is never made anew, empty."""
        record.info["file"] = self.identity()
        if self._was_open and record.info["file"] is None:
            raise DatabaseMissing(
                f"The database `{self.path}` is gone, so nothing can be read or recorded. Put it"
                " back (`greenlight restore FILE`), or stop Greenlight here."
            )

    def after_connect(self, record: Any) -> None:
        """Note a file that opening has made."""
        self._was_open = True
        if record.info["file"] is None:
            record.info["file"] = self.identity()

    def require_same(self, record: Any) -> None:
        """Make the pool open new connections if the file was replaced."""
        if record.info["file"] != self.identity():
            log.warning("the database file %s was replaced; opening the new one", self.path)
            raise InvalidatePoolError("the database file was replaced")


class ChangeCounter:
    """SQLite's `data_version`, followed across a replacement of the file."""

    def __init__(self, engine: Engine, file: DatabaseFile) -> None:
        self._engine = engine
        self._file = file
        self._replaced = 0
        self._open()

    def count(self) -> int:
        """Return a number that changes when another connection commits, or the file is another."""
        if self._file.identity() not in {None, self._opened}:
            self._connection.invalidate()
            self._open()
            self._replaced += 1
        (version,) = self._cursor.execute("PRAGMA data_version").fetchone()
        return (self._replaced << 32) + int(version)

    def _open(self) -> None:
        self._connection: PoolProxiedConnection = self._engine.raw_connection()
        self._opened = self._connection.info["file"]
        self._cursor: Any = self._connection.cursor()


class Room:
    """Whether a write finds room, as last seen. `pages_left`: within the database's own limit."""

    def __init__(self, file: DatabaseFile, pages_left: Callable[[], int]) -> None:
        self._file = file
        self._pages_left = pages_left
        self._is_full = False
        self._look_at = 0.0

    def is_cause(self, error: BaseException) -> bool:
        """Return whether a write failed for want of room, and remember it."""
        name = str(getattr(getattr(error, "orig", error), "sqlite_errorname", ""))
        unsure = name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN"))
        if name == "SQLITE_FULL" or (unsure and not _has_room(self._file.path.parent)):
            self._remember(is_full=True)
            return True
        return False

    def found(self) -> None:
        """Remember that a write went through."""
        if self._is_full:
            self._remember(is_full=False)

    @property
    def is_full(self) -> bool:
        """Return whether writes find no room; looks for itself when the last word is a second old.

        A process that has not written lately learns of it too.
        """
        if time.monotonic() >= self._look_at:
            has_room = _has_room(self._file.path.parent) and self._pages_left() >= PROBE_PAGES
            self._remember(is_full=not has_room)
        return self._is_full

    def _remember(self, *, is_full: bool) -> None:
        self._is_full = is_full
        self._look_at = time.monotonic() + LOOK_SECONDS


def _has_room(folder: Path) -> bool:
    """Return whether this user can still put a little file there: quotas and reserves count."""
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
            return probe.write(bytes(PROBE_BYTES)) == PROBE_BYTES
    except OSError as error:
        return error.errno not in {errno.ENOSPC, errno.EDQUOT}
