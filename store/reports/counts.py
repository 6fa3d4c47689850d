"""Counts of runs, steps and labels by the day a run was created: what every series is made of.

Counts of disjoint days add up, so a report, a week and a trailing window are sums of days. Days are
UTC. Labels fall on the day of their run, so that they meet the population they were drawn from. A
label whose draft was drawn by nobody (a complaint, say) has no chance to weigh it by: it is counted
apart and is in no rate.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from sqlalchemy import ColumnElement, case, exists, func, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from store.evidence.rare_errors import WrongRate, wrong_rate
from store.evidence.sampling import Estimate, Look, Stratum, Tally, stratified_rate
from store.labels import valid, whole_draft
from store.reports.scope import Scope
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
    drawn: int = 0  # sent alone, and drawn by the audit coin
    steps: dict[str, StepCounts] = field(default_factory=dict)
    labels: dict[tuple[Part, str | None], Tally] = field(default_factory=dict)
    unaudited_wrong: int = 0  # sent alone, found wrong later, and drawn by no audit

    @property
    def sizes(self) -> dict[Part, int]:
        """Return how many drafts each stratum with any has."""
        return {part: self.gated[part] for part in PARTS if self.gated[part]}

    def add(self, other: "Counts") -> None:
        """Add another day's counts to these."""
        self.runs += other.runs
        self.gated.update(other.gated)
        self.drawn += other.drawn
        for name, step in other.steps.items():
            self.steps.setdefault(name, StepCounts()).add(step)
        for key, tally in other.labels.items():
            self.labels[key] = self.labels.get(key, Tally()) + tally
        self.unaudited_wrong += other.unaudited_wrong

    def whole(self, look: Look, *parts: Part) -> Estimate:
        """Return how often drafts of these strata were right as the pipeline made them."""
        strata = [Stratum(self.gated[part], self.tally(part, None)) for part in parts]
        return stratified_rate(strata, look=look)

    def sent_wrong(self, look: Look) -> WrongRate:
        """Return how often what went out alone was wrong; known through the coin only."""
        return wrong_rate(self.tally("sent", None), look=look)

    def step(self, name: str, look: Look) -> Estimate:
        """Return how often the step was right where all before it were (first-failure rate)."""
        strata = []
        for part in PARTS:
            whole, step = self.tally(part, None), self.tally(part, name)
            reached = step.weight / whole.weight if whole.weight else 1.0
            strata.append(Stratum(self.gated[part] * reached, step))
        return stratified_rate(strata, look=look)

    def tally(self, part: Part, step: str | None) -> Tally:
        """Return the labels of a stratum, of one step or (None) of whole drafts."""
        return self.labels.get((part, step), Tally())


def total(days: Iterable[Counts]) -> Counts:
    """Return the sum of disjoint counts."""
    result = Counts()
    for day in days:
        result.add(day)
    return result


Days = dict[date, Counts]


def by_day(session: Session, scope: Scope) -> Days:
    """Return everything counted by UTC day, in order of days."""
    return merged(activity(session, scope), judged(session, scope))


def merged(*parts: Days) -> Days:
    """Return counts of different things, or of disjoint runs, put together day by day."""
    days: Days = {}
    for part in parts:
        for day, counts in part.items():
            days.setdefault(day, Counts()).add(counts)
    return dict(sorted(days.items()))


def activity(session: Session, scope: Scope) -> Days:
    """Return what ran, by UTC day: runs, gate outcomes and health of the steps."""
    window, days = scope.where(), Days()
    for day, outcome, runs, drawn in _runs(session, window):
        counts = days.setdefault(day, Counts())
        counts.runs += runs
        if outcome is not None:
            counts.gated[_part(outcome)] += runs
        if outcome is Outcome.PASS:
            counts.drawn += drawn
    for day, name, step in _steps(session, window):
        days.setdefault(day, Counts()).steps.setdefault(name, StepCounts()).add(step)
    return days


def judged(session: Session, scope: Scope) -> Days:
    """Return what was judged right or wrong, by the UTC day of its run."""
    window, days = scope.where(), Days()
    for day, outcome, step_name, tally in _labels(session, window):
        if outcome is not None:
            labels, key = days.setdefault(day, Counts()).labels, (_part(outcome), step_name)
            labels[key] = labels.get(key, Tally()) + tally
    for day, wrong in _unaudited_wrong(session, window):
        days.setdefault(day, Counts()).unaudited_wrong += wrong
    return days


def _part(outcome: Outcome) -> Part:
    return "sent" if outcome is Outcome.PASS else "escalated"


_DAY = func.date(col(Run.created_at))


def _day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def _runs(
    session: Session, window: list[ColumnElement[bool]]
) -> Iterator[tuple[date, Outcome | None, int, int]]:
    is_drawn = col(Run.coin) < col(Run.coin_rate)
    rows = session.execute(
        select(_DAY, col(Run.outcome), func.count(), func.sum(case((is_drawn, 1), else_=0)))
        .where(*window)
        .group_by(_DAY, col(Run.outcome))
    )
    for day, outcome, runs, drawn in rows:
        yield _day(day), outcome, runs, drawn


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


def _unaudited_wrong(
    session: Session, window: list[ColumnElement[bool]]
) -> Iterator[tuple[date, int]]:
    other = aliased(Label)
    is_judged = exists().where(
        col(other.run_id) == col(Label.run_id), col(other.inclusion_probability).is_not(None)
    )
    rows = session.execute(
        select(_DAY, func.count(col(Label.run_id).distinct()))
        .join(Run, col(Run.id) == col(Label.run_id))
        .where(
            whole_draft(),
            col(Label.inclusion_probability).is_(None),
            ~col(Label.is_right),
            ~is_judged,
            col(Run.outcome) == Outcome.PASS,
            *window,
        )
        .group_by(_DAY)
    )
    for day, wrong in rows:
        yield _day(day), wrong
