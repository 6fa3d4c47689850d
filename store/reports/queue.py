"""The waiting reviews, most urgent first, and the tiles above them.

Urgency is risk x (1 + hours waited). An audit is blind: its item carries no confidence, threshold
or reasons, and one fixed risk, so that not even the order gives away what the card hides.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, case, extract, func, or_, select
from sqlmodel import Session, col

from store import policies
from store.actions import Action
from store.admission import is_reversal
from store.approvals import COUNTED
from store.gate import PolicyBody
from store.outputs import Reason
from store.schema import Decision, Draft, OutboxEntry, Review, Run, Ticket, Undo
from store.transitions import OPEN_REVIEW, ReviewKind, ReviewStatus, Verdict

_AUDIT_RISK = 50.0  # that of a reply the agent is sure of; an audit's own would tell its confidence


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One waiting review as the list shows it."""

    review_id: int
    run_id: int
    kind: ReviewKind
    status: ReviewStatus
    title: str
    external_id: str
    customer_id: str | None
    intent: str | None
    action_kind: str | None
    amount_minor: int | None
    currency: str | None
    confidence: float | None  # None for an audit (blind) and while uncalibrated
    threshold: float | None  # None for an audit (blind)
    risk: float
    urgency: float
    reasons: tuple[Reason, ...]  # empty for an audit (blind)
    age_s: float
    claimed_by: str | None  # None once the claim has run out
    revision: int
    is_blocked: bool
    is_reversal: bool  # asks whether a delivered action is to be taken back
    needed: int  # people who must approve: one, or two above the policy's limit
    approved_by: tuple[str, ...]  # those of them who have
    further_kinds: tuple[str, ...] = ()  # of a draft with several actions, those after the first


@dataclass(frozen=True, slots=True)
class QueuePage:
    """A page of the list; `total` counts every match."""

    items: tuple[QueueItem, ...]
    total: int


@dataclass(frozen=True, slots=True)
class QueueTiles:
    """What waits now, and what was decided in the last 24 hours (undone decisions left out)."""

    waiting: int  # every kind but audits
    waiting_audits: int
    oldest_s: float | None  # of `waiting`; None when nothing waits
    decided_24h: int  # approved_unchanged + edited + rejected
    approved_unchanged: int
    edited: int
    rejected: int
    audited_24h: int


def queue_page(
    session: Session,
    *,
    now: datetime,
    kinds: Collection[ReviewKind] | None = None,
    search: str = "",
    limit: int = 50,
    offset: int = 0,
) -> QueuePage:
    """Return waiting reviews by urgency; `search` looks in title, ticket and customer."""
    waiting = [col(Review.status).in_(OPEN_REVIEW)]
    if kinds is not None:
        waiting.append(col(Review.kind).in_(list(kinds)))
    hours = (now.timestamp() - extract("epoch", col(Review.opened_at))) / 3600.0
    risk = case((col(Review.kind) == ReviewKind.AUDIT, _AUDIT_RISK), else_=col(Review.risk))
    urgency = (risk * (1.0 + hours)).label("urgency")
    ranked = select(col(Review.id), urgency).where(*waiting)
    if search.strip():
        ranked = _joined(ranked).where(_matches(search.strip()))
    total = session.execute(select(func.count()).select_from(ranked.subquery())).scalar_one()
    page = ranked.order_by(urgency.desc(), col(Review.id)).limit(limit).offset(offset).subquery()
    rows = session.execute(
        _joined(select(Review, Run, Ticket, col(Draft.action), OutboxEntry, page.c.urgency))
        .join(Draft, col(Draft.id) == col(Review.draft_id))
        .outerjoin(OutboxEntry, col(OutboxEntry.id) == col(Review.action_id))
        .join(page, page.c.id == col(Review.id))
        .order_by(page.c.urgency.desc(), col(Review.id))
    )
    found = rows.all()
    rules = {
        version: _rules(session, version) for version in {r.Review.policy_version for r in found}
    }
    given = _approvals(session, [row.Review.id for row in found if _is_halfway(row.Review)])
    return QueuePage(
        tuple(
            _item(row, rules[row.Review.policy_version], tuple(given.get(row.Review.id, ())), now)
            for row in found
        ),
        total,
    )


def _is_halfway(review: Review) -> bool:
    return review.status is ReviewStatus.AWAITING_SECOND


def _rules(session: Session, version: int) -> PolicyBody:
    return policies.version(session, version).body


