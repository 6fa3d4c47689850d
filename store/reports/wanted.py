"""What somebody looks for among the waiting reviews, and the query that finds it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, cast, func, or_, select
from sqlmodel import col

from store.schema import Decision, Review, Run, Ticket, Undo
from store.transitions import BLIND, OPEN_REVIEW, ReviewKind, ReviewStatus


class Whose(StrEnum):
    ALL = "all"  # everybody's
    MINE = "mine"  # assigned to this person, or this person is on it
    FREE = "free"  # nobody else is on it, it is nobody else's, and this person is still needed


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for among the waiting reviews; the default is everything not snoozed."""

    kinds: Collection[ReviewKind] | None = None
    search: str = ""  # in title, ticket and customer
    intent: str | None = None
    action_kind: str | None = None
    reason: str | None = None  # a code of the gate's reasons
    above_minor: int | None = None
    whose: Whose = Whose.ALL
    is_overdue: bool = False
    is_snoozed: bool = False


def matching(wanted: Wanted, *, person: str | None, now: datetime) -> Select[Any]:
    """Return a select of the ids of the waiting reviews that fit."""
    waiting: list[ColumnElement[bool]] = [col(Review.status).in_(OPEN_REVIEW)]
    if wanted.kinds is not None:
        waiting.append(col(Review.kind).in_(list(wanted.kinds)))
    asleep = col(Review.snoozed_until) > now
    waiting.append(
        asleep if wanted.is_snoozed else or_(col(Review.snoozed_until).is_(None), ~asleep)
    )
    if wanted.is_overdue:
        waiting.append(col(Review.due_at) <= now)
    waiting += _of_person(wanted.whose, person, now)
    found: Select[Any] = select(col(Review.id)).where(*waiting)
    about_case = _about_case(wanted)
    return joined(found).where(*about_case) if about_case else found


def _about_case(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.search.strip():
        conditions.append(_matches(wanted.search.strip()))
    if wanted.intent is not None:
        conditions.append(col(Run.intent) == wanted.intent)
    if wanted.action_kind is not None:
        conditions.append(col(Run.action_kind) == wanted.action_kind)
    if wanted.above_minor is not None:
        conditions.append(col(Run.amount_minor) > wanted.above_minor)
    if wanted.reason is not None:  # reasons are hidden on blind cards, and so is this filter
        code = f'"code":"{wanted.reason}"'
        as_text = func.replace(cast(col(Review.reasons), String), " ", "")
        conditions += [as_text.contains(code, autoescape=True), col(Review.kind).not_in(BLIND)]
    return conditions


def _of_person(whose: Whose, person: str | None, now: datetime) -> list[ColumnElement[bool]]:
    if person is None:
        return []
    judged = (
        select(col(Decision.id))
        .where(col(Decision.id) == col(Review.after_decision), col(Decision.person) == person)
        .exists()
    )
    conditions: list[ColumnElement[bool]] = [or_(col(Review.after_decision).is_(None), ~judged)]
    if whose is Whose.MINE:
        on_it = and_(col(Review.claimed_by) == person, col(Review.claimed_until) > now)
        conditions.append(or_(col(Review.assigned_to) == person, on_it))
    elif whose is Whose.FREE:
        conditions.append(is_free(person, now))
    return conditions


def is_free(person: str, now: datetime) -> ColumnElement[bool]:
    """Return the condition that a waiting review may be given to this person of itself."""
    approved = (
        select(col(Decision.id))
        .outerjoin(Undo, col(Undo.decision_id) == col(Decision.id))
        .where(
            col(Decision.review_id) == col(Review.id),
            col(Decision.person) == person,
            col(Undo.decision_id).is_(None),
        )
        .exists()
    )
    return and_(
        or_(col(Review.assigned_to).is_(None), col(Review.assigned_to) == person),
        or_(
            col(Review.claimed_by).is_(None),
            col(Review.claimed_by) == person,
            col(Review.claimed_until) <= now,
        ),
        or_(col(Review.status) != ReviewStatus.AWAITING_SECOND, ~approved),
    )


def joined(statement: Select[Any]) -> Select[Any]:
    """Return the select over reviews with their run and ticket beside them."""
    return (
        statement.select_from(Review)
        .join(Run, col(Run.id) == col(Review.run_id))
        .join(Ticket, col(Ticket.id) == col(Run.ticket_id))
    )


def _matches(search: str) -> ColumnElement[bool]:
    columns = (Review.title, Ticket.external_id, Ticket.customer_id, Ticket.subject, Ticket.text)
    return or_(*(col(column).icontains(search, autoescape=True) for column in columns))
