"""What a ticket names: ids, months, amounts."""

from datetime import UTC, datetime

import pytest

from agents.models.entities import find_amounts, find_entities, find_ids

RECEIVED = datetime(2026, 11, 20, tzinfo=UTC)


def months(text: str, received: datetime = RECEIVED) -> list[str]:
    found: list[str] = find_entities(text, {}, received, "EUR")["months"]
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Why was I charged twice in May?", ["2026-05"]),
        ("in december I paid", ["2025-12"]),
        ("since November", ["2026-11"]),
        ("on 3 May and in June", ["2026-05", "2026-06"]),
        ("May 3rd was the day", ["2026-05"]),
        ("December 2024", ["2024-12"]),
        ("the 2026-03-14 payment", ["2026-03"]),
        ("my September bill", ["2026-09"]),
        ("charged last month", ["2026-10"]),
        ("twice this month", ["2026-11"]),
        ("may I ask, you may say so", []),
        ("We march on, mark my words, sept-iles", []),
        ("nothing here", []),
    ],
)
def test_months_are_found_and_may_is_not_always_a_month(text: str, expected: list[str]) -> None:
    assert months(text) == expected


def test_a_month_without_a_year_is_never_in_the_future() -> None:
    january = datetime(2026, 1, 5, tzinfo=UTC)
    assert months("last month and in January and in February", january) == [
        "2026-01",
        "2025-02",
        "2025-12",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("€84.90 was taken", [8490]),
        ("84,90 € bitte", [8490]),
        ("1,234.50 EUR and 1.234,50 euros", [123450]),
        ("I paid 49 euro", [4900]),
        ("eur 5", [500]),
        ("€1,234", [123400]),
        ("$20 and 20 dollars", []),
        ("order 12345, 30 days, version 1.2", []),
        ("€1.234", [123400]),
        ("A€5 5€B", []),
    ],
)
def test_amounts_are_exact_and_in_the_companys_currency(text: str, expected: list[int]) -> None:
    assert list(dict.fromkeys(find_amounts(text, "EUR"))) == expected


def test_yen_have_no_cents() -> None:
    assert list(find_amounts("¥1,200 or 300 yen", "JPY")) == [1200, 300]


def test_ids_are_the_first_group_or_the_whole_match_each_once() -> None:
    assert find_ids("order: A-1, a-1, A-1 A-2", r"order: (A-\d)|x") == ["A-1"]
    assert find_ids("A-1 A-2 A-1", r"A-\d") == ["A-1", "A-2"]


@pytest.mark.parametrize("text", ["111 " * 5_000, "1." * 9_000, "in " * 6_000, "1 may " * 3_000])
def test_floods_of_half_matches_are_read_in_passing(text: str) -> None:
    assert find_entities(text, {}, RECEIVED, "EUR")["amounts_minor"] == []


def test_a_flood_of_ids_and_a_huge_text_stay_bounded() -> None:
    flood = " ".join(f"A-{number}" for number in range(5_000))
    found = find_entities(flood * 3, {"ids": r"\bA-\d+\b"}, RECEIVED, "EUR")
    assert len(found["ids"]) == 20
