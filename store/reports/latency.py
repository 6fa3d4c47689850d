"""How long the steps take: percentiles of their newest successful attempts."""

from dataclasses import dataclass

import numpy as np
from sqlalchemy import select
from sqlmodel import Session, col

from store.outputs import STEPS
from store.reports.scope import PIPELINE, Scope
from store.schema import Run, StepRecord
from store.transitions import StepStatus

NEWEST = 2_000


@dataclass(frozen=True, slots=True)
class Pace:
    """The middle and the slow end; None where it has not run."""

    p50_ms: float | None = None
    p95_ms: float | None = None


def paces(session: Session, scope: Scope) -> dict[str, Pace]:
    """Return per step what its newest 2,000 successful attempts in the period took."""
    window = scope.where()
    if scope.since is not None:
        window.append(col(StepRecord.started_at) >= scope.since)
    found = {}
    for name in _names(session, scope):
        newest = (
            select(col(StepRecord.latency_ms))
            .join(Run, col(Run.id) == col(StepRecord.run_id))
            .where(col(StepRecord.name) == name, col(StepRecord.status) == StepStatus.OK, *window)
            .order_by(col(StepRecord.started_at).desc())
            .limit(NEWEST)
        )
        values = session.execute(newest).scalars().all()
        if values:
            p50_ms, p95_ms = np.percentile(values, [50, 95])
            found[name] = Pace(float(p50_ms), float(p95_ms))
    return found


def _names(session: Session, scope: Scope) -> tuple[str, ...]:
    if scope.pipeline == PIPELINE:
        return STEPS
    theirs = (
        select(col(StepRecord.name))
        .join(Run, col(Run.id) == col(StepRecord.run_id))
        .where(*scope.where())
        .distinct()
    )
    return tuple(session.execute(theirs).scalars())
