"""How often drafts were wrong, where wrong ones are rare: the headline figure.

It is an estimate of *wrong* with a prior made for error rates of 5 % and less. One minus the range
of *right* would be valid too, and about a third wider where it matters.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from store.evidence.intervals import RARE_ERROR_PRIOR, confidence_sequence, wilson
from store.evidence.sampling import ENOUGH, Look, Stratum, Tally, stratified_rate


@dataclass(frozen=True, slots=True)
class WrongRate:
    """A rate of wrong with its n and its range; None where nothing is known."""

    labelled: int
    wrong: int
    rate: float | None = None
    low: float | None = None
    high: float | None = None
    effective_n: float = 0.0
    look: Look = "live"

    @property
    def has_enough(self) -> bool:
        """Return False under 30 labels: show the counts only, no rate."""
        return self.labelled >= ENOUGH


def wrong_rate(tally: Tally, *, look: Look = "live", assurance: float = 0.95) -> WrongRate:
    """Return how often drafts of one population were wrong, from labels with known chances.

    Parameters
    ----------
    tally
        Of the labels; n is their number, weighed by inclusion probability.
    look
        "live" gives an anytime-valid range (beta-binomial, prior Beta(1, 50)), "closed" a Wilson
        range, both on Kish's effective n.
    assurance
        Coverage of the range.

    Returns
    -------
    WrongRate
        With `rate`, `low` and `high` None at n = 0.

    References
    ----------
    Robbins 1970 (confidence sequence); Wilson 1927; Hájek 1971 and Kish 1965 for the weights.

    Examples
    --------
    >>> from store.evidence.sampling import Sampled
    >>> audits = Tally.of([Sampled(i >= 10, 0.02) for i in range(1050)])
    >>> found = wrong_rate(audits)
    >>> f"{found.wrong} of {found.labelled}: {found.rate:.1%} ({found.low:.1%} to {found.high:.1%})"
    '10 of 1050: 1.0% (0.3% to 2.1%)'
    >>> wrong_rate(Tally()).rate is None
    True
    """
    wrong = tally.labelled - tally.right
    if tally.rate is None:
        return WrongRate(tally.labelled, wrong, look=look)
    n = tally.effective_n
    rate = 0.0 if not wrong else 1.0 - tally.rate
    if look == "live":
        found = confidence_sequence(n * rate, n, assurance, RARE_ERROR_PRIOR)
    else:
        found = wilson(n * rate, n, assurance)
    assert found is not None  # there is a label
    return WrongRate(tally.labelled, wrong, rate, found.low, found.high, n, look)


def stratified_wrong_rate(
    strata: Sequence[Stratum], *, look: Look = "live", assurance: float = 0.95
) -> WrongRate:
    """Return how often drafts were wrong over strata whose shares of the population are known.

    As `sampling.stratified_rate`, whose parameters these are, but of wrong. `rate`, `low` and
    `high` are None at n = 0, and when a stratum with a population has no label.

    Examples
    --------
    >>> from store.evidence.sampling import Sampled
    >>> sent = Stratum(850, Tally.of([Sampled(i > 0, 0.1) for i in range(85)]))
    >>> escalated = Stratum(150, Tally.of([Sampled(i >= 60, 1.0) for i in range(150)]))
    >>> round(stratified_wrong_rate([sent, escalated]).rate, 4)
    0.07
    """
    mirrored = [Stratum(stratum.size, _mirror(stratum.tally)) for stratum in strata]
    found = stratified_rate(mirrored, look=look, assurance=assurance, prior=RARE_ERROR_PRIOR)
    return WrongRate(
        found.labelled,
        found.right,  # of the mirrored labels: wrong ones
        found.rate,
        found.low,
        found.high,
        found.effective_n,
        found.look,
    )


def _mirror(tally: Tally) -> Tally:
    return Tally(
        tally.labelled,
        tally.labelled - tally.right,
        tally.weight,
        tally.weight - tally.weight_right,
        tally.weight_squared,
    )
