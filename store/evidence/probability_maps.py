"""Rising maps from a score to a probability: Platt's line in the log-odds, and the beta map.

The beta map bends the two ends separately, which a score that is overconfident at one end needs.
Both rise with the score, so neither re-orders drafts. Fitted on held-out scores, with Platt's
smoothed targets; a map that would fall is refused: then every draft gets the base rate.
"""

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Truth = NDArray[np.bool_]

Platt = tuple[float, float]  # log-odds = a·s + b
Beta = tuple[float, float, float]  # log-odds = a·ln p - b·ln(1 - p) + c, p = 1 / (1 + exp(-s))
_FOLDS = 5


def probability(score: float, fitted: Platt | Beta) -> float:
    """Return the probability that a fitted map gives a score.

    Examples
    --------
    >>> probability(0.0, (1.0, 0.0))
    0.5
    >>> round(probability(1.3, (2.0, 2.0, 0.5)), 6) == round(probability(1.3, (2.0, 0.5)), 6)
    True
    """
    if len(fitted) == 2:
        a, b = fitted
        return _logistic(a * score + b)
    a, b, c = fitted
    return _logistic(-a * _softplus(-score) + b * _softplus(score) + c)


def choose(
    scores: "Floats", truth: "Truth", mass: "Floats", *, seed: int
) -> tuple[Platt, Beta | None]:
    """Return Platt's map, and the beta map only where it is clearly better.

    Parameters
    ----------
    scores, truth, mass
        Held-out scores, whether each draft was right, and its weight; n is their number, with at
        least five of either class.
    seed
        Of the folds.

    Returns
    -------
    tuple
        The beta map is None unless its cross-validated log loss is lower by more than one standard
        error of the paired difference: the simpler map stands until the other has earned its place.

    References
    ----------
    Platt 1999; Kull, Silva Filho & Flach 2017, AISTATS (beta calibration); Breiman et al. 1984 for
    the rule of one standard error.
    """
    from sklearn.model_selection import StratifiedKFold

    gained = np.zeros(len(truth))
    parts = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    for seen, unseen in parts.split(scores.reshape(-1, 1), truth):
        of_platt = _fit_platt(scores[seen], truth[seen], mass[seen])
        of_beta = _fit_beta(scores[seen], truth[seen], mass[seen])
        was, now = (_losses(scores[unseen], truth[unseen], one) for one in (of_platt, of_beta))
        gained[unseen] = was - now
    mean = float(np.average(gained, weights=mass))
    error = math.sqrt(float((mass**2 * (gained - mean) ** 2).sum())) / float(mass.sum())
    platt = _fit_platt(scores, truth, mass)
    return platt, _fit_beta(scores, truth, mass) if mean > error else None


def _fit_platt(scores: "Floats", truth: "Truth", mass: "Floats") -> Platt:
    (slope,), offset = _rising(scores.reshape(-1, 1), truth, mass)
    return slope, offset


def _fit_beta(scores: "Floats", truth: "Truth", mass: "Floats") -> Beta:
    ends = np.column_stack([-np.logaddexp(0, -scores), np.logaddexp(0, scores)])
    (low, high), offset = _rising(ends, truth, mass)
    return low, high, offset


def _rising(columns: "Floats", truth: "Truth", mass: "Floats") -> tuple[list[float], float]:
    """Return slopes >= 0 and the offset: a column whose slope would be negative is left out."""
    from sklearn.linear_model import LogisticRegression

    n_right, n_wrong = int(truth.sum()), int((~truth).sum())
    target = np.where(truth, (n_right + 1) / (n_right + 2), 1 / (n_wrong + 2))
    classes = np.repeat([True, False], len(truth))
    shares = np.concatenate([mass * target, mass * (1 - target)])
    slopes, kept = [0.0] * columns.shape[1], list(range(columns.shape[1]))
    while kept:
        both = np.concatenate([columns[:, kept]] * 2)
        line = LogisticRegression(C=1e6, max_iter=1_000).fit(both, classes, sample_weight=shares)
        found = line.coef_[0].tolist()
        if min(found) >= 0:
            for column, slope in zip(kept, found, strict=True):
                slopes[column] = slope
            return slopes, float(line.intercept_[0])
        kept.remove(kept[found.index(min(found))])
    base = float((mass * target).sum() / mass.sum())
    return slopes, math.log(base / (1 - base))


def _losses(scores: "Floats", truth: "Truth", fitted: Platt | Beta) -> "Floats":
    said = np.array([probability(float(score), fitted) for score in scores])
    said = np.clip(np.where(truth, said, 1 - said), 1e-12, 1.0)
    losses: Floats = -np.log(said)
    return losses


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
