"""Compounding: the field's arithmetic, first failures, and what to mend first."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.evidence.compounding import (
    end_to_end,
    first_failure_rates,
    gain_of_halving,
    probability_weakest,
    product,
)
from store.outputs import STEPS

rates = st.lists(st.floats(0.01, 1.0), min_size=1, max_size=8)


def test_six_steps_at_97_percent_are_right_83_3_percent_of_the_time() -> None:
    assert round(end_to_end(0.97, 6), 3) == 0.833
    assert round(end_to_end(0.98, 6), 3) == 0.886
    assert round(end_to_end(0.99, 6), 3) == 0.941
    assert product([0.97] * 6) == pytest.approx(end_to_end(0.97, 6))


@pytest.mark.parametrize("unknown", [[], [None], [0.9, None]])
def test_a_product_with_an_unknown_step_is_unknown(unknown: list[float | None]) -> None:
    assert product(unknown) is None


@given(st.lists(st.sampled_from([None, *STEPS]), min_size=1, max_size=300))
def test_first_failure_rates_multiply_to_the_measured_rate_exactly(
    first_wrong: list[str | None],
) -> None:
    rates_by_step = first_failure_rates(first_wrong, STEPS)
    reached = [rate for rate in rates_by_step.values() if rate is not None]
    measured = first_wrong.count(None) / len(first_wrong)
    assert math.isclose(math.prod(reached), measured, abs_tol=1e-12)


def test_no_drafts_means_no_rates() -> None:
    assert first_failure_rates([], ["a"]) == {"a": None}


@given(rates)
def test_halving_the_worst_step_gains_most_and_gains_what_it_says(steps: list[float]) -> None:
    gains = gain_of_halving(steps)
    worst = steps.index(min(steps))
    assert gains[worst] == pytest.approx(max(gains))
    mended = [*steps[:worst], (1 + steps[worst]) / 2, *steps[worst + 1 :]]
    assert math.prod(mended) - math.prod(steps) == pytest.approx(gains[worst])


def test_halving_a_step_that_never_works_counts_the_whole_chain_behind_it() -> None:
    assert gain_of_halving([0.0, 0.8]) == pytest.approx([0.4, 0.0])


def test_the_weakest_step_is_named_with_how_sure_it_is() -> None:
    few = probability_weakest([29, 28, 30], [30, 30, 30], np.random.default_rng(1))
    many = probability_weakest([2900, 2700, 3000], [3000] * 3, np.random.default_rng(1))
    assert few is not None
    assert many is not None
    assert (few.index, few.is_clear) == (1, False)
    assert (many.index, many.is_clear, many.probability) == (1, True, 1.0)


def test_the_same_seed_gives_the_same_figure() -> None:
    one = probability_weakest([9, 8], [10, 10], np.random.default_rng(5))
    other = probability_weakest([9, 8], [10, 10], np.random.default_rng(5))
    assert one == other


@pytest.mark.parametrize("labelled", [[], [0, 10]])
def test_an_unlabelled_step_leaves_the_weakest_unknown(labelled: list[float]) -> None:
    assert probability_weakest(labelled, labelled, np.random.default_rng(0)) is None
