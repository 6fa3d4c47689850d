"""The way of tickets: how many went where, and what became of them."""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Subquery, case, func, literal, select
from sqlmodel import Session, col

from store.labels import valid, whole_draft
from store.reports.scope import Scope
from store.schema import Decision, Label, Run, Undo
from store.transitions import Outcome, RunStatus, Verdict

ARRIVED, SENT, PERSON, BLOCKED = "arrived", "sent alone", "to a person", "blocked"
RIGHT, WRONG, UNKNOWN = "right", "wrong", "unknown"
COMPLAINT = "complaint"
APPROVED, EDITED, REJECTED, WAITING = "approved", "edited", "rejected", "waiting"
UNDER_WAY, FAILED, CANCELLED = "under way", "failed", "cancelled"
GIVEN_UP = "withdrawn or failed"  # after the gate
_ROUTES = {Outcome.PASS: SENT, Outcome.ESCALATE: PERSON, Outcome.BLOCK: BLOCKED}
_VERDICTS = {Verdict.APPROVE: APPROVED, Verdict.EDIT: EDITED, Verdict.REJECT: REJECTED}
_ENDED = {
    RunStatus.FAILED: FAILED,
    RunStatus.DEAD: FAILED,
    RunStatus.CANCELLED: CANCELLED,
}
_NOT_OVER = frozenset({RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.AWAITING_REVIEW})


@dataclass(frozen=True, slots=True)
class Stream:
    """So many tickets went from here to there."""

    source: str
    target: str
    tickets: int


def flow(session: Session, scope: Scope) -> tuple[Stream, ...]:
    """Return the streams from arrival on; everything that arrived is in exactly one of each."""
    last, judged = _last_verdicts(scope), _judged(scope)
    columns = (col(Run.outcome), col(Run.status), last.c.verdict, judged.c.worth)
    rows = session.execute(
        select(*columns, func.count())
        .outerjoin(last, last.c.run_id == col(Run.id))
        .outerjoin(judged, judged.c.run_id == col(Run.id))
        .where(*scope.where())
        .group_by(*columns)
    )
    streams: Counter[tuple[str, str]] = Counter()
    for outcome, status, verdict, worth, tickets in rows:
        route = _ROUTES[outcome] if outcome else _ENDED.get(status, UNDER_WAY)
        streams[ARRIVED, route] += tickets
        if outcome is Outcome.PASS:
            streams[SENT, worth or UNKNOWN] += tickets
        elif outcome is not None:
            streams[route, _became(status, verdict)] += tickets
    return tuple(
        Stream(source, target, tickets) for (source, target), tickets in sorted(streams.items())
    )


def _became(status: RunStatus, verdict: Verdict | None) -> str:
    if status not in _NOT_OVER and verdict is not None:
        return _VERDICTS[verdict]
    return GIVEN_UP if status in _ENDED else WAITING


def _last_verdicts(scope: Scope) -> Subquery:
    """Return per run the last verdict on what it wanted to do."""
    newest = func.row_number().over(
        partition_by=col(Decision.run_id), order_by=col(Decision.decided_at).desc()
    )
    verdicts = (
        select(col(Decision.run_id), col(Decision.verdict), newest.label("place"))
        .join(Run, col(Run.id) == col(Decision.run_id))
        .outerjoin(Undo, col(Undo.decision_id) == col(Decision.id))
        .where(
            *scope.where(),
            col(Decision.is_final),
            col(Decision.verdict).in_(_VERDICTS),
            col(Undo.decision_id).is_(None),
        )
        .subquery()
    )
    return select(verdicts.c.run_id, verdicts.c.verdict).where(verdicts.c.place == 1).subquery()


def _judged(scope: Scope) -> Subquery:
    """Return per run what is known of its draft: the worst that anybody said."""
    bad = case((col(Label.is_right), 0), else_=2).label("bad")
    audited = valid(col(Label.run_id), bad).join(Run, col(Run.id) == col(Label.run_id))
    complained = (
        select(col(Label.run_id), literal(1).label("bad"))
        .join(Run, col(Run.id) == col(Label.run_id))
        .where(col(Label.inclusion_probability).is_(None), ~col(Label.is_right))
    )
    about = (whole_draft(), *scope.where())
    both = audited.where(*about).union_all(complained.where(*about)).subquery()
    worst = func.max(both.c.bad)
    worth = case((worst == 2, WRONG), (worst == 1, COMPLAINT), else_=RIGHT)
    return select(both.c.run_id, worth.label("worth")).group_by(both.c.run_id).subquery()
