"""Which runs a report is about: a period, and what of the pipeline is looked at."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import col

from store.columns import from_on
from store.schema import Run

PIPELINE = "support"


def last_days(days: int, now: datetime) -> datetime:
    """Return where a period of so many whole days (UTC) up to this one begins."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=days)


@dataclass(frozen=True, slots=True)
class Scope:
    """Runs created in [since, until); without `until` the period is still open, its ranges live."""

    since: datetime | None = None
    until: datetime | None = None
    pipeline: str = PIPELINE
    policy_version: int | None = None
    model: str | None = None
    intent: str | None = None
    action_kind: str | None = None

    @property
    def is_open(self) -> bool:
        """Return whether more runs may still fall into the period."""
        return self.until is None

    def where(self) -> list[ColumnElement[bool]]:
        """Return the conditions on runs."""
        equal = (
            (col(Run.pipeline), self.pipeline),
            (col(Run.policy_version), self.policy_version),
            (col(Run.model), self.model),
            (col(Run.intent), self.intent),
            (col(Run.action_kind), self.action_kind),
        )
        conditions = [column == value for column, value in equal if value is not None]
        if self.since is not None:
            conditions.append(from_on(col(Run.created_at), self.since))
        if self.until is not None:
            conditions.append(col(Run.created_at) < self.until)
        return conditions

    def as_json(self) -> dict[str, Any]:
        """Return what was asked for, as `report` prints it."""
        return {
            "since": None if self.since is None else self.since.isoformat(),
            "until": None if self.until is None else self.until.isoformat(),
            "policy": self.policy_version,
            "model": self.model,
            "intent": self.intent,
            "action": self.action_kind,
        }
