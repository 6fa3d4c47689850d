"""Which drafts get labelled, and what a sample with unequal chances says about all of them.

The audit coin draws drafts blind to their confidence. Drafts that went out alone are known only
through it (inclusion probability = its rate), escalated ones through decisions (probability 1);
pooling the two unweighted would be wrong by some twenty points, so each label carries its weight.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, Self

from store.evidence.exact_binomial import POWER, sends_needed
from store.evidence.intervals import STEP_PRIOR, Interval, confidence_sequence, wilson

Look = Literal["live", "closed"]
Method = Callable[[float, float, float], Interval | None]
ENOUGH = 30  # labels under which a page shows counts, not a rate
COIN_RATES = (0.01, 0.02, 0.05, 0.1)  # what the audit planner compares
_LONG = 520  # weeks, after which a plan says "never"


@dataclass(frozen=True, slots=True)
class Sampled:
    """One label with the probability with which its draft came to be labelled."""

    is_right: bool
    inclusion_probability: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A rate with its n and its range; `rate`, `low`, `high` are None where nothing is known.

    `labelled` and `right` are plain counts. `rate` weighs them by inclusion probability, so it is
    not `right / labelled` where audits and decisions are pooled.
    """

    labelled: int
    right: int
    rate: float | None = None
    low: float | None = None
    high: float | None = None
    effective_n: float = 0.0
    look: Look = "live"  # "live": holds however often one looks; "closed": one look (Wilson)

    @property
    def has_enough(self) -> bool:
        """Return False under 30 labels: show the counts only, no rate."""
        return self.labelled >= ENOUGH


@dataclass(frozen=True, slots=True)
class Tally:
    """The sufficient statistics of weighted labels; tallies of disjoint samples add up."""

    labelled: int = 0
    right: int = 0
    weight: float = 0.0  # sum of 1 / inclusion probability
    weight_right: float = 0.0
    weight_squared: float = 0.0

    @classmethod
    def of(cls, labels: Iterable[Sampled]) -> Self:
        """Return the tally of labels; raises ValueError unless 0 < inclusion probability <= 1."""
        n, right, weights, weights_right = 0, 0, [0.0], [0.0]
        for label in labels:
            if not 0 < label.inclusion_probability <= 1:
                raise ValueError("an inclusion probability lies in (0, 1]")
            n, right = n + 1, right + label.is_right
            weights.append(1 / label.inclusion_probability)
            weights_right.append(weights[-1] * label.is_right)
        squares = math.fsum(weight * weight for weight in weights)
        return cls(n, right, math.fsum(weights), math.fsum(weights_right), squares)

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.labelled + other.labelled,
            self.right + other.right,
            self.weight + other.weight,
            self.weight_right + other.weight_right,
            self.weight_squared + other.weight_squared,
        )

    @property
    def rate(self) -> float | None:
        """Return the Hájek rate: weighted right over weighted labels; None at n = 0."""
        if not self.labelled:
            return None
        return 1.0 if self.right == self.labelled else self.weight_right / self.weight

    @property
    def effective_n(self) -> float:
        """Return Kish's effective sample size: the n of an equal-chance sample as informative."""
        return self.weight**2 / self.weight_squared if self.labelled else 0.0


@dataclass(frozen=True, slots=True)
class Stratum:
    """A part of the population whose size is known, with the labels drawn from it."""

    size: float
    tally: Tally


def coin(draft_key: str, salt: str, rate: float) -> bool:
    """Return whether the audit coin draws this draft: a hash of its key, blind to all else.

    Examples
    --------
    >>> sum(coin(str(i), "salt", 0.02) for i in range(10_000))
    213
    """
    return toss(draft_key, salt) < rate


def toss(draft_key: str, salt: str) -> float:
    """Return the number in [0, 1) that the coin comes up with for this draft: a hash of its key.

    Drafts tossed under any rate are an equal-chance sample at that rate, so a sample drawn at 10 %
    holds one at 2 %.

    Examples
    --------
    >>> coin("draft:7", "salt", 0.5) == (toss("draft:7", "salt") < 0.5)
    True
    """
    drawn = hashlib.sha256(f"{salt}:{draft_key}".encode()).digest()[:8]
    return int.from_bytes(drawn, "big") / 2**64


def weighted_rate(
    labels: Iterable[Sampled], *, look: Look = "live", assurance: float = 0.95
) -> Estimate:
    """Return the Hájek estimate of the rate of right from labels with unequal chances.

    Parameters
    ----------
    labels
        Drawn from one population; n is their number.
    look
        "live" gives an anytime-valid range, "closed" a Wilson range, both on the effective n.
    assurance
        Coverage of the range.

    Returns
    -------
    Estimate
        With `rate`, `low` and `high` None at n = 0.

    References
    ----------
    Hájek 1971; Kish 1965 for the effective sample size.

    Examples
    --------
    >>> audits, decisions = [Sampled(True, 0.02)] * 20, [Sampled(False, 1.0)] * 100
    >>> round(weighted_rate(audits + decisions).rate, 3)  # unweighted it would read 0.167
    0.909
    >>> weighted_rate([]).rate is None
    True
    """
    tally = Tally.of(labels)
    return stratified_rate([Stratum(1.0, tally)], look=look, assurance=assurance)


