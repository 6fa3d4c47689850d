"""Has the error rate risen? A CUSUM notices a change soon; e-values prove a rate above its limit.

Both take daily counts (wrong, audited) and can be carried on from day to day. The CUSUM moves in
whole numbers, so that its average run lengths can be computed instead of simulated. An e-value
of 1 / (1 - assurance) or more, twenty for 95 %, is proof, however often one looks.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.special import betaincc, betaln, xlog1py, xlogy

from store.evidence.intervals import RARE_ERROR_PRIOR, STEP_PRIOR
from store.evidence.run_length import average_run_length, lowest_limit

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Day = tuple[int, int]  # wrong, audited
YEAR = 365.0
_FINE = 20  # a wrong draft counts for at least this many steps of the level


@dataclass(frozen=True, slots=True)
class Cusum:
    """A Bernoulli CUSUM: a wrong draft raises its level, a right one lowers it, never under 0.

    `up` and `down` stand in the ratio that the log-likelihoods of `raised` against `usual` demand,
    rounded to whole numbers. It alarms at `limit`, looked at after every `batch` audits.
    """

    usual: float
    raised: float
    audits_per_day: float
    batch: int
    up: int
    down: int
    limit: int

    @classmethod
    def tuned(
        cls,
        usual: float,
        *,
        audits_per_day: float,
        factor: float = 2.0,
        days_between_false_alarms: float = YEAR,
        batch: int | None = None,
    ) -> Self:
        """Return the CUSUM with the lowest limit that keeps false alarms this rare.

        Parameters
        ----------
        usual
            The error rate in control, in (0, 1): a closed period's upper figure, never 0.
        audits_per_day
            Of the drafts watched; greater than 0.
        factor
            The rise it is made to notice; `factor * usual` must stay under 1.
        days_between_false_alarms
            On average, while the rate is `usual`.
        batch
            Audits between two looks; a day's when left out (at least one).

        References
        ----------
        Page 1954, Biometrika 41; Reynolds & Stoumbos 1999, J. Quality Technology 31 (whole steps).

        Examples
        --------
        >>> cusum = Cusum.tuned(0.01, audits_per_day=150)
        >>> cusum.limit, round(cusum.delay(0.01)), round(cusum.delay(0.02), 1)
        (391, 406, 7.6)
        """
        raised = usual * factor
        if not 0 < usual < raised < 1 or not audits_per_day > 0:
            raise ValueError(
                f"a CUSUM needs 0 < usual < raised < 1 and audits, not {usual}, {raised} and"
                f" {audits_per_day} a day"
            )
        lowers = math.log((1 - usual) / (1 - raised))
        raises = math.log(raised / usual)
        down = max(1, math.ceil(_FINE * lowers / (raises + lowers)))
        up = max(1, round(raises / lowers * down))
        size = batch or max(1, round(audits_per_day))
        looks = days_between_false_alarms * audits_per_day / size
        limit = lowest_limit(up, down, size, usual, looks)
        return cls(usual, raised, audits_per_day, size, up, down, limit)

    def advance(self, level: int, wrong: int, audited: int) -> int:
        """Return the level after one more batch of audits."""
        return max(0, level + wrong * self.up - (audited - wrong) * self.down)

    def run(self, days: Iterable[Day], level: int = 0) -> "Run":
        """Return the level after each day and the first day that alarmed; a start is no day.

        Examples
        --------
        >>> cusum = Cusum.tuned(0.01, audits_per_day=150)
        >>> cusum.run([(1, 150), (6, 150), (6, 150)])
        Run(levels=(0, 264, 528), alarm=2)
        """
        path = accumulate(days, lambda at, day: self.advance(at, *day), initial=level)
        levels = tuple(path)[1:]
        alarm = next((i for i, at in enumerate(levels) if at >= self.limit), None)
        return Run(levels, alarm)

    def delay(self, rate: float) -> float:
        """Return the days until the alarm, on average, from level 0 at this error rate.

        At `usual` these are the days between false alarms; infinite at a rate of 0. Exact where the
        limit is at most 500, else by a chain of 500 states.

        References
        ----------
        Brook & Evans 1972, Biometrika 59.
        """
        looks = average_run_length(self.up, self.down, self.limit, self.batch, rate)
        return looks * self.batch / self.audits_per_day


@dataclass(frozen=True, slots=True)
class Run:
    """The level of a CUSUM after each day, and the index of the first day that alarmed, if any."""

    levels: tuple[int, ...]
    alarm: int | None


def log_evidence(
    wrong: "ArrayLike",
    n: "ArrayLike",
    limit: float,
    prior: tuple[float, float] = RARE_ERROR_PRIOR,
) -> "NDArray[np.float64]":
    """Return the natural logarithm of the e-value for "the rate is above the limit".

    The e-value is the mixture, over rates above the limit, of the likelihood ratio against the
    limit. While the rate is at most the limit it reaches 1 / (1 - assurance) with probability at
    most 1 - assurance, over all looks together.

    Parameters
    ----------
    wrong, n
        Counts since a day fixed beforehand, as a certificate's first; 0 <= wrong <= n.
    limit
        In (0, 1).
    prior
        Beta(a, b), cut off below the limit. Any is valid if fixed before the data.

    Returns
    -------
    ndarray
        0 at n = 0: no evidence either way.

    References
    ----------
    Robbins 1970, Ann. Math. Statist. 41; Ville 1939; Waudby-Smith & Ramdas 2023, arXiv 2010.09686.

    Examples
    --------
    >>> log_evidence([0, 12, 24], [0, 1_200, 1_200], 0.01).round(1)
    array([ 0. , -1.7,  3.5])
    >>> log_evidence(24, 1_200, 0.01) > np.log(20)
    np.True_
    """
    k, trials = np.asarray(wrong, dtype=float), np.asarray(n, dtype=float)
    if not 0 < limit < 1 or not np.all((k >= 0) & (k <= trials)):
        raise ValueError("evidence needs a limit between 0 and 1 and counts 0 <= wrong <= n")
    a, b = prior
    mass = betaln(a + k, b + trials - k) - betaln(a, b)
    with np.errstate(divide="ignore"):  # far below the limit nothing of the mixture is left
        tail = np.log(betaincc(a + k, b + trials - k, limit))
    cut = math.log(betaincc(a, b, limit))
    at_limit = xlogy(k, limit) + xlog1py(trials - k, -limit)
    return np.asarray(mass + tail - cut - at_limit, dtype=float)


def evidence_since_any_day(
    days: Sequence[Day], limit: float, prior: tuple[float, float] = RARE_ERROR_PRIOR
) -> tuple[float, ...]:
    """Return, after each day, the e-value for "above the limit since some day, unknown which".

    A weighted mean of the e-values counted from every day: a rise after a long calm is seen
    where evidence from the first day would first have to make up for the calm. The greatest value
    of any day is proof as well as the last. Empty where there are no days.

    References
    ----------
    Shin, Ramdas & Rinaldo 2022, arXiv 2203.03532 (e-detectors), with weights 1 / (j (j + 1)).

    Examples
    --------
    >>> calm_then_worse = [(1, 150)] * 60 + [(6, 150)] * 7
    >>> evidence_since_any_day(calm_then_worse, 0.01)[-1] > 20
    True
    >>> bool(log_evidence(102, 10_050, 0.01) > np.log(20))
    False
    """
    if not days:
        return ()
    counts = np.vstack([[0, 0], np.cumsum(np.asarray(days, dtype=float), axis=0)])
    since = np.arange(1, len(days) + 1)
    weight = 1 / (since * (since + 1.0))
    path = []
    for day in since:
        wrong, n = (counts[day] - counts[:day]).T
        value = np.exp(np.minimum(log_evidence(wrong, n, limit, prior), 700.0))
        path.append(float(weight[:day] @ value + 1 / (day + 1.0)))
    return tuple(path)


@dataclass(frozen=True, slots=True)
class LowTail:
    """The low end of a reference's confidences: those not above `cut`, a known `share` of all."""

    cut: float
    share: float

    def count(self, confidence: "ArrayLike") -> int:
        """Return how many drafts fall in it; an unknown confidence counts as low."""
        return int(np.sum(~(np.asarray(confidence, dtype=float) > self.cut)))


