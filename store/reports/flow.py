"""The way of tickets: how many went where, and what became of them."""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import case, func, select
from sqlmodel import Session, col

from store.labels import whole_draft
from store.reports.scope import Scope
from store.schema import Decision, Label, Run, Undo
from store.transitions import Outcome, RunStatus, Verdict

ARRIVED, SENT, PERSON, BLOCKED = "arrived", "sent alone", "to a person", "blocked"
RIGHT, WRONG, UNKNOWN = "right", "wrong", "unknown: not checked"
APPROVED, EDITED, REJECTED, WAITING = "approved", "edited", "rejected", "waiting"
UNDER_WAY, FAILED, CANCELLED = "under way", "failed", "cancelled"
_ROUTES = {Outcome.PASS: SENT, Outcome.ESCALATE: PERSON, Outcome.BLOCK: BLOCKED}
_VERDICTS = {Verdict.APPROVE: APPROVED, Verdict.EDIT: EDITED, Verdict.REJECT: REJECTED}
_ENDED = {
    RunStatus.FAILED: FAILED,
    RunStatus.DEAD: FAILED,
    RunStatus.CANCELLED: CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Stream:
    """So many tickets went from here to there."""

    source: str
    target: str
    tickets: int


def flow(session: Session, scope: Scope) -> tuple[Stream, ...]:
    """Return the streams, from arrival on; at every place as many leave as came, or fewer."""
    streams: Counter[tuple[str, str]] = Counter()
    last = _last_decisions().subquery()
    judged = _judged().subquery()
    rows = session.execute(
        select(
            col(Run.outcome),
            col(Run.status),
            last.c.verdict,
            judged.c.is_right,
            func.count(),
        )
        .outerjoin(last, last.c.run_id == col(Run.id))
        .outerjoin(judged, judged.c.run_id == col(Run.id))
        .where(*scope.where())
        .group_by(col(Run.outcome), col(Run.status), last.c.verdict, judged.c.is_right)
    )
    for outcome, status, verdict, is_right, tickets in rows:
        route = _ROUTES[outcome] if outcome else _ENDED.get(status, UNDER_WAY)
        streams[ARRIVED, route] += tickets
        if outcome is Outcome.PASS:
            streams[SENT, _worth(is_right)] += tickets
        elif outcome is not None:
            streams[route, _VERDICTS.get(verdict, _ENDED.get(status, WAITING))] += tickets
    return tuple(
        Stream(source, target, tickets) for (source, target), tickets in sorted(streams.items())
    )


def _worth(is_right: int | None) -> str:
    if is_right is None:
        return UNKNOWN
    return RIGHT if is_right else WRONG
