"""The one writer of the books: calls that arrive together share one commit."""

import asyncio
import sqlite3
from collections.abc import Callable

from bench.faults import books
from bench.faults.books import Answer

Act = Callable[[sqlite3.Connection], Answer]


class Booker:
    """Answers a call only when what it did is on disk."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._waiting: list[tuple[Act, asyncio.Future[Answer]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def book(self, act: Act) -> Answer:
        """Run `act` in a write transaction, shared with others, and wait until it is committed."""
        done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((act, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await asyncio.shield(done)

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            acts = [act for act, _ in batch]
            answers = await asyncio.to_thread(self._commit, acts)
            for (_, done), answer in zip(batch, answers, strict=True):
                done.set_result(answer)

    def _commit(self, acts: list[Act]) -> list[Answer]:
        return books.write(self._db, lambda: [act(self._db) for act in acts])
