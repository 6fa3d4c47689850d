"""What must be true before a family of processes starts, each with one line for the person.

A free port, a folder that can be written, and nobody else running on that folder.
"""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from store.errors import GreenlightError, StoreUnavailable

LOCK_NAME = "family.lock"


class CannotStart(GreenlightError):
    """Something outside stands in the way; nothing was started, or all of it was stopped."""


def require_free_port(host: str, port: int) -> None:
    """Raise CannotStart, naming a way out, if nothing can listen on the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            raise CannotStart(
                f"Port {port} cannot be used ({error.strerror}); nothing was started. Stop what is"
                f" using it or choose another: `--port {port + 1}`, or `make demo PORT={port + 1}`."
            ) from error


def require_writable(home: Path) -> None:
    """Create the folder; raise StoreUnavailable if it cannot be made or written."""
    probe = home / f".writable-{os.getpid()}"
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise StoreUnavailable(
            f"The folder `{home}` cannot be written ({error.strerror}). Greenlight keeps all its"
            " state there: make it writable, or set GREENLIGHT_HOME to another folder."
        ) from error


@contextmanager
def only_family(home: Path) -> Iterator[None]:
    """Hold the folder's lock, which dies with this process; raise CannotStart if another has it."""
    with (home / LOCK_NAME).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotStart(
                f"Greenlight is already running on `{home}`. Stop it there (Ctrl-C), or set"
                " GREENLIGHT_HOME to another folder."
            ) from error
        yield
