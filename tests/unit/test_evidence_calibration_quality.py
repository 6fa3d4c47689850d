"""What a confidence is worth: measured against the libraries, honestly held out, and under shift."""

import doctest
import math
from itertools import pairwise
from random import Random
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, roc_auc_score

from store.evidence import calibration_quality, probability_maps
from store.evidence.calibration import fit
from store.evidence.calibration_quality import (
    auroc,
    brier,
    brier_gain,
    cross_validated,
    diagram,
    ece,
    quality,
)

Truth = NDArray[np.bool_]

judged = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.1, 0.5, 0.5, 0.9, 1.0]),
        st.booleans(),
        st.sampled_from([1.0, 5.0, 50.0]),
    ),
    min_size=1,
    max_size=150,
)


def _drafts(n: int, seed: int, out_of_scope: float = 0.0) -> tuple[list[dict[str, float]], Truth]:
    """Drafts whose signals tell much; those out of scope look alike and are always wrong."""
    rng = np.random.default_rng(seed)
    margin, similar = rng.normal(1.5, 1.2, n), rng.normal(0, 1, n)
    strange = rng.random(n) < out_of_scope
    right = (rng.random(n) < 1 / (1 + np.exp(-(2 * margin + similar)))) & ~strange
    similar = similar - strange
    rows = [{"margin": float(m), "similar": float(s)} for m, s in zip(margin, similar, strict=True)]
    return rows, right


@pytest.mark.parametrize("module", [calibration_quality, probability_maps])
def test_every_example_in_the_documentation_is_true(module: ModuleType) -> None:
    results = doctest.testmod(module)
    assert (results.attempted > 0, results.failed) == (True, 0)


@given(judged)
def test_rank_and_brier_agree_with_scikit_learn_also_weighted_and_with_ties(
    drafts: list[tuple[float, bool, float]],
) -> None:
    said, right, weights = (list(column) for column in zip(*drafts, strict=True))
    theirs = brier_score_loss(right, said, sample_weight=weights, labels=[False, True])
    assert brier(said, right, weights) == pytest.approx(theirs)
    ranked = auroc(said, right, weights)
    if all(right) or not any(right):
        assert ranked is None
    else:
        assert ranked == pytest.approx(roc_auc_score(right, said, sample_weight=weights))


@given(judged, st.randoms(use_true_random=False))
def test_bins_hold_every_draft_once_and_the_order_of_labels_changes_nothing(
    drafts: list[tuple[float, bool, float]], random: Random
) -> None:
    shuffled = list(drafts)
    random.shuffle(shuffled)
    one, other = (
        diagram([said for said, _, _ in rows], [right for _, right, _ in rows])
        for rows in (drafts, shuffled)
    )
    assert [(b.n, b.right) for b in one] == [(b.n, b.right) for b in other]
    assert sum(b.n for b in one) == len(drafts)
    assert math.isclose(sum(b.share for b in one), 1)
    assert all(b.interval.low <= b.rate + 1e-12 and b.rate <= b.interval.high + 1e-12 for b in one)
    assert all(left.high < right.low for left, right in pairwise(one))


def test_bins_are_of_equal_mass_and_no_bin_stands_on_fewer_than_thirty_labels() -> None:
    said = np.random.default_rng(1).random(1_000)
    assert [one.n for one in diagram(said, said > 0.5)] == [100] * 10
    assert len(diagram(said[:95], said[:95] > 0.5)) == 3
    assert len(diagram(said[:20], said[:20] > 0.5)) == 1


def test_few_audits_that_stand_for_many_drafts_do_not_make_many_bins() -> None:
    said = np.linspace(0, 1, 1_020)
    weights = np.where(np.arange(1_020) % 51 == 0, 50.0, 1.0)
    assert len(diagram(said, said > 0.3, weights=weights)) == 2


def test_an_overconfident_agent_is_found_out_by_as_much_as_it_overstates() -> None:
    rng = np.random.default_rng(2)
    chance = rng.uniform(0.5, 0.9, 20_000)
    right = rng.random(20_000) < chance
    overstated = ece(np.minimum(1.0, chance + 0.1), right)
    honest = ece(chance, right)
    assert overstated == pytest.approx(0.1, abs=0.01)
    assert honest is not None
    assert honest < 0.015


def test_weights_undo_that_wrong_drafts_were_looked_at_more_often() -> None:
    rng = np.random.default_rng(3)
    chance = rng.uniform(0.3, 1.0, 40_000)
    right = rng.random(40_000) < chance
    seen = rng.random(40_000) < np.where(chance > 0.8, 0.1, 1.0)
    weights = np.where(chance > 0.8, 10.0, 1.0)[seen]
    weighted, plain = (
        quality(chance[seen], right[seen], weights),
        quality(chance[seen], right[seen]),
    )
    whole = quality(chance, right)
    assert weighted.brier == pytest.approx(whole.brier, abs=0.005)
    assert weighted.auroc == pytest.approx(whole.auroc, abs=0.01)
    assert plain.brier != pytest.approx(whole.brier, abs=0.02)


