"""Similar cases that people decided: the same intent, the same kind of action.

Sought among the newest decisions only, so that the read stays small whatever the history.
"""

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from store.decisions import is_bulk
from store.reports.context import (
    TITLE_CHARACTERS,
    Verdicts,
    clipped,
    currency_of,
    reasons_of,
    review_of,
    verdicts,
)
from store.schema import Decision, Draft, Review, Run, Ticket, Undo
from store.transitions import ReviewKind, Verdict

SIMILAR = 8
LOOKED_THROUGH = 3_000  # newest decisions
_REPLY_CHARACTERS = 280
_PRECEDENTS = (Verdict.APPROVE, Verdict.EDIT, Verdict.REJECT)


@dataclass(frozen=True, slots=True)
class Precedent:
    """A decided case with the same intent and kind of action."""

    run_id: int
    message: str
    reply: str  # as decided: the person's own words after an edit
    amount_minor: int | None
    said: Verdicts
    is_reply_changed: bool
    is_action_changed: bool


@dataclass(frozen=True, slots=True)
class Similar:
    """The newest precedents."""

    intent: str | None
    action_kind: str | None
    cases: tuple[Precedent, ...]
    currency: str


def similar(session: Session, review_id: int) -> Similar:
    """Return the newest cases that people decided with this intent and action; raises NotFound."""
    run = session.get_one(Run, review_of(session, review_id).run_id)
    rows = session.execute(_precedents(run)).all()
    reasons = reasons_of(session)
    cases = [_precedent(session, row, reasons) for row in rows if not is_bulk(row.Decision.id)]
    return Similar(run.intent, run.action_kind, tuple(cases[:SIMILAR]), currency_of(session))


def _precedents(run: Run) -> Any:
    newest = (
        select(Decision.id)
        .where(col(Decision.is_final), col(Decision.verdict).in_(_PRECEDENTS))
        .order_by(col(Decision.decided_at).desc())
        .limit(LOOKED_THROUGH)
        .subquery()
    )
    return (
        select(Decision, Review, Ticket, Draft)
        .select_from(newest)
        .join(Decision, col(Decision.id) == newest.c.id)
        .join(Run, col(Run.id) == col(Decision.run_id))
        .join(Review, col(Review.id) == col(Decision.review_id))
        .join(Ticket, col(Ticket.id) == col(Run.ticket_id))
        .join(Draft, col(Draft.id) == col(Decision.draft_id))
        .outerjoin(Undo, col(Undo.decision_id) == col(Decision.id))
        .where(
            col(Run.intent).is_(None) if run.intent is None else col(Run.intent) == run.intent,
            col(Run.action_kind) == run.action_kind,
            col(Run.id) != run.id,
            col(Review.kind) == ReviewKind.ESCALATION,
            col(Undo.decision_id).is_(None),
        )
        .order_by(col(Decision.decided_at).desc())
        .limit(SIMILAR * 4)  # decisions of a batch are left out: nobody looked at each
    )


def _precedent(session: Session, row: Any, reasons: dict[str, str]) -> Precedent:
    decided, shown = row.Draft, row.Draft
    if row.Review.draft_id != decided.id:
        shown = session.get_one(Draft, row.Review.draft_id)
    return Precedent(
        run_id=row.Decision.run_id,
        message=clipped(row.Ticket.subject or row.Ticket.text, TITLE_CHARACTERS),
        reply=clipped(decided.reply, _REPLY_CHARACTERS),
        amount_minor=decided.action.get("amount_minor"),
        said=verdicts(row.Decision, reasons),
        is_reply_changed=decided.reply != shown.reply,
        is_action_changed=decided.action != shown.action,
    )
