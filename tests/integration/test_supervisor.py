"""The family of processes: started, restarted, stopped in order, never orphaned. Real processes.

Each child connects to a socket of the test and says its name, so the test waits for words and for
the end of the connection, which is the end of the process, and never for time to pass.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from agents.preflight import CannotStart, only_family, require_free_port, require_writable
from agents.supervisor import Family, Member, Timing
from store.errors import StoreUnavailable

CHILD = """
import os, signal, socket, subprocess, sys, time
name, *habits = sys.argv[1:]
talk = socket.create_connection(("127.0.0.1", int(os.environ["PROBE_PORT"])))
def stop(number, frame):
    talk.sendall(f"stopping {time.monotonic()}\\n".encode())
    if "stubborn" not in habits:
        raise SystemExit(0)
signal.signal(signal.SIGTERM, stop)
if "parent" in habits:
    subprocess.Popen([sys.executable, __file__, "grandchild", "stubborn"])
print("hello from", name, flush=True)
talk.sendall(f"{name} {os.getpid()}\\n".encode())
while True:
    signal.pause()
"""
PARENT = """
import os, sys
from pathlib import Path
from agents.supervisor import Family, Member
family = Family(
    [Member("worker", "member", ("worker",)), Member("executor", "member", ("executor",))],
    logs=Path(sys.argv[1]), say=print,
)
with family.started():
    family.watch()
"""
QUICK = Timing(stop=20.0, ready=20.0, tick=0.01, first_backoff=0.05)


@dataclass
class Child:
    """The test's end of one child's connection."""

    words: Iterator[str]
    name: str
    pid: int

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait_gone(self) -> list[str]:
        """Return what it still said; raises TimeoutError if it does not go."""
        return list(self.words)


class Probe:
    """Where children announce themselves."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(20)
        self.open: list[socket.socket] = []

    def next_child(self) -> Child:
        talk, _ = self.server.accept()
        talk.settimeout(20)
        self.open.append(talk)
        words = (line.strip() for line in self._lines(talk))
        name, pid = next(words).split()
        return Child(words, name, int(pid))

    @staticmethod
    def _lines(talk: socket.socket) -> Iterator[str]:
        with talk.makefile() as file:
            try:
                yield from file
            except ConnectionResetError:
                return

    def close(self) -> None:
        for talk in (*self.open, self.server):
            talk.close()


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[Probe]:
    (tmp_path / "member.py").write_text(CHILD)
    made = Probe()
    yield made
    made.close()


@pytest.fixture
def env(tmp_path: Path, probe: Probe) -> dict[str, str]:
    port = str(probe.server.getsockname()[1])
    return os.environ | {"PYTHONPATH": str(tmp_path), "PROBE_PORT": port}


def family_of(
    *members: Member, tmp_path: Path, env: dict[str, str], said: list[str], timing: Timing = QUICK
) -> Family:
    return Family(members, logs=tmp_path / "logs", say=said.append, env=env, timing=timing)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_members_stop_stage_by_stage_and_write_to_their_logs(
    tmp_path: Path, probe: Probe, env: dict[str, str]
) -> None:
    members = [
        Member("dashboard", "member", ("dashboard",), stage=2),
        Member("worker-1", "member", ("worker-1",), stage=0),
        Member("worker-2", "member", ("worker-2",), stage=0),
        Member("executor", "member", ("executor",), stage=1),
    ]
    said: list[str] = []
    with family_of(*members, tmp_path=tmp_path, env=env, said=said).started():
        children = [probe.next_child() for _ in members]
    ended = sorted(
        (float(child.wait_gone()[0].removeprefix("stopping ")), child.name) for child in children
    )
    names = [name for _, name in ended]
    assert sorted(names[:2]) == ["worker-1", "worker-2"]
    assert names[2:] == ["executor", "dashboard"]
    assert said == []
    assert "hello from executor" in (tmp_path / "logs" / "executor.log").read_text()


def test_a_crashed_member_is_started_again_and_the_person_is_told(
    tmp_path: Path, probe: Probe, env: dict[str, str]
) -> None:
    said: list[str] = []
    seen: list[Child] = []

    def crash_it_twice() -> None:
        try:
            for _ in range(2):
                seen.append(probe.next_child())
                seen[-1].kill()
            seen.append(probe.next_child())
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    family = family_of(Member("worker", "member", ("w",)), tmp_path=tmp_path, env=env, said=said)
    watcher = threading.Thread(target=crash_it_twice)
    with family.started():
        watcher.start()
        family.watch()
        watcher.join()
    log = tmp_path / "logs" / "worker.log"
    assert said == [
        f"worker stopped (signal SIGKILL); starting it again in 0.05 s (see {log})",
        f"worker stopped (signal SIGKILL); starting it again in 0.1 s (see {log})",
    ]
    assert len({child.pid for child in seen}) == 3
    assert seen[-1].wait_gone()


def test_who_does_not_stop_in_time_is_killed_with_what_it_started(
    tmp_path: Path, probe: Probe, env: dict[str, str]
) -> None:
    said: list[str] = []
    member = Member("worker", "member", ("worker", "stubborn", "parent"))
    timing = replace(QUICK, stop=0.3)
    with family_of(member, tmp_path=tmp_path, env=env, said=said, timing=timing).started():
        children = [probe.next_child(), probe.next_child()]
    for child in children:
        child.wait_gone()
    assert said == ["worker did not stop in time and was killed"]


