"""When something changed that figures may follow: the vertical lines of every trend."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, func, select
from sqlmodel import Session, col

from store.reports.scope import Scope
from store.schema import Calibrator, Policy, Run

_COLUMNS: dict[str, Any] = {
    "model": Run.model,
    "prompt": Run.prompt_version,
    "calibrator": Run.calibrator_version,
}


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
    found = [*_policies(session, scope), *_fitted(session, scope), *_first_used(session, scope)]
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


def _first_used(session: Session, scope: Scope) -> Iterator[Change]:
    window = replace(scope, policy_version=None, model=None, intent=None, action_kind=None)
    columns = [col(column) for column in _COLUMNS.values()]
    together = session.execute(
        select(*columns, func.min(col(Run.created_at))).where(*window.where()).group_by(*columns)
    )
    seen: dict[tuple[str, str], datetime] = {}
    for *versions, at in together:
        for used in zip(_COLUMNS, versions, strict=True):
            seen[used] = min(seen.get(used, at), at)
    for (kind, version), at in seen.items():
        column = col(_COLUMNS[kind])
        if version is not None and _is_new(session, column, version, scope.since):
            yield Change(at, kind, version)


def _is_new(session: Session, column: Any, version: str, since: datetime | None) -> bool:
    """Return whether no run before the period had it, and the first run of all another one."""
    oldest = select(column).where(column.is_not(None)).order_by(col(Run.created_at)).limit(1)
    if session.execute(oldest).scalar() == version:
        return False
    if since is None:
        return True
    earlier = select(col(Run.id)).where(column == version, col(Run.created_at) < since)
    newest_first = earlier.order_by(col(Run.created_at).desc())  # there it is found at once
    return session.execute(newest_first.limit(1)).first() is None


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
