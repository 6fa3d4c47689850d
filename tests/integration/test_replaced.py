"""A database file replaced under running processes: noticed, and no acknowledged write is lost."""

import asyncio
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import builders
import gated
import pytest
from busy_writers import written
from sqlalchemy import text
from sqlmodel import Session

from store import backup
from store.engine import Store, check_integrity
from store.errors import DatabaseMissing
from store.settings import Settings
from store.writer import GroupWriter

WRITERS, REPLACEMENTS, AFTERWARDS = 8, 5, 20


def path_of(store: Store) -> Path:
    assert store.path is not None
    return store.path


def replacement(store: Store, folder: Path) -> Path:
    """Return a finished copy of the database as it is now."""
    return backup.make(
        store, folder / "copy.db", version="1", now=builders.NOW, is_forced=True
    ).file


def replace(database: Path, copy: Path) -> None:
    """Put the copy in place, as `mv` does, without the log of the file that was there."""
    for leftover in database.parent.glob(f"{database.name}-*"):
        leftover.unlink()
    os.replace(copy, database)  # noqa: PTH105 - the very act that is tested


def tickets(store: Store) -> set[str]:
    query = text("SELECT external_id FROM ticket")
    return store.read(lambda session: set(session.connection().execute(query).scalars()))


async def test_what_a_worker_is_promised_after_the_replacement_is_in_the_new_file(
    store: Store, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "store")
    writer = GroupWriter(store)
    promised: list[tuple[int, str]] = []  # after how many replacements the write began
    replaced, stop = 0, asyncio.Event()

    async def write_on(number: int) -> None:
        turn = 0
        while not stop.is_set():
            name, began = f"{number}-{turn}", replaced
            await writer.write(written, name)
            promised.append((began, name))
            turn += 1

    tasks = [asyncio.create_task(write_on(number)) for number in range(WRITERS)]
    for _ in range(REPLACEMENTS):
        copy = await asyncio.to_thread(replacement, store, tmp_path)
        await asyncio.to_thread(replace, path_of(store), copy)
        replaced += 1
        async with asyncio.timeout(30):
            while sum(began == replaced for began, _ in promised) < AFTERWARDS:
                await asyncio.sleep(0)
        since = {name for began, name in promised if began == replaced}
        other = settings.open()
        assert since <= tickets(other), "none went to the file that was unlinked"
        assert check_integrity(other) == "ok"
        other.close()
    stop.set()
    await asyncio.gather(*tasks)
    await asyncio.to_thread(writer.close)
    assert "was replaced" in caplog.text


def test_a_write_caught_in_the_middle_is_written_again_to_the_new_file(
    store: Store, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def slow(session: Session) -> None:
        written(session, "in the middle")
        entered.set()
        assert go_on.wait(30)

    copy = replacement(store, tmp_path)
    with ThreadPoolExecutor(1) as pool:
        promise = pool.submit(store.transact, slow)
        assert entered.wait(30)
        replace(path_of(store), copy)
        go_on.set()
        promise.result()
    assert "a write went to a database file that was replaced" in caplog.text
    other = settings.open()
    assert tickets(other) == {"in the middle"}
    other.close()


def test_the_change_counter_follows_the_new_file(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    version = store.watch()
    copy = replacement(store, tmp_path)
    seen = version()
    replace(path_of(store), copy)
    assert version() != seen
    seen = version()
    assert version() == seen
    other = settings.open()
    other.transact(builders.ticket)
    assert version() != seen
    other.close()


def test_connections_to_the_old_file_leave_the_new_ones_log_alone(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    store.transact(written, "old")
    version = store.watch()  # one connection more to the old file
    copy = replacement(store, tmp_path)
    replace(path_of(store), copy)
    other = settings.open()
    other.transact(written, "new")  # is in the new file's log alone
    version()
    store.close()
    del version, store
    assert tickets(other) == {"old", "new"}
    other.close()
    again = settings.open()
    assert tickets(again) == {"old", "new"}
    assert check_integrity(again) == "ok"
    again.close()


def test_a_file_that_vanished_is_not_made_anew_empty(store: Store, tmp_path: Path) -> None:
    store.transact(written, "one")
    store.close()
    database, away = path_of(store), tmp_path / "away.db"
    database.rename(away)
    with pytest.raises(DatabaseMissing, match="is gone"):
        gated.count(store, "ticket")
    assert not database.exists()
    away.rename(database)
    assert tickets(store) == {"one"}