def test_a_second_signal_kills_at_once(tmp_path: Path, probe: Probe, env: dict[str, str]) -> None:
    said: list[str] = []
    member = Member("worker", "member", ("worker", "stubborn"))
    timing = replace(QUICK, stop=600.0)

    def press_twice() -> None:
        child = probe.next_child()
        os.kill(os.getpid(), signal.SIGINT)
        next(child.words)  # it was asked to stop
        os.kill(os.getpid(), signal.SIGINT)

    family = family_of(member, tmp_path=tmp_path, env=env, said=said, timing=timing)
    presser = threading.Thread(target=press_twice)
    with family.started():
        presser.start()
        family.watch()
    presser.join()
    assert said == ["worker did not stop in time and was killed"]


def test_an_error_while_starting_stops_what_was_started(
    tmp_path: Path, probe: Probe, env: dict[str, str]
) -> None:
    family = family_of(Member("worker", "member", ("w",)), tmp_path=tmp_path, env=env, said=[])
    seen: list[Child] = []

    def start_and_fail() -> None:
        with family.started():
            seen.append(probe.next_child())
            raise RuntimeError("elsewhere")

    with pytest.raises(RuntimeError, match="elsewhere"):
        start_and_fail()
    assert seen[0].wait_gone()


def test_signal_actions_are_given_back(tmp_path: Path, probe: Probe, env: dict[str, str]) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with family_of(tmp_path=tmp_path, env=env, said=[]).started():
        pass
    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def test_children_end_when_the_parent_is_killed_without_warning(
    tmp_path: Path, probe: Probe, env: dict[str, str]
) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, str(script), str(tmp_path / "logs")], env=env)
    children = [probe.next_child(), probe.next_child()]
    parent.kill()
    parent.wait()
    for child in children:
        assert child.wait_gone()[0].startswith("stopping"), "it was asked to stop, not just cut off"


def test_a_child_that_ignores_the_end_of_its_parent_is_killed_with_its_own_children(
    probe: Probe, env: dict[str, str], tmp_path: Path
) -> None:
    script = tmp_path / "leashed.py"
    script.write_text(
        "import runpy, sys\n"
        "from agents import leash\n"
        "leash.hold(int(sys.argv.pop(1)), grace_seconds=0.2)\n"
        "runpy.run_module('member', run_name='__main__', alter_sys=True)\n"
    )
    read_end, write_end = os.pipe()
    child = subprocess.Popen(
        [sys.executable, str(script), str(read_end), "worker", "stubborn", "parent"],
        env=env,
        pass_fds=(read_end,),
        start_new_session=True,
    )
    os.close(read_end)
    family = [probe.next_child(), probe.next_child()]
    os.close(write_end)
    for one in family:
        one.wait_gone()
    assert child.wait() == -signal.SIGKILL


def test_ready_means_that_the_address_answers(tmp_path: Path, env: dict[str, str]) -> None:
    port = free_port()
    (tmp_path / "healthz").write_text("ok")
    served = ("--bind", "127.0.0.1", "--directory", str(tmp_path), str(port))
    dashboard = Member("dashboard", "http.server", served)
    family = family_of(dashboard, tmp_path=tmp_path, env=env, said=[])
    with family.started():
        family.wait_ready("127.0.0.1", port, "dashboard")
        assert set(family.pids) == {"dashboard"}


def test_a_member_that_dies_while_starting_is_reported_with_its_last_words(
    tmp_path: Path, env: dict[str, str]
) -> None:
    (tmp_path / "broken.py").write_text("raise SystemExit('no such setting')")
    family = family_of(Member("dashboard", "broken"), tmp_path=tmp_path, env=env, said=[])
    said = r"dashboard stopped \(exit 1\).*no such setting"
    with pytest.raises(CannotStart, match=said), family.started():
        family.wait_ready("127.0.0.1", free_port(), "dashboard")


def test_a_member_that_never_answers_is_given_up(
    tmp_path: Path, probe: Probe, env: dict[str, str]
) -> None:
    timing = replace(QUICK, ready=0.1)
    member = Member("dashboard", "member", ("d",))
    family = family_of(member, tmp_path=tmp_path, env=env, said=[], timing=timing)
    with pytest.raises(CannotStart, match="took too long"), family.started():
        family.wait_ready("127.0.0.1", free_port(), "dashboard")


def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(CannotStart) as caught:
            require_free_port("127.0.0.1", port)
    assert str(port) in str(caught.value)
    assert f"--port {port + 1}" in str(caught.value)
    assert "\n" not in str(caught.value)
    require_free_port("127.0.0.1", port)


def test_a_home_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    with pytest.raises(StoreUnavailable, match="GREENLIGHT_HOME"):
        require_writable(file / "home")
    require_writable(tmp_path / "new" / "home")
    assert list((tmp_path / "new" / "home").iterdir()) == []


def test_two_families_cannot_share_a_home(tmp_path: Path) -> None:
    second = only_family(tmp_path)
    with only_family(tmp_path), pytest.raises(CannotStart, match="already running"):
        second.__enter__()
    with only_family(tmp_path):
        pass


def test_a_long_log_is_set_aside(tmp_path: Path, probe: Probe, env: dict[str, str]) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "worker.log").write_bytes(b"x" * 5_000_001)
    family = family_of(Member("worker", "member", ("w",)), tmp_path=tmp_path, env=env, said=[])
    with family.started():
        probe.next_child()
    assert (logs / "worker.log.1").stat().st_size == 5_000_001
    assert (logs / "worker.log").stat().st_size < 1_000
