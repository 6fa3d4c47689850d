"""Drift: how soon a rise is noticed, how rarely one is claimed in vain, what needs no labels."""

import doctest
import importlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import binom

from store.evidence.drift import (
    Cusum,
    Day,
    evidence_since_any_day,
    log_evidence,
    low_tail,
    mix_shift,
)
from store.evidence.intervals import STEP_PRIOR
from store.evidence.risk_control import certify, start_from

PER_DAY = 150
days = st.lists(
    st.integers(0, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), max_size=30
)


@pytest.fixture(scope="module")
def cusum() -> Cusum:
    return Cusum.tuned(0.01, audits_per_day=PER_DAY)


@pytest.mark.parametrize("name", ["drift", "run_length"])
def test_every_example_of_drift_is_true(name: str) -> None:
    results = doctest.testmod(importlib.import_module(f"store.evidence.{name}"))
    assert results.attempted > 0
    assert results.failed == 0


def _simulated(
    cusum: Cusum, rate: float, streams: int, horizon: int, seed: int
) -> NDArray[np.int64]:
    """Return the day of each stream's first alarm; `horizon + 1` where none came."""
    rng = np.random.default_rng(seed)
    level, first = np.zeros(streams, dtype=int), np.full(streams, horizon + 1)
    for day in range(1, horizon + 1):
        wrong = rng.binomial(cusum.batch, rate, streams)
        level = np.maximum(0, level + wrong * cusum.up - (cusum.batch - wrong) * cusum.down)
        first = np.where((first > horizon) & (level >= cusum.limit), day, first)
    return first


# --- CUSUM ---------------------------------------------------------------------------------------


def test_a_doubling_is_noticed_within_eight_days_on_average(cusum: Cusum) -> None:
    """G7: 1 % to 2 % at 150 audits a day."""
    noticed = _simulated(cusum, 0.02, streams=1_500, horizon=90, seed=1)
    assert noticed.max() <= 90
    assert noticed.mean() <= 8
    assert cusum.delay(0.02) == pytest.approx(noticed.mean(), rel=0.05)
    assert cusum.delay(0.05) < cusum.delay(0.03) < cusum.delay(0.02) < cusum.delay(0.015)


def test_a_false_alarm_comes_about_once_a_year(cusum: Cusum) -> None:
    assert 365 <= cusum.delay(0.01) <= 420
    lasted = _simulated(cusum, 0.01, streams=600, horizon=365, seed=2) > 365
    assert lasted.mean() == pytest.approx(math.exp(-365 / cusum.delay(0.01)), abs=0.06)


@pytest.mark.parametrize(
    ("usual", "audits_per_day", "batch"),
    [(0.01, 150, 1), (0.01, 20, None), (0.01, 0.5, None), (0.05, 30, None), (0.2, 10, None)],
)
def test_the_limit_is_the_lowest_that_keeps_false_alarms_a_year_apart(
    usual: float, audits_per_day: float, batch: int | None
) -> None:
    tuned = Cusum.tuned(usual, audits_per_day=audits_per_day, batch=batch)
    lower = Cusum(
        usual, 2 * usual, audits_per_day, tuned.batch, tuned.up, tuned.down, tuned.limit - 1
    )
    assert tuned.delay(usual) >= 365
    assert tuned.limit == 1 or lower.delay(usual) < 365
    assert tuned.delay(2 * usual) < tuned.delay(usual) / 2


def test_a_thinned_chain_is_as_good_as_a_simulation() -> None:
    rare = Cusum.tuned(0.002, audits_per_day=PER_DAY)
    assert rare.limit > 1_000
    noticed = _simulated(rare, 0.004, streams=1_500, horizon=400, seed=3)
    assert rare.delay(0.004) == pytest.approx(noticed.mean(), rel=0.05)


