"""Reliability and health of a pipeline, with ranges: what the Reliability page and `report` say.

Health ("it ran") comes from step records. Reliability ("it was right") comes from labels alone:
what went out by itself is known only through the audit coin, what was escalated through decisions;
the two strata are weighed by their known shares. A stratum without a label makes the whole unknown.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlmodel import Session

from store.evidence.sampling import Estimate

Bucket = Literal["day", "week"]


@dataclass(frozen=True, slots=True)
class StepReliability:
    """One step: how often it ran, and (another series) how often it was right.

    `right` is the first-failure rate: of the labelled drafts whose earlier steps were right, the
    share whose step was right too.
    """

    name: str
    title: str
    runs: int  # runs that reached the step
    ok: int  # of these, runs in which it finally succeeded
    ok_rate: float | None
    ok_low: float | None
    ok_high: float | None
    retries: int
    p50_ms: float | None  # over the newest 2,000 successful attempts
    p95_ms: float | None
    cost_microusd: int
    right: Estimate


@dataclass(frozen=True, slots=True)
class FixFirst:
    """The step whose improvement would help most."""

    step: str
    title: str
    gain: float  # added to the end-to-end rate if this step's errors were halved
    probability: float  # that it truly is the weakest
    is_clear: bool  # False: "too early to tell" (under 80 %)


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
        raise NotImplementedError


def reliability(
    session: Session,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    pipeline: str = "support",
) -> ReliabilityReport:
    """Return the report on runs created in [since, until); without `until` its ranges are live."""
    raise NotImplementedError


def trend(
    session: Session,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    bucket: Bucket = "day",
    trailing: int = 1,
    pipeline: str = "support",
) -> tuple[TrendPoint, ...]:
    """Return one point per bucket with runs, each pooling its own and the `trailing - 1` before."""
    raise NotImplementedError
