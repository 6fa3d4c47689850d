"""The dashboard as a process of its own: under our launcher, or as plain `streamlit run` has it."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

APP = Path(__file__).parents[3] / "dashboard" / "app.py"
LAUNCHER, PLAIN = "launcher", "streamlit run"
START_SECONDS = 60.0


@dataclass(frozen=True)
class Server:
    """A served dashboard."""

    name: str
    address: str
    pid: int
    log: Path

    def cpu_seconds(self) -> float:
        """Return the processor time the process has used."""
        return cpu_seconds(self.pid)

    def tracebacks(self) -> int:
        """Return how many there are in its log."""
        return self.log.read_text("utf-8", "replace").count("Traceback (most recent call last)")


def cpu_seconds(pid: int | str = "self") -> float:
    """Return user and system time of a process (Linux; elsewhere 0)."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return 0.0
    user, system = stat.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serve(name: str, home: Path, folder: Path) -> Iterator[Server]:
    """Serve the dashboard on a home; `name` is LAUNCHER or PLAIN."""
    port = _free_port()
    command = [sys.executable, "-m", "dashboard.server", "--port", str(port)]
    if name == PLAIN:
        # postScriptGC is Streamlit's own default; our configuration file switches it off
        options = f"--server.port {port} --server.headless true --runner.postScriptGC true"
        command = [sys.executable, "-m", "streamlit", "run", str(APP), *options.split()]
    log = folder / f"{name.replace(' ', '-')}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, env=os.environ | {"GREENLIGHT_HOME": str(home)}
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(address, process, log)
            yield Server(name, address, process.pid, log)
        finally:
            process.terminate()
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    limit = time.monotonic() + START_SECONDS
    while time.monotonic() < limit:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            if process.poll() is not None:
                break
            time.sleep(0.1)
    raise RuntimeError(f"The dashboard does not start: {log.read_text('utf-8', 'replace')[-2000:]}")
