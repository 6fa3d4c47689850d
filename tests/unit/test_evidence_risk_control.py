"""Certified thresholds: the promise holds, refusals are honest, and MAPIE agrees."""

import doctest
import importlib
import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import binom, binomtest

from store.evidence.exact_binomial import at_most, least_sent, most_wrong, sends_needed
from store.evidence.intervals import clopper_pearson_upper
from store.evidence.risk_control import (
    GRID,
    Verdict,
    certify,
    curve,
    labels_needed,
    p_value,
    start_from,
)

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

counts = st.integers(1, 3_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
confidences = st.one_of(
    st.sampled_from([*GRID, math.nan, math.inf, -math.inf, 0.0, 1.0]), st.floats(0, 1)
)
drafts = st.lists(st.tuples(confidences, st.booleans(), st.integers(1, 60)), max_size=40)


@dataclass(frozen=True)
class World:
    """Drafts whose confidence is their true probability of being right: risk falls with it."""

    mean: float
    spread: float

    def draw(self, rng: np.random.Generator, n: int) -> tuple[Floats, Bools]:
        confidence = expit(rng.normal(self.mean, self.spread, n))
        return confidence, rng.random(n) > confidence


STEEP = World(5.0, 2.5)


def _repeated(rows: list[tuple[float, bool, int]]) -> tuple[Floats, Bools]:
    times = [row[2] for row in rows]
    confidence = np.repeat(np.array([row[0] for row in rows], dtype=float), times)
    return confidence, np.repeat(np.array([row[1] for row in rows], dtype=bool), times)


@pytest.mark.parametrize("name", ["risk_control", "exact_binomial"])
def test_every_example_of_the_certificate_is_true(name: str) -> None:
    results = doctest.testmod(importlib.import_module(f"store.evidence.{name}"))
    assert results.attempted > 0
    assert results.failed == 0


def test_a_threshold_of_the_grid_is_the_very_number_a_policy_would_hold() -> None:
    assert GRID[0] == 0.5
    assert GRID[-1] == 0.999
    assert all(float(f"{value:.3f}") == value for value in GRID)
    assert list(GRID) == sorted(set(GRID))


@given(counts, st.sampled_from([0.005, 0.01, 0.02, 0.05, 0.3]))
def test_the_p_value_is_that_of_the_exact_binomial_test(kn: tuple[int, int], limit: float) -> None:
    k, n = kn
    theirs = binomtest(k, n, limit, alternative="less").pvalue
    assert math.isclose(float(p_value(k, n, limit)), theirs, rel_tol=1e-9, abs_tol=1e-15)


@given(counts, st.sampled_from([0.01, 0.05, 0.2]), st.sampled_from([0.8, 0.95, 0.99]))
def test_a_test_passes_exactly_where_the_upper_bound_is_within_the_limit(
    kn: tuple[int, int], limit: float, assurance: float
) -> None:
    upper = float(clopper_pearson_upper(*kn, assurance))
    assume(abs(upper - limit) > 1e-9)
    assert (upper < limit) == bool(p_value(*kn, limit) <= 1 - assurance)


@given(counts, st.sampled_from([0.8, 0.95, 0.99]))
def test_the_upper_bound_agrees_with_scipy(kn: tuple[int, int], assurance: float) -> None:
    k, n = kn
    theirs = binomtest(k, n, alternative="less").proportion_ci(assurance, method="exact").high
    assert math.isclose(float(clopper_pearson_upper(k, n, assurance)), theirs, abs_tol=1e-9)


@settings(max_examples=50)
@given(drafts, st.sampled_from(GRID), st.sampled_from([0.01, 0.05, 0.2]))
def test_the_certified_threshold_is_the_end_of_a_walk_that_passed_at_every_step(
    rows: list[tuple[float, bool, int]], start: float, limit: float
) -> None:
    confidence, is_wrong = _repeated(rows)
    threshold = None
    for candidate in sorted((value for value in GRID if value <= start), reverse=True):
        sent = [bool(math.isfinite(c) and c > candidate) for c in confidence]
        wrong = sum(w for w, s in zip(is_wrong, sent, strict=True) if s)
        if not binom.cdf(wrong, sum(sent), limit) <= 1 - 0.95:
            break
        threshold = candidate
    answer = certify(confidence, is_wrong, max_error=limit, start=start)
    assert answer.threshold == threshold
    assert (answer.reason is Verdict.CERTIFIED) == (threshold is not None)
    if threshold is not None:
        assert answer.upper <= limit + 1e-12
        assert 0 <= answer.wrong <= answer.sent <= answer.labels


@settings(max_examples=50)
@given(drafts, st.sampled_from(GRID), st.data())
def test_one_more_error_never_makes_the_threshold_laxer(
    rows: list[tuple[float, bool, int]], start: float, data: st.DataObject
) -> None:
    confidence, is_wrong = _repeated(rows)
    assume(len(is_wrong) > 0)
    worse = is_wrong.copy()
    worse[data.draw(st.integers(0, len(is_wrong) - 1))] = True
    before = certify(confidence, is_wrong, max_error=0.05, start=start).threshold
    after = certify(confidence, worse, max_error=0.05, start=start).threshold
    assert after is None or (before is not None and before <= after)


def test_a_draft_exactly_at_the_threshold_is_not_sent_as_at_the_gate() -> None:
    confidence, is_wrong = [0.9] * 400 + [0.91] * 400, [True] * 400 + [False] * 400
    assert certify(confidence, is_wrong, max_error=0.01, start=0.9).threshold == 0.9
    assert certify(confidence, is_wrong, max_error=0.01, start=0.9).sent == 400
    assert certify(confidence, is_wrong, max_error=0.01, start=0.89).threshold is None


def test_the_walk_stops_at_the_first_failure_though_a_laxer_threshold_would_pass() -> None:
    confidence = [0.95] * 100 + [0.85] * 2 + [0.75] * 5_000
    is_wrong = [True] * 3 + [False] * 97 + [True] * 2 + [False] * 5_000
    assert certify(confidence, is_wrong, max_error=0.01, start=0.9).threshold is None
    assert certify(confidence, is_wrong, max_error=0.01, start=0.7).threshold == 0.5


def test_everything_right_certifies_the_laxest_threshold() -> None:
    answer = certify([0.99] * 500, [False] * 500, max_error=0.01, start=0.9)
    assert (answer.threshold, answer.sent, answer.wrong) == (0.5, 500, 0)


@pytest.mark.parametrize(
    ("confidence", "is_wrong", "reason"),
    [
        ([], [], Verdict.NO_LABELS),
        ([math.nan] * 900, [False] * 900, Verdict.TOO_FEW_LABELS),
        ([-math.inf] * 900, [False] * 900, Verdict.TOO_FEW_LABELS),
        ([math.inf] * 900, [False] * 900, Verdict.TOO_FEW_LABELS),
        ([None] * 900, [False] * 900, Verdict.TOO_FEW_LABELS),
        ([0.95] * 298, [False] * 298, Verdict.TOO_FEW_LABELS),
        ([0.95] * 20, [True] * 20, Verdict.TOO_FEW_LABELS),
        ([0.95] * 900, [True] * 900, Verdict.TOO_MANY_WRONG),
        ([0.95] * 900, [True] * 9 + [False] * 891, Verdict.TOO_MANY_WRONG),
    ],
)
def test_where_nothing_passes_there_is_a_reason_and_no_number(
    confidence: list[float], is_wrong: list[bool], reason: Verdict
) -> None:
    answer = certify(confidence, is_wrong, max_error=0.01, start=0.9)
    assert (answer.threshold, answer.reason) == (None, reason)
    assert not curve(confidence, is_wrong, max_error=0.01, start=0.9).is_certified.any()
    assert answer.upper > 0.01


@pytest.mark.parametrize("max_error", [0.0, 1.0, -0.1, math.nan])
def test_an_impossible_promise_is_refused(max_error: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        certify([0.9], [False], max_error=max_error, start=0.9)


def test_a_start_below_the_grid_and_columns_of_two_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="below every threshold"):
        certify([0.9], [False], max_error=0.01, start=0.4)
    with pytest.raises(ValueError, match="one value per confidence"):
        certify([0.9, 0.8], [False], max_error=0.01, start=0.9)


def test_the_curve_and_the_certificate_tell_one_story() -> None:
    confidence, is_wrong = STEEP.draw(np.random.default_rng(4), 3_000)
    answer = certify(confidence, is_wrong, max_error=0.02, start=0.95)
    seen = curve(confidence, is_wrong, max_error=0.02, start=0.95)
    green = seen.threshold[seen.is_certified]
    assert answer.threshold == green.min()
    assert green.max() == 0.95
    assert np.all(np.diff(seen.sent) <= 0)
    assert np.all(np.diff(seen.wrong) <= 0)


# --- the guarantee (G1), its efficiency (G2), refusal (G3) ---------------------------------------


def test_the_promise_is_broken_in_at_most_five_of_a_hundred_calibrations() -> None:
    """G1 and G2: the true error is known, since confidence is the true probability."""
    rng, runs, limit = np.random.default_rng(1), 400, 0.02
    confidence, is_wrong = STEEP.draw(rng, 400_000)
    whole = curve(confidence, is_wrong, max_error=limit, start=0.9)
    risk = dict(zip(whole.threshold.tolist(), whole.wrong / whole.sent, strict=True))
    share = dict(zip(whole.threshold.tolist(), whole.sent / len(confidence), strict=True))
    oracle = max(share[threshold] for threshold, each in risk.items() if each <= limit)
    other, _ = STEEP.draw(rng, 20_000)
    start = start_from(other, 1 - other, labels=2_000, max_error=limit)
    answers = [
        certify(*STEEP.draw(rng, 2_000), max_error=limit, start=start).threshold
        for _ in range(runs)
    ]
    broken = sum(1 for answer in answers if answer is not None and risk[answer] > limit)
    automation = np.mean([0.0 if answer is None else share[answer] for answer in answers])
    assert broken / runs <= 0.05
    assert automation >= 0.9 * oracle


def _flat(rng: np.random.Generator, n: int) -> tuple[Floats, Bools]:
    return rng.uniform(0.5, 1, n), rng.random(n) < 0.0102


def test_under_the_flat_stress_only_the_fixed_sequence_keeps_the_promise() -> None:
    """G1: 1.02 % wrong at every confidence; "best of all" takes any threshold whose bound holds."""
    rng, runs, n, limit = np.random.default_rng(2), 400, 2_000, 0.01
    starts = [start_from(*_flat(rng, 500), labels=n, max_error=limit) for _ in range(20)]
    ours, best_of_all = 0, 0
    for run in range(runs):
        sample = _flat(rng, n)
        ours += certify(*sample, max_error=limit, start=starts[run % 20]).threshold is not None
        seen = curve(*sample, max_error=limit, start=starts[run % 20])
        best_of_all += bool(seen.upper.min() <= limit)
    assert ours / runs <= 0.05
    assert best_of_all / runs >= 0.1


def test_a_start_taken_from_the_tested_labels_would_break_the_promise() -> None:
    rng, runs, n, limit = np.random.default_rng(5), 100, 2_000, 0.01
    broken = 0
    for _ in range(runs):
        sample = _flat(rng, n)
        peeked = start_from(*sample, labels=n, max_error=limit)
        broken += certify(*sample, max_error=limit, start=peeked).threshold is not None
    assert broken / runs >= 0.08


def test_confidences_that_mean_nothing_lead_to_abstention() -> None:
    """G3: one draft in ten is wrong whatever its confidence."""
    rng, verdicts = np.random.default_rng(3), []
    claimed = rng.random(5_000)
    start = start_from(claimed, 1 - claimed, labels=1_000, max_error=0.02)
    for _ in range(200):
        confidence, is_wrong = rng.random(1_000), rng.random(1_000) < 0.1
        answer = certify(confidence, is_wrong, max_error=0.02, start=start)
        assert answer.threshold is None
        verdicts.append(answer.reason)
    assert verdicts.count(Verdict.TOO_MANY_WRONG) / 200 >= 0.9


# --- the start -----------------------------------------------------------------------------------


def test_without_other_data_the_start_is_fixed_beforehand() -> None:
    assert start_from([], [], labels=500, max_error=0.01) == 0.9
    assert start_from([math.nan], [0.1], labels=500, max_error=0.01) == 0.9
    assert start_from([], [], labels=500, max_error=0.01, grid=[0.2, 0.4]) == 0.4
    assert start_from([], [], labels=500, max_error=0.01, grid=[0.95, 0.99]) == 0.95


def test_the_start_is_the_threshold_most_likely_to_pass() -> None:
    rng = np.random.default_rng(6)
    confidence, _ = STEEP.draw(rng, 20_000)
    start = start_from(confidence, 1 - confidence, labels=800, max_error=0.01)
    passed = np.zeros(len(GRID))
    for _ in range(400):
        seen = curve(*STEEP.draw(rng, 800), max_error=0.01, start=GRID[-1])
        passed += p_value(seen.wrong, seen.sent, 0.01) <= 0.05
    assert passed[GRID.index(start)] >= passed.max() - 0.06 * 400


def test_an_unknown_probability_counts_as_wrong() -> None:
    confidence = np.linspace(0.5, 1, 2_000)
    unknown = np.where(confidence < 0.7, math.nan, 0.0)
    start = start_from(confidence, unknown, labels=3_000, max_error=0.02)
    assert start == start_from(confidence, confidence < 0.7, labels=3_000, max_error=0.02)
    assert start > start_from(confidence, np.zeros(2_000), labels=3_000, max_error=0.02)


def test_with_too_few_labels_for_anything_to_pass_the_start_is_the_fixed_one() -> None:
    assert start_from([0.99] * 50, [0.0] * 50, labels=100, max_error=0.01) == 0.9


# --- labels still needed -------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.0, 0.002, 0.01, 0.02, 0.03])
@pytest.mark.parametrize("power", [0.8, 0.9])
def test_the_audits_needed_are_those_from_which_the_power_stays(rate: float, power: float) -> None:
    needed = sends_needed(rate, max_error=0.05, power=power)
    assert needed is not None
    n = np.arange(1.0, 3_000.0)
    chance = at_most(most_wrong(n, 0.05, 0.95), n, rate)
    assert np.all(chance[needed - 1 :] >= power)
    assert chance[needed - 2] < power


@given(st.integers(0, 300), st.sampled_from([0.005, 0.01, 0.05]))
def test_the_tables_of_the_exact_test_are_each_other_turned_round(k: int, limit: float) -> None:
    n = float(least_sent(np.array([float(k)]), limit, 0.95)[0])
    assert binom.cdf(k, n, limit) <= 0.05 + 1e-12 < binom.cdf(k, n - 1, limit) + 2e-12
    assert most_wrong(np.array([n]), limit, 0.95)[0] == k
    assert most_wrong(np.array([n - 1]), limit, 0.95)[0] == k - 1


def test_the_published_numbers_of_audits_come_out() -> None:
    rates = (0.001, 0.0025, 0.004, 0.01)
    assert [sends_needed(r, max_error=0.01) for r in rates] == [473, 773, 1441, None]
    nine = [sends_needed(r, max_error=0.01, power=0.9) for r in rates]
    assert nine == [628, 1049, 1818, None]


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [(0, 0, 299), (20, 0, 279), (900, 100, None), (0, 500, None), (598, 0, 0)],
)
def test_labels_needed_for_counts_one_can_check_by_hand(
    right: int, wrong: int, expected: int | None
) -> None:
    confidence, is_wrong = [0.95] * (right + wrong), [False] * right + [True] * wrong
    assert labels_needed(confidence, is_wrong, max_error=0.01) == expected


