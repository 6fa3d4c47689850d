"""G8 to G11: calibration, the embedded model, the slider's answer, and what must add up exactly."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from bench.evidence.drafts import SIGNALS, Flags, Floats, Reader, Scored
from bench.evidence.guarantee import Population
from bench.evidence.report import Line, percent
from threadpoolctl import threadpool_limits

from store.evidence.calibration import Stack
from store.evidence.calibration_quality import auroc, brier, ece
from store.evidence.compounding import first_failure_rates, product
from store.evidence.risk_control import certify, upper_bounds

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


def calibration(scored: Scored, *, has_shifted: bool) -> Line:
    """G8: the expected calibration error on drafts that no fit has seen."""
    held_out = scored.held_out
    confidence, right = scored.confidence(held_out), ~held_out.is_wrong
    error, score = ece(confidence, right) or 0.0, brier(confidence, right) or 0.0
    ranks = auroc(confidence, right) or 0.0
    mix = f" ({percent(float(scored.fitted_on.is_foreign.mean()), 0)} foreign where fitted,"
    mix += f" {percent(float(held_out.is_foreign.mean()), 0)} here)"
    return Line(
        "G8",
        f"{scored.name}: calibration error{mix if has_shifted else ''}",
        f"{percent(error, 2)}; Brier {score:.4f}, AUROC {ranks:.3f}",
        f"{len(held_out):,}",
        f"≤ {percent(CALIBRATED)}",
        error <= CALIBRATED,
        {"ece": error, "brier": score, "auroc": ranks},
    )


def unshifted(scored: Scored) -> Line:
    """G8 beside: the same calibrator on spare requests, with as many foreign ones as it knew."""
    rng = np.random.default_rng([SEED, 8])
    spare, held_out = scored.spare, scored.held_out
    share = float(scored.fitted_on.is_foreign.mean())
    foreign = np.flatnonzero(held_out.is_foreign)
    foreign = rng.permutation(foreign)[: round(share / (1 - share) * len(spare))]
    confidence = np.concatenate([scored.confidence(spare), scored.confidence(held_out)[foreign]])
    right = np.concatenate([~spare.is_wrong, ~held_out.is_wrong[foreign]])
    error = ece(confidence, right) or 0.0
    return Line(
        "G8",
        f"{scored.name}: the same, had the mix stayed ({percent(share, 0)} foreign)",
        percent(error, 2),
        f"{len(right):,}",
        figures={"ece": error},
    )


def model(scored: Scored) -> Iterator[Line]:
    """G9: accuracy, and what could go out at 1 % observed error if one knew where to cut."""
    held_out = scored.held_out
    accuracy = 1 - float(held_out.is_wrong.mean())
    sendable = hindsight(scored.confidence(held_out), held_out.is_wrong, 0.01)
    n = f"{len(held_out):,}"
    is_accurate = accuracy >= ACCURATE
    yield Line(
        "G9", f"{scored.name}: intents right", percent(accuracy), n, "≥ 92 %", is_accurate,
        {"accuracy": accuracy},
    )  # fmt: skip
    yield Line(
        "G9", f"{scored.name}: could go out at ≤ 1 % observed", percent(sendable), n, "≥ 72 %",
        sendable >= SENDABLE, {"c1": sendable},
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
        certify(confidence, is_wrong, max_error=0.02, start=start)
        upper_bounds(confidence, is_wrong, assurance=0.95)

    answer(0)
    cpu, wall = took(answer, times).p95()
    return Line(
        "G10", f"start, certificate and bounds at {SLIDER_LABELS:,} labels: p95",
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
