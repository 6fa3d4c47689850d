"""What each reviewer's decisions come to, counted by the database; `reviewers` makes figures of it.

Everything is grouped where it is stored, so that a million decisions come back as a few thousand
rows; times on a card are grouped by tenths of a second.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from store.decisions import BULK
from store.labels import WORDING
from store.schema import Decision, Review, Undo
from store.transitions import ReviewKind, ReviewStatus, Verdict

CARDS = (Verdict.APPROVE, Verdict.EDIT, Verdict.REJECT)
CAUGHT = (Verdict.EDIT, Verdict.REJECT)


@dataclass(slots=True)
class Counts:
    """What is counted of one person."""

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    seconds: Counter[float] = field(default_factory=Counter)  # by tenths
    in_bulk: int = 0
    undone: int = 0
    faulted: int = 0
    named: int = 0
    agreed: Counter[bool] = field(default_factory=Counter)
    overturned: Counter[bool] = field(default_factory=Counter)  # as the one who looked again
    caught: Counter[bool] = field(default_factory=Counter)


Known = dict[tuple[str, bool], Counts]  # by name and whether simulated


def counted(session: Session, since: datetime, until: datetime) -> Known:
    """Return the counts of everybody who decided anything in [since, until)."""
    known: Known = {}
    _count_cards(session, known, since, until)
    _count_second_looks(session, known, since, until)
    _count_planted(session, known, since, until)
    return known


def _count_cards(session: Session, known: Known, since: datetime, until: datetime) -> None:
    rows = session.execute(_cards(since, until))
    for person, is_simulated, verdict, is_bulk, names, is_wording, tenths, n in rows:
        counts = known.setdefault((person, bool(is_simulated)), Counts())
        if is_bulk:
            counts.in_bulk += n
            continue
        counts.verdicts[verdict] += n
        if verdict not in CARDS:
            continue
        if tenths is not None:
            counts.seconds[tenths] += n
        if verdict is Verdict.REJECT or (verdict is Verdict.EDIT and not is_wording):
            counts.faulted += n
            counts.named += n * bool(names)
    for person, is_simulated, n in session.execute(_undone(since, until)):
        known[person, is_simulated].undone += n


def _cards(since: datetime, until: datetime) -> Select[Any]:
    asked = (
        col(Decision.person),
        col(Decision.is_simulated),
        col(Decision.verdict),
        _in_bulk().label("is_bulk"),
        col(Decision.blamed_step).is_not(None).label("names_step"),
        (func.coalesce(col(Decision.reason_code), "") == WORDING).label("is_wording"),
        func.round(col(Decision.seconds_on_card), 1).label("tenths"),
    )
    return select(*asked, func.count()).where(*_ordinary(since, until)).group_by(*asked)


def _undone(since: datetime, until: datetime) -> Select[Any]:
    whose = (col(Decision.person), col(Decision.is_simulated))
    columns: tuple[Any, ...] = (*whose, func.count())
    return (
        select(*columns)
        .select_from(Undo)
        .join(Decision, col(Decision.id) == col(Undo.decision_id))
        .where(*_ordinary(since, until), ~_in_bulk(), col(Decision.verdict).in_(CARDS))
        .group_by(*whose)
    )


def _in_bulk() -> ColumnElement[bool]:
    return func.substr(col(Decision.id), 1, len(BULK)) == BULK


def _ordinary(since: datetime, until: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions on decisions in [since, until) that are not about planted errors."""
    planted = select(col(Review.id)).where(
        col(Review.status).in_(list(ReviewStatus)),  # lets the index answer
        col(Review.kind) == ReviewKind.SEEDED,
    )
    return (
        col(Decision.decided_at) >= since,
        col(Decision.decided_at) < until,
        col(Decision.review_id).not_in(planted),
    )


def _count_second_looks(session: Session, known: Known, since: datetime, until: datetime) -> None:
    first = aliased(Decision)
    rows = session.execute(
        _final(
            first.person, first.verdict, Decision.person, Decision.verdict, Decision.is_simulated
        )
        .join(
            first,
            and_(
                first.id == Review.after_decision,  # type: ignore[arg-type]
                first.is_simulated == Decision.is_simulated,  # type: ignore[arg-type]
            ),
        )
        .where(
            col(Review.kind) == ReviewKind.SECOND_LOOK,
            col(Decision.decided_at) >= since,
            col(Decision.decided_at) < until,
        )
    )
    for one, verdict, other, again, is_simulated in rows:
        for person in (one, other):
            counts = known.setdefault((person, is_simulated), Counts())
            counts.agreed[verdict == again] += 1
        known[other, is_simulated].overturned[again is Verdict.RIGHT] += 1


def _count_planted(session: Session, known: Known, since: datetime, until: datetime) -> None:
    rows = session.execute(
        _final(Decision.person, Decision.verdict, Decision.is_simulated).where(
            col(Review.kind) == ReviewKind.SEEDED,
            ~_in_bulk(),
            col(Decision.decided_at) >= since,
            col(Decision.decided_at) < until,
        )
    )
    for person, verdict, is_simulated in rows:
        counts = known.setdefault((person, is_simulated), Counts())
        counts.caught[verdict in CAUGHT] += 1


def _final(*columns: Any) -> Select[Any]:
    """Return a select over reviews that stand decided, with the decision that closed each."""
    return (
        select(*columns)
        .select_from(Review)
        .join(Decision, and_(col(Decision.review_id) == col(Review.id), col(Decision.is_final)))
        .where(col(Review.status) == ReviewStatus.DECIDED)
    )
