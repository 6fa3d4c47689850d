"""G1 to G3: does a certified threshold keep its promise, what does it give away, does it refuse?

The drafts judged on are taken as the whole population, so what is truly wrong above a threshold is
known. A calibration sample is drawn from them with replacement, as large as they are, a thousand
times. The walk starts where the drafts of the calibrator say; those are no part of the population.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from bench.evidence.drafts import Flags, Floats, Scored
from bench.evidence.report import Line, percent
from numpy.typing import NDArray

from store.evidence.risk_control import GRID, certify, start_from

Generator = np.random.Generator
REFERENCE = {  # of all drafts, in a hundred; on the sets' own test files, twice as large as these
    ("banking77", 0.01): 0.32,
    ("banking77", 0.02): 0.79,
    ("clinc150", 0.02): 0.63,
    ("clinc150", 0.05): 0.77,
}
PROMISES = {"banking77": (0.01, 0.02), "clinc150": (0.02, 0.05)}
BROKEN_AT_MOST = 0.05  # of all calibrations: 95 % assurance
FLAT, FLAT_PROMISE = 0.0102, 0.01
EFFICIENT, EFFICIENT_LABELS = 0.9, 2_000
SEED = 1


@dataclass(frozen=True)
class Population:
    """Drafts whose truth is known, and the pilot that says where to start."""

    name: str
    confidence: Floats
    is_wrong: Flags
    pilot_confidence: Floats
    pilot_wrong: Flags

    @classmethod
    def of(cls, scored: Scored) -> "Population":
        """Return the drafts judged on as a population."""
        held_out, pilot = scored.held_out, scored.fitted_on
        confidence, known = scored.confidence(held_out), scored.confidence(pilot)
        return cls(scored.name, confidence, held_out.is_wrong, known, pilot.is_wrong)

    def __len__(self) -> int:
        return len(self.is_wrong)

    def start(self, labels: int, max_error: float) -> float:
        """Return where the walk starts, from the pilot alone."""
        wrong = self.pilot_wrong.astype(float)
        return start_from(self.pilot_confidence, wrong, labels=labels, max_error=max_error)

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


def promises(population: Population, draws: int) -> Iterator[Line]:
    """G1 on real requests: certified and naive thresholds, judged by the known truth."""
    for max_error in PROMISES[population.name]:
        ours, naive, halves = _three_ways(population, max_error, draws)
        reference, oracle = REFERENCE[population.name, max_error], population.oracle(max_error)
        yield Line(
            "G1",
            f"{population.name}, at most {percent(max_error, 0)} wrong: promise broken",
            f"{percent(ours.broken)} (naive {percent(naive.broken)}; half-splits"
            f" {percent(halves.broken)})",
            f"{draws:,} draws of {len(population):,}",
            f"≤ {percent(BROKEN_AT_MOST, 0)}",
            ours.broken <= BROKEN_AT_MOST,
            {"max_error": max_error, "broken": ours.broken, "naive": naive.broken,
             "halves": halves.broken},
        )  # fmt: skip
        yield Line(
            "G1",
            f"{population.name}, at most {percent(max_error, 0)} wrong: sent alone on average",
            f"{percent(ours.coverage)} (knowing the truth {percent(oracle)}; no threshold in"
            f" {percent(ours.abstained)})",
            f"{draws:,} draws",
            f"≥ {percent(reference, 0)}, on other test files",
            ours.coverage >= reference,
            {"max_error": max_error, "coverage": ours.coverage, "oracle": oracle,
             "abstained": ours.abstained, "reference": reference},
        )  # fmt: skip


def flat(population: Population, draws: int) -> Iterator[Line]:
    """G1 under stress: every draft is wrong with 1.02 %, so nothing may be certified at 1 %."""
    for labels in (len(population), 5_580):
        rng = np.random.default_rng([SEED, labels])
        start = start_from(
            population.pilot_confidence,
            np.full(len(population.pilot_wrong), FLAT),
            labels=labels,
            max_error=FLAT_PROMISE,
        )
        broken = 0
        for _ in range(draws):
            confidence = rng.choice(population.confidence, labels)
            is_wrong = rng.random(labels) < FLAT
            found = certify(confidence, is_wrong, max_error=FLAT_PROMISE, start=start)
            broken += found.threshold is not None
        share = broken / draws
        yield Line(
            "G1",
            f"{percent(FLAT, 2)} wrong everywhere, certified at {percent(FLAT_PROMISE, 0)}",
            percent(share),
            f"{draws:,} draws of {labels:,}",
            f"≤ {percent(BROKEN_AT_MOST, 0)}",
            share <= BROKEN_AT_MOST,
            {"labels": labels, "broken": share},
        )


def efficiency(population: Population, draws: int) -> Line:
    """G2: what certifying with 2,000 labels leaves of what knowing the truth would send."""
    max_error, rng = 0.02, np.random.default_rng([SEED, 2])
    start = population.start(EFFICIENT_LABELS, max_error)
    outcomes = []
    for _ in range(draws):
        taken = rng.integers(len(population), size=EFFICIENT_LABELS)
        outcomes.append(_certified(population, taken, max_error, start))
    kept, oracle = _kept(outcomes, max_error), population.oracle(max_error)
    return Line(
        "G2",
        f"{population.name}, 2 %: sent alone, in parts of knowing the truth",
        f"{percent(kept.coverage / oracle)} ({percent(kept.coverage)} of {percent(oracle)})",
        f"{draws:,} draws of {EFFICIENT_LABELS:,}",
        f"≥ {percent(EFFICIENT, 0)}",
        kept.coverage / oracle >= EFFICIENT,
        {"coverage": kept.coverage, "oracle": oracle},
    )


def refusal(population: Population, draws: int) -> Line:
    """G3: confidences that mean nothing (shuffled) lead to no threshold."""
    rng, given = np.random.default_rng([SEED, 3]), 0
    smallest = min(PROMISES[population.name])
    for _ in range(draws):
        shuffled = rng.permutation(population.confidence)
        start = population.start(len(population), smallest)
        found = certify(shuffled, population.is_wrong, max_error=smallest, start=start)
        given += found.threshold is not None
    return Line(
        "G3",
        f"{population.name}, confidences shuffled: no threshold at {percent(smallest, 0)}",
        f"refused {draws - given:,} of {draws:,}",
        f"{draws:,} shuffles of {len(population):,}",
        "refused always",
        given == 0,
        {"refused": draws - given, "draws": draws},
    )


def naive_threshold(confidence: Floats, is_wrong: Flags, max_error: float) -> float | None:
    """Return the lowest threshold of the grid whose measured error keeps the promise."""
    for threshold in sorted(GRID):
        is_sent = confidence > threshold
        if is_sent.any() and is_wrong[is_sent].mean() <= max_error:
            return float(threshold)
    return None


def _three_ways(population: Population, max_error: float, draws: int) -> tuple[Kept, Kept, Kept]:
    rng = np.random.default_rng([SEED, round(1_000 * max_error)])
    n = len(population)
    start, half_start = (population.start(size, max_error) for size in (n, n // 2))
    ours, naive, halves = [], [], []
    for _ in range(draws):
        taken = rng.integers(n, size=n)
        ours.append(_certified(population, taken, max_error, start))
        told = naive_threshold(population.confidence[taken], population.is_wrong[taken], max_error)
        naive.append((told, *population.outcome(told)))
        order = rng.permutation(n)
        found, *_ = _certified(population, order[: n // 2], max_error, half_start)
        halves.append((found, *_part(population, order[n // 2 :]).outcome(found)))
    return _kept(ours, max_error), _kept(naive, max_error), _kept(halves, max_error)


Outcome = tuple[float | None, float, float]  # threshold, share sent, share of those wrong


def _certified(
    population: Population, taken: NDArray[np.int64], max_error: float, start: float
) -> Outcome:
    part = _part(population, taken)
    found = certify(part.confidence, part.is_wrong, max_error=max_error, start=start)
    return (found.threshold, *population.outcome(found.threshold))


def _kept(outcomes: list[Outcome], max_error: float) -> Kept:
    return Kept(
        broken=float(np.mean([wrong > max_error for _, _, wrong in outcomes])),
        coverage=float(np.mean([share for _, share, _ in outcomes])),
        abstained=float(np.mean([threshold is None for threshold, _, _ in outcomes])),
    )


def _part(population: Population, taken: NDArray[np.int64]) -> Population:
    return Population(
        population.name,
        population.confidence[taken],
        population.is_wrong[taken],
        population.pilot_confidence,
        population.pilot_wrong,
    )


def _every(confidence: Floats) -> list[float]:
    below = np.nextafter(confidence, -np.inf)
    return [float(threshold) for threshold in np.unique(below)]