def test_no_confidence_at_all_will_never_certify_anything() -> None:
    assert labels_needed([math.nan] * 50, [False] * 50, max_error=0.01) is None


def test_as_many_more_labels_as_were_asked_for_usually_bring_the_certificate() -> None:
    rng, world, limit = np.random.default_rng(8), World(4.2, 2.0), 0.01
    other, _ = world.draw(rng, 20_000)
    came, asked = 0, 0
    while asked < 20:
        confidence, is_wrong = world.draw(rng, 600)
        start = start_from(other, 1 - other, labels=600, max_error=limit)
        if certify(confidence, is_wrong, max_error=limit, start=start).threshold is not None:
            continue
        more = labels_needed(confidence, is_wrong, max_error=limit)
        assert more is not None
        asked += 1
        further = world.draw(rng, more)
        start = start_from(other, 1 - other, labels=600 + more, max_error=limit)
        confidence = np.concatenate([confidence, further[0]])
        is_wrong = np.concatenate([is_wrong, further[1]])
        answer = certify(confidence, is_wrong, max_error=limit, start=start)
        came += answer.threshold is not None
    assert came / asked >= 0.5


# --- the oracle ----------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Fixed sequence testing requires a monotonic risk:UserWarning")
@pytest.mark.filterwarnings("ignore:No predict parameters were found:UserWarning")
def test_mapie_certifies_the_same_threshold_or_a_stricter_one_for_a_known_rounding() -> None:
    """MAPIE counts ceil(n * (wrong / n)) errors, in floats sometimes one too many: stricter."""
    from mapie.risk_control import BinaryClassificationController, precision

    rng, limit, start = np.random.default_rng(9), 0.02, 0.95
    grid = np.array([value for value in GRID if value <= start])[::-1]
    same = 0
    for _ in range(20):
        confidence, is_wrong = STEEP.draw(rng, 1_500)
        controller = BinaryClassificationController(
            predict_function=lambda score: np.column_stack([1 - score, score]),
            risk=precision,
            target_level=1 - limit,
            confidence_level=0.95,
            list_predict_params=grid,
            fwer_method="fixed_sequence",
        ).calibrate(confidence, (~is_wrong).astype(int))
        ours = certify(confidence, is_wrong, max_error=limit, start=start)
        seen = curve(confidence, is_wrong, max_error=limit, start=start)
        kept = np.isin(seen.threshold, grid)
        wrong, sent = seen.wrong[kept][::-1], seen.sent[kept][::-1]
        theirs = np.asarray(controller.p_values).ravel()
        exact, one_more = p_value(wrong, sent, limit), p_value(wrong + 1, sent, limit)
        assert np.all(np.isclose(theirs, exact) | np.isclose(theirs, one_more))
        valid = list(controller.valid_predict_params)
        assert not valid or (ours.threshold is not None and ours.threshold <= min(valid))
        same += ours.threshold == (min(valid) if valid else None)
    assert same >= 12
