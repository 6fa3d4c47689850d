"""Reading later outcomes: each line names a ticket or a run, and a bad one says what is wrong."""

import io
from datetime import UTC, datetime

import pytest

from agents.hindsight import read_csv, read_jsonl
from agents.records import BadLine, GoodLine
from store.errors import BadInput
from store.outcomes import NewOutcome
from store.transitions import OutcomeKind


def made(*lines: str) -> list[NewOutcome | str]:
    """Return what each line was made into, or what is wrong with it."""
    found = read_jsonl(io.BytesIO("\n".join(lines).encode()))
    return [line.made if isinstance(line, GoodLine) else line.error for line in found]


def test_a_json_line_carries_every_field() -> None:
    line = (
        '{"ticket": "T-1", "outcome": "Charged back", "at": "2026-05-03T10:00:00+02:00",'
        ' "note": " called twice ", "case": 7}'
    )
    at = datetime(2026, 5, 3, 8, 0, tzinfo=UTC)
    assert made(line) == [
        NewOutcome(OutcomeKind.CHARGED_BACK, ticket="T-1", at=at, note="called twice")
    ]


@pytest.mark.parametrize("number", ["12", '"12"'])
def test_a_run_is_named_by_its_number(number: str) -> None:
    assert made(f'{{"run_id": {number}, "outcome": "confirmed"}}') == [
        NewOutcome(OutcomeKind.CONFIRMED, run_id=12)
    ]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ('{"ticket": "T-1"}', "no `outcome`"),
        ("[]", "not a JSON object with the field `outcome`"),
        ('{"ticket": "T-1", "outcome": "happy"}', "none of: reopened, charged_back, confirmed"),
        ('{"run_id": "x7", "outcome": "reopened"}', "not the number of a run"),
        ('{"run_id": "' + "9" * 5_000 + '", "outcome": "reopened"}', "not the number of a run"),
        ('{"run_id": 0, "outcome": "reopened"}', "not the number of a run"),
        ('{"run_id": "²", "outcome": "reopened"}', "not the number of a run"),
        ('{"run_id": 9223372036854775808, "outcome": "reopened"}', "not the number of a run"),
        ('{"run_id": 1.5, "outcome": "reopened"}', "not the number of a run: '1.5'"),
        ('{"run_id": true, "outcome": "reopened"}', "not the number of a run: 'True'"),
        ('{"run_id": [7], "outcome": "reopened"}', "not the number of a run: '[7]'"),
        ('{"ticket": "T-1", "outcome": "reopened", "at": "soon"}', "not an ISO 8601 date"),
    ],
)
def test_a_line_that_cannot_be_used_says_why(line: str, error: str) -> None:
    (said,) = made(line)
    assert isinstance(said, str)
    assert error in said


def test_a_csv_goes_on_after_a_broken_row() -> None:
    text = "Ticket;Outcome;Note\nT-1;reopened;\nT-2\nT-3;confirmed;fine\n"
    lines = list(read_csv(io.BytesIO(text.encode())))
    assert [(line.line, isinstance(line, BadLine)) for line in lines] == [
        (2, False),
        (3, True),
        (4, False),
    ]


def test_a_csv_without_the_column_is_refused() -> None:
    with pytest.raises(BadInput, match="names no `outcome` column"):
        list(read_csv(io.BytesIO(b"ticket,at\nT-1,\n")))
