"""`greenlight up`, `worker`, `executor` and `ask` with real processes.

The company is the one that `greenlight init` writes, with the small tool server it expects.
"""

import http.client
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from cli_runner import document, greenlight

from store.settings import Settings

SERVER = Path(__file__).parent.parent / "starter_server.py"
QUESTION = "My mug from order EX-1234 arrived in pieces"

pytestmark = pytest.mark.usefixtures("settings")


@pytest.fixture
def company(tmp_path: Path) -> Path:
    folder = tmp_path / "company"
    greenlight("init", folder)
    shutil.copy(SERVER, folder / "tools_server.py")
    return folder


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "agents.cli", *(str(part) for part in arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_until(process: subprocess.Popen[str], words: str) -> list[str]:
    """Return the lines up to the one with these words; fail with all of them if it never comes."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return lines
    pytest.fail("".join(lines))


def health_of(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/healthz")
    status = connection.getresponse().status
    connection.close()
    return status


def test_asking_works_the_ticket_and_prints_the_documented_fields(company: Path) -> None:
    result = document("ask", QUESTION, "--customer", "C-1", "--company", company)
    assert set(result) >= {
        *("run_id", "route", "confidence", "threshold", "reasons", "draft", "action", "steps")
    }
    assert result["route"] == "route_to_human", "nothing goes out alone until it is calibrated"
    assert [step["name"] for step in result["steps"]] == [
        *("intent", "retrieval", "tool_call", "synthesis", "gate")
    ]
    assert set(result["steps"][0]) >= {"name", "status", "latency_ms", "output"}
    assert document("queue")["reviews"][0]["run_id"] == result["run_id"]


def test_asking_shows_every_step_to_a_person(company: Path) -> None:
    shown = greenlight("ask", QUESTION, "--customer", "C-1", "--company", company).stdout
    assert "goes to a person" in shown
    assert "An item arrived damaged" in shown
    for step in ("intent", "retrieval", "tool_call", "synthesis", "gate"):
        assert step in shown


def test_another_company_cannot_use_the_same_home(company: Path, tmp_path: Path) -> None:
    greenlight("ask", QUESTION, "--company", company)
    other = tmp_path / "other"
    shutil.copytree(company, other)
    file = other / "greenlight.toml"
    file.write_text(file.read_text().replace("Example Shop", "Other Shop"))
    result = greenlight("ask", QUESTION, "--company", other, code=1)
    assert "This store belongs to `Example Shop`" in result.stderr


def test_a_mistake_in_the_company_stops_everything_before_it_starts(company: Path) -> None:
    (company / "greenlight.toml").write_text("[company]\n")
    result = greenlight("up", "--company", company, "--port", free_port(), code=1)
    assert "nothing was started" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_worker_drains_the_queue_and_an_executor_has_nothing_to_do(
    company: Path, settings: Settings
) -> None:
    lines = f'{{"text": "{QUESTION}", "customer_id": "C-1"}}\n{{"text": "What is love?"}}\n'
    document("submit", "-", stdin=lines)
    for name in ("worker", "executor"):
        process = start(name, "--drain", "--company", company)
        output, _ = process.communicate()
        assert process.returncode == 0, output
    assert len(document("queue")["reviews"]) == 2
    assert document("report")["gated"] == 2


def test_a_port_in_use_is_told_before_anything_starts(company: Path, settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for command in (("up", "--company", company), ("demo",), ("dashboard",)):
            result = greenlight(*command, "--port", port, code=1)
            assert f"Port {port} cannot be used" in result.stderr
            assert result.stderr.count("\n") == 1
    assert not (settings.home / "greenlight.db").exists()


def test_up_serves_until_it_is_told_to_stop_and_leaves_nobody_behind(
    company: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("GREENLIGHT_NOTIFY_URLS", "slak://s3cret")
    process = start("up", "--company", company, "--port", port)
    try:
        shown = "".join(read_until(process, f"http://127.0.0.1:{port}"))
        assert "Example Shop" in shown
        assert "Address 1 of GREENLIGHT_NOTIFY_URLS" in shown
        assert "s3cret" not in shown
        assert health_of(port) == 200
        document("submit", "-", stdin=f'{{"text": "{QUESTION}", "customer_id": "C-1"}}\n')
        second = greenlight("up", "--company", company, "--port", free_port(), code=1)
        assert "already running" in second.stderr
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate()
    finally:
        process.kill()
    assert process.returncode == 0
    assert "killed" not in output
    assert "Stopped; everything is kept" in output
    logs = {path.name for path in (settings.home / "logs").iterdir()}
    assert logs == {
        *("worker-1.log", "worker-2.log", "executor.log"),
        *("watcher.log", "dashboard.log"),
    }
    greenlight("reset", "--yes")  # it would refuse if anybody were still at work
