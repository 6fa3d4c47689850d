"""The clock of a waiting card: people are reminded, then everybody may take it, then a manager
decides. Time alone never approves, rejects or closes what a customer waits for.

`stage` is the rule, under the policy the card was frozen with; `tick` carries it out, once per card
and stage whatever crashes or runs beside it. A card without `due_at` has no clock. Seeded cards
look like the others, but nobody is told about them, and at the end they expire.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, false, func, or_, select, update
from sqlmodel import Session, col

from store import audit, claims, notifications, policies
from store.gate import Sla
from store.notifications import Message
from store.schema import Review
from store.transitions import OPEN_REVIEW, ReviewKind, ReviewStatus, SlaStage

BATCH = 50  # cards in one transaction: others want to write too
_ORDER = (SlaStage.FRESH, SlaStage.REMINDED, SlaStage.REROUTED, SlaStage.HELD)
_TAKEN_AWAY = {  # what a card that is offered to everybody loses
    "claimed_by": None,
    "claimed_until": None,
    "assigned_to": None,
    "snoozed_until": None,
}
_SAID = {  # of one card, of many
    SlaStage.REMINDED: ("is nearly overdue", "cards are nearly overdue"),
    SlaStage.REROUTED: ("is overdue", "cards are overdue"),
    SlaStage.HELD: ("waits for a manager", "cards wait for a manager"),
}


@dataclass(frozen=True, slots=True)
class Moved:
    """A card that reached a stage."""

    review_id: int
    run_id: int
    kind: ReviewKind
    stage: SlaStage
    taken_from: str | None  # who had it when it was offered to everybody

    @property
    def is_seeded(self) -> bool:
        """Return whether it must not be spoken of."""
        return self.kind is ReviewKind.SEEDED


def stage(sla: Sla, opened_at: datetime, now: datetime) -> SlaStage:
    """Return the stage of a card that has waited since then."""
    reached = [one for one in _ORDER[1:] if opened_at <= now - _after(sla, one)]
    return reached[-1] if reached else SlaStage.FRESH


def is_late(session: Session, *, now: datetime) -> bool:
    """Return whether any card has a stage to reach: a read that spares others the write lock."""
    late = select(col(Review.id)).where(_is_late(_clocks(session), now)).limit(1)
    return session.execute(late).first() is not None


def tick(session: Session, *, now: datetime, tells: bool = True) -> tuple[Moved, ...]:
    """Move the cards whose time has come, oldest first and at most `BATCH`; return them.

    `tells` records notifications: one each for a few, one for all where there are many.
    """
    clocks = _clocks(session)
    rows = session.execute(
        select(
            *(col(getattr(Review, name)) for name in ("id", "run_id", "kind", "opened_at")),
            *(col(getattr(Review, name)) for name in ("policy_version", "sla_stage")),
            *(col(getattr(Review, name)) for name in ("claimed_by", "assigned_to")),
        )
        .where(_is_late(clocks, now))
        .order_by(col(Review.opened_at), col(Review.id))
        .limit(BATCH)
    ).all()
    moves = (
        _move(session, row, stage(clocks[row.policy_version], row.opened_at, now), now)
        for row in rows
    )
    moved = tuple(one for one in moves if one is not None)
    open_cards = [one for one in moved if not one.is_seeded]
    if tells:
        for reached in _ORDER[1:]:
            ids = [one.review_id for one in open_cards if one.stage is reached]
            if ids:
                _tell(session, reached, ids, clocks, now)
    _audit(session, open_cards, now)
    return moved


def _after(sla: Sla, reached: SlaStage) -> timedelta:
    hours = {SlaStage.REMINDED: sla.remind, SlaStage.REROUTED: sla.due, SlaStage.HELD: sla.hold}
    return timedelta(hours=hours[reached])


def _has_clock() -> ColumnElement[bool]:
    return and_(col(Review.status).in_(OPEN_REVIEW), col(Review.due_at).is_not(None))


def _clocks(session: Session) -> dict[int, Sla]:
    """Return the clock of each policy that some waiting card is frozen with."""
    found = session.execute(select(col(Review.policy_version)).where(_has_clock()).distinct())
    return {one: policies.version(session, one).body.sla for one in found.scalars()}


def _is_late(clocks: dict[int, Sla], now: datetime) -> ColumnElement[bool]:
    """Return the condition that a card's stage is behind its clock."""
    behind = [
        and_(
            col(Review.policy_version) == version,
            col(Review.sla_stage).in_(_ORDER[:at]),
            col(Review.opened_at) <= now - _after(sla, _ORDER[at]),
        )
        for version, sla in clocks.items()
        for at in range(1, len(_ORDER))
    ]
    is_left_alone = or_(  # nobody loses a check card while they are on it
        col(Review.kind) != ReviewKind.SEEDED,
        col(Review.claimed_until).is_(None),
        col(Review.claimed_until) <= now,
    )
    return and_(_has_clock(), or_(false(), *behind), is_left_alone)


def _move(session: Session, row: Row[Any], reached: SlaStage, now: datetime) -> Moved | None:
    """Compare-and-set, so that each stage is reached once."""
    is_offered = (
        _ORDER.index(row.sla_stage) < _ORDER.index(SlaStage.REROUTED) <= _ORDER.index(reached)
    )
    values: dict[str, Any] = {"sla_stage": reached}
    if is_offered:
        values |= {**_TAKEN_AWAY, "status": claims.given_back()}
    if row.kind is ReviewKind.SEEDED and reached is SlaStage.HELD:
        values |= {"status": ReviewStatus.EXPIRED, "decided_at": now}
    won = session.connection().execute(
        update(Review)
        .where(
            col(Review.id) == row.id,
            col(Review.status).in_(OPEN_REVIEW),
            col(Review.sla_stage) == row.sla_stage,
        )
        .values(**values)
    )
    if won.rowcount != 1:
        return None
    holder = (row.claimed_by or row.assigned_to) if is_offered else None
    return Moved(row.id, row.run_id, row.kind, reached, holder)


def _tell(
    session: Session, reached: SlaStage, ids: list[int], clocks: dict[int, Sla], now: datetime
) -> None:
    of_one, of_many = _SAID[reached]
    there = _count(session, clocks, reached, now)
    notifications.tell_each(
        session,
        f"sla:{reached}",
        ids,
        lambda one: notifications.about_card(session, one, f"Card {one} {of_one}"),
        Message(f"{there} {of_many}", "The queue shows the most urgent first.", "/"),
        now=now,
    )


def _count(session: Session, clocks: dict[int, Sla], reached: SlaStage, now: datetime) -> int:
    """Count the cards that stand at this stage by the clock, moved already or not."""
    further = _ORDER[_ORDER.index(reached) + 1 :][:1]
    spans = [
        and_(
            col(Review.policy_version) == version,
            col(Review.opened_at) <= now - _after(sla, reached),
            *(col(Review.opened_at) > now - _after(sla, one) for one in further),
        )
        for version, sla in clocks.items()
    ]
    there = select(func.count()).where(
        _has_clock(), col(Review.kind) != ReviewKind.SEEDED, or_(*spans)
    )
    return int(session.execute(there).scalar_one())


def _audit(session: Session, moved: Iterable[Moved], now: datetime) -> None:
    for one in moved:
        audit.append(
            session,
            actor="watcher",
            tag=f"run:review:{one.stage}",
            subject=f"run:{one.run_id}",
            at=now,
            body={"review": one.review_id, "taken_from": one.taken_from},
        )
