"""Two real workers among poisoned tickets: `python tests/bench/poison.py --home DIR`, until SIGTERM.

The home is a store of `small_shop` with tickets in it. What a ticket's first word says, its step
does: crash, segfault, hang (C code that holds the interpreter lock) or hoard memory. The workers
are forked from a process that has everything loaded, and started again by the supervisor's own
policy; each line on stdout tells of one that stopped.
"""

import argparse
import ctypes
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import small_shop

from agents import worker
from agents.company import Company
from agents.kit import Loaded
from agents.models.encoder import Encoder, Matrix
from agents.ports import Proposal, TicketView, Usage
from agents.supervisor import Member, Timing, Watched
from store.actions import REPLY_ONLY
from store.outputs import Critique, IntentOutput, RetrievalOutput, ToolCallOutput
from store.settings import Settings

IN_FLIGHT = 50
LEASE_SECONDS = 3.0  # a hang costs two of them
MEMORY_MB = 256
STOP_SECONDS = 30.0
TIMING = Timing(tick=0.02, first_backoff=0.05, max_backoff=0.2)
USAGE = Usage(model="local")


class PoisonedModel:
    """Answers good tickets at once, and does to its process what the others say."""

    name = "local"

    async def intent(self, ticket: TicketView) -> tuple[IntentOutput, Usage]:
        """Crash, or go on."""
        if ticket.text.startswith("crash"):
            os._exit(13)
        return small_shop.INTENT, USAGE

    async def synthesise(
        self,
        ticket: TicketView,
        intent: IntentOutput,
        retrieval: RetrievalOutput,
        tool_call: ToolCallOutput,
    ) -> tuple[Proposal, Usage]:
        """Do what the first word says, or draft a reply."""
        kind = ticket.text.split()[0]
        if kind == "segfault":
            ctypes.string_at(0)
        if kind == "hang":
            re.match(r"(a+)+$", "a" * 60 + "b")  # years, in one call
        if kind == "hoard":
            hoard = []
            while True:
                hoard.append(bytes(16_000_000))
        return Proposal(reply="We look into it.", kind=REPLY_ONLY), USAGE

    async def critique(
        self,
        ticket: TicketView,
        proposal: Proposal,
        retrieval: RetrievalOutput,
        tool_call: ToolCallOutput,
    ) -> tuple[Critique, Usage]:
        """Agree."""
        return small_shop.AGREES, USAGE


class EveryWordAlike:
    """An encoder's library without its weights."""

    def encode(self, texts: list[str]) -> Matrix:
        return np.ones((len(texts), 4), dtype=np.float32)


class Forked:
    """A child process, watched as a supervisor watches one that it spawned."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._code: int | None = None
        self.pid = os.fork()
        if self.pid:
            return
        try:
            act()
        except BaseException:  # noqa: BLE001 - a child must never return into its parent's code
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    def poll(self) -> int | None:
        """Return how it ended, None while it runs."""
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code


def company(home: Path) -> Company:
    """Return the small shop without tool servers: nothing but the model can go wrong."""
    shop = small_shop.company(home)
    intents = [intent.model_copy(update={"lookups": []}) for intent in shop.intents]
    return shop.model_copy(update={"servers": [], "intents": intents})


def main() -> None:
    """Run and restart the workers until asked to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    home = parser.parse_args().home.resolve()
    settings = Settings(home=home, lease_seconds=LEASE_SECONDS, worker_memory_mb=MEMORY_MB)
    loaded = Loaded(model=PoisonedModel(), encoder=Encoder(EveryWordAlike()))
    shop = company(home)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))

    def work() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        worker.run(settings, shop, concurrency=IN_FLIGHT, loaded=loaded)

    def spawn(_: Member) -> Forked:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # meanwhile it waits for us
        child = Forked(work)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        return child

    workers = [Watched(Member(name, ""), spawn, TIMING) for name in ("worker-1", "worker-2")]
    while not stopping:
        for one in workers:
            if line := one.revive(time.monotonic()):
                print(line, flush=True)
        time.sleep(TIMING.tick)
    stop([one.process for one in workers])


def stop(processes: list[Forked]) -> None:
    """Ask all to stop, and end who does not."""
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        running = [one for one in processes if one.poll() is None]
        for one in running:
            os.kill(one.pid, number)
        deadline = time.monotonic() + seconds
        while any(one.poll() is None for one in running) and time.monotonic() < deadline:
            time.sleep(TIMING.tick)


if __name__ == "__main__":
    main()
