"""Counts of runs, steps and labels by the day a run was created: what every series is made of.

Counts of disjoint days add up, so a report, a week and a trailing window are sums of days. Days are
UTC. Labels fall on the day of their run, so that they meet the population they were drawn from.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, case, func, select
from sqlmodel import Session, col

from store.evidence.sampling import Estimate, Look, Stratum, Tally, stratified_rate
from store.labels import valid
from store.schema import Label, Run, StepRecord
from store.transitions import Outcome, StepStatus

Part = Literal["sent", "escalated"]  # the two strata: labelled by audits, labelled by decisions
PARTS: tuple[Part, ...] = ("sent", "escalated")


@dataclass(slots=True)
class StepCounts:
    """One step's health."""

    runs: int = 0  # a run's second visit counts as one more
    ok: int = 0
    retries: int = 0
    cost_microusd: int = 0

    def add(self, other: "StepCounts") -> None:
        """Add another day's counts to these."""
        self.runs += other.runs
        self.ok += other.ok
        self.retries += other.retries
        self.cost_microusd += other.cost_microusd


@dataclass(slots=True)
class Counts:
    """Everything counted of one day, or of several added up."""

    runs: int = 0
    gated: Counter[Part] = field(default_factory=Counter)
    steps: dict[str, StepCounts] = field(default_factory=dict)
    labels: dict[tuple[Part, str | None], Tally] = field(default_factory=dict)

    def add(self, other: "Counts") -> None:
        """Add another day's counts to these."""
        self.runs += other.runs
        self.gated.update(other.gated)
        for name, step in other.steps.items():
            self.steps.setdefault(name, StepCounts()).add(step)
        for key, tally in other.labels.items():
            self.labels[key] = self.labels.get(key, Tally()) + tally

    def whole(self, look: Look, *parts: Part) -> Estimate:
        """Return how often drafts of these strata were right as the pipeline made them."""
        strata = [Stratum(self.gated[part], self._tally(part, None)) for part in parts]
        return stratified_rate(strata, look=look)

    def step(self, name: str, look: Look) -> Estimate:
        """Return how often the step was right where all before it were (first-failure rate)."""
        strata = []
        for part in PARTS:
            whole, step = self._tally(part, None), self._tally(part, name)
            reached = step.weight / whole.weight if whole.weight else 1.0
            strata.append(Stratum(self.gated[part] * reached, step))
        return stratified_rate(strata, look=look)

    def _tally(self, part: Part, step: str | None) -> Tally:
        return self.labels.get((part, step), Tally())


def total(days: Iterable[Counts]) -> Counts:
    """Return the sum of disjoint counts."""
    result = Counts()
    for day in days:
        result.add(day)
    return result


def by_day(
    session: Session, *, since: datetime | None, until: datetime | None, pipeline: str
) -> dict[date, Counts]:
    """Return the counts of runs created in [since, until) by UTC day, in order of days."""
    window = in_window(since=since, until=until, pipeline=pipeline)
    days: dict[date, Counts] = {}
    for day, outcome, runs in _runs(session, window):
        counts = days.setdefault(day, Counts())
        counts.runs += runs
        if outcome is not None:
            counts.gated[_part(outcome)] += runs
    for day, name, step in _steps(session, window):
        days.setdefault(day, Counts()).steps.setdefault(name, StepCounts()).add(step)
    for day, outcome, step_name, tally in _labels(session, window):
        if outcome is not None:
            labels, key = days.setdefault(day, Counts()).labels, (_part(outcome), step_name)
            labels[key] = labels.get(key, Tally()) + tally
    return dict(sorted(days.items()))


def in_window(
    *, since: datetime | None, until: datetime | None, pipeline: str
) -> list[ColumnElement[bool]]:
    """Return the conditions on runs of a pipeline created in [since, until)."""
    window: list[ColumnElement[bool]] = [col(Run.pipeline) == pipeline]
    if since is not None:
        window.append(col(Run.created_at) >= since)
    if until is not None:
        window.append(col(Run.created_at) < until)
    return window


def _part(outcome: Outcome) -> Part:
    return "sent" if outcome is Outcome.PASS else "escalated"


_DAY = func.date(col(Run.created_at))


def _day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def _runs(
    session: Session, window: list[ColumnElement[bool]]
) -> Iterator[tuple[date, Outcome | None, int]]:
    rows = session.execute(
        select(_DAY, col(Run.outcome), func.count()).where(*window).group_by(_DAY, col(Run.outcome))
    )
    for day, outcome, runs in rows:
        yield _day(day), outcome, runs


def _steps(
    session: Session, window: list[ColumnElement[bool]]
) -> Iterator[tuple[date, str, StepCounts]]:
    is_ok = col(StepRecord.status) == StepStatus.OK
    attempts, runs = func.count(), func.count(col(StepRecord.run_id).distinct())
    rows = session.execute(
        select(
            _DAY,
            col(StepRecord.name),
            runs,
            func.sum(case((is_ok, 1), else_=0)),  # the database allows one a visit
            attempts - runs,
            func.sum(col(StepRecord.cost_microusd)),
        )
        .join(Run, col(Run.id) == col(StepRecord.run_id))
        .where(*window)
        .group_by(_DAY, col(StepRecord.name), col(StepRecord.visit))
    )
    for day, name, *counted in rows:
        yield _day(day), name, StepCounts(*counted)


def _labels(
    session: Session, window: list[ColumnElement[bool]]
) -> Iterator[tuple[date, Outcome | None, str | None, Tally]]:
    weight = 1.0 / col(Label.inclusion_probability)
    right = case((col(Label.is_right), 1), else_=0)
    rows = session.execute(
        valid(
            _DAY,
            col(Run.outcome),
            col(Label.step),
            func.count(),
            func.sum(right),
            func.sum(weight),
            func.sum(weight * right),
            func.sum(weight * weight),
        )
        .join(Run, col(Run.id) == col(Label.run_id))
        .where(*window)
        .group_by(_DAY, col(Run.outcome), col(Label.step))
    )
    for day, outcome, step, *sums in rows:
        yield _day(day), outcome, step, Tally(*sums)
