"""What audits can say: unbiased, covering as often as promised, and robust to reviewers who err.

A week is 70,000 drafts, of which 75 % went out alone and are wrong 1 % of the time, and 25 % went
to a person and are wrong 31 % of the time; all simulations are seeded.
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from store.evidence.sampling import Estimate, Stratum, Tally, stratified_rate

WEEKS = 4_000
SENT, ESCALATED = 52_500, 17_500
WRONG_SENT, WRONG_ESCALATED = 0.01, 0.31
TRUTH = 1 - (SENT * WRONG_SENT + ESCALATED * WRONG_ESCALATED) / (SENT + ESCALATED)


def _tally(n: int, wrong: int, weight: float = 1.0) -> Tally:
    return Tally(n, n - wrong, n * weight, (n - wrong) * weight, n * weight**2)


def _coverage(found: list[Estimate], truth: float) -> float:
    ranges = [(one.low, one.high) for one in found if one.low is not None and one.high is not None]
    assert len(ranges) == len(found)
    return sum(low <= truth <= high for low, high in ranges) / len(ranges)


@pytest.mark.parametrize("rate", [0.01, 0.02])
def test_the_rate_of_wrong_sends_is_unbiased_and_its_closed_range_covers(rate: float) -> None:
    """Goal G4: bias under 0.05 points at a coin of 1 %, 95 % ranges cover 94 to 97 %."""
    rng = np.random.default_rng(41)
    audits = rng.binomial(SENT, rate, WEEKS)
    wrong = rng.binomial(audits, WRONG_SENT)
    found = [
        stratified_rate([Stratum(SENT, _tally(int(n), int(k), 1 / rate))], look="closed")
        for n, k in zip(audits, wrong, strict=True)
    ]
    estimates = np.array([1 - (one.rate or 0.0) for one in found])
    assert estimates.std() / np.sqrt(WEEKS) < 0.0001, "the simulation can see such a bias"
    assert abs(estimates.mean() - WRONG_SENT) < 0.0005
    assert 0.94 <= _coverage(found, 1 - WRONG_SENT) <= 0.97


def test_end_to_end_is_unbiased_where_pooling_without_weights_is_twenty_points_off() -> None:
    rng = np.random.default_rng(42)
    audits = rng.binomial(SENT, 0.01, WEEKS)
    wrong_sent = rng.binomial(audits, WRONG_SENT)
    wrong_escalated = rng.binomial(ESCALATED, WRONG_ESCALATED, WEEKS)
    found = [
        stratified_rate(
            [
                Stratum(SENT, _tally(int(n), int(k), 100.0)),
                Stratum(ESCALATED, _tally(ESCALATED, int(j))),
            ],
            look="closed",
        )
        for n, k, j in zip(audits, wrong_sent, wrong_escalated, strict=True)
    ]
    pooled = 1 - (wrong_sent + wrong_escalated) / (audits + ESCALATED)
    assert abs(np.mean([one.rate for one in found if one.rate is not None]) - TRUTH) < 0.0005
    assert pooled.mean() - TRUTH < -0.20


def _said_wrong(
    rng: np.random.Generator, is_wrong: NDArray[np.bool_], error: float
) -> NDArray[np.bool_]:
    slips: NDArray[np.bool_] = rng.random(is_wrong.shape) < error
    return is_wrong ^ slips


@pytest.mark.parametrize(("error", "seen_once"), [(0.02, 0.0296), (0.05, 0.059)])
def test_a_second_look_at_wrong_verdicts_undoes_what_reviewers_get_wrong(
    error: float, seen_once: float
) -> None:
    """Goal G6: reviewers err in 2 %; a blind second look leaves at most 0.1 points of bias."""
    rng, audits = np.random.default_rng(43), 1_050
    is_wrong = rng.random((2_000, audits)) < WRONG_SENT
    first = _said_wrong(rng, is_wrong, error)
    second = first & _said_wrong(rng, is_wrong, error)
    assert first.mean() == pytest.approx(seen_once, abs=0.001)
    extra, bias = first.mean(), second.mean() - is_wrong.mean()
    if error == 0.02:
        assert extra <= 0.05
        assert abs(bias) <= 0.001
        found = [
            stratified_rate([Stratum(SENT, _tally(audits, int(k), 50.0))], look="closed")
            for k in second.sum(axis=1)
        ]
        assert 0.93 <= _coverage(found, 1 - WRONG_SENT) <= 0.97
    else:
        assert abs(bias) <= 0.002, "at 5 % a second look leaves more, and it is known how much"