def low_tail(reference: "ArrayLike", share: float = 0.1) -> LowTail | None:
    """Return the lowest `share` of the reference's confidences, or more where there are ties.

    None at n = 0. The reference is of every draft of a period, labelled or not.

    Examples
    --------
    >>> low_tail([0.2, 0.2, 0.6, 0.8, 0.9], 0.2)
    LowTail(cut=0.2, share=0.4)
    """
    score = np.asarray(reference, dtype=float)
    if not score.size:
        return None
    ordered = np.sort(np.where(np.isnan(score), -np.inf, score))
    cut = float(ordered[max(0, math.ceil(share * len(ordered)) - 1)])
    return LowTail(cut, float(np.mean(ordered <= cut)))


@dataclass(frozen=True, slots=True)
class MixShift:
    """What drafts say without labels: the share in the low tail, and the proof that it has grown.

    `evidence` is the greatest e-value after any day for "more than `limit` is low".
    """

    low: int
    n: int
    rate: float | None
    limit: float
    evidence: float
    is_shifted: bool


def mix_shift(
    low: Sequence[int],
    n: Sequence[int],
    share: float,
    tolerance: float = 1.5,
    assurance: float = 0.95,
) -> MixShift:
    """Return whether more drafts fall in the low tail than the reference and a tolerance allow.

    Parameters
    ----------
    low, n
        Per day (or hour): drafts in the tail (`LowTail.count`) and all drafts.
    share, tolerance
        The tail's share in the reference; up to `tolerance` times as many is no shift.

    Returns
    -------
    MixShift
        Its rate is None at n = 0. A shift is claimed wrongly with probability at most
        1 - assurance, over all looks together.

    References
    ----------
    As `evidence_since_any_day`.

    Examples
    --------
    >>> mix_shift([110, 95, 105], [1_000] * 3, 0.1).is_shifted
    False
    >>> mix_shift([110, 240], [1_000] * 2, 0.1).is_shifted
    True
    """
    limit = share * tolerance
    if limit >= 1:
        raise ValueError(f"{tolerance} times a tail of {share:.0%} is everything: take a lower cut")
    path = evidence_since_any_day(list(zip(low, n, strict=True)), limit, STEP_PRIOR)
    total, greatest = sum(n), max(path, default=1.0)
    rate = sum(low) / total if total else None
    return MixShift(sum(low), total, rate, limit, greatest, greatest >= 1 / (1 - assurance))
