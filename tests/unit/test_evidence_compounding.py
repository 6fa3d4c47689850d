"""Compounding: the field's arithmetic, first failures, and what to mend first."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from store.evidence.compounding import (
    end_to_end,
    first_failure_rates,
    gain_of_halving,
    linked_failures,
    probability_weakest,
    product,
)
from store.outputs import STEPS

UNPLACED = "no single step"
rates = st.lists(st.floats(0.01, 1.0), min_size=1, max_size=8)


def test_six_steps_at_97_percent_are_right_83_3_percent_of_the_time() -> None:
    assert round(end_to_end(0.97, 6), 3) == 0.833
    assert round(end_to_end(0.98, 6), 3) == 0.886
    assert round(end_to_end(0.99, 6), 3) == 0.941
    assert product([0.97] * 6) == pytest.approx(end_to_end(0.97, 6))


@pytest.mark.parametrize("unknown", [[], [None], [0.9, None]])
def test_a_product_with_an_unknown_step_is_unknown(unknown: list[float | None]) -> None:
    assert product(unknown) is None


@given(
    st.lists(
        st.tuples(st.sampled_from([None, *STEPS, UNPLACED]), st.sampled_from([1.0, 10.0, 50.0])),
        min_size=1,
        max_size=300,
    ),
    st.booleans(),
)
def test_first_failure_rates_multiply_to_the_measured_rate_exactly(
    judged: list[tuple[str | None, float]], is_weighted: bool
) -> None:
    """Also weighted, and with failures that nobody could place (goal G11: to 1e-12)."""
    first_wrong = [wrong for wrong, _ in judged]
    weights = [weight if is_weighted else 1.0 for _, weight in judged]
    rates_by_step = first_failure_rates(
        first_wrong, [*STEPS, UNPLACED], weights if is_weighted else None
    )
    reached = [rate for rate in rates_by_step.values() if rate is not None]
    right = sum(weight for wrong, weight in zip(first_wrong, weights, strict=True) if wrong is None)
    assert math.isclose(math.prod(reached), right / sum(weights), abs_tol=1e-12)


def test_no_drafts_means_no_rates() -> None:
    assert first_failure_rates([], ["a"]) == {"a": None}


def test_shared_difficulty_makes_the_chain_better_than_independent_steps_and_is_named() -> None:
    """Six steps at 97 %: spread 2 on the logit measures about 88 % where 83 % is predicted."""
    rng = np.random.default_rng(3)
    difficulty = rng.normal(0, 2, 60_000)
    chance = 1 / (1 + np.exp(-(_offset(difficulty, 0.97) + difficulty)))
    found = linked_failures((rng.random((6, 60_000)) < chance).T.tolist())
    assert found is not None
    assert found.independent == pytest.approx(0.833, abs=0.01)
    assert found.measured == pytest.approx(0.880, abs=0.01)
    assert found.difference == pytest.approx(found.measured - found.independent)


def _offset(difficulty: NDArray[np.float64], rate: float) -> float:
    low, high = 0.0, 20.0
    for _ in range(40):
        middle = (low + high) / 2
        mean = np.mean(1 / (1 + np.exp(-(middle + difficulty))))
        low, high = (middle, high) if mean < rate else (low, middle)
    return low


def test_an_error_that_spreads_makes_the_product_too_low() -> None:
    spread = [[True] * 6] * 5 + [[False] * 6]  # one wrong at the first step spoils all
    found = linked_failures(spread)
    assert found is not None
    assert found.measured == pytest.approx(5 / 6)
    assert found.independent == pytest.approx((5 / 6) ** 6)


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=60))
def test_what_was_measured_is_the_product_of_first_failure_rates(table: list[list[bool]]) -> None:
    steps = ["a", "b", "c", "d"]
    first_wrong = [
        next((s for s, ok in zip(steps, row, strict=True) if not ok), None) for row in table
    ]
    reached = [
        rate for rate in first_failure_rates(first_wrong, steps).values() if rate is not None
    ]
    found = linked_failures(table)
    assert found is not None
    assert math.isclose(found.measured, math.prod(reached), abs_tol=1e-12)


def test_with_no_draft_judged_throughout_linked_failures_are_unknown() -> None:
    assert linked_failures([]) is None
    assert linked_failures([[]]) is None


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
