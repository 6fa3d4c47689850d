"""What a confidence is worth: does "90 % sure" come true nine times in ten, and does it rank?

Every measure takes the labels' weights (1 / inclusion probability). A calibrator is never judged on
the drafts it was fitted on: `cross_validated` gives each draft a confidence by a stack that did not
see it. Where fewer than 30 labels would stand behind a bin, there are fewer bins.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from store.evidence.calibration import fit
from store.evidence.intervals import Interval, wilson
from store.evidence.sampling import ENOUGH

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

BINS = 10  # of the diagram
ECE_BINS = 15
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Bin:
    """Drafts of like confidence: what was said of them, and what came true."""

    low: float  # least and greatest confidence in it
    high: float
    mean: float  # what was said
    right: int
    n: int
    rate: float  # what came true, weighted
    interval: Interval
    share: float  # of all drafts, weighted


def diagram(
    confidence: "ArrayLike",
    right: "ArrayLike",
    bins: int = BINS,
    weights: "ArrayLike | None" = None,
) -> tuple[Bin, ...]:
    """Return the reliability diagram over bins of equal mass.

    Parameters
    ----------
    confidence, right
        What was said of each draft and whether it was right; n is their number.
    bins
        At most so many: each of about 30 effective labels, and equal confidences stay together.
    weights
        1 / inclusion probability per draft; equal when left out. A bin's mass is its weight.

    Returns
    -------
    tuple of Bin
        By rising confidence, with Wilson ranges on the effective n (one look); () at n = 0.

    References
    ----------
    Murphy & Winkler 1977, Applied Statistics 26 (reliability diagrams); Wilson 1927; Kish 1965.

    Examples
    --------
    >>> (only,) = diagram([0.9] * 40, [True] * 36 + [False] * 4)
    >>> only.mean, only.rate, only.n
    (0.9, 0.9, 40)
    >>> diagram([], [])
    ()
    """
    said, truth, mass = _arrays(confidence, right, weights)
    if not len(said):
        return ()
    where = _bins(said, mass, max(1, min(bins, int(_effective(mass) // ENOUGH))))
    parts = [where == number for number in np.unique(where)]
    return tuple(_bin(said[part], truth[part], mass[part], mass.sum()) for part in parts)


def ece(
    confidence: "ArrayLike",
    right: "ArrayLike",
    bins: int = ECE_BINS,
    weights: "ArrayLike | None" = None,
) -> float | None:
    """Return the expected calibration error: the mean gap between what was said and came true.

    Parameters
    ----------
    confidence, right, bins, weights
        As for `diagram`. Few labels make it too large: chance alone gives each bin a gap of about
        √(p(1-p)/n), so small ones can only be told from many labels.

    Returns
    -------
    float or None
        None at n = 0.

    References
    ----------
    Naeini, Cooper & Hauskrecht 2015, AAAI; Nixon et al. 2019, arXiv 1904.01685 (equal mass).

    Examples
    --------
    >>> round(ece([0.9] * 40, [True] * 30 + [False] * 10), 3)
    0.15
    """
    found = diagram(confidence, right, bins, weights)
    return math.fsum(one.share * abs(one.mean - one.rate) for one in found) if found else None


def brier(
    confidence: "ArrayLike", right: "ArrayLike", weights: "ArrayLike | None" = None
) -> float | None:
    """Return the mean squared distance of what was said from what came true; None at n = 0.

    References
    ----------
    Brier 1950, Monthly Weather Review 78.

    Examples
    --------
    >>> round(brier([0.9, 0.9], [True, False]), 2)
    0.41
    """
    said, truth, mass = _arrays(confidence, right, weights)
    return float(np.average((said - truth) ** 2, weights=mass)) if len(said) else None


def auroc(
    confidence: "ArrayLike", right: "ArrayLike", weights: "ArrayLike | None" = None
) -> float | None:
    """Return the chance that a right draft is ranked above a wrong one, a tie counting half.

    Parameters
    ----------
    confidence, right, weights
        As for `diagram`; any score that ranks will do for the first.

    Returns
    -------
    float or None
        None where all are right or all wrong, so also at n = 0.

    References
    ----------
    Mann & Whitney 1947; Hanley & McNeil 1982, Radiology 143.

    Examples
    --------
    >>> auroc([0.9, 0.8, 0.8, 0.1], [True, True, False, False])
    0.875
    """
    score, truth, mass = _arrays(confidence, right, weights)
    if not len(score) or truth.all() or not truth.any():
        return None
    levels, at = np.unique(score, return_inverse=True)
    wrong = np.bincount(at, mass * ~truth, minlength=len(levels))
    hits = np.bincount(at, mass * truth, minlength=len(levels))
    beaten = np.cumsum(wrong) - wrong / 2
    return float((hits * beaten).sum() / (hits.sum() * wrong.sum()))


@dataclass(frozen=True, slots=True)
class Quality:
    """What confidences were worth on labels they were not fitted on; None where unknown."""

    labels: int
    wrong: int
    ece: float | None
    brier: float | None
    auroc: float | None
    bins: tuple[Bin, ...]


def quality(
    confidence: "ArrayLike", right: "ArrayLike", weights: "ArrayLike | None" = None
) -> Quality:
    """Return all measures at once; none may have been fitted on these drafts."""
    truth = np.asarray(right, dtype=bool)
    return Quality(
        labels=len(truth),
        wrong=int((~truth).sum()),
        ece=ece(confidence, truth, weights=weights),
        brier=brier(confidence, truth, weights),
        auroc=auroc(confidence, truth, weights),
        bins=diagram(confidence, truth, weights=weights),
    )


@dataclass(frozen=True, slots=True)
class Gain:
    """By how much the Brier score fell from one calibrator to another, on the same drafts."""

    mean: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Return False where the honest answer is "no clear difference"."""
        return self.low > 0 or self.high < 0


