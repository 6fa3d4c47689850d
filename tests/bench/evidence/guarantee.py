"""G1 to G3: does a certified threshold keep its promise, what does it give away, does it refuse?

The drafts judged on are taken as the whole population, so what is truly wrong above a threshold is
known. A calibration sample is drawn from them with replacement, as large as they are, thousands of
times for each of several splits of the training texts. As in the product, the walk starts where the
claimed confidences of the drafts say, without any label.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from bench.evidence.drafts import Flags, Floats
from bench.evidence.population import (
    Kept,
    Outcome,
    Population,
    best_start,
    certified,
    chance_broken,
)
from bench.evidence.report import Line, by_split, percent

from store.evidence.risk_control import GRID, certify, labels_needed

REFERENCE = {  # of all drafts; measured elsewhere, one split, test files twice as large as these
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


def promises(populations: Sequence[Population], draws: int) -> Iterator[Line]:
    """G1 on real requests: certified and naive thresholds, judged by the known truth."""
    name = populations[0].name
    for max_error in PROMISES[name]:
        splits = [
            _three_ways(each, max_error, draws, turn) for turn, each in enumerate(populations)
        ]
        ours, naive, halves = zip(*splits, strict=True)
        oracle = float(np.mean([each.oracle(max_error) for each in populations]))
        n = f"{len(splits)} × {draws:,} draws of {len(populations[0]):,}"
        exact = [
            chance_broken(each, max_error, len(each), each.start(len(each), max_error))
            for each in populations
        ]
        yield _broken(name, max_error, n, ours, naive, halves, max(exact))
        best = [best_start(each, max_error, draws // 4, SEED) for each in populations]
        yield _coverage(name, max_error, n, ours, oracle, float(np.mean(best)))


def _broken(
    name: str,
    max_error: float,
    n: str,
    ours: Sequence[Kept],
    naive: Sequence[Kept],
    halves: Sequence[Kept],
    exact: float,
) -> Line:
    shares = [each.broken for each in ours]
    share, plain, half = (
        float(np.mean([each.broken for each in way])) for way in (ours, naive, halves)
    )
    return Line(
        "G1",
        f"{name}, at most {percent(max_error, 0)} wrong: promise broken",
        f"{percent(share)}{by_split(shares)}, by exact count at most {percent(exact)} in any (naive"
        f" {percent(plain)}; half-splits {percent(half)})",
        n,
        f"≤ {percent(BROKEN_AT_MOST, 0)}",
        share <= BROKEN_AT_MOST and exact <= BROKEN_AT_MOST,
        {"max_error": max_error, "broken": share, "worst": max(shares), "naive": plain,
         "halves": half},
    )  # fmt: skip


def _coverage(
    name: str, max_error: float, n: str, ours: Sequence[Kept], oracle: float, best: float
) -> Line:
    shares = [each.coverage for each in ours]
    share, none = float(np.mean(shares)), float(np.mean([each.abstained for each in ours]))
    reference = REFERENCE[name, max_error]
    return Line(
        "G1",
        f"{name}, at most {percent(max_error, 0)} wrong: sent alone on average",
        f"{percent(share)}{by_split(shares)} (from the best start, known only afterwards,"
        f" {percent(best)}; knowing the truth {percent(oracle)}; no threshold in {percent(none)})",
        n,
        f"≥ {percent(reference, 0)}",
        share >= reference,
        {"max_error": max_error, "coverage": share, "lowest": min(shares), "highest": max(shares),
         "oracle": oracle, "best_start": best, "abstained": none, "reference": reference},
    )  # fmt: skip


def flat(population: Population, draws: int) -> Iterator[Line]:
    """G1 under stress: every draft is wrong with 1.02 %, so nothing may be certified at 1 %."""
    for labels in (len(population), 5_580):
        rng, broken = np.random.default_rng([SEED, labels]), 0
        start = population.start(labels, FLAT_PROMISE)
        for _ in range(draws):
            confidence = rng.choice(population.confidence, labels)
            is_wrong = rng.random(labels) < FLAT
            found = certify(confidence, is_wrong, max_error=FLAT_PROMISE, start=start)
            broken += found.threshold is not None
        share = broken / draws
        yield Line(
            "G1",
            f"{percent(FLAT, 2)} wrong everywhere, yet certified at {percent(FLAT_PROMISE, 0)}",
            percent(share),
            f"{draws:,} draws of {labels:,}",
            f"≤ {percent(BROKEN_AT_MOST, 0)}",
            share <= BROKEN_AT_MOST,
            {"labels": labels, "broken": share},
        )


def efficiency(populations: Sequence[Population], draws: int, labels: int) -> Line:
    """G2: what certifying with so many labels leaves of what knowing the truth would send."""
    max_error, shares, oracles = 0.02, list[float](), list[float]()
    for turn, population in enumerate(populations):
        rng = np.random.default_rng([SEED, 2, turn])
        start = population.start(labels, max_error)
        samples = (rng.integers(len(population), size=labels) for _ in range(draws))
        outcomes = [certified(population, sample, max_error, start) for sample in samples]
        shares.append(Kept.of(outcomes, max_error).coverage)
        oracles.append(population.oracle(max_error))
    share, oracle = float(np.mean(shares)), float(np.mean(oracles))
    is_judged = labels == EFFICIENT_LABELS
    return Line(
        "G2",
        f"{populations[0].name}, 2 %, {labels:,} labels: sent alone, in parts of knowing the truth",
        f"{percent(share / oracle)} ({percent(share)} of {percent(oracle)})",
        f"{len(shares)} × {draws:,} draws",
        f"≥ {percent(EFFICIENT, 0)}" if is_judged else "",
        share / oracle >= EFFICIENT if is_judged else None,
        {"coverage": share, "oracle": oracle},
    )


def refusal(population: Population, draws: int) -> Line:
    """G3: confidences that mean nothing (shuffled) lead to no threshold and no hope of one."""
    rng, given, hopeful = np.random.default_rng([SEED, 3]), 0, 0
    limits = PROMISES[population.name]
    starts = {limit: population.start(len(population), limit) for limit in limits}
    for _ in range(draws):
        shuffled = rng.permutation(population.confidence)
        for limit, start in starts.items():
            found = certify(shuffled, population.is_wrong, max_error=limit, start=start)
            given += found.threshold is not None
            hopeful += labels_needed(shuffled, population.is_wrong, max_error=limit) is not None
    tries = draws * len(limits)
    return Line(
        "G3",
        f"{population.name}, confidences shuffled: no threshold",
        f"refused {tries - given:,} of {tries:,}; “never at this rate” {tries - hopeful:,} times",
        f"{draws:,} shuffles, {len(limits)} limits",
        "refused always",
        given == 0,
        {"refused": tries - given, "tries": tries, "never": tries - hopeful},
    )


def naive_threshold(confidence: Floats, is_wrong: Flags, max_error: float) -> float | None:
    """Return the lowest threshold of the grid whose measured error keeps the promise."""
    for threshold in sorted(GRID):
        is_sent = confidence > threshold
        if is_sent.any() and is_wrong[is_sent].mean() <= max_error:
            return float(threshold)
    return None


def _three_ways(
    population: Population, max_error: float, draws: int, turn: int
) -> tuple[Kept, Kept, Kept]:
    """Return how certified, naive and half-split thresholds fare."""
    rng = np.random.default_rng([SEED, round(1_000 * max_error), turn])
    n = len(population)
    start, half_start = (population.start(size, max_error) for size in (n, n // 2))
    ours, naive, halves = list[Outcome](), list[Outcome](), list[Outcome]()
    for _ in range(draws):
        taken = rng.integers(n, size=n)
        ours.append(certified(population, taken, max_error, start))
        told = naive_threshold(population.confidence[taken], population.is_wrong[taken], max_error)
        naive.append((told, *population.outcome(told)))
        order = rng.permutation(n)
        found, *_ = certified(population, order[: n // 2], max_error, half_start)
        halves.append((found, *population.at(order[n // 2 :]).outcome(found)))
    return Kept.of(ours, max_error), Kept.of(naive, max_error), Kept.of(halves, max_error)
