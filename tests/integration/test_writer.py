"""Group commit: many verbs share one commit, and one that raises harms none of the others."""

import asyncio
import threading
from collections.abc import Iterator

import builders
import gated
import pytest
from sqlmodel import Session

from store.engine import Store
from store.settings import Settings
from store.writer import GroupWriter


@pytest.fixture
def writer(store: Store) -> Iterator[GroupWriter]:
    opened = GroupWriter(store)
    yield opened
    opened.close()


def refuse(session: Session) -> None:
    builders.ticket(session)
    raise LookupError("not this one")


class Held:
    """Keeps the writing thread busy inside a transaction until told to go on."""

    def __init__(self, writer: GroupWriter) -> None:
        self._entered, self._release = threading.Event(), threading.Event()
        self.task = asyncio.ensure_future(writer.write(self._wait))

    def _wait(self, session: Session) -> None:
        self._entered.set()
        assert self._release.wait(30)

    async def entered(self) -> None:
        await asyncio.to_thread(self._entered.wait, 30)

    async def go_on(self) -> None:
        self._release.set()
        await self.task


async def test_what_waits_together_is_committed_together(
    store: Store, writer: GroupWriter, settings: Settings
) -> None:
    watcher = settings.open()
    version = watcher.watch()
    held = Held(writer)
    await held.entered()
    before = version()
    writes = [asyncio.create_task(writer.write(builders.ticket)) for _ in range(40)]
    await asyncio.sleep(0)  # every task has handed in its verb
    await held.go_on()
    ids = await asyncio.gather(*writes)
    assert sorted(ids) == list(range(1, 41))
    assert version() - before <= 2, "one commit for the held verb, one for the forty"
    watcher.close()


async def test_a_verb_that_raises_does_not_harm_its_neighbours(
    store: Store, writer: GroupWriter
) -> None:
    held = Held(writer)
    await held.entered()
    writes = [
        asyncio.create_task(writer.write(refuse if number == 3 else builders.ticket))
        for number in range(8)
    ]
    await asyncio.sleep(0)
    await held.go_on()
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert isinstance(results[3], LookupError)
    assert sum(isinstance(result, int) for result in results) == 7
    assert gated.count(store, "ticket") == 7


async def test_a_result_is_given_only_once_it_is_durable(
    store: Store, writer: GroupWriter, settings: Settings
) -> None:
    other = settings.open()
    for expected in range(1, 6):
        await writer.write(builders.ticket)
        assert gated.count(other, "ticket") == expected
    other.close()


async def test_what_a_cancelled_caller_had_handed_in_is_written_all_the_same(
    store: Store, writer: GroupWriter
) -> None:
    held = Held(writer)
    await held.entered()
    cancelled = asyncio.create_task(writer.write(builders.ticket))
    other = asyncio.create_task(writer.write(builders.ticket))
    await asyncio.sleep(0)
    cancelled.cancel()
    await held.go_on()
    await other
    assert cancelled.cancelled()
    assert gated.count(store, "ticket") == 2


async def test_closing_writes_what_waits(store: Store) -> None:
    writer = GroupWriter(store)
    held = Held(writer)
    await held.entered()
    writes = [asyncio.create_task(writer.write(builders.ticket)) for _ in range(5)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(asyncio.to_thread(writer.close))
    await held.go_on()
    await closing
    await asyncio.gather(*writes)
    assert gated.count(store, "ticket") == 5
