"""Peeking: the live range holds over ten thousand looks, Wilson's does not (G5)."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, xlog1py, xlogy
from scipy.stats import norm

from store.evidence.intervals import RARE_ERROR_PRIOR, STEP_PRIOR, confidence_sequence, wilson

LOOKS = 10_000
Prior = tuple[float, float]


def _against(k: ArrayLike, n: ArrayLike, rate: float, prior: Prior) -> NDArray[np.float64]:
    """Return the logarithm of the likelihood ratio that the live range inverts."""
    hits, trials = np.asarray(k, dtype=float), np.asarray(n, dtype=float)
    mixture = betaln(prior[0] + hits, prior[1] + trials - hits) - betaln(*prior)
    return np.asarray(mixture - xlogy(hits, rate) - xlog1py(trials - hits, -rate), dtype=float)


def _score(k: ArrayLike, n: ArrayLike, rate: float) -> NDArray[np.float64]:
    hits, trials = np.asarray(k, dtype=float), np.asarray(n, dtype=float)
    return np.abs(hits - trials * rate) / np.sqrt(trials * rate * (1 - rate))


counts = st.integers(1, LOOKS).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, st.floats(0.001, 0.999), st.sampled_from([STEP_PRIOR, RARE_ERROR_PRIOR]))
def test_both_ranges_hold_exactly_the_rates_that_their_tests_do_not_reject(
    kn: tuple[int, int], rate: float, prior: Prior
) -> None:
    live, closed = confidence_sequence(*kn, prior=prior), wilson(*kn)
    assert live is not None
    assert closed is not None
    against, score = float(_against(*kn, rate, prior)), float(_score(*kn, rate))
    assume(abs(against - math.log(20)) > 1e-6 and abs(score - norm.ppf(0.975)) > 1e-6)
    assert (live.low <= rate <= live.high) == (against < math.log(20))
    assert (closed.low <= rate <= closed.high) == (score < norm.ppf(0.975))


@pytest.mark.parametrize(("rate", "prior"), [(0.01, RARE_ERROR_PRIOR), (0.03, STEP_PRIOR)])
def test_over_ten_thousand_looks_the_live_range_is_seldom_ever_wrong(
    rate: float, prior: Prior
) -> None:
    rng, streams, n = np.random.default_rng(1), 200, np.arange(1, LOOKS + 1)
    k = np.cumsum(rng.random((streams, LOOKS)) < rate, axis=1)
    live = (_against(k, n, rate, prior) >= math.log(20)).any(axis=1)
    closed = (_score(k, n, rate) > norm.ppf(0.975)).any(axis=1)
    assert live.mean() <= 0.05
    assert closed.mean() >= 0.3