@given(days, st.integers(0, 29))
def test_carried_on_from_day_to_day_it_says_what_it_says_of_all_days_at_once(
    history: list[Day], cut: int
) -> None:
    cusum = Cusum(0.01, 0.02, 30, 30, 68, 1, 391)
    whole = cusum.run(history).levels
    first = cusum.run(history[:cut]).levels
    rest = cusum.run(history[cut:], level=first[-1] if first else 0).levels
    assert first + rest == whole
    assert all(level >= 0 for level in whole)


def test_the_alarm_is_the_first_day_at_the_limit_and_nothing_audited_moves_nothing(
    cusum: Cusum,
) -> None:
    run = cusum.run([(0, 150), (0, 0), (5, 150), (5, 150), (0, 0), (0, 150)])
    assert run.levels == (0, 0, 195, 390, 390, 240)
    assert run.alarm is None
    assert cusum.run([(5, 150), (5, 149)]).alarm == 1
    assert cusum.run([]).levels == ()


def test_without_any_errors_there_is_never_an_alarm(cusum: Cusum) -> None:
    assert cusum.delay(0) == math.inf


@pytest.mark.parametrize(
    ("usual", "audits", "factor"), [(0.0, 10, 2), (0.6, 10, 2), (0.1, 0, 2), (0.1, 10, 1)]
)
def test_a_cusum_without_a_rate_a_rise_or_audits_is_refused(
    usual: float, audits: float, factor: float
) -> None:
    with pytest.raises(ValueError, match="a CUSUM needs"):
        Cusum.tuned(usual, audits_per_day=audits, factor=factor)


# --- e-values ------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0.01, 0.02, 0.2])
@pytest.mark.parametrize("n", [1, 7, 400])
def test_at_the_limit_evidence_is_worth_one_on_average_and_less_below(limit: float, n: int) -> None:
    """Exact, over every outcome: what makes it valid however often one looks."""
    k = np.arange(n + 1)
    evidence = log_evidence(k, n, limit)
    mean = {
        rate: np.exp(evidence + binom.logpmf(k, n, rate)).sum()
        for rate in (limit / 2, limit, 2 * limit)
    }
    assert mean[limit] == pytest.approx(1, rel=1e-9)
    assert mean[limit / 2] <= 1 < mean[2 * limit]


def test_evidence_since_any_day_is_worth_one_on_average_too() -> None:
    limit, n = 0.2, 6
    total = 0.0
    for one in range(n + 1):
        for two in range(n + 1):
            chance = binom.pmf(one, n, limit) * binom.pmf(two, n, limit)
            total += chance * evidence_since_any_day([(one, n), (two, n)], limit, STEP_PRIOR)[-1]
    assert total == pytest.approx(1, rel=1e-9)


def test_far_below_the_limit_there_is_no_evidence_however_many_audits() -> None:
    little, less, much, none = log_evidence([0, 10**4, 10**5, 0], [10**6] * 3 + [0], 0.02)
    assert little == -math.inf
    assert less < -20
    assert much > 230
    assert none == 0
    assert evidence_since_any_day([], 0.02) == ()
    assert evidence_since_any_day([(0, 0)], 0.02) == (1.0,)


@given(st.integers(1, 2_000).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))))
def test_one_more_wrong_draft_is_never_less_evidence(kn: tuple[int, int]) -> None:
    k, n = kn
    assert log_evidence(k, n, 0.02) <= log_evidence(k + 1, n, 0.02) + 1e-9


def test_evidence_watched_daily_seldom_accuses_a_rate_at_the_limit_and_soon_one_above() -> None:
    rng, n = np.random.default_rng(4), np.arange(1, 401) * PER_DAY
    at_limit = np.cumsum(rng.binomial(PER_DAY, 0.01, (400, 400)), axis=1)
    accused = (log_evidence(at_limit, n, 0.01) >= math.log(20)).any(axis=1)
    assert accused.mean() <= 0.05
    above = np.cumsum(rng.binomial(PER_DAY, 0.02, (300, 60)), axis=1)
    proven = log_evidence(above, n[:60], 0.01) >= math.log(20)
    assert proven.any(axis=1).all()
    assert np.median(proven.argmax(axis=1) + 1) <= 9


