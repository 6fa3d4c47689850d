"""The waiting reviews, most urgent first, and the tiles above them.

Urgency is risk x (1 + hours waited). An audit is blind: its item carries no confidence, threshold
or reasons, and one fixed risk, so that not even the order gives away what the card hides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    case,
    extract,
    func,
    literal,
    select,
)
from sqlmodel import Session, col

from store import policies
from store.admission import shown_kind
from store.approvals import COUNTED
from store.gate import PolicyBody
from store.outputs import Reason
from store.reports.wanted import Wanted, is_free, joined, matching
from store.schema import Decision, Draft, OutboxEntry, Review, Run, Ticket, Undo
from store.transitions import BLIND, OPEN_REVIEW, ReviewKind, ReviewStatus, SlaStage, Verdict

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
    assigned_to: str | None
    snoozed_until: datetime | None
    due_at: datetime | None  # None: no clock runs
    sla_stage: SlaStage
    further_kinds: tuple[str, ...] = ()  # of a draft with several actions, those after the first


_COLUMNS = (  # of a review, as its row shows them
    "id",
    "run_id",
    "kind",
    "status",
    "title",
    "confidence",
    "threshold",
    "risk",
    "reasons",
    "opened_at",
    "claimed_by",
    "claimed_until",
    "revision",
    "is_blocked",
    "action_id",
    "assigned_to",
    "snoozed_until",
    "due_at",
    "sla_stage",
    "policy_version",
)


@dataclass(frozen=True, slots=True)
class _Money:
    """What a stored action says it does, read without validating it again."""

    kinds: tuple[str, ...]
    total_minor: int | None
    currency: str | None

    @classmethod
    def of(cls, action: Mapping[str, Any]) -> Self:
        parts = (action, *action.get("also", ()))
        moved = [part["amount_minor"] for part in parts if part["amount_minor"] is not None]
        return cls(
            kinds=tuple(part["kind"] for part in parts),
            total_minor=sum(moved) if moved else None,
            currency=next((part["currency"] for part in parts if part["currency"]), None),
        )


@dataclass(frozen=True, slots=True)
class QueuePage:
    """A page of the list; `total` counts every match."""

    items: tuple[QueueItem, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Ranked:
    """A waiting review's place among the others; free means that it may be given to the asker."""

    review_id: int
    is_free: bool


@dataclass(frozen=True, slots=True)
class QueueTiles:
    """What waits now, and what was decided in the last 24 hours (undone decisions left out)."""

    waiting: int  # every kind but audits and second looks, snoozed ones too
    waiting_audits: int  # and second looks
    overdue: int
    oldest_s: float | None  # of `waiting`; None when nothing waits
    decided_24h: int  # approved_unchanged + edited + rejected
    approved_unchanged: int
    edited: int
    rejected: int
    audited_24h: int


def queue_page(
    session: Session,
    wanted: Wanted | None = None,
    *,
    person: str | None = None,
    now: datetime,
    limit: int = 50,
    offset: int = 0,
) -> QueuePage:
    """Return waiting reviews by urgency, without those that `person` must not judge."""
    found = matching(wanted or Wanted(), person=person, now=now)
    total = session.execute(select(func.count()).select_from(found.subquery())).scalar_one()
    urgency = _urgency(now).label("urgency")
    page = (
        found.add_columns(urgency)
        .order_by(urgency.desc(), col(Review.id))
        .limit(limit)
        .offset(offset)
        .subquery()
    )
    rows = session.execute(
        _shown(page.c.urgency)
        .join(page, page.c.id == col(Review.id))
        .order_by(page.c.urgency.desc(), col(Review.id))
    ).all()
    return QueuePage(_items(session, rows, now), total)


def ranking(
    session: Session, wanted: Wanted, *, person: str, now: datetime, limit: int
) -> tuple[Ranked, ...]:
    """Return the ids of what `queue_page` lists, in its order, without reading the rows."""
    found = (
        matching(wanted, person=person, now=now)
        .add_columns(is_free(person, now))
        .order_by(_urgency(now).desc(), col(Review.id))
    )
    return tuple(Ranked(*row) for row in session.execute(found.limit(limit)))


def queue_items(session: Session, review_ids: Sequence[int], *, now: datetime) -> list[QueueItem]:
    """Return these reviews in the order given, as the list shows them, the closed ones left out."""
    rows = session.execute(
        _shown(literal(0.0).label("urgency")).where(
            col(Review.id).in_(list(review_ids)), col(Review.status).in_(OPEN_REVIEW)
        )
    ).all()
    known = {item.review_id: item for item in _items(session, rows, now)}
    return [known[review_id] for review_id in review_ids if review_id in known]


