"""`greenlight outcomes`: later outcomes by file, known ones counted once, bad lines by number."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import gated
import pytest
from builders import NOW
from cli_runner import document, greenlight
from delivering import deliver_all
from sqlmodel import select

from agents.hindsight import read_jsonl, take_in
from agents.intake import Tally
from store.engine import Store
from store.schema import LaterOutcome

pytestmark = pytest.mark.usefixtures("settings")


def write_lines(path: Path, *lines: object) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def stored(store: Store) -> list[tuple[int, str]]:
    rows = store.read(lambda session: list(session.exec(select(LaterOutcome)).all()))
    return sorted((row.run_id, str(row.kind)) for row in rows)


def test_good_lines_go_in_and_bad_ones_are_named_by_number(tmp_path: Path, store: Store) -> None:
    first, waiting = gated.passed(store), gated.case(store)
    second = gated.passed(store, customer_id="C-2")
    deliver_all(store)
    file = write_lines(
        tmp_path / "o.jsonl",
        {"run_id": first.run_id, "outcome": "reopened"},
        "{broken",
        {"ticket": "nobody", "outcome": "reopened"},
        {"run_id": second.run_id, "outcome": "confirmed"},
        {"run_id": waiting.run_id, "outcome": "reopened"},
    )
    result = document("outcomes", file, "--as", "Ana")
    assert (result["accepted"], result["duplicates"]) == (2, 0)
    assert [bad["line"] for bad in result["rejected"]] == [2, 3, 5]
    assert "There is no ticket `nobody`" in result["rejected"][1]["error"]
    assert "Nothing was sent for run" in result["rejected"][2]["error"]
    assert stored(store) == [(first.run_id, "reopened"), (second.run_id, "confirmed")]


def test_the_same_file_again_is_known_and_no_error(tmp_path: Path, store: Store) -> None:
    line = {"run_id": gated.passed(store).run_id, "outcome": "reopened"}
    deliver_all(store)
    file = write_lines(tmp_path / "o.jsonl", line, line)
    assert document("outcomes", file, "--as", "Ana") == {
        "accepted": 1,
        "duplicates": 1,
        "rejected": [],
    }
    assert document("outcomes", file, "--as", "Ana")["duplicates"] == 2
    assert len(stored(store)) == 1


def test_nothing_accepted_is_a_failure_that_names_its_lines(tmp_path: Path, store: Store) -> None:
    gated.case(store)
    file = write_lines(tmp_path / "o.csv", "ticket,outcome", "nobody,reopened", "nobody,happy")
    result = greenlight("outcomes", file, "--as", "Ana", code=1)
    assert "0 accepted, 0 known already, 2 rejected" in result.stdout
    assert "line 2: There is no ticket" in result.stderr
    assert "line 3: `outcome` is 'happy'" in result.stderr


def test_a_stranger_hands_in_nothing(store: Store) -> None:
    line = json.dumps({"run_id": gated.passed(store).run_id, "outcome": "reopened"})
    result = greenlight("outcomes", "-", "--as", "Eve", stdin=line, code=1)
    assert "Eve" in result.stderr
    assert stored(store) == []


def test_a_file_is_recorded_in_batches_and_ends_at_no_line(store: Store) -> None:
    runs = [gated.passed(store, customer_id=f"C-{number}").run_id for number in range(3)]
    deliver_all(store)
    raw = [json.dumps({"run_id": run, "outcome": "confirmed"}).encode() for run in runs]
    tally = Tally()
    lines = read_jsonl(io.BytesIO(b"\n".join([*raw, b"{broken"])))
    take_in(store, lines, tally, person="Ana", clock=lambda: NOW, batch=2)
    assert (tally.accepted, tally.next_line) == (3, None)
    assert [bad.line for bad in tally.rejected] == [4]


def test_what_is_still_to_come_is_no_outcome(tmp_path: Path, store: Store) -> None:
    run_id = gated.passed(store).run_id
    deliver_all(store)
    line = {"run_id": run_id, "outcome": "reopened"}
    tomorrow = (datetime.now(UTC) + timedelta(hours=23)).isoformat()
    file = write_lines(tmp_path / "o.jsonl", {**line, "at": "2999-01-01"}, {**line, "at": tomorrow})
    result = document("outcomes", file, "--as", "Ana")
    assert result["rejected"] == [{"line": 1, "error": "`at` is still to come: 2999-01-01."}]
    assert result["accepted"] == 1


def test_a_stranger_is_refused_with_nothing_to_hand_in(store: Store) -> None:
    gated.case(store)
    assert "Nobody" in greenlight("outcomes", "-", "--as", "Nobody", stdin="", code=1).stderr
