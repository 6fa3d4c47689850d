"""G1 to G3: does a certified threshold keep its promise, what does it give away, does it refuse?

The drafts judged on are taken as the whole population, so what is truly wrong above a threshold is
known. A calibration sample is drawn from them with replacement, as large as they are, hundreds of
times for each of several splits of the training texts. As in the product, the walk starts where the
claimed confidences of the drafts say, without any label.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from bench.evidence.drafts import Flags, Floats, Scored
from bench.evidence.report import Line, by_split, percent
from numpy.typing import NDArray

from store.evidence.risk_control import GRID, certify, labels_needed, start_from

Places = NDArray[np.int64]
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


Outcome = tuple[float | None, float, float]  # threshold, share sent, share of those wrong


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
        yield _broken(name, max_error, n, ours, naive, halves)
        yield _coverage(name, max_error, n, ours, oracle)


def _broken(
    name: str,
    max_error: float,
    n: str,
    ours: Sequence[Kept],
    naive: Sequence[Kept],
    halves: Sequence[Kept],
) -> Line:
    shares = [each.broken for each in ours]
    share, plain, half = (
        float(np.mean([each.broken for each in way])) for way in (ours, naive, halves)
    )
    return Line(
        "G1",
        f"{name}, at most {percent(max_error, 0)} wrong: promise broken",
        f"{percent(share)}{by_split(shares)} (naive {percent(plain)}; half-splits {percent(half)})",
        n,
        f"≤ {percent(BROKEN_AT_MOST, 0)}",
        share <= BROKEN_AT_MOST,  # a split alone is sure to a point only
        {"max_error": max_error, "broken": share, "worst": max(shares), "naive": plain,
         "halves": half},
    )  # fmt: skip


def _coverage(name: str, max_error: float, n: str, ours: Sequence[Kept], oracle: float) -> Line:
    shares = [each.coverage for each in ours]
    share, none = float(np.mean(shares)), float(np.mean([each.abstained for each in ours]))
    reference = REFERENCE[name, max_error]
    return Line(
        "G1",
        f"{name}, at most {percent(max_error, 0)} wrong: sent alone on average",
        f"{percent(share)}{by_split(shares)} (knowing the truth {percent(oracle)};"
        f" no threshold in {percent(none)})",
        n,
        f"≥ {percent(reference, 0)}",
        share >= reference,
        {"max_error": max_error, "coverage": share, "lowest": min(shares), "highest": max(shares),
         "oracle": oracle, "abstained": none, "reference": reference},
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
        outcomes = [_certified(population, sample, max_error, start) for sample in samples]
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
        ours.append(_certified(population, taken, max_error, start))
        told = naive_threshold(population.confidence[taken], population.is_wrong[taken], max_error)
        naive.append((told, *population.outcome(told)))
        order = rng.permutation(n)
        found, *_ = _certified(population, order[: n // 2], max_error, half_start)
        halves.append((found, *population.at(order[n // 2 :]).outcome(found)))
    return Kept.of(ours, max_error), Kept.of(naive, max_error), Kept.of(halves, max_error)


def _certified(population: Population, taken: Places, max_error: float, start: float) -> Outcome:
    part = population.at(taken)
    found = certify(part.confidence, part.is_wrong, max_error=max_error, start=start)
    return (found.threshold, *population.outcome(found.threshold))


def _every(confidence: Floats) -> list[float]:
    below = np.nextafter(confidence, -np.inf)
    return [float(threshold) for threshold in np.unique(below)]
