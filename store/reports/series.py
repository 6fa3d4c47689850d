"""Series over time: one point per day or week, health and reliability side by side."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from store.evidence.rare_errors import WrongRate
from store.evidence.sampling import Estimate, Look
from store.reports.counts import PARTS, Counts, Days

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
    sent_wrong: WrongRate
    to_judge: int  # audits of its drafts that nobody has answered yet
    steps: dict[str, StepPoint]

    @property
    def is_closed(self) -> bool:
        """Return whether no new run can fall into it; its drafts may still be judged."""
        return self.end_to_end.look == "closed"


def points(days: Days, *, bucket: Bucket, is_open: bool) -> Iterator[TrendPoint]:
    """Return one point per bucket with runs: closed ones with ranges for one look, an open last
    one with a live range.

    Weeks begin on Monday; the first may have begun before the period did.
    """
    length = timedelta(days=7 if bucket == "week" else 1)
    buckets: dict[date, Counts] = {}
    for day, counts in days.items():
        start = day - timedelta(days=day.weekday()) if bucket == "week" else day
        buckets.setdefault(start, Counts()).add(counts)
    for start, counts in buckets.items():
        is_live = is_open and start == max(buckets)
        yield _point(start, start + length, counts, "live" if is_live else "closed")


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
        sent_wrong=counts.sent_wrong(look),
        to_judge=counts.to_judge,
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
