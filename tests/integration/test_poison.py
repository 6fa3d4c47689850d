"""Poisoned tickets cost their neighbours a restart and nothing more. Real workers, really dying."""

import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

import gated
import small_shop
from live_company import until
from sqlmodel import Session, col, select

from store import audit, queue
from store.engine import Store
from store.queue import CRASHED, NewTicket
from store.schema import Run
from store.settings import Settings
from store.transitions import RunStatus

SCRIPT = Path(__file__).parent.parent / "bench" / "poison.py"
POISON = {5: "crash", 17: "hang", 29: "hoard", 41: "segfault"}  # run number to what it does
TICKETS = 50


def all_runs(session: Session) -> list[Run]:
    return list(session.exec(select(Run).order_by(col(Run.id))))


def test_46_good_tickets_among_4_poisoned_ones_all_finish_with_50_in_flight(
    store: Store, settings: Settings, tmp_path: Path, now: datetime
) -> None:
    store.transact(small_shop.open_shop)
    words = [POISON.get(number, "good") for number in range(1, TICKETS + 1)]
    new = [NewTicket(f"{word} ticket", f"T-{at}", f"C-{at}") for at, word in enumerate(words)]
    store.transact(queue.submit, new, now=now)
    log = tmp_path / "workers.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, str(SCRIPT), "--home", str(settings.home)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        ) as script,
    ):
        try:
            until(lambda: is_settled(store), "every run came to an end", seconds=120)
        finally:
            script.send_signal(signal.SIGTERM)
            said, _ = script.communicate(timeout=120)
    runs = store.read(all_runs)
    assert min(run.lease_epoch for run in runs) >= 2, (
        "all were in flight when the first one crashed"
    )
    good = [run for run in runs if run.id not in POISON]
    assert {run.status for run in good} == {RunStatus.AWAITING_REVIEW}
    assert len(good) == 46
    ended = {kind: gated.run(store, number) for number, kind in POISON.items()}
    for kind in ("crash", "hang", "segfault"):
        assert (ended[kind].status, ended[kind].error) == (RunStatus.DEAD, CRASHED), kind
        assert (ended[kind].tries, ended[kind].finished_at is None) == (3, False), kind
    assert ended["hoard"].status is RunStatus.FAILED
    assert ended["hoard"].error == "synthesis: it ran out of memory"
    stops = Counter(line.partition("(")[2].partition(")")[0] for line in said.splitlines())
    assert stops["exit 13"] >= 4, f"in company once, and three times alone: {stops}"
    assert stops["signal SIGSEGV"] >= 3
    assert stops["exit 1"] >= 3, "the watchdog ended what hung"
    assert "Timeout (0:00:02)!" in log.read_text(), "and said where it hung"
    dead = [entry.subject for entry in store.read(gated.audit_entries) if entry.tag == "run:dead"]
    assert sorted(dead) == ["run:17", "run:41", "run:5"]
    assert store.read(audit.verify).is_ok


def is_settled(store: Store) -> bool:
    counts = store.read(queue.counts)
    return not any(counts.get(status) for status in (RunStatus.QUEUED, RunStatus.RUNNING))
