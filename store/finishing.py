"""When a run's deliveries are over: receipts, the record of step 6, and how the run ends."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import func, insert, select
from sqlmodel import Session, col

from store import effects, escalations
from store.effects import UNDERWAY
from store.outputs import CommitOutput, Delivery
from store.runs import finish_run
from store.schema import OutboxEntry, Receipt, StepRecord
from store.steps import StepWrite, record_commit
from store.transitions import OutboxStatus, RunStatus, StepStatus


class Delivered(Protocol):
    """What of an outbox entry its authorisation is known by."""

    @property
    def run_id(self) -> int: ...
    @property
    def draft_id(self) -> int: ...
    @property
    def decision_id(self) -> str | None: ...
    @property
    def attempt(self) -> int: ...


def confirm(session: Session, action_id: str, receipt: Mapping[str, Any], *, now: datetime) -> None:
    """Store what is known of a call that took place; one receipt each."""
    session.connection().execute(
        insert(Receipt).values(action_id=action_id, body=dict(receipt), received_at=now)
    )


def finish_if_over(
    session: Session, entry: Delivered, *, latency_ms: float = 0.0, now: datetime
) -> None:
    """Finish the run if nothing of this authorisation is left to deliver."""
    group = _group(session, entry)
    reversals = [one for one in group if one.reverses is not None]
    if any(one.status in UNDERWAY for one in reversals):
        return
    if reversals:
        escalations.cancel_pending(session, entry.run_id, "what came before it was taken back")
        error = None if is_committed(session, entry.run_id) else _taken_back(session, entry)
        status = RunStatus.DONE if error is None else RunStatus.FAILED
        finish_run(session, entry.run_id, status, error=error, now=now)
    elif all(one.status is OutboxStatus.SENT for one in group):
        output = CommitOutput(deliveries=_deliveries(session, entry.run_id))
        step = StepWrite(
            name="commit",
            attempt=max(1, entry.attempt),
            status=StepStatus.OK,
            started_at=now,
            latency_ms=latency_ms,
            output=output.model_dump(mode="json"),
        )
        record_commit(session, entry.run_id, output, step)
        finish_run(session, entry.run_id, RunStatus.DONE, now=now)


def is_committed(session: Session, run_id: int) -> bool:
    """Return whether the run's last step is recorded: everything was delivered once."""
    record = select(col(StepRecord.id)).where(
        col(StepRecord.run_id) == run_id,
        col(StepRecord.name) == "commit",
        col(StepRecord.status) == StepStatus.OK,
    )
    return session.connection().execute(record.limit(1)).first() is not None


def _taken_back(session: Session, entry: Delivered) -> str:
    """Return, for people, why the run failed and what of it still stands."""
    failed = session.execute(
        select(col(OutboxEntry.error))
        .where(
            col(OutboxEntry.draft_id) == entry.draft_id,
            col(OutboxEntry.status) == OutboxStatus.FAILED,
            col(OutboxEntry.reverses).is_(None),
        )
        .order_by(col(OutboxEntry.created_at).desc())
    ).scalar()
    left = sorted({tool for tool, _ in effects.standing(session, entry.run_id)})
    words = f"{', '.join(left)} was not taken back" if left else "its effects were taken back"
    return f"{failed}; {words}" if failed else words


def _group(session: Session, entry: Delivered) -> Sequence[OutboxEntry]:
    return (
        session.execute(
            select(OutboxEntry)
            .where(
                col(OutboxEntry.run_id) == entry.run_id,
                col(OutboxEntry.draft_id) == entry.draft_id,
                func.coalesce(OutboxEntry.decision_id, "") == (entry.decision_id or ""),
            )
            .order_by(col(OutboxEntry.position))
            .execution_options(populate_existing=True)
        )
        .scalars()
        .all()
    )


def _deliveries(session: Session, run_id: int) -> list[Delivery]:
    rows = session.execute(
        select(OutboxEntry, col(Receipt.body))
        .join(Receipt, col(Receipt.action_id) == col(OutboxEntry.id))
        .where(col(OutboxEntry.run_id) == run_id)
        .order_by(col(OutboxEntry.created_at), col(OutboxEntry.position))
    ).all()
    return [
        Delivery(
            action_id=row.id, tool=row.tool, status=row.status, attempt=row.attempt, receipt=body
        )
        for row, body in rows
    ]
