"""The database: opening it safely, and the only place that commits.

A verb or query is a function whose first argument is a session. `Store.transact` runs one verb in
one write transaction; `Store.read` runs one query in a deferred read. Nobody else holds a session,
so no model call, tool call or page drawing can happen inside a transaction.
"""

import json
import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any, Concatenate, ParamSpec, TypeVar

import orjson
from sqlalchemy import ColumnElement, Engine, create_engine, event, func, text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import DatabaseError
from sqlmodel import Session

from store.disk import ChangeCounter, DatabaseFile, Room
from store.errors import ReadOnly, StoreUnavailable
from store.keys import Keyring
from store.schema import UtcDateTime

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

BUSY_MS = 30_000
URGENT_RETRY_SECONDS = 0.0004
POOL = 32  # connections kept open: beyond these each use opens one anew, with all its pragmas


def sqlite_module() -> ModuleType:
    """Return the newest SQLite binding at hand: the bundled `pysqlite3`, else the standard one.

    SQLite before 3.51.3 can corrupt a WAL file written by several processes.
    """
    try:
        from pysqlite3 import dbapi2
    except ImportError:
        return sqlite3
    return dbapi2 if dbapi2.sqlite_version_info > sqlite3.sqlite_version_info else sqlite3


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Return whether this SQLite has the WAL-reset fix (3.51.3; backports 3.50.7 and 3.44.6)."""
    return (
        version >= (3, 51, 3)
        or (version[:2] == (3, 50) and version >= (3, 50, 7))
        or (version[:2] == (3, 44) and version >= (3, 44, 6))
    )


def db_now(session: Session, plus_seconds: float = 0.0) -> ColumnElement[Any]:
    """Return SQL for the database's own clock, shifted; leases never trust a process's clock."""
    plus_seconds += session.info.get("clock_shift", 0.0)
    if session.get_bind().dialect.name == "sqlite":
        shift = f"{plus_seconds:+.3f} seconds"
        return func.strftime("%Y-%m-%d %H:%M:%f000", "now", shift, type_=UtcDateTime)
    return func.timezone("utc", func.clock_timestamp()) + func.make_interval(
        0, 0, 0, 0, 0, 0, plus_seconds, type_=UtcDateTime
    )


def _to_json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # a lone surrogate from a model or tool: no database takes it
        text_ = json.dumps(value, ensure_ascii=False, allow_nan=False)
        return text_.encode("utf-8", "replace").decode()


class Store:
    """An open database. Thread-safe; one per process."""

    def __init__(
        self,
        engine: Engine,
        keys: Keyring,
        file: DatabaseFile | None,
        *,
        max_queued: int | None,
        is_urgent: bool = False,
    ) -> None:
        self._reads = engine
        self._writes = engine.execution_options(gl_write=True)
        self._info: dict[str, Any] = {"keys": keys, "clock_shift": 0.0, "max_queued": max_queued}
        self._file = file
        # threads of one process queue here for nothing; only other processes are polled for
        self._turn: AbstractContextManager[Any] = Lock() if is_urgent else nullcontext()
        self._room = Room(file, lambda: self.read(_pages_left)) if file else None

    def shift_clock(self, seconds: float) -> None:
        """Move the database's clock as seen through this store; for tests and drills."""
        self._info["clock_shift"] += seconds

    @property
    def url(self) -> str:
        return self._reads.url.render_as_string(hide_password=True)

    @property
    def path(self) -> Path | None:
        """Return the database's file, None if it is not SQLite."""
        return self._file.path if self._file else None

    @property
    def keys(self) -> Keyring:
        keys: Keyring = self._info["keys"]
        return keys

    @property
    def trouble(self) -> str | None:
        """Return for people why nothing can be written now, None while writes go through.

        Costs nothing but a probe of the disk once a second, so a page may ask each time.
        """
        if self._room is None or not self._room.is_full:
            return None
        return (
            f"Read-only: disk full. The disk of `{self.path}` has no room left, so what is decided"
            " or received now may be refused, and a refusal is always said. Everything recorded is"
            " safe and can be read. Free some space there; Greenlight goes on by itself."
        )

    def transact(
        self, verb: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run one verb in one write transaction: commit if it returns, roll back if it raises.

        Raises ReadOnly if the disk is full. A commit to a file that has been replaced counts for
        nothing: the verb is run again on the new one.
        """
        try:
            while True:
                with (
                    self._turn,
                    Session(self._writes, expire_on_commit=False, info=self._info) as session,
                ):
                    result = verb(session, *args, **kwargs)
                    opened = session.connection().connection.info.get("file")
                    session.commit()
                if self._file is None or self._file.identity() == opened:
                    break
                log.warning("a write went to a database file that was replaced; writing it again")
        except Exception as error:
            if self._room is None or not self._room.is_cause(error):
                raise
            raise ReadOnly(
                "Read-only: disk full. This was NOT recorded; everything recorded before is safe"
                f" and can be read. Free space on the disk of `{self.path}`, then do it again."
            ) from error
        if self._room is not None:
            self._room.found()
        return result

    def read(
        self, query: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run one query on a consistent snapshot; whatever it changed is rolled back."""
        with Session(self._reads, expire_on_commit=False, info=self._info) as session:
            return query(session, *args, **kwargs)

    def watch(self) -> Callable[[], int]:
        """Return a cheap counter that changes when another connection commits (SQLite).

        It holds one connection of its own, opened anew when the file is replaced; on other
        databases it counts up on every call, which makes the caller look each time.
        """
        if self._file is None:
            ticks = iter(range(1 << 62))
            return lambda: next(ticks)
        return ChangeCounter(self._reads, self._file).count

    def copy_to(self, target: Path) -> None:
        """Write a consistent copy to `target` (new or empty) while others read and write (SQLite).

        The copy is one file in rollback mode, not yet forced to disk.
        """
        raw = self._reads.raw_connection()
        try:
            raw.cursor().execute("VACUUM INTO ?", (str(target),))
        finally:
            raw.close()

    def close(self) -> None:
        """Close every connection; a later call opens new ones."""
        self._reads.dispose()


def _pages_left(session: Session) -> int:
    """Return by how many pages the database may still grow."""
    limit, used, unused = (
        int(session.connection().exec_driver_sql(f"PRAGMA {name}").scalar_one())
        for name in ("max_page_count", "page_count", "freelist_count")
    )
    return limit - used + unused


def open_store(
    url: str, keys: Keyring, *, urgent: bool = False, max_queued: int | None = None
) -> Store:
    """Open the database at `url`, bring its tables up to date and return it.

    `max_queued` bounds how many runs may wait, whichever way they come in.
    """
    from store.migrations import upgrade

    file = _sqlite_file(url) if url.startswith("sqlite") else None
    engine = _sqlite_engine(url, file, urgent=urgent) if file else create_engine(url)
    try:
        upgrade(engine.execution_options(gl_write=True))
    except DatabaseError as error:  # locked, no folder, no space, or not a database at all
        engine.dispose()
        raise StoreUnavailable(
            f"The database {make_url(url).render_as_string()} cannot be opened: {error.orig}."
            " Check that the folder exists, is writable and has space."
        ) from error
    return Store(engine, keys, file, max_queued=max_queued, is_urgent=urgent)


def _sqlite_file(url: str) -> DatabaseFile:
    path = make_url(url).database or ""
    if path in ("", ":memory:"):
        raise StoreUnavailable("The store must be a file: other processes have to see it.")
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(
            f"The folder of `{path}` cannot be created ({error.strerror})."
        ) from error
    return DatabaseFile(Path(path))


def _sqlite_engine(url: str, file: DatabaseFile, *, urgent: bool) -> Engine:
    module = sqlite_module()
    engine = create_engine(url, module=module, json_serializer=_to_json, pool_size=POOL)
    wal = wal_is_safe(module.sqlite_version_info)
    event.listen(engine, "do_connect", lambda _d, record, _a, _k: file.before_connect(record))
    event.listen(engine, "connect", lambda _raw, record: file.after_connect(record))
    event.listen(engine, "connect", lambda raw, _record: _prepare(raw, wal=wal))
    event.listen(engine, "begin", lambda connection: _begin(connection, urgent=urgent))
    event.listen(engine, "checkout", lambda _raw, record, _proxy: file.require_same(record))
    return engine


def _prepare(raw: Any, *, wal: bool) -> None:
    raw.isolation_level = None  # we say BEGIN ourselves; the driver's own loses updates
    cursor = raw.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")  # first: the switch to WAL can wait too
    cursor.execute(f"PRAGMA journal_mode={'WAL' if wal else 'TRUNCATE'}")
    for pragma in (
        "synchronous=FULL",  # NORMAL loses acknowledged commits at power loss
        "foreign_keys=ON",
        "recursive_triggers=ON",  # else REPLACE deletes past an append-only trigger
        "trusted_schema=OFF",
        "cell_size_check=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection, *, urgent: bool) -> None:
    options = connection.get_execution_options()
    if options.get("gl_migrate"):
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")  # while tables are rebuilt
    if not options.get("gl_write"):
        connection.exec_driver_sql("BEGIN")
    elif not urgent:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        _begin_urgently(connection)


def _begin_urgently(connection: Connection) -> None:
    """Ask for the write lock every 0.4 ms: SQLite's own back-off grows to 100 ms and is unfair."""
    cursor = connection.connection.cursor()
    cursor.execute("PRAGMA busy_timeout=0")
    deadline = time.monotonic() + BUSY_MS / 1000
    try:
        while True:
            try:
                cursor.execute("BEGIN IMMEDIATE")
            except Exception as error:
                busy = getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY")
                if not busy or time.monotonic() > deadline:
                    raise
                time.sleep(URGENT_RETRY_SECONDS)
            else:
                return
    finally:
        cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        cursor.close()


def check_integrity(store: Store) -> str:
    """Return SQLite's own word on the file, `ok` when nothing is wrong."""
    return store.read(
        lambda session: str(session.connection().execute(text("PRAGMA quick_check")).scalar())
    )
