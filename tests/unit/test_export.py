"""The CSV that leaves the house: no spreadsheet runs anything in it, and nothing else is changed."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from store.export import COLUMNS, csv_lines, json_lines, safe_cell, write_whole
from store.reports.audit import Entry

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TRIGGERS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
UNSEEN = ' \t\r\n\u200b\u200f\u202e\u00a0\ufeff"\x00'
BREAKS = ";\t\r\n"


def entry(body: str, *, actor: str = "Ana") -> Entry:
    return Entry(7, AT, actor, "run:review:reject", "run:17", body, "0" * 64, "f" * 64)


def parsed(text: str, separator: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))


def is_number(text: str) -> bool:
    try:
        float(text.replace("_", "x"))
    except ValueError:
        return False
    return True


def is_formula(cell: str) -> bool:
    """Say what a wary spreadsheet would: leading blanks and invisible characters count for nothing."""
    seen = cell.lstrip(UNSEEN)
    return seen[:1] in tuple("=+-@\uff1d\uff0b\uff0d\uff20") and not is_number(cell.strip())


texts = st.text(
    alphabet=st.sampled_from("=+-@;,'\"\t\r\n\uff1d\uff0b\uff0d\uff20\u200b\u202e 019.eAcmd|()ß"),
    max_size=24,
)


@given(texts | st.text(max_size=40))
@example("=HYPERLINK(1)")
@example("\t=1+1")
@example(" \u200b=1")
@example('a;"=1"')
@example("x\n@SUM(A1)")
def test_no_cell_and_no_part_of_one_is_a_formula(text: str) -> None:
    safe = safe_cell(text)
    assert safe[:1] not in tuple("\t\r\n")
    pieces = [safe]
    for separator in BREAKS:
        pieces = [part for piece in pieces for part in piece.split(separator)]
    assert not [piece for piece in pieces if is_formula(piece)]


@given(texts | st.text(max_size=40))
def test_only_apostrophes_are_added(text: str) -> None:
    safe = safe_cell(text)
    assert safe.replace("'", "") == text.replace("'", "")
    assert len(safe) <= 2 * len(text) + 1


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_stay_numbers(number: float) -> None:
    assert safe_cell(str(number)) == str(number)


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_each_trigger_gets_an_apostrophe(trigger: str) -> None:
    assert safe_cell(f"{trigger}cmd|' /C calc'!A0").startswith("'")


def test_plain_text_is_left_alone() -> None:
    for text in ("Ana", "run:17", '{"a":-1,"b":"x=y"}', "a - b", "it's", ""):
        assert safe_cell(text) == text


@given(st.text(max_size=60))
def test_a_record_survives_quotes_and_line_breaks(body: str) -> None:
    heading, record = parsed("".join(csv_lines([entry(body)])))
    assert tuple(heading) == COLUMNS
    assert len(record) == len(COLUMNS)
    assert record[COLUMNS.index("body")] == safe_cell(body)
    assert record[0] == "7"


def test_another_separator_finds_no_formula_either() -> None:
    text = "".join(csv_lines([entry('"; =cmd|1', actor="x;=HYPERLINK(0)")]))
    assert not [cell for row in parsed(text, ";") for cell in row if is_formula(cell)]


def test_json_lines_hold_everything_as_stored() -> None:
    (line,) = json_lines([entry("=1+1")])
    assert json.loads(line) == {
        "seq": 7,
        "at": "2026-11-20T12:00:00+00:00",
        "actor": "Ana",
        "tag": "run:review:reject",
        "subject": "run:17",
        "body": "=1+1",
        "prev_hash": "0" * 64,
        "hash": "f" * 64,
    }


def test_a_file_that_cannot_be_finished_is_not_there_at_all(tmp_path: Path) -> None:
    target = tmp_path / "audit.csv"
    target.write_text("before")

    def broken() -> object:
        yield "half\n"
        raise RuntimeError("the store went away")

    with pytest.raises(RuntimeError):
        write_whole(target, broken())  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["audit.csv"]
    assert target.read_text() == "before"
    assert write_whole(target, ["a\n", "b\n"]) == 2
    assert target.read_text() == "a\nb\n"
