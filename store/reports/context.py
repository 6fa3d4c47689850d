"""What stands around a case: the customer's other tickets, and notes.

Asked for while somebody decides, so the case's own run is never among what it returns: an audit is
judged without its outcome, and a card that measures reviewers must not give away how it ended.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from store import notes, registry
from store.errors import NotFound
from store.notes import NoteView
from store.schema import Decision, OutboxEntry, Review, Run, Ticket, Undo
from store.transitions import (
    BLIND,
    OPEN_REVIEW,
    OutboxStatus,
    Outcome,
    ReviewKind,
    RunStatus,
    Verdict,
)

PAST_RUNS = 10
MONEY_DAYS = 90
TITLE_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What a person said about a case."""

    verdict: Verdict
    person: str
    reason: str  # the reason's title, empty without one
    note: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PastRun:
    """Another ticket of the customer; `title` is their own words."""

    run_id: int
    at: datetime
    title: str
    action_kind: str | None
    amount_minor: int | None
    status: RunStatus
    is_automatic: bool  # the gate let it out alone
    said: Verdicts | None


@dataclass(frozen=True, slots=True)
class Moved:
    """Money of one kind of action that reached the customer."""

    kind: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class CustomerPast:
    """A customer's other tickets, newest first; `total` counts all of them."""

    customer_id: str | None
    runs: tuple[PastRun, ...]
    total: int
    moved: tuple[Moved, ...]  # in the last `MONEY_DAYS` days, what was taken back left out
    currency: str


@dataclass(frozen=True, slots=True)
class Beside:
    """What the column beside a card needs besides the card."""

    currency: str
    notes: tuple[NoteView, ...]  # empty while they could give the answer away
    are_notes_hidden: bool


def beside(session: Session, review_id: int) -> Beside:
    """Return the notes beside a review, as far as somebody who judges it may see them."""
    review = review_of(session, review_id)
    is_open = review.status in OPEN_REVIEW
    is_disguised = is_open and review.kind is ReviewKind.SEEDED
    is_blind = is_open and review.kind in BLIND
    shown = () if is_blind or is_disguised else notes.of_run(session, review.run_id)
    return Beside(currency_of(session), shown, are_notes_hidden=is_blind)


def customer(session: Session, review_id: int, *, now: datetime) -> CustomerPast:
    """Return the customer's other tickets; raises NotFound."""
    run = session.get_one(Run, review_of(session, review_id).run_id)
    name = session.get_one(Ticket, run.ticket_id).customer_id
    currency = currency_of(session)
    if name is None:
        return CustomerPast(None, (), 0, (), currency)
    others = [col(Ticket.customer_id) == name, col(Run.id) != run.id]
    joined = select(Run, Ticket).join(Ticket, col(Ticket.id) == col(Run.ticket_id))
    newest = joined.where(*others).order_by(col(Run.created_at).desc(), col(Run.id).desc())
    rows = session.exec(newest.limit(PAST_RUNS)).all()
    counted = select(func.count()).select_from(Run).join(Ticket, col(Ticket.id) == Run.ticket_id)
    said = _said(session, [past.id for past, _ in rows if past.id is not None])
    return CustomerPast(
        customer_id=name,
        runs=tuple(_past(past, ticket, said) for past, ticket in rows),
        total=session.exec(counted.where(*others)).one(),
        moved=_moved(session, name, run.id, since=now - timedelta(days=MONEY_DAYS)),
        currency=currency,
    )


def _past(run: Run, ticket: Ticket, said: dict[int, Verdicts]) -> PastRun:
    assert run.id is not None
    return PastRun(
        run_id=run.id,
        at=run.created_at,
        title=clipped(ticket.subject or ticket.text, TITLE_CHARACTERS),
        action_kind=run.action_kind,
        amount_minor=run.amount_minor,
        status=run.status,
        is_automatic=run.outcome is Outcome.PASS,
        said=said.get(run.id),
    )


def _said(session: Session, run_ids: Collection[int]) -> dict[int, Verdicts]:
    """Return the newest standing verdict on each run, those that measure reviewers left out."""
    rows = session.execute(
        select(Decision)
        .join(Review, col(Review.id) == col(Decision.review_id))
        .outerjoin(Undo, col(Undo.decision_id) == col(Decision.id))
        .where(
            col(Decision.run_id).in_(run_ids),
            col(Decision.is_final),
            col(Review.kind) != ReviewKind.SEEDED,
            col(Undo.decision_id).is_(None),
        )
        .order_by(col(Decision.decided_at))
    ).scalars()
    reasons = reasons_of(session)
    return {row.run_id: verdicts(row, reasons) for row in rows}


def _moved(
    session: Session, customer_id: str, run_id: int | None, *, since: datetime
) -> tuple[Moved, ...]:
    taken_back = (
        select(OutboxEntry.reverses)
        .where(
            col(OutboxEntry.customer_id) == customer_id,
            col(OutboxEntry.created_at) >= since,
            col(OutboxEntry.reverses).is_not(None),
            col(OutboxEntry.status) == OutboxStatus.SENT,
        )
        .subquery()
    )
    rows = session.execute(
        select(OutboxEntry.kind, OutboxEntry.currency, func.sum(OutboxEntry.amount_minor))
        .where(
            col(OutboxEntry.customer_id) == customer_id,
            col(OutboxEntry.created_at) >= since,
            col(OutboxEntry.status) == OutboxStatus.SENT,
            col(OutboxEntry.amount_minor) > 0,
            col(OutboxEntry.reverses).is_(None),
            col(OutboxEntry.run_id) != run_id,
            col(OutboxEntry.id).not_in(select(taken_back.c.reverses)),
        )
        .group_by(col(OutboxEntry.kind), col(OutboxEntry.currency))
        .order_by(func.sum(OutboxEntry.amount_minor).desc())
    )
    return tuple(Moved(kind, int(total), currency) for kind, currency, total in rows if currency)


def verdicts(row: Decision, reasons: dict[str, str]) -> Verdicts:
    """Return a decision with its reason's title."""
    reason = reasons.get(row.reason_code, row.reason_code) if row.reason_code else ""
    return Verdicts(row.verdict, row.person, reason, row.note, row.decided_at)


def review_of(session: Session, review_id: int) -> Review:
    """Return a review; raises NotFound."""
    review = session.get(Review, review_id)
    if review is None:
        raise NotFound(f"There is no review {review_id}.")
    return review


def reasons_of(session: Session) -> dict[str, str]:
    """Return the title of each reason the company offers, by its code."""
    company = registry.company(session)
    offered: Sequence[dict[str, Any]] = company.reject_reasons if company else ()
    return {str(reason["code"]): str(reason["title"]) for reason in offered}


def currency_of(session: Session) -> str:
    """Return the company's currency."""
    company = registry.company(session)
    return company.currency if company else ""


def clipped(text: str, characters: int) -> str:
    """Return the text on one line, cut where it is too long."""
    line = " ".join(text.split())
    return line if len(line) <= characters else line[: characters - 1] + "…"
