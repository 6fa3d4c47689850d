"""Runs one Python module as a child that cannot outlive its parent, on any POSIX system.

`python -m agents.leash FD MODULE ARGS…`: FD is the reading end of a pipe whose writing end only the
parent holds. The kernel closes that end however the parent dies, kill -9 included; the child then
stops itself as SIGTERM would, and after a grace its whole process group, tool servers included.
"""

import os
import runpy
import signal
import sys
import threading
import time

GRACE_SECONDS = 10.0


def hold(descriptor: int, *, grace_seconds: float = GRACE_SECONDS) -> None:
    """Watch the pipe from a thread; stop this process once the parent is gone."""
    os.set_inheritable(descriptor, False)
    watch = threading.Thread(
        target=_stop_with_parent, args=(descriptor, grace_seconds), daemon=True, name="leash"
    )
    watch.start()


def _stop_with_parent(descriptor: int, grace_seconds: float) -> None:
    os.read(descriptor, 1)  # returns only when the other end is closed: nobody writes
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace_seconds)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Run the module named on the command line, on the leash."""
    descriptor, module, *arguments = sys.argv[1:]
    hold(int(descriptor))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
