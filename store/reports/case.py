"""The parts of a case that cards and run pages share: ticket, drafts, steps, decisions.

Each is a frozen view of stored rows and the query that reads it.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from store.actions import Action
from store.outputs import STEP_TITLES, STEPS
from store.schema import Decision, Draft, StepRecord, Ticket, Undo
from store.transitions import StepStatus, Verdict


@dataclass(frozen=True, slots=True)
class TicketView:
    """The ticket as received; `text` and `subject` are a stranger's words."""

    external_id: str
    customer_id: str | None
    subject: str
    text: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class DraftView:
    """One revision of reply + action; `digest` goes back with the decision."""

    id: int
    revision: int
    reply: str
    action: Action
    digest: str
    author: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of the run, over the attempts of its newest visit; `status` is None before any."""

    name: str
    title: str
    status: StepStatus | None
    attempts: int
    latency_ms: float  # summed over attempts
    is_doubtful: bool


@dataclass(frozen=True, slots=True)
class DecisionView:
    """The newest decision on the review."""

    id: str
    draft_id: int  # the revision it is about: the person's own after an edit
    person: str
    verdict: Verdict
    reason_code: str | None
    note: str
    blamed_step: str | None
    decided_at: datetime
    undo_until: datetime
    is_final: bool  # False: one of two people has approved
    is_undone: bool


def ticket_view(row: Ticket) -> TicketView:
    """Return what pages show of a ticket."""
    return TicketView(row.external_id, row.customer_id, row.subject, row.text, row.received_at)


def draft_view(row: Draft) -> DraftView:
    """Return what pages show of a draft."""
    assert row.id is not None
    return DraftView(
        id=row.id,
        revision=row.revision,
        reply=row.reply,
        action=Action.model_validate(row.action),
        digest=row.digest,
        author=row.author,
        created_at=row.created_at,
    )


def step_records(session: Session, run_id: int, *, visit: int | None = None) -> list[StepRecord]:
    """Return every attempt of a run, up to and with that visit, in the order of recording."""
    wanted = select(StepRecord).where(StepRecord.run_id == run_id).order_by(col(StepRecord.id))
    if visit is not None:
        wanted = wanted.where(StepRecord.visit <= visit)
    return list(session.exec(wanted))


def step_views(records: list[StepRecord], doubtful: str | None) -> tuple[StepView, ...]:
    """Return the steps in order, those that have not run included."""
    names = dict.fromkeys([*STEPS, *(record.name for record in records)])
    views = []
    for name in names:
        newest = max((record.visit for record in records if record.name == name), default=1)
        mine = [one for one in records if one.name == name and one.visit == newest]
        views.append(
            StepView(
                name=name,
                title=STEP_TITLES.get(name, name),
                status=mine[-1].status if mine else None,
                attempts=len(mine),
                latency_ms=sum(record.latency_ms for record in mine),
                is_doubtful=name == doubtful,
            )
        )
    return tuple(views)


def decisions(session: Session, review_id: int) -> tuple[DecisionView, ...]:
    """Return the decisions on a review, oldest first."""
    rows = session.exec(
        select(Decision, Undo)
        .outerjoin(Undo, col(Undo.decision_id) == col(Decision.id))
        .where(Decision.review_id == review_id)
        .order_by(col(Decision.decided_at))
    )
    return tuple(
        DecisionView(
            id=row.id,
            draft_id=row.draft_id,
            person=row.person,
            verdict=row.verdict,
            reason_code=row.reason_code,
            note=row.note,
            blamed_step=row.blamed_step,
            decided_at=row.decided_at,
            undo_until=row.undo_until,
            is_final=row.is_final,
            is_undone=undo is not None,
        )
        for row, undo in rows
    )
