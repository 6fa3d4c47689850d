"""G8 to G11: calibration, the embedded model, the slider's answer, and what must add up exactly."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from bench.evidence.drafts import SIGNALS, Flags, Floats, Reader, Scored
from bench.evidence.population import Population
from bench.evidence.report import Line, by_split, percent
from threadpoolctl import threadpool_limits

from store.evidence.calibration import Stack
from store.evidence.calibration_quality import auroc, brier, ece
from store.evidence.compounding import first_failure_rates, product
from store.evidence.risk_control import curve, labels_needed

SEED = 8
CALIBRATED, ACCURATE, SENDABLE, READ_MS, SLIDER_MS = 0.015, 0.92, 0.72, 10.0, 50.0
SLIDER_LABELS = 5_000


@dataclass(frozen=True)
class Took:
    """Times of one thing done many times, in milliseconds: of the processor and by the clock."""

    cpu: Floats
    wall: Floats

    def p95(self) -> tuple[float, float]:
        return float(np.quantile(self.cpu, 0.95)), float(np.quantile(self.wall, 0.95))


def calibration(splits: Sequence[Scored], *, has_shifted: bool) -> Line:
    """G8: the expected calibration error on drafts that no fit has seen."""
    one, errors, scores, ranks = splits[0], list[float](), list[float](), list[float]()
    for scored in splits:
        confidence, right = scored.confidence(scored.held_out), ~scored.held_out.is_wrong
        errors.append(ece(confidence, right) or 0.0)
        scores.append(brier(confidence, right) or 0.0)
        ranks.append(auroc(confidence, right) or 0.0)
    mix = f" ({percent(float(one.fitted_on.is_foreign.mean()), 0)} foreign where fitted,"
    mix += f" {percent(float(one.held_out.is_foreign.mean()), 0)} here)"
    error, score, rank = (float(np.mean(each)) for each in (errors, scores, ranks))
    return Line(
        "G8",
        f"{one.name}: calibration error{mix if has_shifted else ''}",
        f"{percent(error, 2)}{by_split(errors)}; Brier {score:.4f}, AUROC {rank:.3f}",
        f"{len(splits)} × {len(one.held_out):,}",
        f"≤ {percent(CALIBRATED)}",
        error <= CALIBRATED,
        {"ece": error, "brier": score, "auroc": rank},
    )


def unshifted(splits: Sequence[Scored]) -> Line:
    """G8 beside: the same calibrators, with as many foreign requests as where they were fitted."""
    rng, errors, sizes = np.random.default_rng([SEED, 8]), list[float](), list[int]()
    share = float(splits[0].fitted_on.is_foreign.mean())
    for scored in splits:
        spare, held_out = scored.spare, scored.held_out
        foreign = rng.permutation(np.flatnonzero(held_out.is_foreign))
        foreign = foreign[: round(share / (1 - share) * len(spare))]
        known = scored.confidence(spare), scored.confidence(held_out)[foreign]
        right = np.concatenate([~spare.is_wrong, ~held_out.is_wrong[foreign]])
        errors.append(ece(np.concatenate(known), right) or 0.0)
        sizes.append(len(right))
    error = float(np.mean(errors))
    return Line(
        "G8",
        f"{splits[0].name}: the same, had the mix stayed ({percent(share, 0)} foreign)",
        f"{percent(error, 2)}{by_split(errors)}",
        f"{len(splits)} × {sizes[0]:,}",
        figures={"ece": error},
    )


def model(splits: Sequence[Scored]) -> Iterator[Line]:
    """G9: accuracy, and what could go out at 1 % observed error if one knew where to cut."""
    name, n = splits[0].name, f"{len(splits)} × {len(splits[0].held_out):,}"
    shares = [1 - float(scored.held_out.is_wrong.mean()) for scored in splits]
    accuracy = float(np.mean(shares))
    yield Line(
        "G9", f"{name}: intents right", f"{percent(accuracy)}{by_split(shares)}", n,
        f"≥ {percent(ACCURATE, 0)}", accuracy >= ACCURATE, {"accuracy": accuracy},
    )  # fmt: skip
    shares = [
        hindsight(scored.confidence(scored.held_out), scored.held_out.is_wrong, 0.01)
        for scored in splits
    ]
    sendable = float(np.mean(shares))
    yield Line(
        "G9", f"{name}: could go out at ≤ 1 % observed", f"{percent(sendable)}{by_split(shares)}", n,
        f"≥ {percent(SENDABLE, 0)}", sendable >= SENDABLE, {"c1": sendable},
    )  # fmt: skip


def hindsight(confidence: Floats, is_wrong: Flags, max_error: float) -> float:
    """Return the greatest share of the surest drafts of which at most so many were wrong."""
    order = np.argsort(-confidence, kind="stable")
    sent = np.arange(1, len(order) + 1)
    kept = sent[np.cumsum(is_wrong[order]) <= max_error * sent]
    return float(kept[-1] / len(order)) if len(kept) else 0.0


def reading(reader: Reader, stack: Stack, texts: Sequence[str], learned: int) -> Line:
    """G9: how long it takes from a text to its confidence, on one core."""

    def one(text: str) -> None:
        _, (row,) = reader.read([text])
        stack.probability(stack.raw(dict(zip(SIGNALS, map(float, row), strict=True))))

    return _times(one, texts, f"from text to confidence, {learned:,} examples")


def demo_reading(read: Callable[[str], object], texts: Sequence[str]) -> Line:
    """G9: how long the demo company's own classifier takes."""
    return _times(read, texts, "the demo company's classifier")


