"""A candidate policy tried on history: nothing is published, nothing waiting is touched.

Every stored draft is put to the gate again with the facts it had. What the candidate would change
is counted, and the cases that would flip are named, right or wrong where that is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from store import policies
from store.evidence.sampling import Estimate
from store.gate import PolicyBody
from store.outputs import Reason
from store.reports.history import Past, Sample, replay
from store.reports.series import share
from store.transitions import Outcome

THRESHOLDS = tuple(round(0.50 + step / 100, 2) for step in range(50))
_SHOWN_FLIPS = 200
_TITLE_CHARACTERS = 80
_DAY_SECONDS = 86_400.0


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
    """Return what `body` would have done with the drafts gated since then.

    Cards are escalations plus audits at the policy's rate. Ranges are live.
    """
    active = policies.active(session).body
    past = list(replay(session, active, body, since=since))
    sample, days = Sample(past, body), _days(past)
    gated, now, then = len(past), int(sample.now.sum()), int(sample.then.sum())
    flips = [case for case in past if case.is_automatic_now != case.is_automatic_then]
    to_automatic = sum(case.is_automatic_then for case in flips)
    return Preview(
        gated=gated,
        days=days,
        automatic_now=now,
        automatic_then=then,
        share_now=share(now, gated),
        share_then=share(then, gated),
        cards_per_day_now=_cards(gated, now, active, days) if past else None,
        cards_per_day_then=_cards(gated, then, body, days) if past else None,
        right_now=sample.right(sample.now),
        right_then=sample.right(sample.then),
        flips_to_automatic=to_automatic,
        flips_to_person=len(flips) - to_automatic,
        flips=tuple(_flip(case) for case in flips[:_SHOWN_FLIPS]),
        curve=_curve(sample, body, gated, days),
    )


def _days(past: Sequence[Past]) -> float:
    if not past:
        return 1.0
    moments = [case.row.created_at for case in past]
    span_s: float = (max(moments) - min(moments)).total_seconds()
    return max(span_s / _DAY_SECONDS, 1.0)


def _cards(gated: int, automatic: int, body: PolicyBody, days: float) -> float:
    return (gated - automatic + automatic * body.audit_rate) / days


def _curve(sample: Sample, body: PolicyBody, gated: int, days: float) -> tuple[CurvePoint, ...]:
    points = []
    for threshold in THRESHOLDS if gated else ():
        chosen = sample.release > threshold
        automatic, right = int(chosen.sum()), sample.right(chosen)
        points.append(
            CurvePoint(
                threshold=threshold,
                automatic=automatic,
                automatic_share=automatic / gated,
                cards_per_day=_cards(gated, automatic, body, days),
                labelled=right.labelled,
                wrong=right.labelled - right.right,
                right=right,
            )
        )
    return tuple(points)


def _flip(case: Past) -> Flip:
    row, action = case.row, case.facts.action
    return Flip(
        run_id=row.run_id,
        external_id=row.external_id,
        title=(row.subject or row.text)[:_TITLE_CHARACTERS],
        intent=row.intent,
        action_kind=action.kind,
        amount_minor=action.total_minor,
        currency=action.total_currency,
        confidence=case.then.confidence,
        now=case.now.outcome,
        then=case.then.outcome,
        reasons=case.then.reasons,
        is_right=case.is_right,
        created_at=row.created_at,
    )
