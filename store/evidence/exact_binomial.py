"""Arithmetic of the exact binomial test: when it passes, and how many audits that takes.

The test: of `n` drafts sent, `k` were wrong; it passes "at most `max_error` is wrong" where so few
errors would turn up with a probability of at most 1 - assurance if the share were `max_error`.
"""

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import bdtrik, bdtrin, betaincc

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Counts = NDArray[np.float64]

POWER = 0.8  # how likely a certificate should be when its labels are counted out beforehand
_MOST_WRONG = 2**20  # a search that needs more wrong sends than this answers "never"


def sends_needed(
    rate_wrong: float, *, max_error: float, assurance: float = 0.95, power: float = POWER
) -> int | None:
    """Return how many audits of sent drafts certify `max_error` at one threshold, from none.

    Returns
    -------
    int or None
        From this number on the exact test passes with at least `power`, up to the next whole error
        allowed and beyond. None where `rate_wrong` is not below the limit.

    References
    ----------
    Clopper & Pearson 1934, Biometrika 26.

    Examples
    --------
    >>> [sends_needed(rate, max_error=0.01) for rate in (0.0, 0.001, 0.0025, 0.005, 0.01)]
    [299, 473, 773, 2185, None]
    """
    require_shares(max_error, assurance, power)
    rate, none = np.array([float(rate_wrong)]), np.zeros(1)
    needed = float(further_sends(rate, none, none, max_error, assurance, power)[0])
    return int(needed) if np.isfinite(needed) else None


def at_most(k: "Counts", n: "Counts", rate: "Counts | float") -> "NDArray[np.float64]":
    """Return P[Binomial(n, rate) <= k]; 0 for k < 0, and 1 at n = 0.

    Examples
    --------
    >>> at_most(np.array([0, 1]), np.array([299, 473]), 0.01).round(4)
    array([0.0495, 0.0498])
    """
    rest = np.maximum(n - k, 0.5)  # unused where k >= n
    inside = betaincc(np.maximum(k, 0) + 1, rest, rate)
    return np.asarray(np.where(k < 0, 0.0, np.where(k >= n, 1.0, inside)), dtype=float)


def most_wrong(n: "Counts", max_error: float, assurance: float) -> "Counts":
    """Return the greatest number wrong among n with which the test passes; -1 where none does.

    Examples
    --------
    >>> most_wrong(np.array([0, 298, 299, 473]), 0.01, 0.95)
    array([-1., -1.,  0.,  1.])
    """
    risk = 1 - assurance
    k = np.floor(np.nan_to_num(bdtrik(risk, np.maximum(n, 1), max_error)))
    return np.asarray(np.where(at_most(k, n, max_error) <= risk, k, k - 1), dtype=float)


def least_sent(k: "Counts", max_error: float, assurance: float) -> "Counts":
    """Return the smallest number sent of which k may be wrong for the test to pass.

    Examples
    --------
    >>> least_sent(np.arange(4), 0.01, 0.95)
    array([299., 473., 628., 773.])
    """
    return np.asarray(np.ceil(bdtrin(k, 1 - assurance, max_error)), dtype=float)


def further_sends(
    rate: "Counts",
    sent: "ArrayLike",
    wrong: "ArrayLike",
    max_error: float,
    assurance: float,
    power: float,
) -> "Counts":
    """Return how many more sends pass the test with this power, having seen `wrong` of `sent`.

    Bisects on the number wrong that the test will allow. Between one more allowed error and the
    next the chance only falls, so each number is judged at its worst, just before the next.
    """
    n, k = np.asarray(sent, dtype=float), np.asarray(wrong, dtype=float)
    low, high = k - 1, np.full_like(k, _MOST_WRONG)
    for _ in range(_MOST_WRONG.bit_length() + 1):
        allowed = np.floor((low + high) / 2)
        worst = least_sent(allowed + 1, max_error, assurance) - 1 - n
        is_enough = (worst >= 0) & (at_most(allowed - k, worst, rate) >= power)
        low, high = np.where(is_enough, low, allowed), np.where(is_enough, allowed, high)
    needed = np.maximum(least_sent(high, max_error, assurance) - n, 0)
    is_reachable = (rate < max_error) & (high < _MOST_WRONG)
    return np.asarray(np.where(is_reachable, needed, np.inf), dtype=float)


def require_shares(*shares: float) -> None:
    """Raise ValueError unless every limit, assurance and power lies between 0 and 1."""
    if not all(0 < share < 1 for share in shares):
        raise ValueError(f"a limit, an assurance and a power lie between 0 and 1, not {shares}")
