"""Check cards: drafts that people once found wrong, put in the queue again to see who notices.

Off unless a share is set. Such a card is a copy of a past one, beside its run: whatever is said of
it delivers nothing (trigger `outbox_never_seeded`) and labels nothing. The audit trail tells that
one was opened but not which; its mark lets a holder of the audit key find that out.
"""

import hashlib
import hmac
import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Row, Select, exists, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from store import audit, policies, registry
from store.actions import Action
from store.labels import CUSTOMER, is_by_model
from store.schema import Decision, Draft, OutboxEntry, Review, Run
from store.transitions import OPEN_REVIEW, ReviewKind, ReviewStatus, RunStatus, Verdict

DAY, WEEK = timedelta(days=1), timedelta(days=7)
_OLD_DAYS, _DEMO_DAYS = 14, 3  # nobody should remember the card
_LOOKED_AT = 5_000  # newest decisions
_CHOICE = 500  # of those, rejections drawn from
_COPIED = (
    *("run_id", "draft_id", "revision", "payload_digest", "policy_version", "title", "reasons"),
    *("confidence", "threshold", "risk", "doubtful_step"),
)


@dataclass(frozen=True, slots=True)
class Opened:
    """How many cards were opened in a time."""

    escalations: int
    seeded: int


def is_owed(share: float, day: Opened, week: Opened) -> bool:
    """Return whether one more check card keeps their number at the share of escalations.

    Counted over a day; over a week where a day has too few escalations for a single one.
    """
    if share * day.escalations >= 1:
        return day.seeded + 1 <= share * day.escalations
    return not day.seeded and week.seeded + 1 <= share * week.escalations


def is_due(session: Session, *, share: float, now: datetime) -> bool:
    """Return whether `seed` would look for a card to open."""
    if share <= 0:
        return False
    return is_owed(share, _opened(session, now - DAY, now), _opened(session, now - WEEK, now))


def seed(session: Session, *, share: float, rng: random.Random, now: datetime) -> int:
    """Open one check card if the share allows it and a past card fits; return how many, 0 or 1."""
    if not is_due(session, share=share, now=now):
        return 0
    fitting = [row for row in session.execute(_past(session, now)).all() if _is_plain(session, row)]
    if not fitting:
        return 0
    review_id = _open(session, rng.choice(fitting), now)
    key = session.info["keys"].audit
    mark = hmac.new(key, f"seeded:{review_id}".encode(), hashlib.sha256).hexdigest()
    audit.append(
        session,
        actor="watcher",
        tag="run:seeded:opened",
        subject="seeded",
        at=now,
        body={"mark": mark},
    )
    return 1


def _opened(session: Session, since: datetime, until: datetime) -> Opened:
    """Count the cards opened in (since, until]."""
    rows = session.execute(
        select(col(Review.kind), func.count())
        .where(
            col(Review.kind).in_([ReviewKind.ESCALATION, ReviewKind.SEEDED]),
            col(Review.status) != ReviewStatus.SUPERSEDED,  # an undone one is open again
            or_(col(Review.status).in_(OPEN_REVIEW), col(Review.decided_at) > since),  # indexed
            col(Review.opened_at) > since,
            col(Review.opened_at) <= until,
        )
        .group_by(col(Review.kind))
    )
    counted = {row[0]: row[1] for row in rows}
    return Opened(counted.get(ReviewKind.ESCALATION, 0), counted.get(ReviewKind.SEEDED, 0))


def _rejections(session: Session, now: datetime) -> list[str]:
    """Return the newest past decisions by which a real person said that a draft was wrong.

    A demo has no real people: there, simulated ones count. Looks at a bounded number of decisions,
    however many there are, since the write lock is held meanwhile.
    """
    company = registry.company(session)
    is_demo = company is not None and company.is_demo
    old = now - timedelta(days=_DEMO_DAYS if is_demo else _OLD_DAYS)
    looked_at = (
        select(Decision)
        .where(col(Decision.decided_at) < old)
        .order_by(col(Decision.decided_at).desc())
        .limit(_LOOKED_AT)
        .subquery()
    )
    past = aliased(Decision, looked_at)
    wanted = (
        select(col(past.id))
        .where(
            col(past.verdict) == Verdict.REJECT,
            col(past.is_final),
            col(past.reason_code).is_not(None),
            col(past.blamed_step).is_not(None),
            col(past.blamed_step) != CUSTOMER,  # then the draft was right
            col(past.undo_until) < old,
        )
        .order_by(col(past.decided_at).desc())
        .limit(_CHOICE)
    )
    if not is_demo:
        wanted = wanted.where(~col(past.is_simulated))
    return list(session.execute(wanted).scalars())


def _past(session: Session, now: datetime) -> Select[Review, Draft, str]:
    """Return the select of past cards that were rejected, delivered nothing, and were never used
    before.
    """
    again = aliased(Review)
    return (
        select(Review, Draft, col(Decision.id))
        .join(Decision, col(Decision.review_id) == col(Review.id))
        .join(Draft, col(Draft.id) == col(Review.draft_id))
        .join(Run, col(Run.id) == col(Review.run_id))
        .where(
            col(Decision.id).in_(_rejections(session, now)),
            col(Decision.draft_id) == col(Review.draft_id),
            col(Review.kind) == ReviewKind.ESCALATION,
            col(Review.status) == ReviewStatus.DECIDED,  # an undone one is superseded
            col(Review.is_blocked).is_(False),
            col(Review.action_id).is_(None),
            col(Run.status) == RunStatus.REJECTED,
            ~exists().where(col(OutboxEntry.run_id) == col(Run.id)),
            ~exists().where(col(again.run_id) == col(Run.id), col(again.kind) == ReviewKind.SEEDED),
        )
        .order_by(col(Review.id))
    )


def _is_plain(session: Session, row: Row[Review, Draft, str]) -> bool:
    """Return whether it is as the agent made it, and a single person could have decided it."""
    review, draft, _ = row
    policy = policies.version(session, review.policy_version).body
    try:
        action = Action.model_validate(draft.action)
    except ValueError:  # a row that no verb has written
        return False
    return is_by_model(draft.author) and not policy.is_two_person(action)


def _open(session: Session, row: Row[Review, Draft, str], now: datetime) -> int:
    past, _, decision_id = row
    policy = policies.version(session, past.policy_version).body
    card = Review(
        **{name: getattr(past, name) for name in _COPIED},
        kind=ReviewKind.SEEDED,
        after_decision=decision_id,
        opened_at=now,
        due_at=now + timedelta(hours=policy.sla.due),
    )
    session.add(card)
    session.flush()
    assert card.id is not None
    return card.id
