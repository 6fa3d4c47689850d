"""Moving a run from one status to the next: only along the table of legal moves."""

from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlmodel import Session, col

from store.schema import Run
from store.transitions import RUN_MOVES, RunStatus, require


def move_run(session: Session, run_id: int, wanted: RunStatus, **values: Any) -> None:
    """Move the run, with further values for its row; raise IllegalTransition if it may not."""
    run = session.get_one(Run, run_id)
    session.refresh(run)
    status = require(RUN_MOVES, run.status, wanted)
    session.connection().execute(
        update(Run).where(col(Run.id) == run_id).values(status=status, **values)
    )
    session.expire(run)


def finish_run(
    session: Session, run_id: int, status: RunStatus, *, now: datetime, error: str | None = None
) -> None:
    """End a run that was being delivered; one that has left that state stays as it is."""
    session.connection().execute(
        update(Run)
        .where(col(Run.id) == run_id, col(Run.status) == RunStatus.COMMITTING)
        .values(status=status, finished_at=now, error=error)
    )