def test_a_rise_after_a_long_calm_is_proven_only_when_any_day_may_be_its_first() -> None:
    rng = np.random.default_rng(5)
    counts = np.concatenate([rng.binomial(PER_DAY, 0.005, 90), rng.binomial(PER_DAY, 0.04, 10)])
    history = [(int(k), PER_DAY) for k in counts]
    assert max(evidence_since_any_day(history[:90], 0.01)) < 20
    assert max(evidence_since_any_day(history, 0.01)) >= 20
    assert log_evidence(counts.sum(), 100 * PER_DAY, 0.01) < math.log(20)


@pytest.mark.parametrize(("wrong", "n", "limit"), [(2, 1, 0.1), (-1, 1, 0.1), (0, 1, 0), (0, 1, 1)])
def test_impossible_evidence_is_refused(wrong: int, n: int, limit: float) -> None:
    with pytest.raises(ValueError, match="evidence needs"):
        log_evidence(wrong, n, limit)


# --- without labels ------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1) | st.just(math.nan), min_size=1, max_size=60), st.floats(0.01, 0.9))
def test_the_low_tail_holds_its_share_of_the_reference_ties_included(
    reference: list[float], share: float
) -> None:
    tail = low_tail(reference, share)
    assert tail is not None
    assert tail.share >= share - 1e-12
    assert tail.count(reference) == round(tail.share * len(reference))


def test_there_is_no_tail_of_nothing_and_no_rate_of_no_drafts() -> None:
    assert low_tail([]) is None
    shift = mix_shift([], [], 0.1)
    assert (shift.n, shift.rate, shift.evidence, shift.is_shifted) == (0, None, 1.0, False)
    with pytest.raises(ValueError, match="take a lower cut"):
        mix_shift([1], [2], 0.7)


def test_up_to_the_tolerance_more_low_drafts_are_seldom_called_a_shift() -> None:
    rng = np.random.default_rng(6)
    shifts = [
        mix_shift(rng.binomial(1_000, 0.15, 20).tolist(), [1_000] * 20, 0.1).is_shifted
        for _ in range(200)
    ]
    assert np.mean(shifts) <= 0.05


def _tickets(
    rng: np.random.Generator, n: int, out_of_scope: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    foreign = rng.random(n) < out_of_scope
    confidence = expit(np.where(foreign, rng.normal(0.0, 1.8, n), rng.normal(4.6, 2.2, n)))
    return confidence, foreign | (rng.random(n) > confidence)


def test_a_mix_of_tickets_that_breaks_the_promise_shows_before_500_further_wrong_sends() -> None:
    """G12 on made-up tickets: certified at 6 % out of scope, then 18 %, looked at every hour."""
    rng, limit, hourly, hours, sent_wrong = np.random.default_rng(7), 0.02, 400, 16, []
    reference, _ = _tickets(rng, 20_000, 0.06)
    tail = low_tail(reference)
    assert tail is not None
    start = start_from(reference, 1 - reference, labels=5_000, max_error=limit)
    for _ in range(40):
        sample = _tickets(rng, 5_000, 0.06)
        threshold = certify(*sample, max_error=limit, start=start).threshold
        assert threshold is not None
        low, wrong = [], []
        for share in [0.06] * hours + [0.18] * hours:
            confidence, is_wrong = _tickets(rng, hourly, share)
            low.append(tail.count(confidence))
            wrong.append(int(np.sum(is_wrong & (confidence > threshold))))
        assert not mix_shift(low[:hours], [hourly] * hours, tail.share).is_shifted
        seen = next(
            (h for h in range(1, hours + 1) if _shows(low[: hours + h], hourly, tail.share)), hours
        )
        sent_wrong.append(sum(wrong[hours : hours + seen]))
    assert np.mean(np.array(sent_wrong) < 500) >= 0.95


def _shows(low: list[int], hourly: int, share: float) -> bool:
    return mix_shift(low, [hourly] * len(low), share).is_shifted
