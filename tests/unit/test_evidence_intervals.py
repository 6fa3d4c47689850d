"""Intervals: bounds, agreement with SciPy, and the coverage they promise."""

import doctest
import importlib
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from store.evidence.intervals import (
    RARE_ERROR_PRIOR,
    Interval,
    confidence_sequence,
    wilson,
)


def _of(method: Callable[..., Interval | None], k: float, n: float, *rest: float) -> Interval:
    interval = method(k, n, *rest)
    assert interval is not None
    return interval


counts = st.integers(1, 5_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
Method = Callable[..., Interval | None]
METHODS: list[Method] = [wilson, confidence_sequence]


@pytest.mark.parametrize("name", ["intervals", "compounding", "sampling", "calibration"])
def test_every_example_in_the_documentation_is_true(name: str) -> None:
    module = importlib.import_module(f"store.evidence.{name}")
    results = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.parametrize("method", METHODS)
@given(counts)
def test_limits_lie_in_the_unit_interval_and_hold_the_rate(
    method: Method, kn: tuple[int, int]
) -> None:
    k, n = kn
    interval = _of(method, k, n)
    assert 0 <= interval.low <= k / n <= interval.high <= 1


@pytest.mark.parametrize("method", METHODS)
@given(counts)
def test_more_successes_never_lower_a_limit(method: Method, kn: tuple[int, int]) -> None:
    k, n = kn
    if k < n:
        one, other = _of(method, k, n), _of(method, k + 1, n)
        assert other.low >= one.low - 1e-9
        assert other.high >= one.high - 1e-9


@pytest.mark.parametrize("method", METHODS)
@given(counts)
def test_right_and_wrong_mirror_each_other(method: Method, kn: tuple[int, int]) -> None:
    k, n = kn
    right, wrong = _of(method, k, n), _of(method, n - k, n)
    assert math.isclose(right.low, 1 - wrong.high, abs_tol=1e-9)


@pytest.mark.parametrize("method", METHODS)
@given(counts)
def test_more_assurance_is_never_narrower(method: Method, kn: tuple[int, int]) -> None:
    k, n = kn
    usual, strict = _of(method, k, n, 0.9), _of(method, k, n, 0.99)
    assert strict.low <= usual.low + 1e-12
    assert strict.high >= usual.high - 1e-12


@pytest.mark.parametrize("method", METHODS)
def test_nothing_observed_means_no_interval(method: Method) -> None:
    assert method(0, 0) is None


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("k", "n", "assurance"), [(2, 1, 0.95), (-1, 1, 0.95), (1, 2, 1.0), (0, math.inf, 0.95)]
)
def test_impossible_counts_are_refused(
    method: Method, k: float, n: float, assurance: float
) -> None:
    with pytest.raises(ValueError, match=r"between 0 and 1|0 <= k <= n"):
        method(k, n, assurance)


@given(counts, st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_agrees_with_scipy(kn: tuple[int, int], assurance: float) -> None:
    k, n = kn
    theirs = binomtest(k, n).proportion_ci(confidence_level=assurance, method="wilson")
    ours = _of(wilson, k, n, assurance)
    assert math.isclose(ours.low, theirs.low, abs_tol=1e-9)
    assert math.isclose(ours.high, theirs.high, abs_tol=1e-9)


def test_ten_wrong_of_1050_reads_as_published() -> None:
    closed = _of(wilson, 10, 1050)
    live = confidence_sequence(10, 1050, prior=RARE_ERROR_PRIOR)
    assert live is not None
    assert (round(closed.low, 4), round(closed.high, 4)) == (0.0052, 0.0174)
    assert (round(live.low, 4), round(live.high, 4)) == (0.0031, 0.0214)


@given(counts)
def test_the_live_range_holds_the_closed_one_where_it_matters(kn: tuple[int, int]) -> None:
    k, n = kn
    live, closed = _of(confidence_sequence, k, n), _of(wilson, k, n)
    assert live.high - live.low >= 0.95 * (closed.high - closed.low)


@pytest.mark.parametrize("prior", [(0.5, 0.5), RARE_ERROR_PRIOR])
def test_watching_every_label_breaks_the_promise_of_wilson_but_not_of_the_live_range(
    prior: tuple[float, float],
) -> None:
    rng, streams, looks = np.random.default_rng(7), 120, range(10, 2_001, 10)
    hits = np.cumsum(rng.random((streams, 2_000)) < 0.03, axis=1)
    misses = {"live": 0, "closed": 0}
    for stream in hits:
        live = [confidence_sequence(int(stream[n - 1]), n, prior=prior) for n in looks]
        closed = [wilson(int(stream[n - 1]), n) for n in looks]
        misses["live"] += any(not _holds(interval, 0.03) for interval in live)
        misses["closed"] += any(not _holds(interval, 0.03) for interval in closed)
    assert misses["live"] / streams <= 0.05
    assert misses["closed"] / streams >= 0.20


def _holds(interval: Interval | None, rate: float) -> bool:
    return interval is not None and interval.low <= rate <= interval.high


def test_one_look_at_wilson_covers_as_often_as_it_says() -> None:
    hits = np.random.default_rng(3).binomial(400, 0.9, size=2_000)
    covered = np.mean([_holds(wilson(int(k), 400), 0.9) for k in hits])
    assert 0.935 <= covered <= 0.965
