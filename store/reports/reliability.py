"""Reliability and health of a pipeline, with ranges: what the Reliability page and `report` say.

Health ("it ran") comes from step records. Reliability ("it was right") comes from labels alone:
what went out by itself is known only through the audit coin, what was escalated through decisions;
the two strata are weighed by their known shares. A stratum without a label makes the whole unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlmodel import Session, col

from store.evidence.compounding import gain_of_halving, probability_weakest, product
from store.evidence.intervals import confidence_sequence, wilson
from store.evidence.sampling import Estimate, Look
from store.outputs import STEP_TITLES, STEPS
from store.reports.counts import PARTS, Counts, StepCounts, by_day, in_window, total
from store.reports.series import Bucket, StepPoint, TrendPoint, points, share
from store.schema import Run, StepRecord
from store.transitions import StepStatus

__all__ = [
    "FixFirst",
    "ReliabilityReport",
    "StepPoint",
    "StepReliability",
    "TrendPoint",
    "reliability",
    "trend",
]

_LATENCIES = 2_000  # newest attempts that the percentiles rest on
_SEED = 0  # of the posterior draws: the same labels give the same figure everywhere


@dataclass(frozen=True, slots=True)
class StepReliability:
    """One step: how often it ran, and (another series) how often it was right.

    `right` is the first-failure rate: of the labelled drafts whose earlier steps were right, the
    share whose step was right too.
    """

    name: str
    title: str
    runs: int  # runs that reached the step; a second visit counts as one more
    ok: int  # of these, runs in which it finally succeeded
    ok_rate: float | None
    ok_low: float | None
    ok_high: float | None
    retries: int
    p50_ms: float | None  # over the newest 2,000 successful attempts
    p95_ms: float | None
    cost_microusd: int
    right: Estimate

    def as_json(self) -> dict[str, Any]:
        """Return the step as `report` prints it; the rate is weighed, so not right / labelled."""
        return {
            "name": self.name,
            "runs": self.runs,
            "ok": self.ok,
            "ok_rate": self.ok_rate,
            "retries": self.retries,
            "p50_ms": self.p50_ms,
            "p95_ms": self.p95_ms,
            "labelled": self.right.labelled,
            "right": self.right.right,
            "right_rate": self.right.rate,
            "right_low": self.right.low,
            "right_high": self.right.high,
        }


@dataclass(frozen=True, slots=True)
class FixFirst:
    """The step whose improvement would help most."""

    step: str
    title: str
    gain: float  # added to the end-to-end rate if this step's errors were halved
    probability: float  # that it truly is the weakest
    is_clear: bool  # False: "too early to tell" (under 80 %)


@dataclass(frozen=True, slots=True)
class ReliabilityReport:
    """A pipeline in a period."""

    pipeline: str
    since: datetime | None
    until: datetime | None
    runs: int
    gated: int
    passed: int  # went out alone
    escalated: int  # a count: escalated or blocked
    auto_rate: float | None  # passed / gated
    steps: tuple[StepReliability, ...]
    weakest: str | None  # lowest measured right rate; see fix_first for how sure that is
    product_of_steps: float | None
    end_to_end: Estimate  # drafts as the pipeline made them, before any person's fix
    sent: Estimate  # of those that went out alone: audits only
    escalated_right: Estimate  # of those that went to a person
    fix_first: FixFirst | None  # None while no step was ever blamed
    trend: tuple[TrendPoint, ...]

    @property
    def linked_failures(self) -> float | None:
        """Return measured end-to-end minus the product of steps; None where either is unknown."""
        if self.end_to_end.rate is None or self.product_of_steps is None:
            return None
        return self.end_to_end.rate - self.product_of_steps

    def as_json(self) -> dict[str, Any]:
        """Return the stable JSON of `greenlight report`."""
        return {
            "pipeline": self.pipeline,
            "runs": self.runs,
            "gated": self.gated,
            "auto_rate": self.auto_rate,
            "escalated": self.escalated,
            "steps": [step.as_json() for step in self.steps],
            "weakest": self.weakest,
            "product_of_steps": self.product_of_steps,
            "end_to_end": {
                "labelled": self.end_to_end.labelled,
                "rate": self.end_to_end.rate,
                "low": self.end_to_end.low,
                "high": self.end_to_end.high,
            },
        }


def reliability(
    session: Session,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    pipeline: str = "support",
) -> ReliabilityReport:
    """Return the report on runs created in [since, until); without `until` its ranges are live."""
    days = by_day(session, since=since, until=until, pipeline=pipeline)
    counts, look = total(days.values()), _look(until)
    latencies = _latencies(session, counts, since=since, until=until, pipeline=pipeline)
    steps = tuple(_step(name, counts, latencies, look) for name in _step_names(counts))
    gated, passed = sum(counts.gated.values()), counts.gated["sent"]
    return ReliabilityReport(
        pipeline=pipeline,
        since=since,
        until=until,
        runs=counts.runs,
        gated=gated,
        passed=passed,
        escalated=gated - passed,
        auto_rate=share(passed, gated),
        steps=steps,
        weakest=_weakest(steps),
        product_of_steps=product([step.right.rate for step in steps]),
        end_to_end=counts.whole(look, *PARTS),
        sent=counts.whole(look, "sent"),
        escalated_right=counts.whole(look, "escalated"),
        fix_first=_fix_first(steps),
        trend=tuple(points(days, bucket="day", trailing=1, is_open=until is None)),
    )


def trend(
    session: Session,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    bucket: Bucket = "day",
    trailing: int = 1,
    pipeline: str = "support",
) -> tuple[TrendPoint, ...]:
    """Return one point per bucket with runs; see `series.points`."""
    days = by_day(session, since=since, until=until, pipeline=pipeline)
    return tuple(points(days, bucket=bucket, trailing=trailing, is_open=until is None))


def _look(until: datetime | None) -> Look:
    return "live" if until is None else "closed"


def _step_names(counts: Counts) -> list[str]:
    """Return the pipeline's steps in order; all six of ours unless it has steps of its own."""
    others = sorted(counts.steps.keys() - set(STEPS))
    ours = [name for name in STEPS if not others or name in counts.steps]
    return [*ours, *others]


