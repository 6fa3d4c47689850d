"""Series over time: one point per day or week, health and reliability side by side."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from store.evidence.sampling import Estimate, Look
from store.reports.counts import PARTS, Counts, total

Bucket = Literal["day", "week"]


@dataclass(frozen=True, slots=True)
class StepPoint:
    """One step in one bucket of time."""

    runs: int
    ok: int
    ok_rate: float | None
    right: Estimate


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """One bucket of time, by the day the run was created (UTC)."""

    start: date
    end: date  # exclusive
    runs: int
    gated: int
    passed: int
    auto_rate: float | None
    end_to_end: Estimate
    sent: Estimate
    steps: dict[str, StepPoint]


def points(
    days: dict[date, Counts], *, bucket: Bucket, trailing: int, is_open: bool
) -> Iterator[TrendPoint]:
    """Return one point per bucket with runs, each pooling its own and the `trailing - 1` before.

    Weeks begin on Monday. Ranges of closed buckets are for one look, that of a last open one live.
    """
    length = timedelta(days=7 if bucket == "week" else 1)
    buckets: dict[date, Counts] = {}
    for day, counts in days.items():
        start = day - timedelta(days=day.weekday()) if bucket == "week" else day
        buckets.setdefault(start, Counts()).add(counts)
    for start in buckets:
        first = start - length * (trailing - 1)
        pooled = total(counts for at, counts in buckets.items() if first <= at <= start)
        is_last = start == max(buckets)
        yield _point(first, start + length, pooled, "live" if is_last and is_open else "closed")


def _point(start: date, end: date, counts: Counts, look: Look) -> TrendPoint:
    gated, passed = sum(counts.gated.values()), counts.gated["sent"]
    return TrendPoint(
        start=start,
        end=end,
        runs=counts.runs,
        gated=gated,
        passed=passed,
        auto_rate=share(passed, gated),
        end_to_end=counts.whole(look, *PARTS),
        sent=counts.whole(look, "sent"),
        steps={
            name: StepPoint(
                runs=step.runs,
                ok=step.ok,
                ok_rate=share(step.ok, step.runs),
                right=counts.step(name, look),
            )
            for name, step in counts.steps.items()
        },
    )


def share(part: int, whole: int) -> float | None:
    """Return part of whole as a rate; None of nothing."""
    return part / whole if whole else None