def _times(act: Callable[[str], object], texts: Sequence[str], what: str) -> Line:
    act(texts[0])
    with threadpool_limits(1):
        cpu, wall = took(lambda at: act(texts[at]), len(texts)).p95()
    return Line(
        "G9", f"{what}: p95", f"{cpu:.1f} ms of one core ({wall:.1f} ms by the clock)",
        f"{len(texts):,} texts", f"≤ {READ_MS:.0f} ms", cpu <= READ_MS,
        {"cpu_ms": cpu, "wall_ms": wall},
    )  # fmt: skip


def slider(population: Population, times: int) -> Line:
    """G10: certifying and bounding every threshold again, at 5,000 labels."""
    rng = np.random.default_rng([SEED, 10])
    taken = rng.integers(len(population), size=SLIDER_LABELS)
    confidence, is_wrong = population.confidence[taken], population.is_wrong[taken]

    def answer(_: int) -> None:
        start = population.start(SLIDER_LABELS, 0.02)
        curve(confidence, is_wrong, max_error=0.02, start=start)
        labels_needed(confidence, is_wrong, max_error=0.02)

    answer(0)
    cpu, wall = took(answer, times).p95()
    return Line(
        "G10", f"slider: start, certified curve and audits still needed at {SLIDER_LABELS:,} labels: p95",
        f"{cpu:.1f} ms of one core ({wall:.1f} ms by the clock)", f"{times:,} times",
        f"≤ {SLIDER_MS:.0f} ms", cpu <= SLIDER_MS, {"cpu_ms": cpu, "wall_ms": wall},
    )  # fmt: skip


def took(act: Callable[[int], object], times: int) -> Took:
    """Do something many times and return how long each took."""
    cpu, wall = np.zeros(times), np.zeros(times)
    for at in range(times):
        began, clock = time.process_time(), time.perf_counter()
        act(at)
        cpu[at], wall[at] = time.process_time() - began, time.perf_counter() - clock
    return Took(1_000 * cpu, 1_000 * wall)


def adding_up(chains: int) -> Line:
    """G11: first-failure rates multiply to the share that was right, linked failures or not."""
    rng, worst = np.random.default_rng([SEED, 11]), 0.0
    for _ in range(chains):
        steps = [f"step {number}" for number in range(int(rng.integers(2, 9)))]
        drafts = int(rng.integers(50, 2_000))
        hardness = rng.normal(0, rng.uniform(0, 3), (drafts, 1))  # shared by the steps of a draft
        ease = rng.normal(3, 1, (1, len(steps)))
        fails = rng.random((drafts, len(steps))) > 1 / (1 + np.exp(hardness - ease))
        first = np.where(fails.any(axis=1), fails.argmax(axis=1), -1)
        named = [steps[at] if at >= 0 else None for at in first]
        rate = product(list(first_failure_rates(named, steps).values())) or 0.0
        worst = max(worst, abs(rate - float((first < 0).mean())))
    return Line(
        "G11", "product of first-failure rates against the measured end to end",
        f"apart by {worst:.1e} at most", f"{chains:,} chains of 2 to 8 steps", "≤ 1e-12",
        worst <= 1e-12, {"worst": worst},
    )  # fmt: skip
