"""G4 to G6: what a sample says of all drafts, however often one looks, and whoever judged it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from bench.evidence.report import Line, percent
from numpy.typing import NDArray

from store.evidence.intervals import RARE_ERROR_PRIOR, Interval, confidence_sequence, wilson
from store.evidence.rare_errors import wrong_rate
from store.evidence.sampling import Stratum, Tally, stratified_rate

Bounds = Callable[[int, int], Interval | None]
Generator = np.random.Generator
SENT, ESCALATED = 52_500, 17_500  # drafts a week
SENT_WRONG, ESCALATED_WRONG = 525, 5_425  # 1 % and 31 %
TRUTH = 1 - (SENT_WRONG + ESCALATED_WRONG) / (SENT + ESCALATED)
SEED = 4


@dataclass(frozen=True)
class Week:
    """What one simulated week of audits and decisions came to."""

    sent: Tally
    escalated: Tally


def weighted(weeks: int) -> Iterator[Line]:
    """G4: bias and coverage of the weighted estimates, and what pooling unweighted would say."""
    for rate in (0.01, 0.02, 0.05):
        rng = np.random.default_rng([SEED, round(1_000 * rate)])
        drawn = [_week(rng, rate) for _ in range(weeks)]
        closed = [wrong_rate(week.sent, look="closed") for week in drawn]
        error = np.array([found.rate or 0.0 for found in closed]) - SENT_WRONG / SENT
        covers = float(
            np.mean([(e.low or 0.0) <= SENT_WRONG / SENT <= (e.high or 0.0) for e in closed])
        )
        bias = float(error.mean())
        yield Line(
            "G4",
            f"share wrong of what was sent alone, {percent(rate, 0)} coin",
            f"bias {100 * bias:+.3f} pp, range covers {percent(covers)}",
            f"{weeks:,} weeks of 70,000",
            "bias < 0.05 pp, covers 94 to 97 %",
            abs(bias) < 0.0005 and 0.94 <= covers <= 0.97,
            {"rate": rate, "bias": bias, "covers": covers},
        )
        yield _end_to_end(drawn, rate)


def _end_to_end(drawn: list[Week], rate: float) -> Line:
    both = [
        stratified_rate([Stratum(SENT, week.sent), Stratum(ESCALATED, week.escalated)],
                        look="closed")
        for week in drawn
    ]  # fmt: skip
    bias = float(np.mean([each.rate or 0.0 for each in both])) - TRUTH
    covers = float(np.mean([(e.low or 0.0) <= TRUTH <= (e.high or 0.0) for e in both]))
    pooled = float(np.mean([each.right / each.labelled for each in both])) - TRUTH
    return Line(
        "G4",
        f"all drafts right, {percent(rate, 0)} coin and every decision",
        f"bias {100 * bias:+.3f} pp, covers {percent(covers)}; unweighted {100 * pooled:+.1f} pp",
        f"{len(drawn):,} weeks",
        figures={"rate": rate, "bias": bias, "covers": covers, "unweighted": pooled},
    )


def _week(rng: Generator, rate: float) -> Week:
    wrong, right = rng.binomial(SENT_WRONG, rate), rng.binomial(SENT - SENT_WRONG, rate)
    sent = _tally(int(right), int(wrong), rate)
    return Week(sent, _tally(ESCALATED - ESCALATED_WRONG, ESCALATED_WRONG, 1.0))


def _tally(right: int, wrong: int, chance: float) -> Tally:
    n, weight = right + wrong, 1 / chance
    return Tally(n, right, weight * n, weight * right, weight * weight * n)


def peeking(looks: int) -> Iterator[Line]:
    """G5: the chance that a range watched after every label is ever wrong; exact, not simulated."""

    def live(k: int, n: int) -> Interval | None:
        return confidence_sequence(k, n, prior=RARE_ERROR_PRIOR)

    def closed(k: int, n: int) -> Interval | None:
        return wilson(k, n)

    for rate in (0.01, 0.03):
        ours, usual = (ever_wrong(bounds, rate, looks) for bounds in (live, closed))
        yield Line(
            "G5",
            f"live range ever wrong, true rate {percent(rate, 0)}",
            f"{percent(ours)} (Wilson watched the same way: {percent(usual)})",
            f"{looks:,} looks, exact",
            "≤ 5 %",
            ours <= 0.05,
            {"rate": rate, "live": ours, "wilson": usual},
        )


def ever_wrong(bounds: Bounds, rate: float, looks: int) -> float:
    """Return the chance that `rate` lies outside `bounds(k, n)` at some n up to `looks`.

    For each n the rate is outside for k up to one count and from another one on; both only grow. So
    the streams that were never wrong are followed exactly, as a distribution over k.
    """
    alive: NDArray[np.float64] = np.zeros(looks + 2)
    alive[0] = 1.0
    low, high = -1, 1  # outside at k <= low and at k >= high
    for n in range(1, looks + 1):
        top = min(high, n) + 1
        alive[1:top] = alive[1:top] * (1 - rate) + alive[: top - 1] * rate
        alive[0] *= 1 - rate
        while low + 1 <= n and _is_above(bounds(low + 1, n), rate):
            low += 1
        while high <= n and not _is_below(bounds(high, n), rate):
            high += 1
        alive[: low + 1] = 0.0
        alive[high : top + 1] = 0.0
    return 1.0 - float(alive.sum())


def _is_above(interval: Interval | None, rate: float) -> bool:
    return interval is not None and interval.high < rate


def _is_below(interval: Interval | None, rate: float) -> bool:
    return interval is not None and interval.low > rate


def reviewers(weeks: int) -> Iterator[Line]:
    """G6: reviewers err in 2 %; each "wrong" verdict is looked at once more, blind."""
    slip, truth, audits = 0.02, 0.01, 1_050
    rng = np.random.default_rng([SEED, 6])
    wrong = rng.binomial(audits, truth, size=weeks)
    kept, false = rng.binomial(wrong, 1 - slip), rng.binomial(audits - wrong, slip)
    final = rng.binomial(kept, 1 - slip) + rng.binomial(false, slip)
    found = [wrong_rate(_tally(int(audits - k), int(k), 0.02), look="closed") for k in final]
    bias = float(np.mean([each.rate or 0.0 for each in found])) - truth
    covers = float(np.mean([(e.low or 0.0) <= truth <= (e.high or 0.0) for e in found]))
    raw = float(np.mean((kept + false) / audits))
    extra = float(np.mean((kept + false) / audits))
    yield Line(
        "G6",
        "a 2 % reviewer error after the second look",
        f"bias {100 * bias:+.3f} pp, covers {percent(covers)}, {percent(extra)} more reviews;"
        f" one look shows {percent(raw, 2)} where 1 % is true",
        f"{weeks:,} weeks of {audits:,} audits",
        "bias ≤ 0.1 pp for ≤ 5 % more reviews",
        abs(bias) <= 0.001 and extra <= 0.05,
        {"bias": bias, "covers": covers, "one_look": raw, "extra": extra},
    )
