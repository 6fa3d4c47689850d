"""The audit planner: what a coin costs, what a week says, and when a promise can be certified."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.evidence.intervals import wilson
from store.evidence.risk_control import p_value
from store.evidence.sampling import COIN_RATES, plan_audits

shares = st.floats(0, 1)


def test_a_week_at_two_percent_says_what_was_published() -> None:
    one, two, five = plan_audits(70_000, 0.75, 0.01, 0.02, rates=[0.01, 0.02, 0.05])
    assert [round(plan.audits) for plan in (one, two, five)] == [525, 1050, 2625]
    points = [100 * (plan.half_width or 0) for plan in (one, two, five)]
    assert points == pytest.approx([0.90, 0.62, 0.38], abs=0.025)


@given(st.floats(0, 1e5), shares, shares, st.sampled_from([0.005, 0.02, 0.1]))
def test_a_higher_rate_costs_more_and_never_says_less(
    drafts: float, share: float, wrong: float, limit: float
) -> None:
    plans = plan_audits(drafts, share, wrong, limit)
    assert [plan.rate for plan in plans] == list(COIN_RATES)
    for low, high in pairwise(plans):
        assert low.audits <= high.audits <= high.labels
        assert (high.half_width or 1) <= (low.half_width or 1) + 1e-12
        assert (high.weeks or math.inf) <= (low.weeks or math.inf)


@given(shares, shares, st.sampled_from([0.005, 0.02, 0.1]))
def test_a_rate_that_is_not_below_the_limit_is_never_certified(
    share: float, wrong: float, limit: float
) -> None:
    weeks = [plan.weeks for plan in plan_audits(1_000, share, wrong, limit)]
    if wrong >= limit or share == 0:
        assert weeks == [None] * len(weeks)


def test_without_audits_nothing_is_said() -> None:
    for plan in plan_audits(0, 0.75, 0.01, 0.02) + plan_audits(500, 0.0, 0.01, 0.02):
        assert (plan.audits, plan.half_width, plan.weeks) == (0, None, None)
    rare = plan_audits(60, 0.75, 0.01, 0.02, rates=[0.01])[0]
    assert (round(rare.audits, 2), rare.half_width, rare.weeks) == (0.45, None, None)


@pytest.mark.parametrize(("share", "wrong", "limit"), [(1.2, 0.1, 0.1), (0.5, -1, 0.1), (1, 0, 0)])
def test_an_impossible_plan_is_refused(share: float, wrong: float, limit: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        plan_audits(100, share, wrong, limit)


def test_a_plan_that_is_followed_certifies_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    for plan in plan_audits(20_000, 0.8, 0.008, 0.02):
        assert plan.weeks is not None
        audits = math.ceil(plan.audits * plan.weeks)
        wrong = rng.binomial(audits, 0.008, 4_000)
        assert np.mean(p_value(wrong, audits, 0.02) <= 0.05) >= 0.78


def test_the_width_of_a_planned_week_is_the_width_the_week_then_has() -> None:
    rng, plan = np.random.default_rng(2), plan_audits(70_000, 0.75, 0.01, 0.02, rates=[0.02])[0]
    audits, halves = round(plan.audits), []
    for wrong in rng.binomial(audits, 0.01, 300):
        closed = wilson(int(wrong), audits)
        assert closed is not None
        halves.append((closed.high - closed.low) / 2)
    assert plan.half_width == pytest.approx(np.mean(halves), rel=0.03)
