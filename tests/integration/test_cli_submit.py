"""`greenlight submit`: files in, bad lines named by number, exact figures out."""

import io
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cli_runner import document, greenlight
from sqlmodel import Session, col, select

from agents.cli.tickets import Patience
from agents.intake import BATCH, Tally, read_jsonl, take_in
from store import queue
from store.engine import Store
from store.errors import QueueFull
from store.schema import Ticket
from store.settings import Settings
from store.transitions import RunStatus

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("settings")


def tickets(session: Session) -> list[Ticket]:
    return list(session.exec(select(Ticket).order_by(col(Ticket.id))))


def queued(store: Store) -> int:
    return store.read(queue.counts).get(RunStatus.QUEUED, 0)


def write_lines(path: Path, *lines: object) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def test_good_lines_go_in_and_bad_ones_are_named_by_number(tmp_path: Path, store: Store) -> None:
    file = write_lines(tmp_path / "t.jsonl", {"text": "one"}, "{broken", {"text": "three"}, {})
    result = document("submit", file)
    assert (result["accepted"], result["duplicates"]) == (2, 0)
    assert [bad["line"] for bad in result["rejected"]] == [2, 4]
    assert "not valid JSON" in result["rejected"][0]["error"]
    assert queued(store) == 2


def test_the_same_id_is_a_duplicate_and_never_a_second_run(tmp_path: Path, store: Store) -> None:
    file = write_lines(
        tmp_path / "t.jsonl", {"id": "A", "text": "one"}, {"id": "A", "text": "again"}
    )
    assert document("submit", file) == {"accepted": 1, "duplicates": 1, "rejected": []}
    more = write_lines(tmp_path / "u.jsonl", {"id": "A", "text": "x"}, {"id": "B", "text": "y"})
    assert document("submit", more) == {"accepted": 1, "duplicates": 1, "rejected": []}
    assert queued(store) == 2


def test_without_an_id_the_content_is_the_identity(tmp_path: Path, store: Store) -> None:
    line = {"text": "same", "customer_id": "C-1", "received_at": "2026-05-03T10:00:00"}
    file = write_lines(tmp_path / "t.jsonl", line, line, {**line, "customer_id": "C-2"})
    assert document("submit", file) == {"accepted": 2, "duplicates": 1, "rejected": []}


def test_nothing_accepted_is_a_failure_with_its_document_all_the_same(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "t.jsonl", "{broken")
    assert document("submit", file, code=1)["rejected"][0]["line"] == 1


def test_what_is_stored_is_what_was_written(tmp_path: Path, store: Store) -> None:
    file = tmp_path / "t.csv"
    file.write_text(
        "id,text,customer_id,subject,received_at,category\n"
        'A,"Hi,\nthere",C-1,Hello,2026-05-03T10:00,greeting\n'
    )
    document("submit", file)
    (ticket,) = store.read(tickets)
    assert (ticket.external_id, ticket.text) == ("A", "Hi,\nthere")
    assert (ticket.customer_id, ticket.subject) == ("C-1", "Hello")
    assert ticket.received_at == datetime(2026, 5, 3, 10, 0, tzinfo=UTC)
    assert ticket.extra == {"category": "greeting"}


def test_a_dash_reads_json_lines_from_stdin(store: Store) -> None:
    assert document("submit", "-", stdin='{"text": "from a pipe"}\n')["accepted"] == 1
    assert queued(store) == 1


def test_a_file_of_another_kind_is_wrong_usage(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "t.txt", {"text": "x"})
    assert "neither .jsonl nor .csv" in greenlight("submit", file, code=2).stderr
    greenlight("submit", tmp_path / "missing.csv", code=2)


def test_a_csv_without_text_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("a,b\n1,2\n")
    result = greenlight("submit", file, code=1)
    assert result.stdout == ""
    assert result.stderr.startswith("greenlight: The first line names no `text` column")
    assert result.stderr.count("\n") == 1


def test_people_see_the_first_bad_lines_and_how_many_more(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "t.jsonl", {"text": "good"}, *["{"] * 25)
    result = greenlight("submit", file)
    assert result.stdout == "1 accepted, 0 known already, 25 rejected\n"
    assert "line 2: not valid JSON" in result.stderr
    assert "and 5 more" in result.stderr


def test_control_characters_of_a_bad_line_never_reach_the_terminal(tmp_path: Path) -> None:
    line = {"text": "x", "received_at": "\x1b]0;owned\x07"}
    file = write_lines(tmp_path / "t.jsonl", {"text": "good"}, line)
    assert "\x1b" not in greenlight("submit", file).stderr


def numbered(count: int) -> io.BytesIO:
    return io.BytesIO(b"\n".join(b'{"id": "%d", "text": "x"}' % n for n in range(1, count + 1)))


