"""What goes wrong on purpose, drawn per call, and a file that says how often.

The draw depends on the seed, the request and how often it came before, never on the order in which
requests arrive: the same campaign has the same mishaps.
"""

import json
from collections import Counter
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path
from random import Random


class Mishap(StrEnum):
    """One way in which a call goes wrong."""

    DROP = "drop"  # done, but the connection is closed without an answer
    FAIL_BEFORE = "fail_before"  # an error; nothing was done, nothing is remembered
    FAIL_AFTER = "fail_after"  # done and remembered, but the answer is an error
    KEEP_FAILURE_BEFORE = "keep_failure_before"  # not done; the key answers this error for ever
    KEEP_FAILURE_AFTER = "keep_failure_after"  # done; yet the key answers an error for ever
    THROTTLE = "throttle"  # "too many requests"; nothing was done
    HANG_THEN_DO = "hang_then_do"  # done only when the caller has long given up
    HANG = "hang"  # never done, and answered too late


@dataclass(frozen=True, slots=True)
class Rates:
    """The share of write calls with each mishap, and of reads that are throttled."""

    drop: float = 0.0
    fail_before: float = 0.0
    fail_after: float = 0.0
    keep_failure_before: float = 0.0
    keep_failure_after: float = 0.0
    throttle: float = 0.0
    hang_then_do: float = 0.0
    hang: float = 0.0
    read_throttle: float = 0.0
    hang_seconds: float = 5.0  # beyond the time-out that the company gives the server
    forget_seconds: float | None = None  # keys older than this are new again
    seed: int = 1

    def __post_init__(self) -> None:
        known = {field.name for field in fields(self)}
        assert {mishap.value for mishap in Mishap} < known
        total = sum(getattr(self, mishap.value) for mishap in Mishap)
        if not 0 <= total <= 1:
            raise ValueError(f"the mishaps come to {total:g} of all calls, over 1")


def write_rates(path: Path, rates: Rates) -> None:
    """Leave the rates for a service, which takes up a changed file at its next call."""
    made = path.with_suffix(".new")
    made.write_text(json.dumps(asdict(rates)), encoding="utf-8")
    made.rename(path)


def drawn_so_far(path: Path) -> Counter[str]:
    """Return what went wrong by the rates in this file, however often the service was killed."""
    log = path.with_suffix(".drawn")
    return Counter(log.read_text(encoding="utf-8").split() if log.exists() else ())


class Mishaps:
    """Draws the mishap of each call by the rates in a file, if there is one."""

    def __init__(self, path: Path | None, rates: Rates | None = None) -> None:
        self.rates = rates or Rates()
        self.drawn: Counter[str] = Counter()
        self._path = path
        self._log = path.with_suffix(".drawn").open("ab", buffering=0) if path else None
        self._seen = 0
        self._tries: Counter[str] = Counter()

    def draw(self, request: str) -> Mishap | None:
        """Return what goes wrong with this write call, if anything."""
        point = self._point(request)
        for mishap in Mishap:
            point -= getattr(self.rates, mishap.value)
            if point < 0:
                self._note(mishap.value)
                return mishap
        return None

    def draws_throttled_read(self, request: str) -> bool:
        """Return whether this read is answered with an error."""
        is_throttled = self._point(f"read:{request}") < self.rates.read_throttle
        if is_throttled:
            self._note("read_throttle")
        return is_throttled

    def _note(self, name: str) -> None:
        self.drawn[name] += 1
        if self._log is not None:
            self._log.write(f"{name}\n".encode())

    def _point(self, request: str) -> float:
        self._reload()
        self._tries[request] += 1
        return Random(f"{self.rates.seed}:{request}:{self._tries[request]}").random()

    def _reload(self) -> None:
        if self._path is None:
            return
        try:
            changed = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return
        if changed != self._seen:
            self.rates = Rates(**json.loads(self._path.read_text(encoding="utf-8")))
            self._seen = changed
