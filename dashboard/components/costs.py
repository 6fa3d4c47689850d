"""What a threshold costs and saves a day, on costs that the reader assumes and may change."""

from dataclasses import dataclass
from decimal import Decimal

import streamlit as st

from store.evidence.rare_errors import WrongRate
from store.money import decimals
from store.reports.policy import CurvePoint

MINUTES, HOUR, WRONG = 2.0, 30.0, 25.0  # assumed until somebody says otherwise


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


def costs(currency: str) -> Costs:
    """Draw the assumptions; they stand in the page's address."""
    with st.container(horizontal=True, key="costs", gap="small"):
        minutes = _number("Minutes per card", "minutes", MINUTES, 0.5)
        hour = _number(f"An hour of work, {currency}", "hour", HOUR, 1.0)
        wrong = _number(f"A wrong one sent alone, {currency}", "wrong", WRONG, 1.0)
    unit = float(Decimal(10) ** decimals(currency))
    return Costs(minutes, hour * unit, wrong * unit)


def _number(label: str, key: str, default: float, step: float) -> float:
    return st.number_input(
        label,
        min_value=0.0,
        max_value=1e6,
        value=default,
        step=step,
        format="%.10g",
        key=key,
        bind="query-params",
    )
