"""A full disk: nothing acknowledged is lost, reading goes on, and writing resumes by itself."""

import asyncio
import logging
import threading
from collections.abc import Iterator

import builders
import gated
import pytest
from disk import Disk, limited
from sqlmodel import Session

from agents.pipeline import StepFailedError
from store.engine import Store, check_integrity
from store.errors import ReadOnly, StoreUnavailable
from store.settings import Settings
from store.writer import GroupWriter

WRITERS, EPISODES = 8, 3


@pytest.fixture
def disk() -> Iterator[Disk]:
    with limited() as found:
        yield found


class Heard(logging.Handler):
    """Waits for the writer to say that it waits."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._waits = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        if "disk full" in self.lines[-1]:
            self._waits.set()

    async def that_it_waits(self) -> None:
        assert await asyncio.to_thread(self._waits.wait, 30)
        self._waits.clear()


@pytest.fixture
def heard() -> Iterator[Heard]:
    handler, log = Heard(), logging.getLogger("store.writer")
    log.addHandler(handler)
    yield handler
    log.removeHandler(handler)


def fill(store: Store, disk: Disk) -> int:
    """Fill the disk and write tickets until one is refused; return how many were acknowledged."""
    disk.fill()
    written = 0
    try:
        while True:
            store.transact(builders.ticket)
            written += 1
    except ReadOnly:
        return written


def test_a_refused_write_says_so_and_leaves_nothing_behind(store: Store, disk: Disk) -> None:
    def two(session: Session) -> None:
        for _ in range(500):  # more than the pages still have room for
            builders.ticket(session)

    disk.fill()
    with pytest.raises(StoreUnavailable, match=r"^Read-only: disk full\. This was NOT recorded"):
        store.transact(two)
    assert gated.count(store, "ticket") == 0
    assert check_integrity(store) == "ok"


def test_what_was_acknowledged_before_is_there_and_writing_resumes(
    store: Store, settings: Settings, disk: Disk
) -> None:
    acknowledged = 0
    for _ in range(EPISODES):
        acknowledged += fill(store, disk)
        assert gated.count(store, "ticket") == acknowledged, "reading goes on"
        disk.free()
        store.transact(builders.ticket)
        acknowledged += 1
    store.close()
    again = settings.open()
    assert gated.count(again, "ticket") == acknowledged
    assert check_integrity(again) == "ok"
    again.close()


def test_the_store_remembers_until_a_write_goes_through(store: Store, disk: Disk) -> None:
    assert store.trouble is None
    fill(store, disk)
    said = store.trouble or ""
    assert said.startswith("Read-only: disk full")
    assert str(store.path) in said
    disk.free()
    store.transact(builders.ticket)
    assert store.trouble is None


def test_a_process_that_only_reads_learns_of_it_too(
    store: Store, settings: Settings, disk: Disk
) -> None:
    reader = settings.open()
    fill(store, disk)
    assert (reader.trouble or "").startswith("Read-only: disk full")
    reader.close()


def test_an_error_of_another_kind_is_not_called_a_full_disk(store: Store) -> None:
    def refuse(session: Session) -> None:
        raise LookupError("not this one")

    with pytest.raises(LookupError):
        store.transact(refuse)
    assert store.trouble is None


def test_a_run_is_not_failed_for_good_by_a_full_disk() -> None:
    assert StepFailedError("synthesis", ReadOnly("Read-only: disk full.")).is_transient


async def test_a_worker_waits_and_goes_on_with_nothing_acknowledged_lost(
    store: Store, settings: Settings, disk: Disk, heard: Heard
) -> None:
    writer, other = GroupWriter(store), settings.open()
    acknowledged: list[int] = []
    stop = asyncio.Event()

    async def write_on() -> None:
        while not stop.is_set():
            acknowledged.append(await writer.write(builders.ticket))

    tasks = [asyncio.create_task(write_on()) for _ in range(WRITERS)]
    for _ in range(EPISODES):
        disk.fill()
        await heard.that_it_waits()
        durable = set(acknowledged)
        assert gated.count(other, "ticket") == len(durable)
        assert not any(task.done() for task in tasks), "nobody was refused"
        disk.free()
        async with asyncio.timeout(30):
            while len(acknowledged) < len(durable) + WRITERS:  # so it has resumed by itself
                await asyncio.sleep(0)
    stop.set()
    await asyncio.gather(*tasks)
    await asyncio.to_thread(writer.close)
    assert len(acknowledged) == len(set(acknowledged)) == gated.count(other, "ticket")
    assert sum("disk full" in line for line in heard.lines) == EPISODES, "said once each time"
    assert sum("has room again" in line for line in heard.lines) == EPISODES
    other.close()


async def test_closing_stops_the_waiting_and_refuses_what_was_not_written(
    store: Store, disk: Disk, heard: Heard
) -> None:
    written = fill(store, disk)
    writer = GroupWriter(store)
    waiting = [asyncio.create_task(writer.write(builders.ticket)) for _ in range(3)]
    await heard.that_it_waits()
    await asyncio.to_thread(writer.close)
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [ReadOnly] * 3
    assert gated.count(store, "ticket") == written
