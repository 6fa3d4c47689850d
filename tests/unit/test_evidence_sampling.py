"""The audit coin and weighted rates: blind, unbiased, and honest about their range."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from store.evidence.sampling import (
    Estimate,
    Look,
    Sampled,
    Stratum,
    Tally,
    coin,
    stratified_rate,
    weighted_rate,
)

labels = st.lists(
    st.builds(Sampled, st.booleans(), st.sampled_from([0.02, 0.1, 0.5, 1.0])), max_size=200
)


def _known(estimate: Estimate) -> tuple[float, float, float]:
    assert estimate.rate is not None
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low, estimate.rate, estimate.high


def _tally(right: int, wrong: int, inclusion: float = 1.0) -> Tally:
    return Tally.of([Sampled(True, inclusion)] * right + [Sampled(False, inclusion)] * wrong)


@given(st.text(), st.text(), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_rate_draws_every_draft_that_a_lower_one_drew(
    key: str, salt: str, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    assert not coin(key, salt, low) or coin(key, salt, high)


def test_the_coin_draws_its_rate_and_another_salt_draws_others() -> None:
    keys = [f"draft:{i}" for i in range(50_000)]
    drawn = {key for key in keys if coin(key, "a", 0.02)}
    assert abs(len(drawn) / len(keys) - 0.02) < 0.002
    assert drawn != {key for key in keys if coin(key, "b", 0.02)}


def test_rate_zero_draws_none_and_rate_one_draws_all() -> None:
    assert not any(coin(str(i), "s", 0.0) for i in range(1_000))
    assert all(coin(str(i), "s", 1.0) for i in range(1_000))


def test_no_labels_mean_unknown_never_all_right() -> None:
    estimate = weighted_rate([])
    assert (estimate.labelled, estimate.rate, estimate.low, estimate.high) == (0, None, None, None)
    assert not estimate.has_enough


@given(labels, st.sampled_from(["live", "closed"]))
def test_a_rate_lies_in_its_range_and_the_range_in_the_unit_interval(
    sample: list[Sampled], look: Look
) -> None:
    estimate = weighted_rate(sample, look=look)
    if sample:
        low, rate, high = _known(estimate)
        assert 0 <= low <= rate <= high <= 1
        assert estimate.effective_n <= len(sample) * (1 + 1e-9)


@given(labels, labels)
def test_tallies_of_disjoint_samples_add_up(one: list[Sampled], other: list[Sampled]) -> None:
    added, pooled = Tally.of(one) + Tally.of(other), Tally.of(one + other)
    assert (added.labelled, added.right) == (pooled.labelled, pooled.right)
    assert math.isclose(added.weight, pooled.weight, rel_tol=1e-9)
    assert math.isclose(added.weight_right, pooled.weight_right, rel_tol=1e-9)
    assert math.isclose(added.weight_squared, pooled.weight_squared, rel_tol=1e-9)


@pytest.mark.parametrize("inclusion", [0.0, -0.1, 1.1, math.nan])
def test_an_impossible_inclusion_probability_is_refused(inclusion: float) -> None:
    with pytest.raises(ValueError, match="inclusion probability"):
        weighted_rate([Sampled(True, inclusion)])


def test_equal_chances_give_the_plain_rate() -> None:
    estimate = weighted_rate([Sampled(True, 0.02)] * 30 + [Sampled(False, 0.02)] * 10)
    assert estimate.rate == pytest.approx(0.75)
    assert estimate.effective_n == pytest.approx(40)


def test_a_stratum_nobody_checked_makes_the_whole_unknown() -> None:
    escalated = Stratum(100, _tally(70, 30))
    blind = stratified_rate([Stratum(900, Tally()), escalated])
    assert (blind.labelled, blind.right, blind.rate) == (100, 70, None)
    assert stratified_rate([Stratum(0, Tally()), escalated]).rate == pytest.approx(0.7)


def test_shares_weigh_the_strata_whatever_their_number_of_labels() -> None:
    sent, escalated = Stratum(900, _tally(18, 2, 0.02)), Stratum(100, _tally(50, 50))
    estimate = stratified_rate([sent, escalated], look="closed")
    assert estimate.rate == pytest.approx(0.9 * 0.9 + 0.1 * 0.5)
    assert estimate.low is not None
    assert estimate.low < 0.75  # twenty audits cannot say more
    assert not Tally().labelled


def test_everything_right_reads_exactly_one() -> None:
    estimate = stratified_rate([Stratum(7, _tally(3, 0, 0.02)), Stratum(3, _tally(3, 0))])
    assert (estimate.rate, estimate.high) == (1.0, 1.0)


def test_the_weighted_estimate_is_unbiased_and_its_closed_range_covers() -> None:
    """Pooling without weights would read about 0.69 where 0.93 is true (seeded simulation)."""
    rng = np.random.default_rng(11)
    weeks, sent_n, escalated_n = 600, 3_000, 1_000
    truth = (sent_n * 0.99 + escalated_n * 0.75) / (sent_n + escalated_n)
    rates, naive, covered = [], [], 0
    for _ in range(weeks):
        audits = int(rng.binomial(sent_n, 0.05))
        good, fixed = int(rng.binomial(audits, 0.99)), int(rng.binomial(escalated_n, 0.75))
        strata = [
            Stratum(sent_n, _counts(good, audits, 20.0)),
            Stratum(escalated_n, _counts(fixed, escalated_n, 1.0)),
        ]
        estimate = stratified_rate(strata, look="closed")
        low, rate, high = _known(estimate)
        rates.append(rate)
        naive.append((good + fixed) / (audits + escalated_n))
        covered += low <= truth <= high
    assert abs(np.mean(rates) - truth) < 0.001
    assert abs(np.mean(naive) - truth) > 0.1
    assert 0.93 <= covered / weeks <= 0.985


def _counts(right: int, n: int, weight: float) -> Tally:
    return Tally(n, right, n * weight, right * weight, n * weight**2)


def test_the_live_range_of_two_strata_holds_while_it_is_watched() -> None:
    rng, streams, wrong = np.random.default_rng(2), 60, 0
    truth = 0.85 * 0.98 + 0.15 * 0.7
    for _ in range(streams):
        sent, escalated = rng.random(400) < 0.98, rng.random(400) < 0.7
        wrong += any(not _holds(sent[:n], escalated[:n], truth) for n in range(10, 401, 10))
    assert wrong / streams <= 0.05


def _holds(sent: NDArray[np.bool_], escalated: NDArray[np.bool_], truth: float) -> bool:
    strata = [
        Stratum(85, _counts(int(sent.sum()), len(sent), 50.0)),
        Stratum(15, _counts(int(escalated.sum()), len(escalated), 1.0)),
    ]
    low, _, high = _known(stratified_rate(strata))
    return low <= truth <= high
