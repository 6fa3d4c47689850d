"""What a worker process may use up: time without a pulse, and memory. Real processes only.

A ticket that blocks the event loop, even in C code that holds the interpreter lock, ends its
worker; one that eats memory fails its own step. The machine, the dashboard and the executor go on.
"""

import asyncio
import faulthandler
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

log = logging.getLogger(__name__)

HANG_SHARE = 2 / 3  # of a lease: who hangs ends while its work is still known to be its own
STDERR = 2  # a file descriptor: the watchdog may use nothing of Python's
LAST = 1.25  # of that time: then the kernel ends who could not end by itself
PULSES = 4  # within the time that a process may stay silent
FIRST_TO_GO = 500  # of 1000: the kernel ends a worker before anything that knows what was sent
MEGABYTE = 1_048_576
_STATM = Path("/proc/self/statm")
_OOM_SCORE = Path("/proc/self/oom_score_adj")


@asynccontextmanager
async def pulse(seconds: float) -> AsyncIterator[None]:
    """End this process, with the stack of every thread on stderr, if the loop stands still so long.

    The watch is kept by a thread of C code, so it works while nothing of Python runs. Where there
    is no memory for that thread the kernel's alarm clock ends the process, and says nothing.
    """
    beating = asyncio.create_task(_beat(seconds))
    try:
        yield
    finally:
        beating.cancel()
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)


async def _beat(seconds: float) -> None:
    while True:
        signal.setitimer(signal.ITIMER_REAL, seconds * LAST)
        try:
            faulthandler.dump_traceback_later(seconds, exit=True, file=STDERR)
        except RuntimeError as error:  # no memory for its thread: the next beat tries again
            log.warning("if this process hangs now it will not say where: %s", error)
        await asyncio.sleep(seconds / PULSES)


def limit_memory(megabytes: int) -> None:
    """Let this process take so much beyond what it has now; more raises MemoryError in the step.

    Counts address space (RLIMIT_AS), so call it once everything is loaded. Linux only.
    """
    if not _STATM.exists():
        log.warning("GREENLIGHT_WORKER_MEMORY_MB has no effect on this system")
        return
    import resource

    in_use = int(_STATM.read_text().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = in_use + megabytes * MEGABYTE
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def go_first_when_memory_ends() -> None:
    """Have the kernel pick this process when the machine runs out of memory (Linux)."""
    try:
        _OOM_SCORE.write_text(str(FIRST_TO_GO))
    except OSError as error:
        log.info("the kernel takes no preference about memory here: %s", error)
