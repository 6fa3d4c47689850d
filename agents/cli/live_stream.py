"""The demo's visitors: a thread hands in one ticket after another while the workers keep up.

A ticket that finds the queue full, or the database busy, is kept and handed in later.
"""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from types import TracebackType
from typing import Self

from sqlalchemy.exc import OperationalError

from store.engine import Store
from store.errors import BadInput, GreenlightError, QueueFull
from store.queue import NewTicket, submit

MAX_WAITING = 200  # queued runs at which visitors hold back
JOIN_SECONDS = 5.0


class LiveStream:
    """Submits tickets at a rate from its own thread; a context manager that closes the store."""

    def __init__(
        self,
        store: Store,
        tickets: Iterator[NewTicket],
        *,
        per_minute: float,
        clock: Callable[[], datetime],
        say: Callable[[str], None],
    ) -> None:
        self._store = store
        self._tickets = tickets
        self._pause = 60.0 / per_minute
        self._clock = clock
        self._say = say
        self._at_the_door: NewTicket | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live-tickets", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join(JOIN_SECONDS)
        self._store.close()

    def _run(self) -> None:
        while not self._stopping.wait(self._pause):
            try:
                self.hand_in()
            except (GreenlightError, OperationalError) as error:
                self._say(f"A live ticket could not be handed in: {error}")

    def hand_in(self) -> bool:
        """Submit the next ticket unless too many wait; return whether it was handed in.

        Raises BadInput for a ticket that can never go in; the next call goes on after it.
        """
        ticket = self._at_the_door or next(self._tickets)
        self._at_the_door = ticket
        try:
            self._store.transact(submit, [ticket], now=self._clock(), max_queued=MAX_WAITING)
        except QueueFull:
            return False
        except BadInput:
            self._at_the_door = None
            raise
        self._at_the_door = None
        return True
