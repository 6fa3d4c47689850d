"""The database: opening it safely, and the only place that commits.

A verb or query is a function whose first argument is a session. `Store.transact` runs one verb in
one write transaction; `Store.read` runs one query in a deferred read. Nobody else holds a session,
so no model call, tool call or page drawing can happen inside a transaction.
"""

import json
import os
import secrets
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Concatenate, ParamSpec, TypeVar

import orjson
from sqlalchemy import ColumnElement, Engine, create_engine, event, func, text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import DatabaseError, InvalidatePoolError
from sqlmodel import Session

from store.errors import StoreUnavailable
from store.schema import UtcDateTime

P = ParamSpec("P")
T = TypeVar("T")

BUSY_MS = 30_000
URGENT_RETRY_SECONDS = 0.0004


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

    def __init__(self, engine: Engine, *, audit_key: bytes) -> None:
        self._reads = engine
        self._writes = engine.execution_options(gl_write=True)
        self._info = {"audit_key": audit_key}

    @property
    def url(self) -> str:
        return self._reads.url.render_as_string(hide_password=True)

    def transact(
        self, verb: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run one verb in one write transaction: commit if it returns, roll back if it raises."""
        with Session(self._writes, expire_on_commit=False, info=self._info) as session:
            result = verb(session, *args, **kwargs)
            session.commit()
            return result

    def read(
        self, query: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run one query on a consistent snapshot; whatever it changed is rolled back."""
        with Session(self._reads, expire_on_commit=False, info=self._info) as session:
            return query(session, *args, **kwargs)

    def watch(self) -> Callable[[], int]:
        """Return a cheap counter that changes when another connection commits (SQLite).

        It holds one connection of its own; on other databases it counts up on every call, which
        makes the caller look each time.
        """
        connection = self._reads.connect().execution_options(isolation_level="AUTOCOMMIT")
        if self._reads.dialect.name != "sqlite":
            ticks = iter(range(1 << 62))
            return lambda: next(ticks)
        cursor = connection.connection.cursor()

        def version() -> int:
            row = cursor.execute("PRAGMA data_version").fetchone()
            assert connection is not None
            return int(row[0])

        return version

    def close(self) -> None:
        """Close every connection; a later call opens new ones."""
        self._reads.dispose()


def open_store(url: str, *, keys: Path, urgent: bool = False) -> Store:
    """Open the database at `url`, bring its tables up to date and return it."""
    from store.migrations import upgrade

    key = _audit_key(keys)
    engine = _sqlite_engine(url, urgent=urgent) if url.startswith("sqlite") else create_engine(url)
    try:
        upgrade(engine.execution_options(gl_write=True))
    except DatabaseError as error:  # locked, no folder, no space, or not a database at all
        engine.dispose()
        raise StoreUnavailable(
            f"The database {make_url(url).render_as_string()} cannot be opened: {error.orig}."
            " Check that the folder exists, is writable and has space."
        ) from error
    return Store(engine, audit_key=key)


def _audit_key(keys: Path) -> bytes:
    """Read the audit chain's key, making it on first use; only the owner may read it."""
    path = keys / "audit.key"
    try:
        keys.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_key(path)
    except OSError as error:
        raise StoreUnavailable(
            f"The folder `{keys.parent}` cannot be written ({error.strerror})."
            " Greenlight keeps all its state there: make it writable, or set GREENLIGHT_HOME."
        ) from error
    key = secrets.token_bytes(32)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return key


def _read_key(path: Path) -> bytes:
    for _ in range(200):  # another process may have created it and not yet written
        key = path.read_bytes()
        if len(key) == 32:
            return key
        time.sleep(0.005)
    raise StoreUnavailable(f"`{path}` is not an audit key (32 bytes). Restore it from a backup.")


def _sqlite_engine(url: str, *, urgent: bool) -> Engine:
    module = sqlite_module()
    path = make_url(url).database or ""
    if path in ("", ":memory:"):
        raise StoreUnavailable("The store must be a file: other processes have to see it.")
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(
            f"The folder of `{path}` cannot be created ({error.strerror})."
        ) from error
    engine = create_engine(url, module=module, json_serializer=_to_json)
    wal = wal_is_safe(module.sqlite_version_info)
    event.listen(engine, "connect", lambda raw, record: _prepare(raw, record, path, wal=wal))
    event.listen(engine, "begin", lambda connection: _begin(connection, urgent=urgent))
    event.listen(engine, "checkout", lambda _raw, record, _proxy: _same_file(record, path))
    return engine


def _prepare(raw: Any, record: Any, path: str, *, wal: bool) -> None:
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
    record.info["file"] = _file_identity(path)


def _file_identity(path: str) -> tuple[int, int] | None:
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _same_file(record: Any, path: str) -> None:
    if record.info.get("file") != _file_identity(path):
        raise InvalidatePoolError("the database file was replaced")


def _begin(connection: Connection, *, urgent: bool) -> None:
    if not connection.get_execution_options().get("gl_write"):
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