def stratified_rate(
    strata: Sequence[Stratum],
    *,
    look: Look = "live",
    assurance: float = 0.95,
    prior: tuple[float, float] = STEP_PRIOR,
) -> Estimate:
    """Return the rate of right over strata whose shares of the population are known.

    Parameters
    ----------
    strata
        Each with its population size and labels; n is the labels of all. Empty strata are left out.
    look
        "closed" combines Wilson limits of the strata by the method of variance estimates recovery.
        "live" adds up anytime-valid limits, each at an equal part of the allowed error: wider, and
        valid however often one looks.
    assurance
        Coverage of the range.
    prior
        Of the anytime-valid limits; see `confidence_sequence`.

    Returns
    -------
    Estimate
        `rate`, `low` and `high` are None at n = 0 and also when any stratum with a population has
        no label: what nobody checked cannot be known.

    References
    ----------
    Horvitz & Thompson 1952; Zou & Donner 2008 (variance estimates recovery), Newcombe 1998.

    Examples
    --------
    >>> sent = Stratum(850, Tally.of([Sampled(True, 0.1)] * 84 + [Sampled(False, 0.1)]))
    >>> escalated = Stratum(150, Tally.of([Sampled(True, 1.0)] * 90 + [Sampled(False, 1.0)] * 60))
    >>> round(stratified_rate([sent, escalated]).rate, 4)
    0.93
    >>> stratified_rate([Stratum(850, Tally()), escalated]).rate is None
    True
    """
    peopled = [stratum for stratum in strata if stratum.size > 0]
    tallies = [stratum.tally for stratum in peopled]
    labelled, right = sum(t.labelled for t in tallies), sum(t.right for t in tallies)
    rates = [tally.rate for tally in tallies]
    known = [rate for rate in rates if rate is not None]
    if not known or len(known) < len(rates):
        return Estimate(labelled, right, look=look)
    size = sum(stratum.size for stratum in peopled)
    shares = [stratum.size / size for stratum in peopled]
    parts = list(zip(shares, known, tallies, strict=True))
    rate = 1.0 if right == labelled else math.fsum(share * each for share, each, _ in parts)
    live = look == "live"
    low, high = _live(parts, rate, assurance, prior) if live else _closed(parts, rate, assurance)
    effective_n = 1 / math.fsum(share**2 / tally.effective_n for share, _, tally in parts)
    return Estimate(labelled, right, rate, low, high, effective_n, look)


@dataclass(frozen=True, slots=True)
class AuditPlan:
    """What a coin of this rate costs and says; per week, `half_width` being a Wilson range's half.

    `labels` counts every coin draft, `audits` those of them that were sent alone: the extra work,
    since people see escalated ones anyway. `weeks` is None where the promise is out of reach.
    """

    rate: float
    labels: float
    audits: float
    half_width: float | None
    weeks: int | None


def plan_audits(
    drafts_per_week: float,
    share_sent: float,
    rate_wrong: float,
    max_error: float,
    assurance: float = 0.95,
    *,
    rates: Sequence[float] = COIN_RATES,
    power: float = POWER,
) -> tuple[AuditPlan, ...]:
    """Return, per coin rate, the audits a week, the range they give and when they would certify.

    Parameters
    ----------
    drafts_per_week
        All drafts, sent or not.
    share_sent, rate_wrong
        Of the drafts: sent alone; of those sent: wrong. As measured, assumed to stay.
    max_error, assurance, power
        The promise, and how likely it should be certified within `weeks`. The weeks count audits
        from today, at one threshold.

    Returns
    -------
    tuple of AuditPlan
        `half_width` is None where not one audit falls in a week. `weeks` is None where `rate_wrong`
        is not below `max_error`, or where it would take ten years.

    References
    ----------
    Wilson 1927, JASA 22; Clopper & Pearson 1934, Biometrika 26.

    Examples
    --------
    >>> plan = plan_audits(70_000, 0.75, 0.01, 0.02, rates=[0.02])[0]
    >>> round(plan.audits), f"±{100 * plan.half_width:.1f} pp", plan.weeks
    (1050, '±0.6 pp', 2)
    >>> plan_audits(70_000, 0.75, 0.01, 0.01)[0].weeks is None
    True
    """
    if not 0 <= share_sent <= 1 or not 0 <= rate_wrong <= 1 or not 0 <= drafts_per_week < math.inf:
        raise ValueError("shares lie between 0 and 1, and drafts are a number of 0 or more")
    needed = sends_needed(rate_wrong, max_error=max_error, assurance=assurance, power=power)
    plans = []
    for rate in rates:
        labels = drafts_per_week * rate
        audits = labels * share_sent
        interval = wilson(audits * rate_wrong, audits, assurance) if audits >= 1 else None
        half_width = None if interval is None else (interval.high - interval.low) / 2
        weeks = None if needed is None or needed > audits * _LONG else math.ceil(needed / audits)
        plans.append(AuditPlan(rate, labels, audits, half_width, weeks))
    return tuple(plans)


Part = tuple[float, float, Tally]  # share of the population, rate, labels


def _live(
    parts: Sequence[Part], rate: float, assurance: float, prior: tuple[float, float]
) -> tuple[float, float]:
    each, method = 1 - (1 - assurance) / len(parts), partial(confidence_sequence, prior=prior)
    ranges = [(s, _interval(method, t, each)) for s, _, t in parts]
    low = math.fsum(share * interval.low for share, interval in ranges)
    high = math.fsum(share * interval.high for share, interval in ranges)
    return min(low, rate), max(min(high, 1.0), rate)


def _closed(parts: Sequence[Part], rate: float, assurance: float) -> tuple[float, float]:
    ranges = [(s, p, _interval(wilson, t, assurance)) for s, p, t in parts]
    below = math.hypot(*(share * (each - interval.low) for share, each, interval in ranges))
    above = math.hypot(*(share * (interval.high - each) for share, each, interval in ranges))
    return max(0.0, rate - below), min(1.0, rate + above)


def _interval(method: Method, tally: Tally, assurance: float) -> Interval:
    n = tally.effective_n
    return method(n * (tally.rate or 0.0), n, assurance) or Interval(0.0, 1.0)
