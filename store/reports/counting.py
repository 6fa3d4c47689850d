"""Counting by the day a run was created: what ran, what was judged, and who failed first."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, case, exists, func, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from store.evidence.sampling import Tally
from store.labels import valid, whole_draft
from store.outputs import STEPS
from store.reports.counts import Counts, Days, Failures, Part, StepCounts, merged
from store.reports.scope import Scope
from store.schema import Label, Review, Run, StepRecord
from store.transitions import OPEN_REVIEW, Outcome, ReviewKind, StepStatus


def by_day(session: Session, scope: Scope) -> Days:
    """Return everything counted by UTC day, in order of days."""
    return merged(activity(session, scope), judged(session, scope))


def activity(session: Session, scope: Scope) -> Days:
    """Return what ran, by UTC day: runs, gate outcomes and health of the steps."""
    window, days = scope.where(), Days()
    for day, outcome, runs, drawn in _runs(session, window):
        counts = days.setdefault(day, Counts())
        counts.runs += runs
        if outcome is not None:
            counts.gated[_part(outcome)] += runs
        if outcome is Outcome.PASS:
            counts.drawn += drawn
    for day, name, step in _steps(session, window):
        days.setdefault(day, Counts()).steps.setdefault(name, StepCounts()).add(step)
    return days


def judged(session: Session, scope: Scope) -> Days:
    """Return what was judged right or wrong, by the UTC day of its run."""
    window, days = scope.where(), Days()
    for day, outcome, step_name, tally in _labels(session, window):
        if outcome is not None:
            labels, key = days.setdefault(day, Counts()).labels, (_part(outcome), step_name)
            labels[key] = labels.get(key, Tally()) + tally
    for day, part, verdicts in _failed(session, window):
        _count_failure(days.setdefault(day, Counts()), part, verdicts)
    for day, waiting in _to_judge(session, window):
        days.setdefault(day, Counts()).to_judge += waiting
    for day, wrong in _unaudited_wrong(session, window):
        days.setdefault(day, Counts()).unaudited_wrong += wrong
    return days


Verdicts = list[tuple[str, bool, float]]  # step, is right, 1 / inclusion probability


def _count_failure(counts: Counts, part: Part, verdicts: Verdicts) -> None:
    """Count a draft at its first wrong step; what was judged behind that is no first failure."""
    places = {name: place for place, name in enumerate(STEPS)}
    in_order = sorted(verdicts, key=lambda one: (places.get(one[0], len(places)), one[0]))
    first = next(place for place, (_, is_right, _) in enumerate(in_order) if not is_right)
    step, _, weight = in_order[first]
    key = (part, step)
    counts.failed_first[key] = counts.failed_first.get(key, Failures()) + Failures(1, weight)
    for behind, is_right, mass in in_order[first + 1 :]:
        less = Tally(-1, -is_right, -mass, -mass * is_right, -mass * mass)
        counts.labels[part, behind] = counts.labels.get((part, behind), Tally()) + less


def _part(outcome: Outcome) -> Part:
    return "sent" if outcome is Outcome.PASS else "escalated"


_DAY = func.date(col(Run.created_at))


def _day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def _runs(
    session: Session, window: list[ColumnElement[bool]]
) -> Iterator[tuple[date, Outcome | None, int, int]]:
    is_drawn = col(Run.coin) < col(Run.coin_rate)
    rows = session.execute(
        select(_DAY, col(Run.outcome), func.count(), func.sum(case((is_drawn, 1), else_=0)))
        .where(*window)
        .group_by(_DAY, col(Run.outcome))
    )
    for day, outcome, runs, drawn in rows:
        yield _day(day), outcome, runs, drawn


def _steps(
    session: Session, window: list[ColumnElement[bool]]
) -> Iterator[tuple[date, str, StepCounts]]:
    is_ok = col(StepRecord.status) == StepStatus.OK
    attempts, runs = func.count(), func.count(col(StepRecord.run_id).distinct())
    rows = session.execute(
        select(
            _DAY,
            col(StepRecord.name),
            runs,
            func.sum(case((is_ok, 1), else_=0)),  # the database allows one a visit
            attempts - runs,
            func.sum(col(StepRecord.cost_microusd)),
        )
        .join(Run, col(Run.id) == col(StepRecord.run_id))
        .where(*window)
        .group_by(_DAY, col(StepRecord.name), col(StepRecord.visit))
    )
    for day, name, *counted in rows:
        yield _day(day), name, StepCounts(*counted)


def _labels(
    session: Session, window: list[ColumnElement[bool]]
) -> Iterator[tuple[date, Outcome | None, str | None, Tally]]:
    weight = 1.0 / col(Label.inclusion_probability)
    right = case((col(Label.is_right), 1), else_=0)
    rows = session.execute(
        valid(
            _DAY,
            col(Run.outcome),
            col(Label.step),
            func.count(),
            func.sum(right),
            func.sum(weight),
            func.sum(weight * right),
            func.sum(weight * weight),
        )
        .join(Run, col(Run.id) == col(Label.run_id))
        .where(*window)
        .group_by(_DAY, col(Run.outcome), col(Label.step))
    )
    for day, outcome, step, *sums in rows:
        yield _day(day), outcome, step, Tally(*sums)


def _failed(
    session: Session, window: list[ColumnElement[bool]]
) -> Iterator[tuple[date, Part, Verdicts]]:
    """Yield the step verdicts of every gated draft with a wrong step."""
    wrong = aliased(Label)
    is_failed = exists().where(
        col(wrong.run_id) == col(Label.run_id), ~col(wrong.is_right), col(wrong.step).is_not(None)
    )
    rows = session.execute(
        valid(
            _DAY,
            col(Run.outcome),
            col(Label.run_id),
            col(Label.step),
            col(Label.is_right),
            1.0 / col(Label.inclusion_probability),
        )
        .join(Run, col(Run.id) == col(Label.run_id))
        .where(col(Label.step).is_not(None), col(Run.outcome).is_not(None), is_failed, *window)
    )
    found: dict[int, tuple[date, Part, Verdicts]] = {}
    for day, outcome, run_id, step, is_right, weight in rows:
        draft = found.setdefault(run_id, (_day(day), _part(outcome), []))
        draft[2].append((step, is_right, weight))
    for draft in found.values():
        if not all(is_right for _, is_right, _ in draft[2]):
            yield draft


def _to_judge(session: Session, window: list[ColumnElement[bool]]) -> Iterator[tuple[date, int]]:
    rows = session.execute(
        select(_DAY, func.count(col(Run.id).distinct()))
        .join(Review, col(Review.run_id) == col(Run.id))
        .where(
            col(Review.status).in_(OPEN_REVIEW),
            col(Review.kind) == ReviewKind.AUDIT,
            col(Run.outcome) == Outcome.PASS,
            *window,
        )
        .group_by(_DAY)
    )
    for day, waiting in rows:
        yield _day(day), waiting


def _unaudited_wrong(
    session: Session, window: list[ColumnElement[bool]]
) -> Iterator[tuple[date, int]]:
    other = aliased(Label)
    is_judged = exists().where(
        col(other.run_id) == col(Label.run_id), col(other.inclusion_probability).is_not(None)
    )
    rows = session.execute(
        select(_DAY, func.count(col(Label.run_id).distinct()))
        .join(Run, col(Run.id) == col(Label.run_id))
        .where(
            whole_draft(),
            col(Label.inclusion_probability).is_(None),
            ~col(Label.is_right),
            ~is_judged,
            col(Run.outcome) == Outcome.PASS,
            *window,
        )
        .group_by(_DAY)
    )
    for day, wrong in rows:
        yield _day(day), wrong
