"""kill -9 at random instants, a 50-kill cut of `tests/bench/kills.py`."""

import json
import os
import subprocess
import sys
from pathlib import Path

CAMPAIGN = Path(__file__).parent.parent / "bench" / "kills.py"


def test_nothing_is_lost_or_doubled_when_processes_are_killed_at_random(tmp_path: Path) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    finished = subprocess.run(
        [sys.executable, CAMPAIGN, "--home", tmp_path, "--kills", "50", "--seed", "11"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=900,
        check=False,
    )
    log = tmp_path / "kills.log"
    assert finished.returncode == 0, finished.stdout + finished.stderr + log.read_text()[-4000:]
    report = json.loads(finished.stdout)
    assert report["kills"] == 50
    assert report["done"] > 50