def _approvals(session: Session, review_ids: list[int]) -> dict[int, list[str]]:
    if not review_ids:
        return {}
    rows = session.execute(
        select(col(Decision.review_id), col(Decision.person))
        .outerjoin(Undo, col(Undo.decision_id) == col(Decision.id))
        .where(
            col(Decision.review_id).in_(review_ids),
            col(Decision.verdict).in_(COUNTED),
            col(Undo.decision_id).is_(None),
        )
        .order_by(col(Decision.decided_at))
    )
    given: dict[int, list[str]] = {}
    for review_id, person in rows:
        given.setdefault(review_id, []).append(person)
    return given


def _joined(statement: Any) -> Any:
    return (
        statement.select_from(Review)
        .join(Run, col(Run.id) == col(Review.run_id))
        .join(Ticket, col(Ticket.id) == col(Run.ticket_id))
    )


def _matches(search: str) -> ColumnElement[bool]:
    columns = (Review.title, Ticket.external_id, Ticket.customer_id, Ticket.subject, Ticket.text)
    return or_(*(col(column).icontains(search, autoescape=True) for column in columns))


def _item(
    row: Row[Any], policy: PolicyBody, approved_by: tuple[str, ...], now: datetime
) -> QueueItem:
    review, run, ticket = row.Review, row.Run, row.Ticket
    action = Action.model_validate(row.action)
    moved = row.OutboxEntry  # of a review about one delivery: the money of that one
    is_blind = review.kind is ReviewKind.AUDIT
    is_held = review.claimed_until is not None and review.claimed_until > now
    return QueueItem(
        review_id=review.id,
        run_id=review.run_id,
        kind=review.kind,
        status=review.status,
        title=review.title,
        external_id=ticket.external_id,
        customer_id=ticket.customer_id,
        intent=run.intent,
        action_kind=action.kind,
        amount_minor=moved.amount_minor if moved else action.total_minor,
        currency=moved.currency if moved else action.total_currency,
        confidence=None if is_blind else review.confidence,
        threshold=None if is_blind else review.threshold,
        risk=_AUDIT_RISK if is_blind else review.risk,
        urgency=row.urgency,
        reasons=()
        if is_blind
        else tuple(Reason.model_validate(reason) for reason in review.reasons),
        age_s=max(0.0, (now - review.opened_at).total_seconds()),
        claimed_by=review.claimed_by if is_held else None,
        revision=review.revision,
        is_blocked=review.is_blocked,
        is_reversal=is_reversal(review),
        needed=2 if policy.is_two_person(action) else 1,
        approved_by=approved_by,
        further_kinds=tuple(part.kind for part in action.also),
    )


def tiles(session: Session, *, now: datetime) -> QueueTiles:
    """Return the counts above the queue."""
    waiting = session.execute(
        select(col(Review.kind), func.count(), func.min(col(Review.opened_at)))
        .where(col(Review.status).in_(OPEN_REVIEW))
        .group_by(col(Review.kind))
    ).all()
    others = [(count, oldest) for kind, count, oldest in waiting if kind is not ReviewKind.AUDIT]
    decided = _decided_since(session, now - timedelta(hours=24), now)
    drafts = {verdict: decided.get(verdict, 0) for verdict in Verdict}
    return QueueTiles(
        waiting=sum(count for count, _ in others),
        waiting_audits=sum(n for kind, n, _ in waiting if kind is ReviewKind.AUDIT),
        oldest_s=max((_age_s(oldest, now) for _, oldest in others), default=None),
        decided_24h=drafts[Verdict.APPROVE] + drafts[Verdict.EDIT] + drafts[Verdict.REJECT],
        approved_unchanged=drafts[Verdict.APPROVE],
        edited=drafts[Verdict.EDIT],
        rejected=drafts[Verdict.REJECT],
        audited_24h=drafts[Verdict.RIGHT] + drafts[Verdict.WRONG],
    )


def _age_s(moment: datetime, now: datetime) -> float:
    return max(0.0, (now - moment).total_seconds())


def _decided_since(session: Session, since: datetime, now: datetime) -> dict[Verdict, int]:
    rows = session.execute(
        select(col(Decision.verdict), func.count())
        .outerjoin(Undo, col(Undo.decision_id) == col(Decision.id))
        .where(
            col(Decision.decided_at) > since,
            col(Decision.decided_at) <= now,
            col(Decision.is_final),
            col(Undo.decision_id).is_(None),
        )
        .group_by(col(Decision.verdict))
    )
    return {row[0]: row[1] for row in rows}
