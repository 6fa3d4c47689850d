"""Has the error rate of what is sent alone risen? Day by day, from audits alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from store.evidence.drift import YEAR, Cusum
from store.evidence.sampling import ENOUGH
from store.reports.counts import Days

_FLOOR = 0.002  # of the usual rate: a rate of 0 cannot double
_CEILING = 0.4  # a rate whose double is nearly everything has no drift to speak of


@dataclass(frozen=True, slots=True)
class AuditDay:
    """The audits of one day's drafts, and how high suspicion stood after them."""

    day: date
    audited: int
    wrong: int
    level: float  # of the alarm limit: from 1 on it alarms


@dataclass(frozen=True, slots=True)
class Drift:
    """The watch over one period."""

    usual: float  # error rate of the days before the watched ones, to a tenth of a percent
    audits_per_day: float
    days_to_notice: float  # a doubling
    days_between_false_alarms: float
    days: tuple[AuditDay, ...]

    @property
    def alarmed_on(self) -> date | None:
        """Return the first day of alarm, None without one."""
        return next((one.day for one in self.days if one.level >= 1), None)

    def as_json(self) -> dict[str, Any]:
        """Return it as `report` prints it."""
        alarm = self.alarmed_on
        return {
            "usual": self.usual,
            "audits_per_day": self.audits_per_day,
            "days_to_notice_doubling": self.days_to_notice,
            "days_between_false_alarms": self.days_between_false_alarms,
            "alarmed_on": None if alarm is None else alarm.isoformat(),
        }


def drift(days: Days) -> Drift | None:
    """Return the watch over the later half of the days; None while the earlier half, which says
    what is usual, has too few audits."""
    series = _series(days)
    half = len(series) // 2
    before, watched = series[:half], series[half:]
    audited = sum(audited for _, audited, _ in before)
    if audited < ENOUGH:
        return None
    usual = max(_FLOOR, round(sum(wrong for _, _, wrong in before) / audited, 3))
    if usual > _CEILING:
        return None
    per_day = sum(audited for _, audited, _ in series) / len(series)
    cusum = _tuned(usual, max(1, round(per_day)))
    return Drift(
        usual=usual,
        audits_per_day=cusum.audits_per_day,
        days_to_notice=cusum.delay(cusum.raised),
        days_between_false_alarms=cusum.delay(usual),
        days=_levels(cusum, watched),
    )


@lru_cache(maxsize=64)  # some tenths of a second
def _tuned(usual: float, per_day: int) -> Cusum:
    return Cusum.tuned(usual, audits_per_day=per_day, days_between_false_alarms=YEAR)


def _series(days: Days) -> list[tuple[date, int, int]]:
    """Return (day, audited, wrong) of every day from the first to the last with a run."""
    if not days:
        return []
    first = min(days)
    found = []
    for offset in range((max(days) - first).days + 1):
        day = first + timedelta(days=offset)
        tally = days[day].tally("sent", None) if day in days else None
        audited = tally.labelled if tally else 0
        found.append((day, audited, audited - tally.right if tally else 0))
    return found


def _levels(cusum: Cusum, watched: Sequence[tuple[date, int, int]]) -> tuple[AuditDay, ...]:
    path = cusum.run([(wrong, audited) for _, audited, wrong in watched])
    return tuple(
        AuditDay(day, audited, wrong, level / cusum.limit)
        for (day, audited, wrong), level in zip(watched, path.levels, strict=True)
    )
