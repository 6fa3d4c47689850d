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
    first_wrong: Sequence[str | None],
    steps: Sequence[str],
    weights: Sequence[float] | None = None,
) -> dict[str, float | None]:
    """Return each step's rate of right among the drafts that were right so far.

    Parameters
    ----------
    first_wrong
        Per draft the first step that was wrong; None for a draft that was right. n is its length.
        The rates multiply to the share of right drafts exactly if every name is in `steps`: give
        failures that nobody could place a name of their own, last.
    steps
        The steps in order.
    weights
        1 / inclusion probability per draft; equal when left out.

    Returns
    -------
    dict
        Rate per step; None for a step that no draft reached right (all of them at n = 0).

    Examples
    --------
    >>> first_failure_rates([None, None, "b", "a"], ["a", "b"])
    {'a': 0.75, 'b': 0.6666666666666666}
    """
    mass = _mass(first_wrong, weights)
    unfailed, at_risk, rates = [1.0] * len(mass), math.fsum(mass), dict[str, float | None]()
    for step in steps:
        unfailed = [0.0 if first_wrong[i] == step else one for i, one in enumerate(unfailed)]
        left = math.fsum(one * each for one, each in zip(unfailed, mass, strict=True))
        rates[step] = left / at_risk if at_risk > 0 else None
        at_risk = left
    return rates


def _mass(of: Sequence[object], weights: Sequence[float] | None) -> Sequence[float]:
    return [1.0] * len(of) if weights is None else weights


@dataclass(frozen=True, slots=True)
class Linked:
    """What the steps would make of a draft if they failed independently, and what was measured."""

    independent: float  # product of each step's rate by itself
    measured: float  # product of the first-failure rates: the share of drafts that were right
    drafts: int

    @property
    def difference(self) -> float:
        """Return the linked failures: above 0 hard drafts fail at several steps at once."""
        return self.measured - self.independent


def linked_failures(verdicts: Sequence[Sequence[bool]]) -> Linked | None:
    """Return how far failures hang together, from drafts of which every step was judged.

    Parameters
    ----------
    verdicts
        Per draft whether each step was right, also after a wrong one; n is their number. Drafts
        judged only up to their first wrong step must be left out: without the steps behind it a
        step's own rate *is* its first-failure rate, and the difference would read 0.

    Returns
    -------
    Linked or None
        None at n = 0: how failures hang together is unknown.

    Examples
    --------
    >>> found = linked_failures([[True, True]] * 8 + [[False, False]] * 2)
    >>> round(found.independent, 2), round(found.measured, 2), round(found.difference, 2)
    (0.64, 0.8, 0.16)
    """
    if not verdicts or not verdicts[0]:
        return None
    table = np.asarray(verdicts, dtype=bool)
    independent = math.prod(float(rate) for rate in table.mean(axis=0))
    return Linked(independent, float(table.all(axis=1).mean()), len(table))


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