def _step(
    name: str, counts: Counts, latencies: dict[str, tuple[float, float]], look: Look
) -> StepReliability:
    health = counts.steps.get(name, StepCounts())
    interval = (confidence_sequence if look == "live" else wilson)(health.ok, health.runs)
    p50_ms, p95_ms = latencies.get(name, (None, None))
    return StepReliability(
        name=name,
        title=STEP_TITLES.get(name, name),
        runs=health.runs,
        ok=health.ok,
        ok_rate=share(health.ok, health.runs),
        ok_low=None if interval is None else interval.low,
        ok_high=None if interval is None else interval.high,
        retries=health.retries,
        p50_ms=p50_ms,
        p95_ms=p95_ms,
        cost_microusd=health.cost_microusd,
        right=counts.step(name, look),
    )


def _latencies(
    session: Session,
    counts: Counts,
    *,
    since: datetime | None,
    until: datetime | None,
    pipeline: str,
) -> dict[str, tuple[float, float]]:
    window = in_window(since=since, until=until, pipeline=pipeline)
    if since is not None:
        window.append(col(StepRecord.started_at) >= since)
    found = {}
    for name in counts.steps:
        newest = (
            select(col(StepRecord.latency_ms))
            .join(Run, col(Run.id) == col(StepRecord.run_id))
            .where(col(StepRecord.name) == name, col(StepRecord.status) == StepStatus.OK, *window)
            .order_by(col(StepRecord.started_at).desc())
            .limit(_LATENCIES)
        )
        values = session.execute(newest).scalars().all()
        if values:
            p50_ms, p95_ms = np.percentile(values, [50, 95])
            found[name] = (float(p50_ms), float(p95_ms))
    return found


def _weakest(steps: Sequence[StepReliability]) -> str | None:
    known = [(step.right.rate, i) for i, step in enumerate(steps) if step.right.rate is not None]
    if not known or min(known)[0] == 1.0:
        return None
    return steps[min(known)[1]].name


def _fix_first(steps: Sequence[StepReliability]) -> FixFirst | None:
    known = [(step, step.right.rate) for step in steps if step.right.rate is not None]
    rates = [rate for _, rate in known]
    if not rates or min(rates) == 1.0:
        return None
    trials = [step.right.effective_n for step, _ in known]
    hits = [rate * n for rate, n in zip(rates, trials, strict=True)]
    weakest = probability_weakest(hits, trials, np.random.default_rng(_SEED))
    if weakest is None:
        return None
    step = known[weakest.index][0]
    return FixFirst(
        step=step.name,
        title=step.title,
        gain=gain_of_halving(rates)[weakest.index],
        probability=weakest.probability,
        is_clear=weakest.is_clear,
    )
