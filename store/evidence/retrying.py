"""What a gate and retries can make of a chain that is right q of the time: arithmetic, no data.

Assumed: a binormal gate (scores of right and wrong drafts are normal with equal spread, so one
AUROC describes it); what it flags is tried again up to so many times; a retry turns a share of the
wrong drafts right and breaks a share of the right ones; the score of each attempt is drawn afresh
(no memory of the attempt before); what is flagged last goes to a person, who is always right. Real
gates, retries and people are worse: set beside these figures what was measured, never instead.
"""

import math
from dataclasses import dataclass, replace

ARTICLE_RIGHT = 0.97**6  # six steps, each right 97 % of the time
BREAKS = 0.05
_REACH = 40.0  # thresholds beyond this, in standard deviations, send all or nothing
_BEST = 1 - 1e-9  # the AUROC of a gate as good as perfect
_GRID = 400


@dataclass(frozen=True, slots=True)
class Chain:
    """What stands behind the figures: the chain, its gate and its retries; all are shares.

    Raises ValueError for an AUROC outside [0.5, 1), another share outside [0, 1] or retries < 0.
    """

    auroc: float  # of the gate's score, right against wrong
    retries: int = 0  # at most, before a person gets it
    repairs: float = 0.0  # of wrong drafts, those that a retry makes right
    breaks: float = BREAKS  # of right drafts, those that a retry makes wrong
    right: float = ARTICLE_RIGHT  # of first attempts

    def __post_init__(self) -> None:
        shares = (self.repairs, self.breaks, self.right)
        if not 0.5 <= self.auroc < 1 or self.retries < 0 or any(not 0 <= s <= 1 for s in shares):
            raise ValueError(
                "an AUROC lies in [0.5, 1), shares lie in [0, 1], and retries are not negative"
            )


@dataclass(frozen=True, slots=True)
class Flow:
    """Where the tickets of a chain end; the three shares add up to 1."""

    sent_right: float
    sent_wrong: float
    escalated: float

    @property
    def automatic(self) -> float:
        """Return the share that goes out alone."""
        return self.sent_right + self.sent_wrong

    @property
    def right_of_sent(self) -> float | None:
        """Return the share of right among what goes out alone; None when nothing does."""
        return self.sent_right / self.automatic if self.automatic > 0 else None

    @property
    def committed_right(self) -> float:
        """Return the share of all that ends right, a person's work counting as right."""
        return self.sent_right + self.escalated


def flow(chain: Chain, threshold: float) -> Flow:
    """Return where tickets end when scores above a threshold pass.

    Parameters
    ----------
    chain
        The chain, its gate and its retries.
    threshold
        On the scale where wrong drafts score N(0, 1) and right ones N(√2·Φ⁻¹(AUROC), 1).

    References
    ----------
    Green & Swets 1966 (binormal model); Hanley & McNeil 1982 (AUROC).

    Examples
    --------
    >>> everything = flow(Chain(auroc=0.9), -math.inf)
    >>> round(everything.right_of_sent, 3), everything.escalated
    (0.833, 0.0)
    """
    from scipy.special import ndtr, ndtri

    apart = math.sqrt(2) * float(ndtri(chain.auroc))
    passes_right, passes_wrong = float(ndtr(apart - threshold)), float(ndtr(-threshold))
    flags_right, flags_wrong = float(ndtr(threshold - apart)), float(ndtr(threshold))
    right, wrong = chain.right, 1 - chain.right
    sent_right = sent_wrong = 0.0
    for attempt in range(chain.retries + 1):
        if attempt:
            right, wrong = (
                right * (1 - chain.breaks) + wrong * chain.repairs,
                right * chain.breaks + wrong * (1 - chain.repairs),
            )
        sent_right, sent_wrong = (
            sent_right + right * passes_right,
            sent_wrong + wrong * passes_wrong,
        )
        right, wrong = right * flags_right, wrong * flags_wrong
    return Flow(sent_right, sent_wrong, right + wrong)


def at_escalation(chain: Chain, escalated: float) -> Flow:
    """Return where tickets end when the threshold is set so that a share of all is escalated.

    Parameters
    ----------
    chain
        The chain, its gate and its retries.
    escalated
        The share that people get, in (0, 1).

    Examples
    --------
    >>> one_retry = Chain(auroc=0.90, retries=1, repairs=0.7)
    >>> round(at_escalation(one_retry, 0.10).right_of_sent, 3)
    0.962
    """
    from scipy.optimize import brentq

    if not 0 < escalated < 1:
        raise ValueError(f"a share escalated lies between 0 and 1, not {escalated}")

    def excess(threshold: float) -> float:
        return flow(chain, threshold).escalated - escalated

    return flow(chain, float(brentq(excess, -_REACH, _REACH, xtol=1e-13)))


def escalation_needed(chain: Chain, target: float) -> float | None:
    """Return the least share that people must get for a share of right among the sent.

    Parameters
    ----------
    chain
        The chain, its gate and its retries.
    target
        The wanted share of right among what goes out alone, in (0, 1).

    Returns
    -------
    float or None
        0 when the chain alone reaches it; None when even 99.9 % escalated does not.

    Examples
    --------
    >>> round(escalation_needed(Chain(auroc=0.90, retries=1, repairs=0.7), 0.99), 2)
    0.37
    """
    from scipy.optimize import brentq

    if chain.right >= target:
        return 0.0

    def excess(escalated: float) -> float:
        return (at_escalation(chain, escalated).right_of_sent or 0.0) - target

    before = 1e-9
    for step in range(1, _GRID + 1):
        share = 0.999 * step / _GRID
        if excess(share) >= 0:
            return float(brentq(excess, before, share)) if excess(before) < 0 else before
        before = share
    return None


def least_escalation(right: float, target: float) -> float:
    """Return what a perfect gate without retries must still escalate: an arithmetical floor.

    Examples
    --------
    >>> f"{least_escalation(0.97**6, 0.99):.1%}"
    '15.9%'
    """
    return max(0.0, 1 - right / target)


def minimum_auroc(chain: Chain, target: float, escalated: float) -> float | None:
    """Return the least AUROC at which the sent are right often enough; the chain's own is ignored.

    Parameters
    ----------
    chain
        The chain and its retries.
    target
        The wanted share of right among what goes out alone, in (0, 1).
    escalated
        The share that people get, in (0, 1).

    Returns
    -------
    float or None
        None when not even a perfect gate does it: too little is repaired, and the rest is more than
        people may get.

    Examples
    --------
    >>> round(minimum_auroc(Chain(auroc=0.5, retries=1, repairs=0.7), 0.99, 0.10), 2)
    0.97
    >>> minimum_auroc(Chain(auroc=0.5), 0.99, 0.10) is None  # 15.9 % must be escalated
    True
    """
    from scipy.optimize import brentq

    def excess(auroc: float) -> float:
        return (at_escalation(replace(chain, auroc=auroc), escalated).right_of_sent or 0.0) - target

    if excess(0.5) >= 0:
        return 0.5
    return float(brentq(excess, 0.5, _BEST)) if excess(_BEST) >= 0 else None
