"""The engine under several processes and threads: nothing is lost, nothing waits for ever."""

import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import builders
import gated
import pytest
from builders import NOW
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, StatementError
from sqlmodel import Session

from store.engine import Store, check_integrity, sqlite_module, wal_is_safe
from store.errors import StoreUnavailable
from store.schema import Ticket, Worker
from store.settings import Settings

PROCESSES, THREADS, TURNS = 4, 2, 25


def increment(session: Session) -> None:
    """Read, then write what was read plus one: loses updates unless the read is in the lock."""
    connection = session.connection()
    n = connection.execute(text("SELECT sum(in_flight) FROM worker")).scalar_one() or 0
    row = Worker(id="tally", kind="worker", host="here", pid=1, started_at=NOW, heartbeat_at=NOW)
    row.in_flight = n + 1
    session.merge(row)


def increment_many_times(home: Path, is_urgent: bool) -> None:
    store = Settings(home=home).open(urgent=is_urgent)
    with ThreadPoolExecutor(THREADS) as pool:
        turns = [pool.submit(store.transact, increment) for _ in range(THREADS * TURNS)]
        for turn in turns:
            turn.result()
    store.close()


def all_together(home: Path) -> list[int]:
    """Run it in processes of their own: fresh interpreters, as workers are."""
    code = (
        "import pathlib, sys; from integration.test_engine import increment_many_times;"
        " increment_many_times(pathlib.Path(sys.argv[1]), sys.argv[2] == 'urgent')"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, home, "urgent" if number else "patient"],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)},
        )
        for number in range(PROCESSES)
    ]
    return [process.wait() for process in processes]


def pragma(store: Store, name: str) -> object:
    return store.read(lambda s: s.connection().execute(text(f"PRAGMA {name}")).scalar())


def test_processes_that_open_a_new_store_at_once_lose_no_update(settings: Settings) -> None:
    assert all_together(settings.home) == [0] * PROCESSES
    store = settings.open()
    total = store.read(
        lambda s: s.connection().execute(text("SELECT in_flight FROM worker")).scalar()
    )
    assert total == PROCESSES * THREADS * TURNS
    store.close()


@pytest.mark.parametrize("is_urgent", [False, True])
def test_connections_are_durable_and_check_foreign_keys(
    settings: Settings, is_urgent: bool
) -> None:
    store = settings.open(urgent=is_urgent)
    if wal_is_safe(sqlite_module().sqlite_version_info):
        assert pragma(store, "journal_mode") == "wal"
    assert pragma(store, "synchronous") == 2  # FULL
    assert pragma(store, "foreign_keys") == 1
    assert pragma(store, "recursive_triggers") == 1
    assert pragma(store, "trusted_schema") == 0
    store.close()


@pytest.mark.parametrize(
    ("version", "is_safe"),
    [((3, 51, 3), True), ((3, 51, 2), False), ((3, 50, 7), True), ((3, 50, 6), False),
     ((3, 44, 6), True), ((3, 45, 9), False), ((4, 0, 0), True)],
)  # fmt: skip
def test_wal_is_used_only_where_sqlite_has_the_reset_fix(
    version: tuple[int, ...], is_safe: bool
) -> None:
    assert wal_is_safe(version) is is_safe


def test_an_urgent_write_gets_its_turn_between_the_writes_of_a_busy_worker(
    store: Store, settings: Settings
) -> None:
    urgent = settings.open(urgent=True)
    builder = store.transact(builders.ticket)
    stop, started = threading.Event(), threading.Event()

    def write_without_pause() -> int:
        written = 0
        while not stop.is_set():
            store.transact(builders.run, ticket_id=builder)
            written += 1
            started.set()
        return written

    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(write_without_pause)
        assert started.wait(10)
        try:
            for _ in range(20):  # the busy writer never stops, so each of these got in between
                urgent.transact(builders.ticket)
        finally:
            stop.set()
        assert busy.result() > 0
    assert gated.count(store, "ticket") == 21
    urgent.close()


