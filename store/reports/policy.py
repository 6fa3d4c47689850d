"""A candidate policy tried on history: nothing is published, nothing waiting is touched.

Every stored draft is put to the gate again with the facts it had. What the candidate would change
is counted, and the cases that would flip are named, right or wrong where that is known.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from store.evidence.sampling import Estimate
from store.gate import PolicyBody
from store.outputs import Reason
from store.transitions import Outcome


@dataclass(frozen=True, slots=True)
class Flip:
    """A past draft that the candidate would have treated otherwise."""

    run_id: int
    external_id: str
    title: str
    intent: str | None
    action_kind: str
    amount_minor: int | None
    currency: str | None
    confidence: float | None
    now: Outcome  # under the active policy
    then: Outcome  # under the candidate
    reasons: tuple[Reason, ...]  # the candidate's
    is_right: bool | None  # None: unlabelled, nobody knows
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What the candidate would do with its common threshold at this value."""

    threshold: float
    automatic: int
    automatic_share: float
    cards_per_day: float
    labelled: int  # of the drafts it would send alone
    wrong: int
    right: Estimate  # of the drafts it would send alone, weighed by inclusion probability


@dataclass(frozen=True, slots=True)
class Preview:
    """The candidate beside the active policy, on the same drafts."""

    gated: int
    days: float  # that these drafts span, at least 1
    automatic_now: int
    automatic_then: int
    share_now: float | None
    share_then: float | None
    cards_per_day_now: float | None
    cards_per_day_then: float | None
    right_now: Estimate  # of what goes out alone
    right_then: Estimate
    flips_to_automatic: int
    flips_to_person: int
    flips: tuple[Flip, ...]  # newest first, at most 200; the counts above cover all
    curve: tuple[CurvePoint, ...]  # 0.50 … 0.99 by 0.01


def preview(session: Session, body: PolicyBody, *, since: datetime | None = None) -> Preview:
    """Return what `body` would have done with the drafts gated since then."""
    raise NotImplementedError
