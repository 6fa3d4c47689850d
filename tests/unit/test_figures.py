"""Figures: what they say is compared, however they are written."""

from decimal import Decimal

import pytest

from store.reports.figures import MAX_TEXT, Fact, agrees, figures, is_known, stated

EUR = "EUR"


def same(one: str, other: str) -> bool:
    (figure,) = figures(one)
    return is_known(figure, [fact for found in figures(other) for fact in found.facts])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("€56.90", "56.90 euros"),
        ("€56.90", "56,90 EUR"),
        ("€1,500.00", "1.500,00 €"),
        ("five working days", "5 business days"),
        ("10 days", "debit cards within 10."),
        ("14 November 2026", "2026-11-14"),
        ("14 November", "Nov 14, 2026"),
        ("3rd of nothing, 3 May", "3. May"),
        ("ten percent", "10 %"),
        ("LO-25192", "order lo-25192."),
        ("5 days", "3 to 5 days"),
        ("٥ days", "5 days"),
    ],
)
def test_the_same_figure_is_known_in_other_clothes(one: str, other: str) -> None:
    *_, last = figures(one)
    assert is_known(last, [fact for found in figures(other) for fact in found.facts])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("€56.90", "€56.09"),
        ("€5.00", "$5.00"),
        ("5 days", "5 weeks"),
        ("five days", "five working days"),
        ("14 November 2026", "2025-11-14"),
        ("14 November 2026", "14 October 2026"),
        ("LO-25192", "LO-25193"),
        ("10 %", "10 days"),
        ("3 to 7 days", "3 to 5 days"),
    ],
)
def test_another_figure_is_not_known(one: str, other: str) -> None:
    assert not same(one, other)


def test_words_without_a_unit_are_no_figures() -> None:
    assert figures("Both lines are right, and one of us looks at two of them.") == ()


def test_figures_come_in_order_with_their_places() -> None:
    text = "LO-1 costs €5.00, until 3 May."
    assert [text[found.start : found.end] for found in figures(text)] == ["LO-1", "€5.00", "3 May"]


def test_an_answer_states_money_in_minor_units_and_as_it_stands() -> None:
    facts = set(stated({"rows": [{"amount_minor": 5690, "paid": True, "at": None}]}, EUR))
    assert facts == {Fact(Decimal("56.90"), EUR), Fact(Decimal(5690))}


def test_an_answers_dates_and_codes_are_facts() -> None:
    facts = list(stated({"order": "LO-9", "on": "2026-11-02"}, EUR))
    assert Fact(code="lo-9") in facts
    assert Fact(day=(11, 2), year=2026) in facts


def test_a_yen_has_no_minor_units() -> None:
    assert Fact(Decimal(500), "JPY") in set(stated({"amount_minor": 500}, "JPY"))


def test_a_number_without_a_unit_agrees_with_any_unit() -> None:
    assert agrees(Fact(Decimal(5)), Fact(Decimal(5), "day"))
    assert not agrees(Fact(Decimal(5), "week"), Fact(Decimal(5), "day"))


def test_endless_text_is_read_up_to_a_limit() -> None:
    assert figures("x" * MAX_TEXT + " €5.00") == ()


def test_deeply_nested_and_endless_answers_end() -> None:
    nested: object = 7
    for _ in range(5_000):
        nested = [nested]
    assert len(list(stated([nested, list(range(9_000))], EUR))) <= 2_000
