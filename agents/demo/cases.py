"""What a simulated reviewer of the demo's history looks at: open reviews with their outputs."""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from store import steps
from store.actions import Action
from store.outputs import (
    IntentOutput,
    Output,
    RetrievalOutput,
    SynthesisOutput,
    ToolCallOutput,
)
from store.schema import Decision, Review, Run, StepRecord, Ticket
from store.transitions import OPEN_REVIEW, Outcome, StepStatus

KINDS: dict[str, type[Output]] = {
    "intent": IntentOutput,
    "retrieval": RetrievalOutput,
    "tool_call": ToolCallOutput,
    "synthesis": SynthesisOutput,
}


@dataclass(frozen=True, slots=True)
class Case:
    """An open review with what its reviewer looks at."""

    review: Review
    external_id: str
    outputs: dict[str, Output]
    reply: str
    action: Action
    looked_before: str | None = None  # who gave the verdict that a second look is about


def open_cases(session: Session) -> list[Case]:
    """Return every open review with its ticket's id, draft and step outputs, oldest first."""
    rows = session.exec(
        select(Review, Ticket.external_id, Decision.person)
        .join(Run, col(Run.id) == col(Review.run_id))
        .join(Ticket, col(Ticket.id) == col(Run.ticket_id))
        .outerjoin(Decision, col(Decision.id) == col(Review.after_decision))
        .where(col(Review.status).in_(OPEN_REVIEW))
        .order_by(col(Review.opened_at), col(Review.id))
    ).all()
    return [_case(session, *row) for row in rows]


def _case(session: Session, review: Review, external_id: str, before: str | None) -> Case:
    draft = steps.latest_draft(session, review.run_id)
    return Case(
        review=review,
        external_id=external_id,
        outputs=outputs_of(session, review.run_id),
        reply=draft.reply,
        action=Action.model_validate(draft.action),
        looked_before=before,
    )


def outputs_of(session: Session, run_id: int) -> dict[str, Output]:
    """Return the recorded outputs of the first four steps, by step name."""
    records = session.exec(
        select(StepRecord).where(StepRecord.run_id == run_id, StepRecord.status == StepStatus.OK)
    )
    return {
        row.name: KINDS[row.name].model_validate(row.output) for row in records if row.name in KINDS
    }


def sent_alone(session: Session) -> list[tuple[int, str]]:
    """Return run and ticket of every draft that the gate let pass, oldest first."""
    rows = session.exec(
        select(Run.id, Ticket.external_id)
        .join(Ticket, col(Ticket.id) == col(Run.ticket_id))
        .where(Run.outcome == Outcome.PASS)
        .order_by(col(Run.id))
    ).all()
    return [(run_id, external_id) for run_id, external_id in rows if run_id is not None]
