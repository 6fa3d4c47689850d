"""Calibration: what fits, what ranks, what is refused, and when a stack may be used."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from store.errors import BadInput
from store.evidence.calibration import Stack, fit, is_fit_for_use, progress


def _drafts(n: int, seed: int) -> tuple[list[dict[str, float]], list[bool], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    margin, noise = rng.normal(0, 1, n), rng.normal(0, 1, n)
    chance = 1 / (1 + np.exp(-(1.5 * margin + 1)))
    right = rng.random(n) < chance
    rows = [{"margin": float(m), "noise": float(x)} for m, x in zip(margin, noise, strict=True)]
    return rows, right.tolist(), chance


@pytest.fixture(scope="module")
def stack() -> Stack:
    rows, right, _ = _drafts(3_000, seed=1)
    return fit(rows, right, seed=0)


def test_a_fitted_stack_says_ninety_percent_where_ninety_percent_are_right(stack: Stack) -> None:
    rows, right, chance = _drafts(6_000, seed=2)
    said = np.array([stack.probability(stack.raw(row)) for row in rows])
    bins = np.array_split(np.argsort(said), 10)
    gaps = [abs(said[each].mean() - np.mean(np.array(right)[each])) for each in bins]
    assert np.mean(gaps) < 0.03
    assert np.abs(said - chance).mean() < 0.03


def test_fitting_twice_gives_the_same_stack_and_it_survives_storage(stack: Stack) -> None:
    rows, right, _ = _drafts(3_000, seed=1)
    assert fit(rows, right, seed=0) == stack
    assert Stack.model_validate_json(stack.model_dump_json()) == stack


@given(one=st.floats(-50, 50), other=st.floats(-50, 50))
def test_probability_never_reorders_drafts_and_stays_in_the_unit_interval(
    one: float, other: float
) -> None:
    stack = Stack(
        signals=("s",), means=(0.0,), scales=(1.0,), weights=(1.0,), intercept=0, platt=(2.0, -1)
    )
    low, high = sorted((one, other))
    assert 0 <= stack.probability(low) <= stack.probability(high) <= 1


@pytest.mark.parametrize("raw", [-1e6, 1e6])
def test_extreme_scores_do_not_overflow(stack: Stack, raw: float) -> None:
    assert stack.probability(raw) in (0.0, 1.0)


def test_a_missing_signal_counts_as_its_mean_and_unknown_ones_as_nothing(stack: Stack) -> None:
    means = dict(zip(stack.signals, stack.means, strict=True))
    assert stack.raw({}) == pytest.approx(stack.raw(means))
    assert stack.raw({**means, "model_says": 0.99}) == stack.raw(means)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_signal_that_is_no_number_is_refused(stack: Stack, value: float) -> None:
    with pytest.raises(BadInput, match="`margin` is not a finite number"):
        stack.raw({"margin": value})
    with pytest.raises(BadInput, match="not a finite number"):
        fit([{"margin": value}] * 20, [True] * 10 + [False] * 10, seed=0)


def test_signals_that_mean_nothing_give_every_draft_about_the_base_rate() -> None:
    rng = np.random.default_rng(4)
    rows = [{"noise": float(x)} for x in rng.normal(size=600)]
    stack = fit(rows, (rng.random(600) < 0.8).tolist(), seed=0)
    said = [stack.probability(stack.raw(row)) for row in rows]
    assert max(said) - min(said) < 0.15
    assert np.mean(said) == pytest.approx(0.8, abs=0.05)
    assert stack.platt[0] >= 0


def test_a_constant_signal_changes_nothing() -> None:
    rows, right, _ = _drafts(400, seed=5)
    stack = fit([{**row, "tool_ok": 1.0} for row in rows], right, seed=0)
    assert stack.raw({"tool_ok": 0.0}) == pytest.approx(stack.raw({}))


def test_weights_stand_for_the_drafts_that_were_not_drawn() -> None:
    rows, right, _ = _drafts(800, seed=6)
    rare = [0.1 if is_right else 1.0 for is_right in right]
    pessimist = fit(rows, right, seed=0, weights=rare)
    plain = fit(rows, right, seed=0)
    assert pessimist.probability(pessimist.raw({})) < plain.probability(plain.raw({}))


@pytest.mark.parametrize("right", [[], [True] * 50, [True] * 50 + [False] * 4])
def test_too_little_of_either_kind_is_refused(right: list[bool]) -> None:
    with pytest.raises(BadInput):
        fit([{"s": float(i)} for i in range(len(right))], right, seed=0)


def test_a_damaged_stack_is_refused(stack: Stack) -> None:
    damaged = stack.model_dump()
    changes: list[dict[str, object]] = [
        {"scales": (0.0, 1.0)},
        {"means": (0.0,)},
        {"intercept": math.nan},
    ]
    for change in changes:
        with pytest.raises(ValidationError):
            Stack.model_validate({**damaged, **change})


@pytest.mark.parametrize(
    ("labels", "wrong", "is_fit", "note"),
    [
        (37, 3, False, "37 of 200 labels"),
        (199, 150, False, "199 of 200 labels"),
        (900, 19, False, "900 labels, but 19 of 20 wrong ones"),
        (200, 20, True, "200 labels, 20 wrong"),
    ],
)
def test_a_stack_is_used_from_200_labels_with_20_wrong(
    labels: int, wrong: int, is_fit: bool, note: str
) -> None:
    assert is_fit_for_use(labels, wrong) is is_fit
    assert progress(labels, wrong) == note
