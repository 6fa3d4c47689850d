"""Is one version better than another? Paired where the same cases went through both.

Both answers name a difference only where the exact test and the interval agree that there is one;
otherwise the words are "no clear difference". Two per hundred apart is usually nothing.
"""

import math
from dataclasses import dataclass

from store.evidence.intervals import Interval, wilson
from store.evidence.sampling import ENOUGH

NO_CLEAR_DIFFERENCE = "no clear difference"


@dataclass(frozen=True, slots=True)
class Comparison:
    """How often two versions were right; `difference` is the first's rate less the second's."""

    right_first: int
    n_first: int
    right_second: int
    n_second: int
    difference: float
    low: float
    high: float
    p_value: float
    assurance: float
    discordant: tuple[int, int] | None = None  # cases only one got right; None: not paired

    @property
    def is_paired(self) -> bool:
        """Return whether the same cases went through both."""
        return self.discordant is not None

    @property
    def has_enough(self) -> bool:
        """Return False under 30 cases of either: show the counts only."""
        return min(self.n_first, self.n_second) >= ENOUGH

    @property
    def is_clear(self) -> bool:
        """Return whether there is a difference to speak of: enough cases, test and range agree."""
        is_beyond = self.low > 0 or self.high < 0
        return self.has_enough and is_beyond and self.p_value < 1 - self.assurance


def paired(
    only_first: int, only_second: int, both: int, neither: int, assurance: float = 0.95
) -> Comparison | None:
    """Return the comparison of two versions on the same cases.

    Parameters
    ----------
    only_first, only_second, both, neither
        Cases by who got them right; n is their sum. Raises ValueError for a negative one.
    assurance
        Coverage of the range and 1 - level of the test, for one look at closed data.

    Returns
    -------
    Comparison or None
        With McNemar's exact p and Newcombe's range for paired rates; None at n = 0.

    References
    ----------
    McNemar 1947, Psychometrika 12 (exact form: binomial on the discordant cases); Newcombe 1998,
    Statistics in Medicine 17, 2635-2650, method 10.

    Examples
    --------
    >>> same = paired(14, 11, 59, 16)  # 73 against 70 of the same hundred
    >>> round(same.p_value, 2), same.is_clear
    (0.69, False)
    >>> paired(0, 0, 0, 0) is None
    True
    """
    from scipy.stats import binomtest

    _require(min(only_first, only_second, both, neither) >= 0, "counts are not negative")
    n, split = only_first + only_second + both + neither, only_first + only_second
    first, second = both + only_first, both + only_second
    p_value = float(binomtest(only_first, split).pvalue) if split else 1.0
    margins = math.sqrt(first * (n - first) * second * (n - second))
    cross = float(both * neither - only_first * only_second)
    cross = max(0.0, cross - n / 2) if cross > 0 else cross
    link = cross / margins if margins else 0.0
    return _compared((first, n), (second, n), p_value, assurance, link, (only_first, only_second))


def unpaired(
    right_first: int, n_first: int, right_second: int, n_second: int, assurance: float = 0.95
) -> Comparison | None:
    """Return the comparison of two versions on different cases drawn alike.

    Parameters
    ----------
    right_first, n_first, right_second, n_second
        Right and labelled of each. Raises ValueError unless 0 <= right <= n.
    assurance
        Coverage of the range and 1 - level of the test, for one look at closed data.

    Returns
    -------
    Comparison or None
        With Fisher's exact p and Newcombe's range; None where either has no case.

    References
    ----------
    Newcombe 1998, Statistics in Medicine 17, 873-890, method 10; Fisher 1922, JRSS 85.

    Examples
    --------
    >>> apart = unpaired(56, 70, 48, 80)
    >>> round(apart.low, 4), round(apart.high, 4)
    (0.0524, 0.3339)
    >>> unpaired(0, 0, 5, 9) is None
    True
    """
    from scipy.stats import fisher_exact

    is_possible = 0 <= right_first <= n_first and 0 <= right_second <= n_second
    _require(is_possible, "right lies between 0 and n")
    table = [[right_first, n_first - right_first], [right_second, n_second - right_second]]
    p_value = float(fisher_exact(table)[1]) if n_first and n_second else 1.0
    return _compared((right_first, n_first), (right_second, n_second), p_value, assurance)


def in_words(found: Comparison | None, first: str, second: str) -> str:
    """Return the sentence that a page shows.

    Examples
    --------
    >>> in_words(paired(43, 5, 30, 22), "Version 4", "version 3")
    'Version 4 is right more often than version 3: 73 of 100 against 35 of 100, 38.0 points (...)'
    >>> in_words(paired(14, 11, 59, 16), "Version 4", "version 3")
    'no clear difference: 73 of 100 against 70 of 100'
    >>> in_words(paired(5, 43, 30, 22), "Version 4", "version 3")
    'version 3 is right more often than Version 4: 73 of 100 against 35 of 100, 38.0 points (...)'
    >>> in_words(unpaired(3, 4, 2, 9), "Version 4", "version 3")
    'too few to compare: 3 of 4 against 2 of 9'
    """
    if found is None:
        return "nothing to compare yet"
    counts = (
        f"{found.right_first:,} of {found.n_first:,} against"
        f" {found.right_second:,} of {found.n_second:,}"
    )
    if not found.has_enough:
        return f"too few to compare: {counts}"
    if not found.is_clear:
        return f"{NO_CLEAR_DIFFERENCE}: {counts}"
    more, less = first, second
    if found.difference < 0:
        more, less = second, first
        counts = " against ".join(reversed(counts.split(" against ")))
    points = sorted(100 * abs(limit) for limit in (found.low, found.high))
    return (
        f"{more} is right more often than {less}: {counts},"
        f" {100 * abs(found.difference):.1f} points ({points[0]:.1f} to {points[1]:.1f})"
    )


def _compared(
    first: tuple[int, int],
    second: tuple[int, int],
    p_value: float,
    assurance: float,
    link: float = 0.0,
    discordant: tuple[int, int] | None = None,
) -> Comparison | None:
    one, other = wilson(*first, assurance), wilson(*second, assurance)
    if one is None or other is None:
        return None
    rate, base = first[0] / first[1], second[0] / second[1]
    below = _apart(rate - one.low, other.high - base, link)
    above = _apart(one.high - rate, base - other.low, link)
    gap = rate - base
    reach = Interval(max(-1.0, gap - below), min(1.0, gap + above))
    return Comparison(*first, *second, gap, reach.low, reach.high, p_value, assurance, discordant)


def _apart(one: float, other: float, link: float) -> float:
    return math.sqrt(max(0.0, one * one - 2 * link * one * other + other * other))


def _require(is_so: bool, what: str) -> None:
    if not is_so:
        raise ValueError(f"two versions cannot be compared on these counts: {what}")
