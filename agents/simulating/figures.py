"""The experiment's results as plain figures; `as_json` is their stable shape.

Every share stands with its n and its Wilson range: an experiment is a closed period.
"""

from dataclasses import asdict, dataclass
from typing import Any

from store.evidence.intervals import wilson
from store.evidence.sampling import ENOUGH

LABEL = (
    "An experiment: faults injected at stated rates into the demo company's pipeline, on invented"
    " tickets whose truth is known. It is no measurement of anybody's own pipeline."
)


@dataclass(frozen=True, slots=True)
class Share:
    """k of n with its 95 % range; rate and range are None at n = 0."""

    k: int
    n: int

    @property
    def rate(self) -> float | None:
        return self.k / self.n if self.n else None

    @property
    def has_enough(self) -> bool:
        """Return whether it may be shown as a rate; below, its counts alone are."""
        return self.n >= ENOUGH

    def as_json(self) -> dict[str, Any]:
        """Return counts, rate and range."""
        found = wilson(self.k, self.n)
        low, high = (found.low, found.high) if found else (None, None)
        return {"k": self.k, "n": self.n, "rate": self.rate, "low": low, "high": high}


@dataclass(frozen=True, slots=True)
class Ranked:
    """How well a score tells right drafts from wrong ones, with its 95 % range."""

    auroc: float | None
    low: float | None
    high: float | None
    right: int
    wrong: int

    @property
    def has_enough(self) -> bool:
        """Return whether it may be shown."""
        return self.right + self.wrong >= ENOUGH


@dataclass(frozen=True, slots=True)
class Measured:
    """One variant on one set of tickets. Automatic and escalated leave out what was stopped."""

    variant: str
    retries: int
    asks_twice: bool  # every draft was made twice, and the gate heard when they differed
    repeat: float  # chance that a later try made the first one's mistake again
    tickets: int
    committed_right: Share  # of all tickets; what a person settles counts as right
    alone_right: Share  # of what went out without a person
    automatic: Share
    escalated: Share
    stopped: int
    gate: Ranked | None
    repaired: Share  # wrong first drafts that were flagged: the second one was right
    broken: Share  # right first drafts that were flagged: the second one was wrong
    needed: float | None = None  # least share escalated at which 99 % of the committed are right

    @property
    def is_99(self) -> bool:
        """Return whether 99 % is shown to be reached: by the lower end of the range."""
        low = self.committed_right.as_json()["low"]
        return low is not None and low >= TARGET


TARGET = 0.99


@dataclass(frozen=True, slots=True)
class Caught:
    """What came of one step's faults: did they do harm, and who noticed those that did."""

    step: str
    injected: int
    harmful: int
    objected: Share  # by critic, binding or a doubt: of the harmful ones
    flagged: Share  # by the gate's order at its threshold, or by the executor's check
    contradicted: Share  # by a second, independent drafting


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for."""

    tickets: int
    fault_rate: float
    retries: int
    escalate: float
    seed: int


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that was measured."""

    plan: Plan
    base: Share  # right without any fault
    steps_right: Share  # all six steps right, of tickets where they are without faults
    variants: tuple[Measured, ...]  # on tickets that are served right without faults
    variants_all: tuple[Measured, ...]  # on all tickets, the pipeline's own errors on top
    settings: tuple[Measured, ...]  # gate and retries at other settings, as `variants`
    settings_all: tuple[Measured, ...]
    caught: tuple[Caught, ...]

    @property
    def arithmetic(self) -> float:
        """Return what six independent steps at this rate get right."""
        return float((1 - self.plan.fault_rate) ** 6)

    def as_json(self) -> dict[str, Any]:
        """Return the document that `--json` prints."""
        named = {"variants": self.variants, "variants_all": self.variants_all}
        named |= {"settings": self.settings, "settings_all": self.settings_all}
        return {
            "label": LABEL,
            "plan": asdict(self.plan),
            "base": self.base.as_json(),
            "steps_right": {**self.steps_right.as_json(), "arithmetic": self.arithmetic},
            **{name: [_measured(one) for one in rows] for name, rows in named.items()},
            "caught": [_plain(one) for one in self.caught],
        }


def _measured(one: Measured) -> dict[str, Any]:
    return {**_plain(one), "is_99": one.is_99}


def _plain(row: Measured | Caught) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in row.__slots__}
    return {
        name: value.as_json()
        if isinstance(value, Share)
        else asdict(value)
        if isinstance(value, Ranked)
        else value
        for name, value in values.items()
    }
