"""Money is exact: it survives text and back, and is refused rather than rounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import BadInput
from store.money import Money, decimals

CURRENCIES = st.sampled_from(["EUR", "USD", "JPY", "KWD"])
AMOUNTS = st.integers(min_value=-(10**15), max_value=10**15)


@given(AMOUNTS, CURRENCIES)
def test_an_amount_written_as_a_decimal_reads_back_unchanged(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert Money.parse(money.decimal(), currency) == money


@given(st.integers(min_value=0, max_value=10**15), CURRENCIES)
def test_thousands_separators_do_not_change_an_amount(minor: int, currency: str) -> None:
    digits = decimals(currency)
    whole, part = divmod(minor, 10**digits)
    written = f"{whole:,}" + (f".{part:0{digits}d}" if digits else "")
    assert Money.parse(written, currency) == Money(minor, currency)


@pytest.mark.parametrize("text", ["19.999", "0.001", "1e-3"])
def test_more_decimals_than_the_currency_has_are_refused_not_rounded(text: str) -> None:
    with pytest.raises(BadInput):
        Money.parse(text, "EUR")


def test_a_currency_without_minor_units_refuses_decimals() -> None:
    assert Money.parse("1500", "JPY").amount_minor == 1500
    with pytest.raises(BadInput, match="it has 0"):
        Money.parse("1500.5", "JPY")


@pytest.mark.parametrize("text", ["", "  ", "abc", "NaN", "Infinity", "-inf", "12 EUR", "1.2.3"])
def test_what_is_not_an_amount_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        Money.parse(text, "EUR")


@pytest.mark.parametrize("text", ["84,90", "1,2345.00", "12,34", "1,", ",5", "1e6", "1_000", "١٢"])
def test_what_could_be_read_two_ways_is_refused_not_guessed(text: str) -> None:
    with pytest.raises(BadInput):
        Money.parse(text, "EUR")


def test_an_absurd_exponent_is_refused_at_once() -> None:
    with pytest.raises(BadInput):
        Money.parse("1e999999", "EUR")


@pytest.mark.parametrize(
    ("money", "shown"),
    [
        (Money(8490, "EUR"), "€84.90"),
        (Money(-5, "USD"), "-$0.05"),
        (Money(123_456_789, "EUR"), "€1,234,567.89"),
        (Money(1500, "JPY"), "¥1,500"),
        (Money(1, "KWD"), "0.001 KWD"),
    ],
)
def test_money_is_shown_with_symbol_sign_and_thousands(money: Money, shown: str) -> None:
    assert str(money) == shown
