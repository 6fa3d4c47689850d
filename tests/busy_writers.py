"""Writers that never pause, in processes of their own, and say what they were promised."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import builders
from builders import NOW
from sqlmodel import Session

from store import audit
from store.settings import Settings

PROCESSES, THREADS = 2, 4


def written(session: Session, name: str) -> None:
    """Store a ticket with its fact in the audit trail."""
    builders.ticket(session, external_id=name)
    audit.append(session, actor="t", tag="test:written", subject=name, at=NOW, body={})


def write_on(home: Path, number: str) -> None:
    """Write without pause, and tell what was acknowledged in a file of its own."""
    store = Settings(home=home).open()
    with (home / f"acknowledged-{number}").open("w") as told:
        for turn in count():
            name = f"{number}-{turn}"
            store.transact(written, name)
            told.write(name + "\n")
            told.flush()


def acknowledged(home: Path) -> set[str]:
    """Return what the writers have been promised so far."""
    told = [path.read_text() for path in home.glob("acknowledged-*")]
    return {name for lines in told for name in lines.rpartition("\n")[0].split()}


@contextmanager
def writing(home: Path) -> Iterator[None]:
    """Keep eight writers at work on this home; none of them may fail."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    processes = [
        subprocess.Popen([sys.executable, __file__, home, str(number)], env=environment)
        for number in range(PROCESSES)
    ]
    try:
        while len({name.rpartition("-")[0] for name in acknowledged(home)}) < PROCESSES * THREADS:
            with suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"a writer ended: {processes[0].wait(timeout=0.05)}")
        yield
        assert all(process.poll() is None for process in processes), "no writer was disturbed"
    finally:
        for process in processes:
            process.kill()
            process.wait()


def main() -> None:
    """Run one process's writers until killed; a writer that fails ends them all."""
    home, number = Path(sys.argv[1]), sys.argv[2]

    def write(thread: int) -> None:
        try:
            write_on(home, f"{number}-{thread}")
        finally:
            os._exit(1)

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(THREADS)]
    for thread in threads:
        thread.start()


if __name__ == "__main__":
    main()
