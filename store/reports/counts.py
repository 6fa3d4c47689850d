"""Counts of runs, steps and labels by the day a run was created: what every series is made of.

Counts of disjoint days add up, so a report, a week and a trailing window are sums of days. Days are
UTC. Labels fall on the day of their run, so that they meet the population they were drawn from. A
label whose draft was drawn by nobody (a complaint, say) has no chance to weigh it by: it is counted
apart and is in no rate.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from store.evidence.rare_errors import WrongRate, wrong_rate
from store.evidence.sampling import Estimate, Look, Stratum, Tally, stratified_rate

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


@dataclass(frozen=True, slots=True)
class Failures:
    """Drafts judged wrong, and how many of all drafts they stand for."""

    count: int = 0
    weight: float = 0.0  # sum of 1 / inclusion probability

    def __add__(self, other: "Failures") -> "Failures":
        return Failures(self.count + other.count, self.weight + other.weight)


@dataclass(slots=True)
class Counts:
    """Everything counted of one day, or of several added up."""

    runs: int = 0
    gated: Counter[Part] = field(default_factory=Counter)
    drawn: int = 0  # sent alone, and drawn by the audit coin
    to_judge: int = 0  # of these, audits that nobody has answered yet
    steps: dict[str, StepCounts] = field(default_factory=dict)
    labels: dict[tuple[Part, str | None], Tally] = field(default_factory=dict)
    failed_first: dict[tuple[Part, str], Failures] = field(default_factory=dict)
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
        self.to_judge += other.to_judge
        for name, step in other.steps.items():
            self.steps.setdefault(name, StepCounts()).add(step)
        for key, tally in other.labels.items():
            self.labels[key] = self.labels.get(key, Tally()) + tally
        for first, failures in other.failed_first.items():
            self.failed_first[first] = self.failed_first.get(first, Failures()) + failures
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


def merged(*parts: Days) -> Days:
    """Return counts of different things, or of disjoint runs, put together day by day."""
    days: Days = {}
    for part in parts:
        for day, counts in part.items():
            days.setdefault(day, Counts()).add(counts)
    return dict(sorted(days.items()))
