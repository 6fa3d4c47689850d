"""The laxest threshold that keeps its promise: at most `max_error` of what is sent alone is wrong.

Thresholds are tested one after another from a start towards laxer ones, each with the exact
binomial test, until the first that fails. The last that passed holds with the stated assurance,
provided that grid, start and order come from other data than the labels tested here. The labels
must be an equal-chance sample of all drafts (the audit coin), sent or not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from store.evidence.exact_binomial import (
    POWER,
    at_most,
    further_sends,
    least_sent,
    most_wrong,
    require_shares,
)
from store.evidence.intervals import clopper_pearson_upper
from store.evidence.sampling import ENOUGH

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Counts = NDArray[np.float64]

GRID = tuple(m / 1000 for m in (*range(500, 981, 10), *range(982, 999, 2), 999))
NO_DATA_START = 0.9  # where to start when other data say nothing; fixed beforehand
_WORSE = np.array([1.0, 1.5, 2.0])  # a prediction may be this many times too good
_SPREAD = ndtri((np.arange(9) + 0.5) / 9)[:, None]  # how many of the labels will be sent varies


class Verdict(StrEnum):
    """Why a threshold was certified or not."""

    CERTIFIED = "certified"
    NO_LABELS = "no_labels"
    TOO_FEW_LABELS = "too_few_labels"
    TOO_MANY_WRONG = "too_many_wrong"


@dataclass(frozen=True, slots=True)
class Certified:
    """A certified threshold, or with `threshold` None an honest abstention.

    `sent`, `wrong` and `upper` are of the threshold, or of the start where none was certified.
    """

    threshold: float | None
    max_error: float
    assurance: float
    labels: int
    sent: int
    wrong: int
    upper: float
    start: float
    reason: Verdict

    def holds_at(self, threshold: float, grid: Sequence[float] = GRID) -> bool:
        """Return whether the promise was tested at this threshold of the grid, and passed.

        Stricter ones than the start were never tested: surer drafts may be wrong more often.
        """
        if self.threshold is None:
            return False
        return threshold in grid and self.threshold <= threshold <= self.start


@dataclass(frozen=True, slots=True)
class Curve:
    """Per threshold, strict ones last: labels sent, of these wrong, upper bound, certified or not.

    `is_certified` marks the run of thresholds from the start to the last that passed.
    """

    threshold: "NDArray[np.float64]"
    sent: "NDArray[np.int64]"
    wrong: "NDArray[np.int64]"
    upper: "NDArray[np.float64]"
    is_certified: "NDArray[np.bool_]"
    start: float


def p_value(wrong: "ArrayLike", sent: "ArrayLike", max_error: float) -> "NDArray[np.float64]":
    """Return the exact binomial p-value of "more than `max_error` of what is sent is wrong".

    Parameters
    ----------
    wrong, sent
        Counts, broadcast against each other; 0 <= wrong <= sent.
    max_error
        The tolerated share, in (0, 1).

    Returns
    -------
    ndarray
        P[Binomial(sent, max_error) <= wrong]; 1 at n = 0. It is at most 1 - assurance exactly where
        the Clopper-Pearson upper bound is at most `max_error`.

    References
    ----------
    Clopper & Pearson 1934, Biometrika 26; Angelopoulos et al. 2021, arXiv 2110.01052, section 2.

    Examples
    --------
    >>> p_value([0, 0, 1], [298, 299, 473], 0.01).round(4)
    array([0.05  , 0.0495, 0.0498])
    >>> p_value(0, 298, 0.01) <= 0.05, p_value(0, 299, 0.01) <= 0.05
    (np.False_, np.True_)
    """
    require_shares(max_error)
    k, n = np.asarray(wrong, dtype=float), np.asarray(sent, dtype=float)
    if np.any(k < 0) or np.any(k > n):
        raise ValueError("counts must satisfy 0 <= wrong <= sent")
    return at_most(k, n, max_error)


def certify(
    confidence: "ArrayLike",
    is_wrong: "ArrayLike",
    *,
    max_error: float,
    assurance: float = 0.95,
    start: float,
    grid: "ArrayLike" = GRID,
) -> Certified:
    """Return the laxest threshold certified by the fixed-sequence test, or an abstention.

    Parameters
    ----------
    confidence, is_wrong
        Of an equal-chance sample of all drafts; n is their number. A draft counts as sent iff its
        confidence is finite and greater than the threshold, exactly as at the gate; pass NaN or
        -inf for one that a rule escalates whatever its confidence.
    max_error, assurance
        The promise: at most this share wrong, with this assurance. Both in (0, 1).
    start
        Where to start. It must not depend on these labels: see `start_from`.
    grid
        The thresholds to consider, fixed beforehand.

    Returns
    -------
    Certified
        At n = 0 its reason is `no_labels`.

    References
    ----------
    Angelopoulos et al. 2021, arXiv 2110.01052, section 2.3 (fixed-sequence testing); Bauer 1991,
    Statistics in Medicine 10.

    Examples
    --------
    >>> confidence, is_wrong = [0.95] * 400 + [0.6] * 100, [False] * 400 + [True] * 100
    >>> certify(confidence, is_wrong, max_error=0.01, start=0.9).threshold
    0.6
    >>> certify(confidence[:298], is_wrong[:298], max_error=0.01, start=0.9).reason
    <Verdict.TOO_FEW_LABELS: 'too_few_labels'>
    """
    labels = len(np.asarray(is_wrong))
    traced = curve(
        confidence, is_wrong, max_error=max_error, assurance=assurance, start=start, grid=grid
    )
    certified = np.flatnonzero(traced.is_certified)
    at = int(certified[0]) if certified.size else _start_index(traced.threshold, start)
    return Certified(
        threshold=float(traced.threshold[at]) if certified.size else None,
        max_error=max_error,
        assurance=assurance,
        labels=labels,
        sent=int(traced.sent[at]),
        wrong=int(traced.wrong[at]),
        upper=float(traced.upper[at]),
        start=start,
        reason=_verdict(traced, labels, max_error),
    )


def curve(
    confidence: "ArrayLike",
    is_wrong: "ArrayLike",
    *,
    max_error: float,
    assurance: float = 0.95,
    start: float,
    grid: "ArrayLike" = GRID,
) -> Curve:
    """Return what `certify` saw at every threshold, for the risk-coverage curve.

    Takes what `certify` takes. Each upper bound holds for its threshold alone; only the certified
    run holds for the threshold chosen from it. At n = 0 every upper bound is 1.

    Examples
    --------
    >>> seen = curve([0.95] * 400, [False] * 400, max_error=0.01, start=0.9, grid=[0.8, 0.9, 0.96])
    >>> seen.sent, seen.upper.round(4), seen.is_certified
    (array([400, 400,   0]), array([0.0075, 0.0075, 1.    ]), array([ True,  True, False]))
    """
    require_shares(max_error, assurance)
    thresholds = _ordered(grid)
    sent, wrong = _tallies(confidence, is_wrong, thresholds)
    first = _start_index(thresholds, start)
    passes = p_value(wrong, sent, max_error) <= 1 - assurance
    is_certified = np.zeros(len(thresholds), dtype=bool)
    is_certified[: first + 1] = np.logical_and.accumulate(passes[first::-1])[::-1]
    upper = clopper_pearson_upper(wrong, sent, assurance)
    return Curve(thresholds, sent, wrong, upper, is_certified, start)


def start_from(
    confidence: "ArrayLike",
    probability_wrong: "ArrayLike",
    *,
    labels: int,
    max_error: float,
    assurance: float = 0.95,
    grid: "ArrayLike" = GRID,
) -> float:
    """Return the threshold at which a coming test is most likely to pass, judged on *other* data.

    Parameters
    ----------
    confidence, probability_wrong
        Of drafts whose labels `certify` will not see: earlier labels (0 or 1), or the claimed
        1 - confidence of drafts the coin did not draw. Half an error is added at each threshold, so
        that a few drafts without one do not pass for certainty; an unknown probability counts as 1.
    labels
        How many labels `certify` will have.

    Returns
    -------
    float
        The threshold of greatest power, averaged over predictions that are right or too good by
        half or by twice. 0.9, or the grid's nearest below it, with no other data and where nothing
        can pass: a start has to be fixed, not sought. A poor prediction costs automation, never the
        guarantee.

    References
    ----------
    Angelopoulos et al. 2021, arXiv 2110.01052, section 2.3 (order learnt on a split).

    Examples
    --------
    >>> claimed = np.linspace(0.5, 1, 1001)
    >>> start_from(claimed, 1 - claimed, labels=4_000, max_error=0.02)
    0.98
    """
    require_shares(max_error, assurance)
    thresholds = _ordered(grid)
    score, doubt = _paired(confidence, probability_wrong)
    is_known = np.isfinite(score)
    score, doubt = score[is_known], np.nan_to_num(doubt[is_known], nan=1.0)
    sent, mass = _above(score, thresholds), _above(score, thresholds, doubt)
    rate = (mass + 0.5) / (sent + 1)
    power = _power(labels, sent / max(len(is_known), 1), rate, max_error, assurance)
    if power.max() <= 0:
        return float(thresholds[_start_index(thresholds, max(NO_DATA_START, thresholds[0]))])
    same = np.flatnonzero(sent == sent[np.argmax(power)])
    return float(thresholds[same[-1]])  # of those that send the same drafts the strictest


def labels_needed(
    confidence: "ArrayLike",
    is_wrong: "ArrayLike",
    *,
    max_error: float,
    assurance: float = 0.95,
    power: float = POWER,
    grid: "ArrayLike" = GRID,
) -> int | None:
    """Return about how many more labels make the promise likely to be certified, as things stand.

    Parameters
    ----------
    confidence, is_wrong
        What `certify` took; n is their number.
    power
        How likely: the chance that the test passes if error rate and share sent stay as measured.

    Returns
    -------
    int or None
        For the threshold that needs fewest. None: never at today's error rate, since the measured
        error is below the limit at no threshold with 30 sent. 0: some threshold passes the test
        already, though it was not reached from the start. At n = 0 the least that any certificate
        takes: no error, everything sent. Error rates are counted with half an error more; the
        plain minimum over thresholds promised two to four times too little in simulation.

    Examples
    --------
    >>> labels_needed([], [], max_error=0.01)
    299
    >>> labels_needed([0.95] * 400, [False] * 400, max_error=0.005)
    858
    >>> labels_needed([0.95] * 400, [True] * 40 + [False] * 360, max_error=0.01) is None
    True
    """
    require_shares(max_error, assurance, power)
    sent, wrong = _tallies(confidence, is_wrong, _ordered(grid))
    labels = len(np.asarray(is_wrong))
    if labels == 0:
        return int(least_sent(np.zeros(1), max_error, assurance)[0])
    is_candidate = sent >= min(ENOUGH, max(int(sent.max()), 1))
    sent, wrong = sent[is_candidate], wrong[is_candidate]
    for more in (0.5, 0.0):  # half an error more; if that leaves nothing, as measured
        rate = (wrong + more) / (sent + 2 * more)
        further = further_sends(rate, sent, wrong, max_error, assurance, power)
        total = np.min(further * labels / sent, initial=np.inf)
        if np.isfinite(total):
            return int(np.ceil(total))
    return None


def _verdict(traced: Curve, labels: int, max_error: float) -> Verdict:
    if traced.is_certified.any():
        return Verdict.CERTIFIED
    if labels == 0:
        return Verdict.NO_LABELS
    said = traced.sent >= ENOUGH
    if said.any() and np.all(traced.wrong[said] >= max_error * traced.sent[said]):
        return Verdict.TOO_MANY_WRONG
    return Verdict.TOO_FEW_LABELS


def _ordered(grid: "ArrayLike") -> "NDArray[np.float64]":
    thresholds = np.unique(np.asarray(grid, dtype=float))
    if not thresholds.size or not np.isfinite(thresholds).all():
        raise ValueError("a grid needs at least one threshold, all of them finite")
    return thresholds


def _start_index(thresholds: "NDArray[np.float64]", start: float) -> int:
    index = int(np.searchsorted(thresholds, start, side="right")) - 1
    if index < 0 or not np.isfinite(start):
        raise ValueError(f"a start of {start} lies below every threshold of the grid")
    return index


def _paired(
    confidence: "ArrayLike", other: "ArrayLike"
) -> tuple["NDArray[np.float64]", "NDArray[np.float64]"]:
    score, value = np.asarray(confidence, dtype=float), np.asarray(other, dtype=float)
    if score.ndim != 1 or score.shape != value.shape:
        raise ValueError(f"one value per confidence is needed, not {value.shape} for {score.shape}")
    return score, value


def _tallies(
    confidence: "ArrayLike", is_wrong: "ArrayLike", thresholds: "NDArray[np.float64]"
) -> tuple["NDArray[np.int64]", "NDArray[np.int64]"]:
    score, wrong = _paired(confidence, is_wrong)
    is_known = np.isfinite(score)
    return (
        _above(score[is_known], thresholds).astype(np.int64),
        _above(score[is_known & (wrong != 0)], thresholds).astype(np.int64),
    )


def _above(
    score: "Counts", thresholds: "NDArray[np.float64]", weight: "Counts | None" = None
) -> "Counts":
    """Return, per threshold, the number (or weight) of scores greater than it."""
    reached = np.searchsorted(thresholds, score, side="left")
    per_step = np.bincount(reached, weight, minlength=len(thresholds) + 1)[1:]
    return np.asarray(per_step[::-1].cumsum()[::-1], dtype=float)


def _power(
    labels: int, share: "Counts", rate: "Counts", max_error: float, assurance: float
) -> "Counts":
    spread = np.sqrt(labels * share * (1 - share))
    n = np.clip(np.round(labels * share + _SPREAD * spread), 0, labels)
    allowed = most_wrong(n, max_error, assurance)
    worse = np.minimum(_WORSE[:, None, None] * rate, 1.0)
    return np.asarray(at_most(allowed, n, worse).mean(axis=(0, 1)), dtype=float)
