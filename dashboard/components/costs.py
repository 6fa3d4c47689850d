"""What a threshold costs and saves a day, on costs that the reader assumes and may change."""

from dataclasses import dataclass
from decimal import Decimal

import streamlit as st

from dashboard import words
from store.evidence.rare_errors import WrongRate
from store.money import Money, decimals
from store.reports.policy import CurvePoint

MINUTES, HOUR, WRONG = 2.0, 30.0, 25.0  # assumed until somebody says otherwise
MOST = 1e6
_NAMES = {"minutes": "minutes per card", "hour": "an hour of work", "wrong": "a wrong one"}
_LARGE = ((1e9, "bn"), (1e6, "M"))


@dataclass(frozen=True, slots=True)
class Costs:
    """The assumptions, money in minor units."""

    minutes_per_card: float
    hour_minor: float
    wrong_minor: float


@dataclass(frozen=True, slots=True)
class Range:
    """A figure with its range; all None where it is unknown."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Bill:
    """What a threshold means a day, beside a person looking at every draft."""

    hours: float
    wrong: Range  # drafts that reach customers wrong
    net_minor: Range  # people's time saved, less what errors cost


def bill(point: CurvePoint, gated: int, days: float, assumed: Costs) -> Bill:
    """Return the day's bill of one threshold. Pure; under 30 labels nothing rests on a rate."""
    wrong = wrong_per_day(point.wrong, point.automatic / days)
    hours = point.cards_per_day * assumed.minutes_per_card / 60
    saved = (gated / days * assumed.minutes_per_card / 60 - hours) * assumed.hour_minor
    if wrong.value is None or wrong.low is None or wrong.high is None:
        return Bill(hours, wrong, Range())
    worth = [saved - each * assumed.wrong_minor for each in (wrong.value, wrong.high, wrong.low)]
    return Bill(hours, wrong, Range(*worth))


def wrong_per_day(found: WrongRate, automatic_per_day: float) -> Range:
    """Return how many wrong drafts a day go out alone, unknown under 30 labels. Pure."""
    if found.rate is None or found.low is None or found.high is None or not found.has_enough:
        return Range()
    return Range(*(each * automatic_per_day for each in (found.rate, found.low, found.high)))


def wrong_said(found: WrongRate, day: Range) -> list[str]:
    """Return the day's wrong drafts in words: the value, and what it rests on. Pure."""
    if not found.labelled:
        return [words.UNKNOWN, "no audit"]
    if day.value is None or day.low is None or day.high is None:
        return [words.UNKNOWN, f"{found.wrong} of {found.labelled} audited"]
    return [
        number(day.value),
        f"{number(day.low)}–{number(day.high)}, n = {words.count(found.labelled)}",
    ]


def number(value: float, *, below: float = 10) -> str:
    """Return a number with one decimal while it is small: `3.1`, `1 693`. Pure."""
    return f"{value:.1f}" if value < below else words.count(round(value))


def amount(minor: float, currency: str) -> str:
    """Return money as one plans by it, without minor units: `€455`, `€12M`. Pure."""
    digits = decimals(currency)
    major = minor / 10**digits
    size, name = next(((size, name) for size, name in _LARGE if abs(major) >= 10 * size), (1, ""))
    whole = round(major / size)
    said = str(Money(whole * 10**digits, currency))
    said = said.replace(f".{'0' * digits}", "") if digits else said
    return said.replace(f"{abs(whole):,}", f"{abs(whole):,}{name}")


def signed(minor: float | None, currency: str) -> str:
    """Return money gained or lost, nothing as neither: `+€25`, `−€3`, `€0`. Pure."""
    if minor is None:
        return words.UNKNOWN
    said, nothing = amount(abs(minor), currency), amount(0, currency)
    return said if said == nothing else f"{'−' if minor < 0 else '+'}{said}"


def span(found: Range, currency: str) -> str:
    """Return the range of money gained or lost, or why it has none. Pure."""
    if found.low is None or found.high is None:
        return ""
    if found.low == found.high:
        return "at any error rate"
    low, high = signed(found.low, currency), signed(found.high, currency)
    return "range within rounding" if low == high else f"{low} to {high}"


def costs(currency: str) -> Costs:
    """Draw the assumptions; they stand in the page's address."""
    with st.container(horizontal=True, key="costs", gap="small"):
        typed = {
            "minutes": _typed("Minutes per card", "minutes", MINUTES, 0.5),
            "hour": _typed(f"An hour of work, {currency}", "hour", HOUR, 1.0),
            "wrong": _typed(f"A wrong one sent alone, {currency}", "wrong", WRONG, 1.0),
        }
    usual = {"minutes": MINUTES, "hour": HOUR, "wrong": WRONG}
    taken = {key: value if _is_cost(value) else usual[key] for key, value in typed.items()}
    refused = [key for key, value in typed.items() if not _is_cost(value)]
    if refused:
        used = ", ".join(f"{_NAMES[key]} {usual[key]:.10g}" for key in refused)
        st.text(f"A cost is between 0 and {words.count(int(MOST))}. Taken instead: {used}.")
    unit = float(Decimal(10) ** decimals(currency))
    return Costs(taken["minutes"], taken["hour"] * unit, taken["wrong"] * unit)


def _is_cost(value: float) -> bool:
    return 0 <= value <= MOST


def _typed(label: str, key: str, default: float, step: float) -> float:
    # Without limits of its own: the field would keep what it refuses to itself.
    return st.number_input(
        label,
        value=default,
        step=step,
        format="%.10g",
        key=key,
        bind="query-params",
    )