def test_many_tickets_go_in_over_several_transactions(store: Store) -> None:
    tally = Tally()
    take_in(store, read_jsonl(numbered(2 * BATCH + 1)), tally, clock=lambda: NOW)
    assert (tally.accepted, tally.duplicates, tally.rejected) == (2 * BATCH + 1, 0, [])
    assert tally.next_line is None


def test_a_full_queue_is_filled_to_its_bound_and_the_next_line_is_named(store: Store) -> None:
    tally = Tally()
    with pytest.raises(QueueFull):
        take_in(store, read_jsonl(numbered(9)), tally, clock=lambda: NOW, max_queued=8, batch=3)
    assert queued(store) == tally.accepted == 8
    assert tally.next_line == 9


def test_a_long_file_goes_in_as_workers_make_room_and_loses_nothing(store: Store) -> None:
    tally, waits = Tally(), []

    def worked_off(full: QueueFull) -> bool:
        waits.append(tally.next_line)
        claims = store.transact(queue.claim, "w", limit=4, in_flight=0, lease_seconds=60)
        assert 0 < len(claims) <= full.bound
        return True

    raw = io.BytesIO(b"{broken\n" + numbered(50).read() + b"\n{}\n")
    take_in(
        store,
        read_jsonl(raw),
        tally,
        clock=lambda: NOW,
        max_queued=10,
        wait=worked_off,
        batch=7,
    )
    assert [ticket.external_id for ticket in store.read(tickets)] == [
        str(number) for number in range(1, 51)
    ]
    assert (tally.accepted, tally.duplicates) == (50, 0)
    assert [bad.line for bad in tally.rejected] == [1, 52]
    assert waits == list(range(12, 52, 4)), "each wait is for the first line that found no room"


def test_known_tickets_pass_a_full_queue(store: Store) -> None:
    take_in(store, read_jsonl(numbered(3)), Tally(), clock=lambda: NOW, max_queued=3)
    again = Tally()
    take_in(store, read_jsonl(numbered(3)), again, clock=lambda: NOW, max_queued=3)
    assert (again.accepted, again.duplicates) == (0, 3)


def test_patience_lasts_as_long_as_lines_move_and_then_ends() -> None:
    tally = Tally(next_line=7)
    said: list[str] = []
    slept: list[float] = []
    patience = Patience(60, tally, sleep=slept.append, say=said.append)
    full = QueueFull("full", bound=1_000, fits=0)
    while patience.wait(full):
        if len(slept) == 100:
            tally.next_line = 8
    assert sum(slept) == 50 + 60
    assert said == [
        "line 7 waits for room in the queue (1,000 are waiting)",
        "line 7 waits for room in the queue (1,000 are waiting)",
        "line 8 waits for room in the queue (1,000 are waiting)",
        "line 8 waits for room in the queue (1,000 are waiting)",
    ]


def test_giving_up_on_a_full_queue_names_the_line_and_fails(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENLIGHT_MAX_QUEUED", "2")
    file = write_lines(tmp_path / "t.jsonl", *({"id": str(n), "text": "x"} for n in range(5)))
    result = greenlight("submit", file, "--wait", "0", code=1)
    assert result.stdout == "2 accepted, 0 known already, 0 rejected\n"
    assert "stopped at line 3: The queue stayed full (2 are waiting)" in result.stderr
    assert document("submit", file, "--wait", "0", code=1) == {
        "accepted": 0,
        "duplicates": 2,
        "rejected": [],
        "stopped_at_line": 3,
    }
    assert queued(store) == 2


def test_ctrl_c_while_it_waits_keeps_what_is_in_and_says_where_it_stopped(
    tmp_path: Path, store: Store
) -> None:
    file = write_lines(tmp_path / "t.jsonl", *({"id": str(n), "text": "x"} for n in range(5)))
    command = [sys.executable, "-m", "agents.cli", "submit", str(file), "--json"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"GREENLIGHT_MAX_QUEUED": "2"},
    ) as running:
        assert running.stderr is not None
        assert "line 3 waits for room" in running.stderr.readline()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert json.loads(out)["stopped_at_line"] == 3
    assert "stopped at line 3: Interrupted. What is in stays in" in err
    assert queued(store) == 2


def test_json_on_stdout_is_alone_there_in_a_real_process(
    tmp_path: Path, settings: Settings
) -> None:
    file = write_lines(tmp_path / "t.jsonl", {"text": "one"}, "{")
    command = [sys.executable, "-m", "agents.cli", "submit", str(file), "--json"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert json.loads(done.stdout)["accepted"] == 1
    assert settings.home.is_dir()


@pytest.mark.skipif("GREENLIGHT_REALDATA" not in os.environ, reason="no real data here")
def test_real_customers_questions_are_all_taken_in(store: Store) -> None:
    file = Path(os.environ["GREENLIGHT_REALDATA"]) / "banking77" / "dev.csv"
    result = document("submit", file)
    assert result["accepted"] + result["duplicates"] == 1_540
    assert result["rejected"] == []
    assert all(ticket.extra["category"] for ticket in store.read(tickets))
