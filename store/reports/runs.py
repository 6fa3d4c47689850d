"""Runs: the list, and one run with everything that was recorded about it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_
from sqlmodel import Session, col, select

from store.errors import NotFound
from store.interventions import Possible, possible
from store.outputs import STEP_TITLES
from store.reports.case import (
    DecisionView,
    DraftView,
    TicketView,
    decisions,
    draft_view,
    step_records,
    ticket_view,
)
from store.reports.delivery import DeliveryView, deliveries
from store.schema import Draft, Review, Run, StepRecord, Ticket
from store.transitions import Outcome, ReviewKind, ReviewStatus, RunStatus, StepStatus

_TITLE_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run as the list shows it."""

    run_id: int
    external_id: str
    customer_id: str | None
    title: str  # the subject, or the first words of the text
    pipeline: str
    status: RunStatus
    intent: str | None
    action_kind: str | None
    outcome: Outcome | None
    confidence: float | None
    model: str | None
    created_at: datetime
    finished_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class RunPage:
    """A page of the list, newest first; `total` counts every match."""

    items: tuple[RunRow, ...]
    total: int


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt at one step, with what it stored."""

    name: str
    title: str
    visit: int
    attempt: int
    status: StepStatus
    started_at: datetime
    latency_ms: float
    model: str | None
    input_tokens: int
    output_tokens: int
    cost_microusd: int
    output: dict[str, Any] | None
    error_class: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class ReviewView:
    """One review of the run, with its decisions in order."""

    review_id: int
    kind: ReviewKind
    status: ReviewStatus
    revision: int
    opened_at: datetime
    decided_at: datetime | None
    decisions: tuple[DecisionView, ...]


@dataclass(frozen=True, slots=True)
class RunDetail:
    """One run step by step. Its audits' confidence shows here: auditors work from the card."""

    run: RunRow
    policy_version: int | None
    lease_owner: str | None
    tries: int
    ticket: TicketView
    attempts: tuple[AttemptView, ...]  # in the order they were recorded
    drafts: tuple[DraftView, ...]
    reviews: tuple[ReviewView, ...]
    deliveries: tuple[DeliveryView, ...]
    possible: Possible  # what a person may do to it now


def runs(
    session: Session,
    *,
    status: RunStatus | None = None,
    search: str = "",
    limit: int = 50,
    offset: int = 0,
) -> RunPage:
    """Return runs, newest first; `search` looks in ticket id, customer, subject and text."""
    wanted: list[ColumnElement[bool]] = []
    if status is not None:
        wanted.append(col(Run.status) == status)
    if search.strip():
        wanted.append(_matches(search.strip()))
    joined = select(Run, Ticket).join(Ticket, col(Ticket.id) == col(Run.ticket_id)).where(*wanted)
    counted = select(func.count()).select_from(Run)
    if search.strip():
        counted = counted.join(Ticket, col(Ticket.id) == col(Run.ticket_id))
    total = session.exec(counted.where(*wanted)).one()
    newest = joined.order_by(col(Run.created_at).desc(), col(Run.id).desc())
    rows = session.exec(newest.limit(limit).offset(offset))
    return RunPage(tuple(_row(run, ticket) for run, ticket in rows), total)


def _matches(search: str) -> ColumnElement[bool]:
    columns = (Ticket.external_id, Ticket.customer_id, Ticket.subject, Ticket.text)
    return or_(*(col(column).icontains(search, autoescape=True) for column in columns))


def _row(run: Run, ticket: Ticket) -> RunRow:
    assert run.id is not None
    return RunRow(
        run_id=run.id,
        external_id=ticket.external_id,
        customer_id=ticket.customer_id,
        title=(ticket.subject or ticket.text)[:_TITLE_CHARACTERS],
        pipeline=run.pipeline,
        status=run.status,
        intent=run.intent,
        action_kind=run.action_kind,
        outcome=run.outcome,
        confidence=run.confidence,
        model=run.model,
        created_at=run.created_at,
        finished_at=run.finished_at,
        error=run.error,
    )


def run_detail(session: Session, run_id: int) -> RunDetail:
    """Return one run with all its records; raises NotFound."""
    run = session.get(Run, run_id)
    if run is None:
        raise NotFound(f"There is no run {run_id}.")
    ticket = session.get_one(Ticket, run.ticket_id)
    drafts = session.exec(select(Draft).where(Draft.run_id == run_id).order_by(col(Draft.revision)))
    reviews = session.exec(select(Review).where(Review.run_id == run_id).order_by(col(Review.id)))
    return RunDetail(
        run=_row(run, ticket),
        policy_version=run.policy_version,
        lease_owner=run.lease_owner,
        tries=run.tries,
        ticket=ticket_view(ticket),
        attempts=tuple(_attempt(record) for record in step_records(session, run_id)),
        drafts=tuple(draft_view(draft) for draft in drafts),
        reviews=tuple(_review(session, review) for review in reviews.all()),
        deliveries=deliveries(session, run_id),
        possible=possible(session, run),
    )


def _attempt(record: StepRecord) -> AttemptView:
    return AttemptView(
        name=record.name,
        title=STEP_TITLES.get(record.name, record.name),
        visit=record.visit,
        attempt=record.attempt,
        status=record.status,
        started_at=record.started_at,
        latency_ms=record.latency_ms,
        model=record.model,
        input_tokens=record.input_tokens,
        output_tokens=record.output_tokens,
        cost_microusd=record.cost_microusd,
        output=record.output,
        error_class=record.error_class,
        error=record.error,
    )


def _review(session: Session, row: Review) -> ReviewView:
    assert row.id is not None
    return ReviewView(
        review_id=row.id,
        kind=row.kind,
        status=row.status,
        revision=row.revision,
        opened_at=row.opened_at,
        decided_at=row.decided_at,
        decisions=decisions(session, row.id),
    )
