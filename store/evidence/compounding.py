"""How step rates become an end-to-end rate, and which step to mend first.

The rates are *first-failure* rates: of the drafts whose earlier steps were right, the share whose
step was right too. Their product is the measured end-to-end rate exactly; a product of marginal
rates is wrong in both directions (shared difficulty makes it too low).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CLEAR = 0.8  # below this probability the answer is "too early to tell"


def product(rates: Sequence[float | None]) -> float | None:
    """Return the product of step rates; None where there are none or any is unknown.

    Examples
    --------
    >>> product([0.9, 0.5])
    0.45
    >>> product([0.9, None]) is None
    True
    """
    known = [rate for rate in rates if rate is not None]
    return math.prod(known) if known and len(known) == len(rates) else None


def end_to_end(rate: float, steps: int) -> float:
    """Return what a chain of equal, independent steps gets right.

    Examples
    --------
    >>> f"{end_to_end(0.97, 6):.1%}"
    '83.3%'
    >>> f"{end_to_end(0.98, 6):.1%}"
    '88.6%'
    """
    return rate**steps


def first_failure_rates(
    first_wrong: Sequence[str | None], steps: Sequence[str]
) -> dict[str, float | None]:
    """Return each step's rate of right among the drafts that were right so far.

    Parameters
    ----------
    first_wrong
        Per draft the first step that was wrong; None for a draft that was right. n is its length.
    steps
        The steps in order.

    Returns
    -------
    dict
        Rate per step; None for a step that no draft reached right (all of them at n = 0).

    Examples
    --------
    >>> first_failure_rates([None, None, "b", "a"], ["a", "b"])
    {'a': 0.75, 'b': 0.6666666666666666}
    """
    at_risk, rates = len(first_wrong), dict[str, float | None]()
    for step in steps:
        failed = sum(1 for wrong in first_wrong if wrong == step)
        rates[step] = (at_risk - failed) / at_risk if at_risk else None
        at_risk -= failed
    return rates


def gain_of_halving(rates: Sequence[float]) -> list[float]:
    """Return, per step, what the end-to-end rate would gain if that step's errors were halved.

    Examples
    --------
    >>> [round(gain, 4) for gain in gain_of_halving([0.9, 0.99])]
    [0.0495, 0.0045]
    """
    return [
        math.prod([*rates[:i], *rates[i + 1 :]]) * (1 - rate) / 2 for i, rate in enumerate(rates)
    ]


@dataclass(frozen=True, slots=True)
class Weakest:
    """The step that most probably has the lowest rate."""

    index: int
    probability: float

    @property
    def is_clear(self) -> bool:
        """Return False where the honest answer is "too early to tell"."""
        return self.probability >= CLEAR


def probability_weakest(
    right: Sequence[float],
    labelled: Sequence[float],
    rng: np.random.Generator,
    draws: int = 20_000,
) -> Weakest | None:
    """Return the step most probably the weakest, from independent Beta(½, ½) posteriors.

    Parameters
    ----------
    right, labelled
        Per step the (effective) counts. n is `labelled`.
    rng
        Source of the posterior draws; a seeded one makes the figure repeatable.
    draws
        Simulation error of the probability is at most 0.5 / sqrt(draws).

    Returns
    -------
    Weakest or None
        None when there is no step, or a step has no label.

    References
    ----------
    Jeffreys 1946 for the prior; ranking by posterior simulation.

    Examples
    --------
    >>> probability_weakest([95, 60], [100, 100], np.random.default_rng(0))
    Weakest(index=1, probability=1.0)
    >>> probability_weakest([0], [0], np.random.default_rng(0)) is None
    True
    """
    if not labelled or min(labelled) <= 0:
        return None
    hits, trials = np.asarray(right, dtype=float), np.asarray(labelled, dtype=float)
    rates = rng.beta(hits + 0.5, trials - hits + 0.5, size=(draws, len(trials)))
    share = np.bincount(rates.argmin(axis=1), minlength=len(trials)) / draws
    best = int(share.argmax())
    return Weakest(best, float(share[best]))
