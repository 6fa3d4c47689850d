"""Group commit: verbs of many runs in one transaction, so that they share one fsync.

One thread takes whatever is waiting, runs it in one transaction, and resolves the callers only
after the commit. If any verb raises, the whole group is rolled back and each verb is run again in a
transaction of its own: durability and isolation are those of `Store.transact`. While the disk is
full the group waits and is repeated; nothing is acknowledged, and nothing given up, until then.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlmodel import Session

from store.engine import Store
from store.errors import ReadOnly

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

MAX_GROUP = 256
FIRST_PAUSE_SECONDS = 0.05  # while the disk is full; doubled up to the longest
LONGEST_PAUSE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Waiting:
    verb: Callable[[Session], Any]
    future: "Future[Any]"


class GroupWriter:
    """The one writing thread of a worker; close it to flush and stop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._closing = threading.Event()
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="group-writer", daemon=True)
        self._thread.start()

    async def write(
        self, verb: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run the verb in the next group; return its result once it is durable."""
        future: Future[T] = Future()
        self._waiting.put(_Waiting(lambda session: verb(session, *args, **kwargs), future))
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Write what is waiting, then stop the thread; a full disk is waited for no longer."""
        self._closing.set()
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            group = [first]
            stop = False
            while len(group) < MAX_GROUP and not self._waiting.empty():
                following = self._waiting.get()
                if following is None:
                    stop = True
                    break
                group.append(following)
            self._commit(group)
            if stop:
                return

    def _commit(self, group: list[_Waiting]) -> None:
        try:
            results = self._transact(group)
        except Exception as error:  # noqa: BLE001 - handed to the caller that asked
            if len(group) == 1:
                _resolve(group[0].future, error=error)
                return
            for item in group:
                self._commit([item])
        else:
            for item, result in zip(group, results, strict=True):
                _resolve(item.future, result=result)

    def _transact(self, group: list[_Waiting]) -> list[Any]:
        """Run the group in one transaction, as often as it takes until the disk has room."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                results = self._store.transact(
                    lambda session: [item.verb(session) for item in group]
                )
            except ReadOnly:
                if pause == FIRST_PAUSE_SECONDS:
                    log.warning("disk full: nothing is acknowledged until there is room again")
                if self._closing.wait(pause):
                    raise
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                if pause > FIRST_PAUSE_SECONDS:
                    log.warning("the disk has room again; writing goes on")
                return results


def _resolve(future: "Future[Any]", *, result: Any = None, error: Exception | None = None) -> None:
    if not future.set_running_or_notify_cancel():  # the run that asked was cancelled meanwhile
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
