"""A family of processes on one machine: started together, restarted when one crashes, stopped in
order, never orphaned (see `agents.leash`). Knows nothing of what its members do.

Output of members goes to log files, never to the terminal; `say` gets one line per event.
"""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Generic, Protocol, TypeVar

from agents.preflight import CannotStart

MAX_LOG_BYTES = 5_000_000


@dataclass(frozen=True, slots=True)
class Timing:
    """How patient a family is, in seconds."""

    stop: float = 10.0  # for all stages together, then kill
    ready: float = 60.0
    tick: float = 0.1
    first_backoff: float = 1.0  # doubled by each crash
    max_backoff: float = 30.0
    steady: float = 60.0  # a member that ran this long starts again from the first backoff


@dataclass(frozen=True, slots=True)
class Member:
    """One process, `python -m MODULE ARGUMENTS`; members are stopped by stage, lowest first."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    stage: int = 0


class Process(Protocol):
    """What watching needs of a process."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...


P = TypeVar("P", bound=Process)


class Watched(Generic[P]):
    """A member with its process and how often it has fallen: the restart policy."""

    def __init__(self, member: Member, spawn: Callable[[Member], P], timing: Timing) -> None:
        self.member = member
        self._spawn = spawn
        self._timing = timing
        self._backoff = timing.first_backoff
        self._restart_at: float | None = None
        self.start()

    def start(self) -> None:
        self.process = self._spawn(self.member)
        self._started = time.monotonic()
        self._restart_at = None

    def revive(self, now: float) -> str | None:
        """Restart after a backoff once it has ended; return the line to show when that changes."""
        if self._restart_at is not None:
            if now >= self._restart_at:
                self.start()
            return None
        code = self.process.poll()
        if code is None:
            return None
        if now - self._started > self._timing.steady:
            self._backoff = self._timing.first_backoff
        wait, self._backoff = self._backoff, min(self._backoff * 2, self._timing.max_backoff)
        self._restart_at = now + wait
        return f"{self.member.name} stopped ({ending(code)}); starting it again in {wait:g} s"


class Family:
    """Starts members, watches them until a signal or `stop`, and takes all of them down.

    `say` receives one line per event, for the person who started it.
    """

    def __init__(
        self,
        members: Sequence[Member],
        *,
        logs: Path,
        say: Callable[[str], None],
        env: Mapping[str, str] | None = None,
        timing: Timing = Timing(),
    ) -> None:
        self._members = members
        self._logs = logs
        self._say = say
        self._timing = timing
        self._env = dict(os.environ if env is None else env)
        self._running: list[Watched[subprocess.Popen[bytes]]] = []
        self._signals = 0
        self._read_end, self._write_end = os.pipe()

    @property
    def pids(self) -> dict[str, int]:
        """Return the process id of each member, by name."""
        return {one.member.name: one.process.pid for one in self._running}

    @contextmanager
    def started(self) -> Iterator[None]:
        """Start all; on leaving, however that happens, stop all and give signals back."""
        self._logs.mkdir(parents=True, exist_ok=True)
        before = {
            number: signal.signal(number, self._note_signal)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            if signal.getsignal(number) is not signal.SIG_IGN  # nohup stays nohup
        }
        try:
            self.join(self._members)
            yield
        finally:
            self._stop()
            for number, action in before.items():
                signal.signal(number, action)
            os.close(self._write_end)
            os.close(self._read_end)

    @property
    def is_stopping(self) -> bool:
        return self._signals > 0

    def wait_ready(self, host: str, port: int, member: str, *, path: str = "/healthz") -> None:
        """Wait until the member answers 200; raise CannotStart if it ends or is slow."""
        (watched,) = [one for one in self._running if one.member.name == member]
        deadline = time.monotonic() + self._timing.ready
        while not self.is_stopping and not _answers(host, port, path):
            code = watched.process.poll()
            if code is not None or time.monotonic() > deadline:
                what = "took too long" if code is None else f"stopped ({ending(code)})"
                raise CannotStart(
                    f"The {member} {what} while starting; everything was stopped again. Its last"
                    f" words, from `{self._log(member)}`: {_last_line(self._log(member))}"
                )
            time.sleep(self._timing.tick)

    def join(self, members: Sequence[Member]) -> None:
        """Start further members; they are watched and stopped like the first."""
        for member in members:
            self._running.append(Watched(member, self._spawn, self._timing))

    def watch(self) -> None:
        """Restart what crashes until SIGINT, SIGTERM or SIGHUP arrives."""
        while not self.is_stopping:
            for one in self._running:
                line = one.revive(time.monotonic())
                if line:
                    self._say(f"{line} (see {self._log(one.member.name)})")
            time.sleep(self._timing.tick)

    def _note_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1

    def _spawn(self, member: Member) -> subprocess.Popen[bytes]:
        log = self._log(member.name)
        if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - our own interpreter and module names
                [
                    sys.executable,
                    *("-m", "agents.leash", str(self._read_end), member.module, *member.arguments),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._env,
                pass_fds=(self._read_end,),
                start_new_session=True,  # Ctrl-C reaches the parent alone, which keeps the order
            )

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _stop(self) -> None:
        """Ask stage by stage, each with its share of the time; kill who stays."""
        deadline = time.monotonic() + self._timing.stop
        stages = sorted({one.member.stage for one in self._running})
        for at, stage in enumerate(stages):
            members = [one for one in self._running if one.member.stage == stage]
            now = time.monotonic()
            self._stop_stage(members, now + (deadline - now) / (len(stages) - at))
        self._running.clear()

    def _stop_stage(
        self, members: Sequence[Watched[subprocess.Popen[bytes]]], deadline: float
    ) -> None:
        signals = self._signals
        for one in members:
            one.process.terminate()
        while any(one.process.poll() is None for one in members):
            if time.monotonic() > deadline or self._signals > max(signals, 1):
                break
            time.sleep(self._timing.tick)
        for one in members:
            if one.process.poll() is None:
                self._say(f"{one.member.name} did not stop in time and was killed")
                os.killpg(one.process.pid, signal.SIGKILL)  # with whatever it started
                one.process.wait()


def ending(code: int) -> str:
    """Return in words how a process ended, from its return code."""
    if code >= 0:
        return f"exit {code}"
    return f"signal {signal.Signals(-code).name}"


def _answers(host: str, port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _last_line(log: Path) -> str:
    try:
        lines = log.read_bytes()[-4000:].decode("utf-8", "replace").split("\n")
    except OSError:
        return "(no log)"
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "(nothing)")
