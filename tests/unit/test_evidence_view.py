"""The evidence: answers become small tables, the telling pieces are marked and come first."""

from typing import Any

import pytest

from dashboard.components.evidence_view import pieces
from dashboard.components.tool_answer import has_marks, tables, telling
from store.actions import Action, reply_only
from store.reports.overlap import Span

NOTHING = telling(reply_only("C-1"), "Hello.", "EUR")
REFUND = Action(
    kind="refund",
    tool="refund",
    args={"order_id": "LO-7", "amount_minor": 5690},
    amount_minor=5690,
    currency="EUR",
)


def texts(table: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    return table["columns"], [[cell["text"] for cell in row] for row in table["rows"]]


def marks(table: dict[str, Any]) -> dict[str, str]:
    return {cell["text"]: cell["mark"] for row in table["rows"] for cell in row if cell["mark"]}


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (None, []),
        ([], []),
        ({}, []),
        ("plain", [([], [["answer", "plain"]])]),
        ({"id": "C-1", "tags": ["x"]}, [([], [["id", "C-1"], ["tags", '["x"]']])]),
        ([{"id": "a", "n": 1}, {"id": "b"}], [(["id", "n"], [["a", "1"], ["b", "–"]])]),
        (
            {"month": "May", "charges": [{"id": "a"}], "refunds": [{"id": "b"}]},
            [([], [["month", "May"]]), (["id"], [["a"]]), (["id"], [["b"]])],
        ),
        ({"latest": {"id": "a"}, "all": [{"id": "a"}]}, [(["id"], [["a"]])]),
        ({"latest": {"id": "a"}}, [(["id"], [["a"]])]),
    ],
)
def test_any_tool_answer_becomes_small_tables(result: object, expected: list[object]) -> None:
    assert [texts(table) for table in tables(result, NOTHING)] == expected


def test_a_long_answer_says_what_was_left_out() -> None:
    rows = [{f"c{column}": column for column in range(9)} for _ in range(8)]
    (table,) = tables(rows, NOTHING)
    assert (len(table["columns"]), len(table["rows"])) == (6, 5)
    assert table["more"] == "3 more rows and 3 more columns: open the run to see all"


def test_a_column_that_never_says_anything_is_left_out() -> None:
    (table,) = tables([{"id": "a", "gone": None}, {"id": "b", "gone": None}], NOTHING)
    assert table["columns"] == ["id"]


def test_what_was_asked_is_not_repeated_as_an_answer() -> None:
    assert tables({"customer_id": "C-1"}, NOTHING, {"customer_id": "C-1"}) == []
    assert tables({"customer_id": "C-2"}, NOTHING, {"customer_id": "C-1"}) != []


def test_values_that_the_action_uses_and_that_the_reply_speaks_of_are_marked() -> None:
    wanted = telling(REFUND, "We refund €56.90 for 3 November 2026.", "EUR")
    (table,) = tables(
        [
            {"order": "LO-6", "amount_minor": 100, "on": "2026-01-01"},
            {"order": "LO-7", "amount_minor": 5690, "on": "2026-11-03"},
        ],
        wanted,
    )
    assert marks(table) == {"LO-7": "used", "5690": "used", "2026-11-03": "said"}
    assert texts(table)[1][0][0] == "LO-7"


def test_small_numbers_do_not_match_by_chance() -> None:
    wanted = telling(reply_only("C-1"), "It takes 2 days.", "EUR")
    assert not has_marks(tables({"quantity": 2, "is_open": True}, wanted))


def test_pieces_are_the_whole_text_in_order() -> None:
    text = "Refunds take five working days in general."
    cut = pieces(text, [Span(13, 30, "figure")], [Span(0, 12, "words"), Span(13, 20, "words")])
    assert "".join(piece for piece, _ in cut) == text
    assert cut == [
        ["Refunds take", "ticket"],
        [" ", ""],
        ["five working days", "figure"],
        [" in general.", ""],
    ]