def test_a_verb_that_raises_leaves_nothing_behind(store: Store) -> None:
    def half(session: Session) -> None:
        builders.ticket(session)
        raise LookupError("half way")

    with pytest.raises(LookupError):
        store.transact(half)
    assert gated.count(store, "ticket") == 0


def test_a_query_cannot_leave_a_change_behind(store: Store) -> None:
    store.read(builders.ticket)
    assert gated.count(store, "ticket") == 0


def test_a_query_sees_one_snapshot_while_others_commit(store: Store) -> None:
    def count_twice(session: Session) -> tuple[int, int]:
        query = text("SELECT count(*) FROM ticket")
        first = session.connection().execute(query).scalar_one()
        with ThreadPoolExecutor(1) as other:
            other.submit(store.transact, builders.ticket).result()
        return first, session.connection().execute(query).scalar_one()

    assert store.read(count_twice) == (0, 0)
    assert gated.count(store, "ticket") == 1


def test_a_naive_datetime_is_refused_rather_than_guessed(store: Store) -> None:
    with pytest.raises(StatementError, match="naive"):
        store.transact(builders.ticket, at=datetime(2026, 5, 1))  # noqa: DTZ001
    assert gated.count(store, "ticket") == 0


def test_a_moment_comes_back_as_the_same_moment_in_utc(store: Store) -> None:
    lisbon = datetime.fromisoformat("2026-05-01T12:00:00+01:00")
    ticket_id = store.transact(builders.ticket, at=lisbon)
    stored = store.read(lambda session: session.get_one(Ticket, ticket_id)).received_at
    assert stored == lisbon
    assert stored.utcoffset() is not None
    assert stored.isoformat() == "2026-05-01T11:00:00+00:00"


def test_the_change_counter_moves_when_somebody_else_commits(
    store: Store, settings: Settings
) -> None:
    version = store.watch()
    before = version()
    assert version() == before
    other = settings.open()
    other.transact(builders.ticket)
    assert version() != before
    other.close()


def test_a_database_file_that_was_replaced_is_noticed(store: Store, tmp_path: Path) -> None:
    elsewhere = Settings(home=tmp_path / "elsewhere")
    other = elsewhere.open()
    other.transact(builders.ticket)
    other.close()
    assert gated.count(store, "ticket") == 0
    path = Path(store.url.removeprefix("sqlite:///"))
    copy = path.with_suffix(".new")
    shutil.copy(elsewhere.home / "greenlight.db", copy)
    for leftover in path.parent.glob(f"{path.name}-*"):
        leftover.unlink()
    os.replace(copy, path)  # noqa: PTH105 - the same act as a restore's `mv`
    assert gated.count(store, "ticket") == 1


def test_integrity_is_reported_in_the_databases_own_word(store: Store) -> None:
    assert check_integrity(store) == "ok"


def test_a_file_that_is_no_database_is_refused_in_words(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    (settings.home / "greenlight.db").write_bytes(b"these are somebody's holiday notes " * 200)
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        settings.open()


def test_a_store_must_be_a_file(settings: Settings) -> None:
    with pytest.raises(StoreUnavailable, match="must be a file"):
        Settings(home=settings.home, database_url="sqlite://").open()


def test_a_damaged_audit_key_is_named_and_nothing_is_opened(settings: Settings) -> None:
    settings.keys.mkdir(parents=True)
    (settings.keys / "audit.key").write_bytes(b"short")
    with pytest.raises(StoreUnavailable, match=r"audit\.key"):
        settings.open()


def test_only_the_owner_may_read_the_audit_key(store: Store, settings: Settings) -> None:
    assert (settings.keys / "audit.key").stat().st_mode & 0o077 == 0


def test_a_write_that_never_gets_the_lock_fails_and_is_not_half_done(store: Store) -> None:
    """A reader may not write: the deferred transaction's snapshot is stale by then."""

    def late_write(session: Session) -> None:
        session.connection().execute(text("SELECT count(*) FROM ticket")).scalar()
        with ThreadPoolExecutor(1) as other:
            other.submit(store.transact, builders.ticket).result()
        builders.ticket(session)

    with pytest.raises(OperationalError):
        store.read(late_write)
    assert gated.count(store, "ticket") == 1
