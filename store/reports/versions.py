"""When something changed that figures may follow: the vertical lines of every trend."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, func, select
from sqlmodel import Session, col

from store.reports.scope import Scope
from store.schema import Calibrator, Policy, Run

_KINDS: tuple[tuple[str, Any], ...] = (
    ("model", Run.model),
    ("prompt", Run.prompt_version),
    ("calibrator", Run.calibrator_version),
)


@dataclass(frozen=True, slots=True)
class Change:
    """A version that came into use inside the period."""

    at: datetime
    kind: str  # "policy", "model", "prompt" or "calibrator"
    version: str

    @property
    def title(self) -> str:
        """Return it in words."""
        return f"{self.kind} {self.version}"


def changes(session: Session, scope: Scope) -> tuple[Change, ...]:
    """Return what came into use in the period, in order of time.

    What was there from the first run on is no change.
    """
    found = [*_policies(session, scope), *_fitted(session, scope)]
    for kind, column in _KINDS:
        found += _first_runs(session, scope, kind, col(column))
    return tuple(sorted(found, key=lambda change: (change.at, change.kind)))


def _within(column: Any, scope: Scope) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [column.is_not(None)]
    if scope.since is not None:
        conditions.append(column >= scope.since)
    if scope.until is not None:
        conditions.append(column < scope.until)
    return conditions


def _policies(session: Session, scope: Scope) -> Iterator[Change]:
    at = col(Policy.published_at)
    published = select(col(Policy.version), at).where(col(Policy.version) > 1, *_within(at, scope))
    for version, when in session.execute(published):
        yield Change(when, "policy", str(version))


def _fitted(session: Session, scope: Scope) -> Iterator[Change]:
    """Yield calibrators that no run has used yet; the others came into use with their first."""
    at, version = col(Calibrator.fitted_at), col(Calibrator.version)
    is_used = exists().where(col(Run.calibrator_version) == version)
    unused = select(version, at).where(~is_used, *_within(at, scope))
    for name, when in session.execute(unused):
        yield Change(when, "calibrator", name)


def _first_runs(session: Session, scope: Scope, kind: str, column: Any) -> Iterator[Change]:
    window = replace(scope, policy_version=None, model=None, intent=None, action_kind=None)
    seen = session.execute(
        select(column, func.min(col(Run.created_at)))
        .where(column.is_not(None), *window.where())
        .group_by(column)
        .order_by(func.min(col(Run.created_at)))
    ).all()
    first = session.execute(
        select(column).where(column.is_not(None)).order_by(col(Run.created_at)).limit(1)
    ).scalar()
    for version, when in seen:
        if version != first and not _was_known(session, window, column, version):
            yield Change(when, kind, str(version))


def _was_known(session: Session, scope: Scope, column: Any, version: str) -> bool:
    if scope.since is None:
        return False
    earlier = select(col(Run.id)).where(column == version, col(Run.created_at) < scope.since)
    return session.execute(earlier.limit(1)).first() is not None


def in_use(session: Session, scope: Scope) -> dict[str, tuple[str, ...]]:
    """Return every version, intent and action kind of the period, as there is to choose from."""
    window = replace(scope, policy_version=None, model=None, intent=None, action_kind=None)
    columns = {
        "policy": Run.policy_version,
        "model": Run.model,
        "prompt": Run.prompt_version,
        "calibrator": Run.calibrator_version,
        "intent": Run.intent,
        "action": Run.action_kind,
    }
    found: dict[str, set[Any]] = {name: set() for name in columns}
    asked = [col(column) for column in columns.values()]
    for row in session.execute(select(*asked).where(*window.where()).distinct()):
        for name, value in zip(columns, row, strict=True):
            if value is not None:
                found[name].add(value)
    return {name: tuple(str(one) for one in sorted(values)) for name, values in found.items()}
