"""Drafts taken as the whole population, so that what is truly wrong above a threshold is known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from bench.evidence.drafts import Flags, Floats, Scored
from numpy.typing import NDArray

from store.evidence.exact_binomial import at_most, most_wrong
from store.evidence.risk_control import GRID, certify, curve, p_value, start_from

Places = NDArray[np.int64]
Outcome = tuple[float | None, float, float]  # threshold, share sent, share of those wrong
ASSURANCE = 0.95


@dataclass(frozen=True)
class Population:
    """Drafts whose truth is known."""

    name: str
    confidence: Floats
    is_wrong: Flags

    @classmethod
    def of(cls, scored: Scored) -> "Population":
        """Return the drafts judged on as a population."""
        return cls(scored.name, scored.confidence(scored.held_out), scored.held_out.is_wrong)

    def __len__(self) -> int:
        return len(self.is_wrong)

    def at(self, places: Places) -> "Population":
        """Return the drafts at these places."""
        return Population(self.name, self.confidence[places], self.is_wrong[places])

    def start(self, labels: int, max_error: float) -> float:
        """Return where the product starts: from what unlabelled drafts claim."""
        claimed = 1 - self.confidence
        return start_from(self.confidence, claimed, labels=labels, max_error=max_error)

    def outcome(self, threshold: float | None) -> tuple[float, float]:
        """Return the share that goes out above a threshold, and the share of those wrong."""
        is_sent = np.zeros(len(self), bool) if threshold is None else self.confidence > threshold
        sent = int(is_sent.sum())
        return sent / len(self), float(self.is_wrong[is_sent].mean()) if sent else 0.0

    def oracle(self, max_error: float) -> float:
        """Return the most that could go out if the truth were known."""
        reachable = [self.outcome(threshold) for threshold in _every(self.confidence)]
        return max((share for share, wrong in reachable if wrong <= max_error), default=0.0)


@dataclass(frozen=True)
class Kept:
    """What many calibrations came to."""

    broken: float
    coverage: float
    abstained: float

    @classmethod
    def of(cls, outcomes: "Sequence[Outcome]", max_error: float) -> "Kept":
        """Return the shares; a threshold that was not given sends nothing and breaks nothing."""
        return cls(
            broken=float(np.mean([wrong > max_error for _, _, wrong in outcomes])),
            coverage=float(np.mean([share for _, share, _ in outcomes])),
            abstained=float(np.mean([threshold is None for threshold, _, _ in outcomes])),
        )


def certified(population: Population, taken: Places, max_error: float, start: float) -> Outcome:
    """Certify on a sample and return what that threshold does to the population."""
    part = population.at(taken)
    found = certify(part.confidence, part.is_wrong, max_error=max_error, start=start)
    return (found.threshold, *population.outcome(found.threshold))


def best_start(population: Population, max_error: float, draws: int, seed: int) -> float:
    """Return what could go out on average from the best of all starts, known only afterwards."""
    rng, n, passed = np.random.default_rng(seed), len(population), list[Flags]()
    for _ in range(draws):
        part = population.at(rng.integers(n, size=n))
        seen = curve(part.confidence, part.is_wrong, max_error=max_error, start=max(GRID))
        passed.append(p_value(seen.wrong, seen.sent, max_error) <= 1 - ASSURANCE)
    shares = np.array([population.outcome(threshold)[0] for threshold in sorted(GRID)])
    return max(
        float(np.mean([_reached(shares, passes[: start + 1]) for passes in passed]))
        for start in range(len(GRID))
    )


def _reached(shares: Floats, passes: Flags) -> float:
    """Return the share sent where a walk down from the last of these thresholds ends."""
    steps = int(np.logical_and.accumulate(passes[::-1]).sum())
    return float(shares[len(passes) - steps]) if steps else 0.0


def chance_broken(population: Population, max_error: float, labels: int, start: float) -> float:
    """Return an exact upper limit of the chance that a certificate breaks its promise.

    The walk cannot end at a threshold that breaks it without the strictest such one having passed.
    """
    from scipy.stats import binom

    walked = [threshold for threshold in GRID if threshold <= start]
    bad = [threshold for threshold in walked if population.outcome(threshold)[1] > max_error]
    if not bad:
        return 0.0
    share, wrong = population.outcome(max(bad))
    sent = np.arange(labels + 1, dtype=float)
    passes = at_most(most_wrong(sent, max_error, ASSURANCE), sent, wrong)
    return float((binom.pmf(sent, labels, share) * np.where(sent > 0, passes, 0.0)).sum())


def _every(confidence: Floats) -> list[float]:
    below = np.nextafter(confidence, -np.inf)
    return [float(threshold) for threshold in np.unique(below)]
