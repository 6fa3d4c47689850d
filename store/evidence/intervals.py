"""Intervals for a rate, each where it is valid.

`wilson` for a closed period that is looked at once; `confidence_sequence` for anything live, since
it holds however often one looks. Both answer None at n = 0. A count may be fractional: weighted
samples pass their effective counts, for which both are approximations. `clopper_pearson_upper`
is the exact one-sided bound behind certificates.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaincinv, betaln

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

STEP_PRIOR = (0.5, 0.5)  # for step and end-to-end rates
RARE_ERROR_PRIOR = (1.0, 50.0)  # for error rates of 5 % and less


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided interval for a rate."""

    low: float
    high: float


def wilson(k: float, n: float, assurance: float = 0.95) -> Interval | None:
    """Return the Wilson score interval of k successes in n; for one look at a closed period.

    Parameters
    ----------
    k, n
        Successes and trials, 0 <= k <= n. Raises ValueError outside.
    assurance
        Two-sided coverage, in (0, 1).

    Returns
    -------
    Interval or None
        None at n = 0: nothing is known.

    References
    ----------
    Wilson 1927, JASA 22; Brown, Cai & DasGupta 2001, Statistical Science 16.

    Examples
    --------
    >>> wilson(1040, 1050)
    Interval(low=0.9825..., high=0.9948...)
    >>> wilson(0, 0) is None
    True
    """
    _require_counts(k, n, assurance)
    if n == 0:
        return None
    z = NormalDist().inv_cdf((1 + assurance) / 2)
    rate, z2n = k / n, z * z / n
    centre = (rate + z2n / 2) / (1 + z2n)
    half = z * math.sqrt(rate * (1 - rate) / n + z2n / (4 * n)) / (1 + z2n)
    low = 0.0 if k == 0 else max(0.0, centre - half)
    high = 1.0 if k == n else min(1.0, centre + half)
    return Interval(low, high)


def confidence_sequence(
    k: float,
    n: float,
    assurance: float = 0.95,
    prior: tuple[float, float] = STEP_PRIOR,
) -> Interval | None:
    """Return the anytime-valid interval of k successes in n: it may be watched after every label.

    The set of rates p whose beta-binomial mixture likelihood ratio is under 1 / (1 - assurance);
    by Ville's inequality the true rate ever leaves it with probability at most 1 - assurance.

    Parameters
    ----------
    k, n
        Successes and trials so far, 0 <= k <= n. Raises ValueError outside.
    assurance
        Coverage over all looks together, in (0, 1).
    prior
        Beta(a, b) of the mixture. Any is valid if fixed before the data; it sets where the
        sequence is narrow: `STEP_PRIOR` in general, `RARE_ERROR_PRIOR` for small error rates.

    Returns
    -------
    Interval or None
        None at n = 0: nothing is known.

    References
    ----------
    Robbins 1970, Ann. Math. Statist. 41; Howard et al. 2021, arXiv 1810.08240.

    Examples
    --------
    >>> confidence_sequence(10, 1050, prior=RARE_ERROR_PRIOR)
    Interval(low=0.0031..., high=0.0214...)
    >>> confidence_sequence(0, 0) is None
    True
    """
    _require_counts(k, n, assurance)
    if n == 0:
        return None
    a, b = prior
    limit = float(betaln(a + k, b + n - k) - betaln(a, b)) + math.log(1 - assurance)

    def excess(p: float) -> float:
        hit = k * math.log(p) if k else 0.0
        miss = (n - k) * math.log1p(-p) if k < n else 0.0
        return limit - hit - miss  # negative inside the interval

    mode, edge = min(max(k / n, 1e-12), 1 - 1e-12), 1e-15
    low = 0.0 if k == 0 or excess(edge) <= 0 else float(brentq(excess, edge, mode))
    high = 1.0 if k == n or excess(1 - edge) <= 0 else float(brentq(excess, mode, 1 - edge))
    return Interval(low, high)


def clopper_pearson_upper(
    k: "ArrayLike", n: "ArrayLike", assurance: float = 0.95
) -> "NDArray[np.float64]":
    """Return the exact one-sided upper bound of k successes in n, for arrays of counts.

    Parameters
    ----------
    k, n
        Whole successes and trials, broadcast against each other; 0 <= k <= n, else ValueError.
    assurance
        One-sided coverage, in (0, 1).

    Returns
    -------
    ndarray
        1 at n = 0: anything is possible.

    References
    ----------
    Clopper & Pearson 1934, Biometrika 26.

    Examples
    --------
    >>> clopper_pearson_upper([0, 0, 10], [0, 299, 1050]).round(5)
    array([1.     , 0.00997, 0.0161 ])
    """
    hits, trials = np.asarray(k, dtype=float), np.asarray(n, dtype=float)
    if not np.all((hits >= 0) & (hits <= trials)):
        raise ValueError("successes and trials must satisfy 0 <= k <= n")
    if not 0 < assurance < 1:
        raise ValueError(f"an assurance lies between 0 and 1, not {assurance}")
    misses = trials - hits
    inside = betaincinv(hits + 1, np.where(misses > 0, misses, 1.0), assurance)
    return np.asarray(np.where(misses > 0, inside, 1.0), dtype=float)


def _require_counts(k: float, n: float, assurance: float) -> None:
    if not 0 <= k <= n or not math.isfinite(n):
        raise ValueError(f"successes and trials must satisfy 0 <= k <= n, not k={k}, n={n}")
    if not 0 < assurance < 1:
        raise ValueError(f"an assurance lies between 0 and 1, not {assurance}")
