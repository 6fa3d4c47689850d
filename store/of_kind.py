"""Drafts by action kind: one of several actions is of the kind of each, wherever it is counted.

The kinds of such a draft stand in its stored facts alone; every other one has its kind in its run.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, cast, func, select, true
from sqlmodel import Session, col

from store import calibrators
from store.evidence.drift import Day
from store.gate import GateInput
from store.past import ALL
from store.schema import Draft, Run

RECENT = timedelta(days=7)


def per_day(session: Session, counted: Select[Any], kind: str) -> tuple[Day, ...]:
    """Return (found, all) per day, oldest first, of the drafts of the kind.

    `counted` selects of `run` a day and a 1 for each draft that is found, else a 0.
    """
    rows = counted.where(_told_by_run(kind)).subquery()
    day, found = rows.c
    tally = {
        each: (int(some), int(every))
        for each, some, every in session.execute(
            select(day, func.sum(found), func.count()).group_by(day)
        )
    }
    for kinds, each, some in _composites(session, counted) if kind != ALL else ():
        if kind in kinds:
            before = tally.get(each, (0, 0))
            tally[each] = (before[0] + int(some), before[1] + 1)
    return tuple(tally[each] for each in sorted(tally))


def recent(
    session: Session, *, since: datetime | None = None, but: Collection[str] = ()
) -> frozenset[tuple[str, str]]:
    """Return (action kind, calibrator) of the drafts of the last seven days up to the newest.

    `since` takes only runs created from then on, `but` leaves out those of some calibrators.
    """
    newest = session.execute(
        select(col(Run.created_at))
        .where(col(Run.outcome).is_not(None), col(Run.calibrator_version).is_not(None))
        .order_by(col(Run.created_at).desc())
        .limit(1)
    ).scalar()
    if newest is None:
        return frozenset()
    start = newest - RECENT if since is None else max(newest - RECENT, since)
    version = col(Run.calibrator_version)
    drafts = select(version).where(
        col(Run.outcome).is_not(None),
        col(Run.created_at) >= start,
        version.is_not(None),
        version.not_in(but),
    )
    single = drafts.add_columns(col(Run.action_kind)).where(~col(Run.is_composite)).distinct()
    found = {(kind, name) for name, kind in session.execute(single)}
    for kinds, name in _composites(session, drafts):
        found |= {(kind, name) for kind in kinds}
    return frozenset(found)


def named(found: Collection[tuple[str, str]], kind: str) -> frozenset[str]:
    """Return the calibrators among what `recent` found for this action kind."""
    return frozenset(name for each, name in found if kind in (ALL, each))


def in_use(session: Session) -> frozenset[tuple[str, str]]:
    """Return per action kind the newest calibrator of each model that made its recent drafts."""
    found = recent(session)
    in_force = {name: _in_force(session, name) for name in named(found, ALL)}
    return frozenset((kind, now) for kind, name in found if (now := in_force[name]) is not None)


def _told_by_run(kind: str) -> ColumnElement[bool]:
    """Return the condition on `run` that a draft is of the kind and not one of `_composites`."""
    if kind == ALL:
        return true()
    return and_(~col(Run.is_composite), col(Run.action_kind) == kind)


def _in_force(session: Session, version: str) -> str | None:
    """Return what took the calibrator's place, itself included."""
    known = calibrators.by_version(session, version)
    newest = calibrators.active(session, known.model) if known else None
    return newest.version if newest else None


def _composites(session: Session, wanted: Select[Any]) -> Iterator[tuple[Any, ...]]:
    """Return of each draft of several actions their kinds, and what is wanted of it."""
    found = session.execute(
        wanted.join(Draft, col(Draft.run_id) == col(Run.id))
        .where(col(Run.is_composite), col(Draft.revision) == 1)
        .add_columns(cast(col(Draft.gate_input), Text))
    )
    for *values, body in found:
        action = GateInput.model_validate_json(body).action
        yield {part.kind for part in action.parts}, *values