def test_calibrated_confidence_is_within_one_and_a_half_points_of_what_comes_true() -> None:
    """Goal G8, on drafts like those it was fitted on."""
    rows, right = _drafts(3_000, seed=4)
    said = cross_validated(rows, right.tolist(), seed=0)
    stack = fit(rows, right.tolist(), seed=0)
    fresh, truth = _drafts(12_000, seed=5)
    later = [stack.probability(stack.raw(row)) for row in fresh]
    of_later, of_folds = ece(later, truth), ece(said, right)
    assert of_later is not None
    assert of_later <= 0.015
    assert of_folds is not None
    assert of_folds <= 0.03  # 3,000 labels cannot show less than chance leaves


def test_calibration_does_not_survive_another_mix_of_tickets() -> None:
    """G8 under shift is not met by any map: 6 % out of scope when fitted, 18 % when used."""
    rows, right = _drafts(3_000, seed=6, out_of_scope=0.06)
    stack = fit(rows, right.tolist(), seed=0)
    errors = []
    for share in (0.06, 0.18):
        fresh, truth = _drafts(12_000, seed=7, out_of_scope=share)
        errors.append(ece([stack.probability(stack.raw(row)) for row in fresh], truth))
    alike, shifted = errors
    assert alike is not None
    assert shifted is not None
    assert alike <= 0.02
    assert shifted > 0.03


def test_a_stack_is_not_flattered_by_the_drafts_it_was_fitted_on() -> None:
    """Thirty signals of noise rank their own training labels well, and held-out ones not at all."""
    rng = np.random.default_rng(8)
    rows = [{f"s{i}": float(x) for i, x in enumerate(row)} for row in rng.normal(size=(240, 30))]
    right = (rng.random(240) < 0.8).tolist()
    stack = fit(rows, right, seed=0)
    own = auroc([stack.raw(row) for row in rows], right)
    held_out = auroc(cross_validated(rows, right, seed=0), right)
    assert own is not None
    assert held_out is not None
    assert own > 0.7
    assert held_out < 0.6


def test_a_refit_that_helps_is_clear_and_one_on_like_labels_is_not() -> None:
    rng = np.random.default_rng(9)
    chance = rng.uniform(0.4, 1, 1_500)
    right = rng.random(1_500) < chance
    useful = brier_gain(np.full(1_500, 0.95), chance, right)
    idle = brier_gain(np.clip(chance + rng.normal(0, 0.01, 1_500), 0, 1), chance, right)
    assert useful is not None
    assert idle is not None
    assert useful.is_clear
    assert useful.low > 0
    assert not idle.is_clear
    assert brier_gain([0.9] * 29, [0.8] * 29, [True] * 29) is None


def test_a_beta_map_is_chosen_only_where_one_end_bends_and_never_reorders() -> None:
    rng = np.random.default_rng(10)
    score = rng.normal(0, 2.5, 6_000)
    bent = 1 / (1 + np.exp(0.2 * np.logaddexp(0, -score) - 1.6 * np.logaddexp(0, score) + 0.5))
    straight = 1 / (1 + np.exp(-(0.8 * score + 0.3)))
    mass = np.ones(6_000)
    draws = rng.random(6_000)
    _, beta = probability_maps.choose(score, draws < bent, mass, seed=0)
    _, none = probability_maps.choose(score, draws < straight, mass, seed=0)
    assert none is None
    assert beta is not None
    assert beta[:2] == pytest.approx((0.2, 1.6), abs=0.25)
    said = [probability_maps.probability(s, beta) for s in np.linspace(-60, 60, 500)]
    assert said == sorted(said)
    assert 0 <= said[0] < said[-1] <= 1


def test_nothing_labelled_means_nothing_is_known() -> None:
    nothing = quality([], [])
    assert (nothing.labels, nothing.ece, nothing.brier, nothing.auroc) == (0, None, None, None)
    assert nothing.bins == ()


@pytest.mark.parametrize(
    ("said", "right", "weights"),
    [([0.5], [True, False], None), ([math.nan], [True], None), ([0.5], [True], [0.0])],
)
def test_what_cannot_be_measured_is_refused(
    said: list[float], right: list[bool], weights: list[float] | None
) -> None:
    with pytest.raises(ValueError, match="must"):
        ece(said, right, weights=weights)
