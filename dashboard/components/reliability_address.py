"""What the address of the Reliability page asks for: period, version, intent, action. Pure.

A choice is kept in the address and nowhere else, so that a link, the browser's Back and the figures
never disagree. A value that nothing in the period has stays chosen; the page then shows nothing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from dashboard import words
from store.reports.scope import Scope, last_days

PERIODS = {"7 days": 7, "28 days": 28, "90 days": 90}
DAYS = "certain days"
USUAL = "28 days"
VIEWS = ("Overview", "Details")
FILTERS = ("policy", "model", "intent", "action")
NAMES = ("view", "period", "days", *FILTERS)
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)
_MAX_TEXT = 100
_NO_POLICY = 0  # what is no number is no version either, and those count from 1


@dataclass(frozen=True, slots=True)
class Wish:
    """The choice of one person; the default is everything of the usual period."""

    view: str = VIEWS[0]
    period: str = USUAL
    days: tuple[date, ...] = ()  # one while a person picks the other, none where none are named
    filters: Mapping[str, str] = field(default_factory=dict)  # only those that are set

    @property
    def is_detailed(self) -> bool:
        """Whether the Details are asked for."""
        return self.view == VIEWS[1]

    def window(self, now: datetime) -> Scope:
        """Return the period alone."""
        if self.period != DAYS:
            return Scope(since=last_days(PERIODS[self.period], now))
        days = self.chosen_days(now)
        until = _midnight(days[-1] + timedelta(days=1))
        return Scope(since=_midnight(days[0]), until=until if until <= now else None)

    def scope(self, now: datetime) -> Scope:
        """Return which runs the figures are about."""
        window, policy = self.window(now), self.filters.get("policy")
        return Scope(
            since=window.since,
            until=window.until,
            policy_version=None if policy is None else _version(policy),
            model=self.filters.get("model"),
            intent=self.filters.get("intent"),
            action_kind=self.filters.get("action"),
        )

    def chosen_days(self, now: datetime) -> tuple[date, ...]:
        """Return the days that are named, the seven before today where none are."""
        today = now.date()
        return self.days or (today - timedelta(days=7), today - timedelta(days=1))

    def named(self) -> str:
        """Return what the figures are limited to, nothing if to nothing: `policy 2, refund`."""
        return ", ".join(
            words.short(words.kind(value) if name == "action" else f"{name} {value}", 40)
            for name, value in self.filters.items()
        )

    def nothing(self) -> str:
        """Return the sentence of a period in which no ticket arrived."""
        what = f"Nothing that fits the filter ({self.named()})" if self.filters else "Nothing"
        when = "on these days" if self.period == DAYS else f"in the last {self.period}"
        return f"{what} arrived {when}."


def wish(said: Mapping[str, Sequence[str]]) -> Wish:
    """Return what an address asks for, leaving out what means nothing."""
    last = {name: values[-1] for name, values in said.items() if values}
    view, period = last.get("view", ""), last.get("period", "")
    texts = {name: _text(last.get(name, "")) for name in FILTERS}
    return Wish(
        view=view if view in VIEWS else VIEWS[0],
        period=period if period in (*PERIODS, DAYS) else USUAL,
        days=_days(said.get("days", ())),
        filters={name: text for name, text in texts.items() if text},
    )


def _days(values: Sequence[str]) -> tuple[date, ...]:
    """Return the first and last of the days, however they were written or ordered."""
    parts = [part.strip() for value in values for part in value.split(",")]
    try:
        found = sorted(date.fromisoformat(part) for part in parts)
    except ValueError:
        return ()
    inside = [day for day in found if FIRST_DAY <= day <= LAST_DAY]
    return (inside[0], inside[-1])[: len(inside)] if inside else ()


def _text(value: str) -> str:
    return "".join(each for each in value.strip() if each.isprintable())[:_MAX_TEXT]


def _version(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else _NO_POLICY


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
