"""Processes forked from one that has everything loaded: started, killed, paused, started again.

The process that forks must hold no open database and run no thread. None of its children outlives
it, however it ends.
"""

import gc
import os
import signal
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from random import Random
from typing import NoReturn

from agents import leash

Act = Callable[[], None]
STOP_SECONDS = 20.0


def fork(act: Act, log: Path) -> int:
    """Run `act` in a child whose output goes to the log; return its pid."""
    assert threading.active_count() == 1
    _line()
    gc.freeze()  # what is shared stays shared
    pid = os.fork()
    return pid or _live(act, log)


@cache
def _line() -> tuple[int, int]:
    """A pipe whose writing end only the parent holds, so that it closes when the parent ends."""
    return os.pipe()


def _live(act: Act, log: Path) -> NoReturn:
    code = 1
    try:
        held, holding = _line()
        os.close(holding)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        with log.open("a") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        leash.hold(held, grace_seconds=1.0)
        act()
        code = 0
    except BaseException:  # noqa: BLE001 - a child must never return into its parent's code
        traceback.print_exc()
    os._exit(code)


def ended(pid: int) -> int | None:
    """Return the child's exit code, None while it runs."""
    gone, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if gone else None


def wait(pids: Iterable[int]) -> list[int]:
    """Wait until the children have ended; return their exit codes."""
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]


class Crew:
    """Named children, each of which is started again whenever it is not there."""

    def __init__(self, acts: Mapping[str, Act], log: Path) -> None:
        self._acts = dict(acts)
        self._log = log
        self._pids: dict[str, int] = {}
        self._born: dict[str, float] = {}
        self.fallen: Counter[str] = Counter()  # ended without being asked to
        for name in self._acts:
            self.start(name)

    def start(self, name: str) -> None:
        """Fork the one that is not there."""
        self._pids[name] = fork(self._acts[name], self._log)
        self._born[name] = time.monotonic()

    def pick(self, draw: Random, *, but: Iterable[str] = ()) -> str:
        """Draw one by age: who has come to its work, more often than who is still starting."""
        now = time.monotonic()
        ages = {name: now - born for name, born in self._born.items() if name not in but}
        return draw.choices(list(ages), weights=list(ages.values()))[0]

    def kill(self, name: str) -> None:
        """SIGKILL, and start it again."""
        pid = self._pids.pop(name)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self.start(name)

    def pause(self, names: Iterable[str], seconds: float) -> None:
        """SIGSTOP all of them, and SIGCONT after so long."""
        pids = [self._pids[name] for name in names]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        for pid in pids:
            os.kill(pid, signal.SIGCONT)

    def revive(self) -> None:
        """Start again whoever fell."""
        for name, pid in list(self._pids.items()):
            if (code := ended(pid)) is not None:
                self.fallen[f"{name.split('-')[0]} exited with {code}"] += 1
                self.start(name)

    def stop(self) -> None:
        """SIGTERM, the last first, then SIGKILL for who does not go."""
        for name in reversed(self._acts):
            pid = self._pids.pop(name)
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + STOP_SECONDS
            while ended(pid) is None:
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                    self.fallen[f"{name.split('-')[0]} did not stop"] += 1
                    break
                time.sleep(0.01)
