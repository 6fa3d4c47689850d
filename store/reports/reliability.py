"""Reliability and health of a pipeline, with ranges: what the Reliability page and `report` say.

Health ("it ran") comes from step records. Reliability ("it was right") comes from labels alone:
what went out by itself is known only through the audit coin, what was escalated through decisions;
the two strata are weighed by their known shares. A stratum without a label makes the whole unknown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import numpy as np
from sqlmodel import Session

from store.evidence.compounding import Linked, gain_of_halving, probability_weakest, product
from store.evidence.intervals import confidence_sequence, wilson
from store.evidence.rare_errors import WrongRate
from store.evidence.sampling import Estimate, Look
from store.outputs import STEP_TITLES, STEPS
from store.reports.blame import Blame, blame, linked
from store.reports.counting import by_day
from store.reports.counts import PARTS, Counts, Days, StepCounts, total
from store.reports.drifting import Drift, drift
from store.reports.latency import Pace, paces
from store.reports.scope import Scope
from store.reports.series import Bucket, StepPoint, TrendPoint, points, share

__all__ = [
    "FixFirst",
    "ReliabilityReport",
    "Slow",
    "StepPoint",
    "StepReliability",
    "TrendPoint",
    "reliability",
    "report_of",
]

_SEED = 0  # of the posterior draws: the same labels give the same figure everywhere
_DAYS_APART = 14  # shorter periods are shown by day, longer ones by week


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
    pace: Pace  # over the newest 2,000 successful attempts
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
            "p50_ms": self.pace.p50_ms,
            "p95_ms": self.pace.p95_ms,
            "labelled": self.right.labelled,
            "right": self.right.right,
            "right_rate": self.right.rate,
            "right_low": self.right.low,
            "right_high": self.right.high,
            "effective_n": self.right.effective_n,
            "ok_low": self.ok_low,
            "ok_high": self.ok_high,
            "cost_microusd": self.cost_microusd,
        }


@dataclass(frozen=True, slots=True)
class FixFirst:
    """The step whose improvement would help most."""

    step: str
    title: str
    gain: float  # added to the end-to-end rate if this step's errors were halved
    probability: float  # that it truly is the weakest
    is_clear: bool  # False: "too early to tell" (under 80 %)

    def as_json(self) -> dict[str, Any]:
        """Return it as `report` prints it."""
        return {
            "step": self.step,
            "gain": self.gain,
            "probability": self.probability,
            "is_clear": self.is_clear,
        }


@dataclass(frozen=True, slots=True)
class ReliabilityReport:
    """A pipeline in a period."""

    scope: Scope
    runs: int
    gated: int
    passed: int  # went out alone
    drawn: int  # of these, drawn by the audit coin
    escalated: int  # a count: escalated or blocked
    auto_rate: float | None  # passed / gated
    steps: tuple[StepReliability, ...]
    weakest: str | None  # lowest measured right rate; see fix_first for how sure that is
    product_of_steps: float | None
    end_to_end: Estimate  # drafts as the pipeline made them, before any person's fix
    sent_wrong: WrongRate  # of those that went out alone: audits only
    unaudited_wrong: int  # later found wrong, drawn by no audit: in no rate
    escalated_right: Estimate  # of those that went to a person
    blame: Blame
    fix_first: FixFirst | None  # None while no step was ever blamed
    trend: tuple[TrendPoint, ...]
    drift: Drift | None  # None while too few audits say what is usual
    linked: Linked | None  # None where verdicts stop at the first wrong step
    last_day: date | None  # with a run

    def as_json(self) -> dict[str, Any]:
        """Return the stable JSON of `greenlight report`."""
        return {
            "pipeline": self.scope.pipeline,
            "runs": self.runs,
            "gated": self.gated,
            "auto_rate": self.auto_rate,
            "escalated": self.escalated,
            "steps": [step.as_json() for step in self.steps],
            "weakest": self.weakest,
            "product_of_steps": self.product_of_steps,
            "end_to_end": _right(self.end_to_end),
            "passed": self.passed,
            "drawn": self.drawn,
            "to_judge": sum(point.to_judge for point in self.trend),
            "sent_wrong": _wrong(self.sent_wrong),
            "unaudited_wrong": self.unaudited_wrong,
            "escalated_right": _right(self.escalated_right),
            "product_of_first_failures": self.blame.product,
            "linked_failures": None
            if self.linked is None
            else asdict(self.linked) | {"difference": self.linked.difference},
            "drift": None if self.drift is None else self.drift.as_json(),
            "blame": [blamed.as_json() for blamed in self.blame.steps],
            "fix_first": None if self.fix_first is None else self.fix_first.as_json(),
            "trend": [_point(point) for point in self.trend],
            "asked": self.scope.as_json(),
        }


def reliability(session: Session, scope: Scope) -> ReliabilityReport:
    """Return the report on a period; while that is open its ranges are live."""
    days = by_day(session, scope)
    steps = tuple(_step_names(total(days.values())))
    more = Slow(paces(session, scope), linked(session, scope, steps), drift(days))
    return report_of(days, scope, more)


@dataclass(frozen=True, slots=True)
class Slow:
    """What takes longest to find out; left out where nobody looks at it."""

    paces: Mapping[str, Pace] = field(default_factory=dict)
    linked: Linked | None = None
    drift: Drift | None = None


def report_of(days: Days, scope: Scope, more: Slow | None = None) -> ReliabilityReport:
    """Return the report that counts by day add up to."""
    more = more or Slow()
    counts: Counts = total(days.values())
    look: Look = "live" if scope.is_open else "closed"
    steps = tuple(_step(name, counts, more.paces, look) for name in _step_names(counts))
    gated, passed = sum(counts.gated.values()), counts.gated["sent"]
    return ReliabilityReport(
        scope=scope,
        runs=counts.runs,
        gated=gated,
        passed=passed,
        drawn=counts.drawn,
        escalated=gated - passed,
        auto_rate=share(passed, gated),
        steps=steps,
        weakest=_weakest(steps),
        product_of_steps=product([step.right.rate for step in steps]),
        end_to_end=counts.whole(look, *PARTS),
        sent_wrong=counts.sent_wrong(look),
        unaudited_wrong=counts.unaudited_wrong,
        escalated_right=counts.whole(look, "escalated"),
        blame=blame(counts, [(step.name, step.title) for step in steps], look),
        fix_first=_fix_first(steps),
        trend=tuple(points(days, bucket=_bucket(days), is_open=scope.is_open)),
        drift=more.drift,
        linked=more.linked,
        last_day=max(days, default=None),
    )


def _bucket(days: Days) -> Bucket:
    return "week" if days and (max(days) - min(days)).days >= _DAYS_APART else "day"


def _right(found: Estimate) -> dict[str, Any]:
    return {
        "labelled": found.labelled,
        "rate": found.rate,
        "low": found.low,
        "high": found.high,
        "right": found.right,
        "effective_n": found.effective_n,
        "look": found.look,
    }


def _wrong(found: WrongRate) -> dict[str, Any]:
    return {
        "labelled": found.labelled,
        "wrong": found.wrong,
        "rate": found.rate,
        "low": found.low,
        "high": found.high,
        "effective_n": found.effective_n,
        "look": found.look,
    }


def _point(point: TrendPoint) -> dict[str, Any]:
    return {
        "start": point.start.isoformat(),
        "end": point.end.isoformat(),
        "runs": point.runs,
        "gated": point.gated,
        "passed": point.passed,
        "to_judge": point.to_judge,
        "end_to_end": _right(point.end_to_end),
        "sent_wrong": _wrong(point.sent_wrong),
    }


def _step_names(counts: Counts) -> list[str]:
    """Return the pipeline's steps in order; all six of ours unless it has steps of its own."""
    others = sorted(counts.steps.keys() - set(STEPS))
    ours = [name for name in STEPS if not others or name in counts.steps]
    return [*ours, *others]


def _step(name: str, counts: Counts, pace: Mapping[str, Pace], look: Look) -> StepReliability:
    health = counts.steps.get(name, StepCounts())
    interval = (confidence_sequence if look == "live" else wilson)(health.ok, health.runs)
    return StepReliability(
        name=name,
        title=STEP_TITLES.get(name, name),
        runs=health.runs,
        ok=health.ok,
        ok_rate=share(health.ok, health.runs),
        ok_low=None if interval is None else interval.low,
        ok_high=None if interval is None else interval.high,
        retries=health.retries,
        pace=pace.get(name, Pace()),
        cost_microusd=health.cost_microusd,
        right=counts.step(name, look),
    )


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