def brier_gain(
    before: "ArrayLike",
    after: "ArrayLike",
    right: "ArrayLike",
    weights: "ArrayLike | None" = None,
    assurance: float = 0.95,
) -> Gain | None:
    """Return how much better the later confidences are, draft by draft.

    Parameters
    ----------
    before, after
        What two calibrators say of the same drafts; neither may have been fitted on them.
    right, weights
        As for `diagram`; n is their number.
    assurance
        Coverage of the range, for one look.

    Returns
    -------
    Gain or None
        With a normal range of the weighted paired mean; None under 30 labels.

    References
    ----------
    Diebold & Mariano 1995, JBES 13 (paired loss differences).

    Examples
    --------
    >>> gain = brier_gain([0.5] * 40, [0.9] * 40, [True] * 36 + [False] * 4)
    >>> round(gain.mean, 2), gain.is_clear
    (0.16, True)
    """
    was, truth, mass = _arrays(before, right, weights)
    if len(was) < ENOUGH:
        return None
    now = np.asarray(after, dtype=float)
    each = (was - truth) ** 2 - (now - truth) ** 2
    mean = float(np.average(each, weights=mass))
    error = math.sqrt(float((mass**2 * (each - mean) ** 2).sum())) / float(mass.sum())
    half = NormalDist().inv_cdf((1 + assurance) / 2) * error
    return Gain(mean, mean - half, mean + half)


def cross_validated(
    rows: Sequence[Mapping[str, float]],
    right: Sequence[bool],
    *,
    seed: int,
    weights: Sequence[float] | None = None,
    folds: int = FOLDS,
) -> "NDArray[np.float64]":
    """Return each draft's confidence by a stack fitted on the other folds.

    Parameters
    ----------
    rows, right, weights
        As for `calibration.fit`; n is their number. Raises BadInput where a fold's complement has
        too little of either class.
    seed
        Of the folds.
    folds
        Parts of the labels, each with its share of wrong ones.

    References
    ----------
    Stone 1974, JRSS B 36.
    """
    from sklearn.model_selection import StratifiedKFold

    truth = np.asarray(right, dtype=bool)
    said = np.full(len(truth), np.nan)
    parts = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for seen, unseen in parts.split(np.zeros(len(truth)), truth):
        stack = fit(
            [rows[i] for i in seen],
            truth[seen].tolist(),
            seed=seed,
            weights=None if weights is None else [weights[i] for i in seen],
        )
        said[unseen] = [stack.probability(stack.raw(rows[i])) for i in unseen]
    return said


def _bins(
    said: "NDArray[np.float64]", mass: "NDArray[np.float64]", count: int
) -> "NDArray[np.int64]":
    """Return each draft's bin: by the middle of its level's mass, so that ties share one."""
    levels, at = np.unique(said, return_inverse=True)
    held = np.bincount(at, mass, minlength=len(levels))
    middle = (np.cumsum(held) - held / 2) / held.sum()
    number: NDArray[np.int64] = np.minimum((middle * count).astype(np.int64), count - 1)
    return number[at]


def _effective(mass: "NDArray[np.float64]") -> float:
    return float(mass.sum()) ** 2 / float((mass**2).sum())


def _bin(
    said: "NDArray[np.float64]",
    truth: "NDArray[np.bool_]",
    mass: "NDArray[np.float64]",
    total: float,
) -> Bin:
    held = float(mass.sum())
    rate = 1.0 if truth.all() else float((mass * truth).sum() / held)
    effective = _effective(mass)
    interval = wilson(min(effective, effective * rate), effective)
    assert interval is not None  # a bin holds at least one draft
    return Bin(
        low=float(said.min()),
        high=float(said.max()),
        mean=float(np.average(said, weights=mass)),
        right=int(truth.sum()),
        n=len(said),
        rate=rate,
        interval=interval,
        share=held / float(total),
    )


def _arrays(
    confidence: "ArrayLike", right: "ArrayLike", weights: "ArrayLike | None"
) -> "tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]":
    said, truth = np.asarray(confidence, dtype=float), np.asarray(right, dtype=bool)
    mass = np.ones(len(said)) if weights is None else np.asarray(weights, dtype=float)
    if not len(said) == len(truth) == len(mass):
        raise ValueError("confidences, labels and weights must have one length")
    if not np.isfinite(said).all() or not (mass > 0).all():
        raise ValueError("confidences must be finite and weights positive")
    return said, truth, mass