def _shown(urgency: ColumnElement[Any]) -> Select[Any]:
    """Return the select of what a row shows: columns, for whole entities cost ten times as much."""
    return (
        joined(
            select(
                *(col(getattr(Review, name)) for name in _COLUMNS),
                col(Ticket.external_id),
                col(Ticket.customer_id),
                col(Run.intent),
                col(Draft.action),
                col(OutboxEntry.id).label("moved"),
                col(OutboxEntry.amount_minor),
                col(OutboxEntry.currency),
                urgency,
            )
        )
        .join(Draft, col(Draft.id) == col(Review.draft_id))
        .outerjoin(OutboxEntry, col(OutboxEntry.id) == col(Review.action_id))
    )


def _items(session: Session, rows: Sequence[Row[Any]], now: datetime) -> tuple[QueueItem, ...]:
    rules = {version: _rules(session, version) for version in {row.policy_version for row in rows}}
    halfway = [row.id for row in rows if row.status is ReviewStatus.AWAITING_SECOND]
    given = _approvals(session, halfway)
    return tuple(
        _item(row, rules[row.policy_version], tuple(given.get(row.id, ())), now) for row in rows
    )


def _urgency(now: datetime) -> ColumnElement[Any]:
    return _risk() * (1.0 + now.timestamp() / 3600.0 - _opened_hours())


def _risk() -> ColumnElement[Any]:
    return case((col(Review.kind).in_(BLIND), _AUDIT_RISK), else_=col(Review.risk))


def _opened_hours() -> ColumnElement[Any]:
    return extract("epoch", col(Review.opened_at)) / 3600.0


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


def _item(
    row: Row[Any], policy: PolicyBody, approved_by: tuple[str, ...], now: datetime
) -> QueueItem:
    money = _Money.of(row.action)
    is_moved = row.moved is not None  # a review about one delivery: the money of that one
    is_blind = row.kind in BLIND
    is_held = row.claimed_until is not None and row.claimed_until > now
    # stored from validated reasons, and hundreds of them are read at a time
    reasons = () if is_blind else tuple(Reason.model_construct(**one) for one in row.reasons)
    return QueueItem(
        review_id=row.id,
        run_id=row.run_id,
        kind=shown_kind(row.kind),
        status=row.status,
        title=row.title,
        external_id=row.external_id,
        customer_id=row.customer_id,
        intent=row.intent,
        action_kind=money.kinds[0],
        amount_minor=row.amount_minor if is_moved else money.total_minor,
        currency=row.currency if is_moved else money.currency,
        confidence=None if is_blind else row.confidence,
        threshold=None if is_blind else row.threshold,
        risk=_AUDIT_RISK if is_blind else row.risk,
        urgency=row.urgency,
        reasons=reasons,
        age_s=max(0.0, (now - row.opened_at).total_seconds()),
        claimed_by=row.claimed_by if is_held else None,
        revision=row.revision,
        is_blocked=row.is_blocked,
        is_reversal=row.kind is ReviewKind.STALE and row.action_id is not None,
        needed=2 if (money.total_minor or 0) > policy.two_person_above_minor else 1,
        approved_by=approved_by,
        assigned_to=row.assigned_to,
        snoozed_until=row.snoozed_until,
        due_at=row.due_at,
        sla_stage=row.sla_stage,
        further_kinds=money.kinds[1:],
    )


def tiles(session: Session, *, now: datetime) -> QueueTiles:
    """Return the counts above the queue."""
    waiting = session.execute(
        select(col(Review.kind), func.count(), func.min(col(Review.opened_at)))
        .where(col(Review.status).in_(OPEN_REVIEW))
        .group_by(col(Review.kind))
    ).all()
    overdue = select(func.count()).where(
        col(Review.status).in_(OPEN_REVIEW), col(Review.due_at) <= now
    )
    others = [(count, oldest) for kind, count, oldest in waiting if kind not in BLIND]
    decided = _decided_since(session, now - timedelta(hours=24), now)
    drafts = {verdict: decided.get(verdict, 0) for verdict in Verdict}
    return QueueTiles(
        waiting=sum(count for count, _ in others),
        waiting_audits=sum(n for kind, n, _ in waiting if kind in BLIND),
        overdue=session.execute(overdue).scalar_one(),
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
