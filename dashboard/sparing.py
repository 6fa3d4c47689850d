"""Reads that are kept for as long as repeating them would be dear.

A quick read is repeated after three seconds, a slow one no sooner than after twenty times what it
took: however large the store grows, a page's figures never take more than a twentieth of a core.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeVar, cast

T = TypeVar("T")

FRESH_SECONDS = 3.0
TIMES = 20.0
MOST = 64  # results kept


@dataclass(frozen=True, slots=True)
class _Kept:
    value: object
    until: float


class Sparing:
    """Keeps what was read; one read of a key at a time, whoever asks."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._reading: dict[Hashable, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, key: Hashable, read: Callable[[], T], *, fresh: float = FRESH_SECONDS) -> T:
        """Return what is kept under this key, or read it; kept for `fresh` seconds at least."""
        with self._guard:
            lock = self._reading.setdefault(key, threading.Lock())
        with lock:
            kept = self._kept.get(key)
            if kept is not None and self._clock() < kept.until:
                return cast(T, kept.value)
            began = self._clock()
            value = read()
            ended = self._clock()
            self._keep(key, _Kept(value, ended + max(fresh, TIMES * (ended - began))))
            return value

    def _keep(self, key: Hashable, kept: _Kept) -> None:
        with self._guard:
            self._kept[key] = kept
            self._kept.move_to_end(key)
            while len(self._kept) > MOST:
                oldest, _ = self._kept.popitem(last=False)
                self._reading.pop(oldest, None)
