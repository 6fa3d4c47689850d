"""Two versions compared: the reference runs, the libraries' figures, and the range's coverage."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import confint_proportions_2indep

from store.evidence import comparison
from store.evidence.comparison import NO_CLEAR_DIFFERENCE, Comparison, in_words, paired, unpaired

cells = st.integers(0, 60)


def _of(found: Comparison | None) -> Comparison:
    assert found is not None
    return found


def test_every_example_in_the_documentation_is_true() -> None:
    results = doctest.testmod(comparison, optionflags=doctest.ELLIPSIS)
    assert (results.attempted > 0, results.failed) == (True, 0)


def test_73_against_70_of_the_same_hundred_tasks_is_no_clear_difference() -> None:
    found = _of(paired(14, 11, 59, 16))
    assert (found.right_first, found.right_second, found.discordant) == (73, 70, (14, 11))
    assert round(found.p_value, 2) == 0.69
    assert found.low < 0 < found.high
    assert not found.is_clear
    assert in_words(found, "A", "B").startswith(NO_CLEAR_DIFFERENCE)


def test_73_against_35_of_the_same_hundred_tasks_is_a_clear_difference() -> None:
    found = _of(paired(43, 5, 30, 22))
    assert (found.right_first, found.right_second) == (73, 35)
    assert found.p_value == pytest.approx(1.4e-8, rel=0.05)
    assert found.is_clear
    assert in_words(found, "A", "B").startswith("A is right more often than B")
    assert in_words(paired(5, 43, 30, 22), "A", "B").startswith("B is right more often than A")


@given(cells, cells, cells, cells)
def test_the_paired_test_agrees_with_statsmodels_and_swaps_sides(
    only_first: int, only_second: int, both: int, neither: int
) -> None:
    found = paired(only_first, only_second, both, neither)
    if found is None:
        assert only_first + only_second + both + neither == 0
        return
    theirs = mcnemar([[both, only_first], [only_second, neither]], exact=True).pvalue
    assert found.p_value == pytest.approx(min(1.0, theirs), abs=1e-9)
    assert -1 <= found.low <= found.difference + 1e-12
    assert found.difference <= found.high + 1e-12
    swapped = _of(paired(only_second, only_first, both, neither))
    assert (swapped.low, swapped.high) == pytest.approx((-found.high, -found.low))
    assert swapped.is_clear == found.is_clear


@given(st.integers(1, 200), st.integers(1, 200), st.data())
def test_the_unpaired_range_agrees_with_statsmodels(n: int, m: int, data: st.DataObject) -> None:
    k, j = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    found = _of(unpaired(k, n, j, m))
    theirs = confint_proportions_2indep(k, n, j, m, method="newcomb", compare="diff")
    assert (found.low, found.high) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize(("first", "second", "both_right"), [(0.9, 0.9, 0.85), (0.95, 0.88, 0.86)])
def test_the_paired_range_covers_as_often_as_it_says(
    first: float, second: float, both_right: float
) -> None:
    rng = np.random.default_rng(5)
    shares = [first - both_right, second - both_right, both_right, 1 - first - second + both_right]
    draws = rng.multinomial(150, shares, size=1_000)
    found = [_of(paired(*(int(cell) for cell in draw))) for draw in draws]
    covered = np.mean([one.low <= first - second <= one.high for one in found])
    assert 0.93 <= covered <= 0.98


def test_equal_versions_are_called_different_in_at_most_one_of_twenty() -> None:
    rng = np.random.default_rng(6)
    draws = rng.multinomial(120, [0.1, 0.1, 0.7, 0.1], size=600)
    called = np.mean([_of(paired(*(int(cell) for cell in draw))).is_clear for draw in draws])
    assert called <= 0.05
    hits = rng.binomial(120, 0.85, size=(600, 2))
    called = np.mean([_of(unpaired(int(k), 120, int(j), 120)).is_clear for k, j in hits])
    assert called <= 0.05


def test_under_thirty_cases_nothing_is_called_clear() -> None:
    found = _of(paired(20, 0, 5, 4))
    assert found.p_value < 1e-5
    assert not found.is_clear
    assert in_words(found, "A", "B").startswith("too few to compare")


def test_nothing_on_either_side_is_no_comparison() -> None:
    assert paired(0, 0, 0, 0) is None
    assert unpaired(3, 5, 0, 0) is None
    assert in_words(None, "A", "B") == "nothing to compare yet"


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="not negative"):
        paired(-1, 0, 3, 3)
    with pytest.raises(ValueError, match="between 0 and n"):
        unpaired(6, 5, 1, 2)
