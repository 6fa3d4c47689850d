"""Early signs that need no label: what the gate did and what drafts looked like, lately and before.

None of them says that anything is wrong; each says that tickets are no longer those that the
figures were measured on. The last quarter of the period, at most a week, is set beside the rest.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Integer, case, cast, func, select
from sqlmodel import Session, col

from store.evidence.drift import MixShift, mix_shift
from store.evidence.sampling import ENOUGH
from store.reports.counts import Days
from store.reports.scope import Scope
from store.schema import Run

BINS = 20  # of confidence
_FINE = 100  # of similarity
_TAIL = 0.1  # the least similar tenth of the reference
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Shape:
    """How confidence is spread: drafts per bin of 0.05, from 0 to 1."""

    recent: tuple[int, ...]
    before: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LowDay:
    """How many of one day's drafts were unlike anything known."""

    day: date
    low: int
    drafts: int


@dataclass(frozen=True, slots=True)
class Unlike:
    """The least similar drafts: as many as a tenth of those before, unless tickets changed."""

    cut: float
    days: tuple[LowDay, ...]  # the whole period
    shift: MixShift | None  # of the recent days; None while there is too little before them


@dataclass(frozen=True, slots=True)
class Escalated:
    """One day's gate: how many of its drafts went to a person."""

    day: date
    escalated: int
    gated: int


@dataclass(frozen=True, slots=True)
class Signs:
    """All of them; `border` parts the recent days from those before."""

    border: datetime
    confidence: Shape
    unlike: Unlike | None  # None where nothing measured similarity


def escalated(days: Days) -> tuple[Escalated, ...]:
    """Return the gate's days."""
    return tuple(
        Escalated(day, counts.gated["escalated"], counts.gated.total())
        for day, counts in sorted(days.items())
        if counts.gated.total()
    )


def signs(session: Session, scope: Scope, now: datetime) -> Signs:
    """Return what confidence and similarity looked like lately and before, whoever was right."""
    end = scope.until or now
    since = scope.since or end - 5 * _WEEK
    border = _midnight(end - min(_WEEK, (end - since) / 4))
    recent, before = replace(scope, since=border), replace(scope, since=since, until=border)
    shape = Shape(_confidence(session, recent), _confidence(session, before))
    return Signs(border, shape, _unlike(session, replace(scope, since=since), border.date()))


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _confidence(session: Session, scope: Scope) -> tuple[int, ...]:
    bins = _binned(Run.confidence, BINS)
    rows = session.execute(
        select(bins, func.count())
        .where(col(Run.confidence).is_not(None), *scope.where())
        .group_by(bins)
    )
    found = dict(rows.all())
    return tuple(found.get(one, 0) for one in range(BINS))


def _binned(column: Any, bins: int) -> Any:
    """Return the number of the bin, from 0 on; 1.0 is in the last one."""
    within = case((col(column) >= 1, bins - 1), else_=func.floor(col(column) * bins))
    return cast(within, Integer)


def _unlike(session: Session, scope: Scope, border: date) -> Unlike | None:
    day, bins = func.date(col(Run.created_at)), _binned(Run.similarity, _FINE)
    rows = session.execute(
        select(day, bins, func.count())
        .where(col(Run.similarity).is_not(None), *scope.where())
        .group_by(day, bins)
    )
    found: dict[date, dict[int, int]] = {}
    for when, place, drafts in rows:
        at = when if isinstance(when, date) else date.fromisoformat(when)
        found.setdefault(at, {})[place] = drafts
    reference = [0] * _FINE
    for at, spread in found.items():
        if at < border:
            for place, drafts in spread.items():
                reference[place] += drafts
    if sum(reference) < ENOUGH:
        return None
    cut, share = _tail(reference)
    days = tuple(_low(at, spread, cut) for at, spread in sorted(found.items()))
    recent = [one for one in days if one.day >= border]
    shift = mix_shift([one.low for one in recent], [one.drafts for one in recent], share)
    return Unlike((cut + 1) / _FINE, days, shift if recent else None)


def _tail(reference: list[int]) -> tuple[int, float]:
    """Return the last bin of the least similar tenth, and how much of the reference it holds."""
    total, below = sum(reference), 0
    for place, drafts in enumerate(reference):
        below += drafts
        if below >= _TAIL * total:
            return place, below / total
    return len(reference) - 1, 1.0


def _low(day: date, spread: dict[int, int], cut: int) -> LowDay:
    low = sum(drafts for place, drafts in spread.items() if place <= cut)
    return LowDay(day, low, sum(spread.values()))
