"""Step records: a run's only checkpoint. One an attempt; the `ok` one is what resuming skips.

Each record is written under the run's fence, with its output and telemetry in one transaction.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session, col, select

from store.actions import as_json, digest
from store.gate import GateInput
from store.outputs import CommitOutput, SynthesisOutput
from store.queue import hold_lease, storable
from store.schema import Draft, Run, StepRecord
from store.transitions import StepStatus

NEAREST = "nearest_similarity"  # the signal that tells how unlike all known requests one is


@dataclass(frozen=True, slots=True)
class StepWrite:
    """One attempt at a step, as measured."""

    name: str
    attempt: int
    status: StepStatus
    started_at: datetime
    latency_ms: float
    output: dict[str, Any] | None = None
    model: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cost_microusd: int = 0
    error_class: str | None = None
    error: str | None = None


def record(
    session: Session, run_id: int, epoch: int, step: StepWrite, /, **run_values: Any
) -> None:
    """Record an attempt of a run this claim owns; raise LeaseLost if it does not own it any more.

    `run_values` go to the run's row in the same statement that checks the fence. A step that ran is
    progress, so it clears the crashes before it; a failed attempt is none, or a run that fails once
    and then crashes would go round for ever.
    """
    progress = {"tries": 0} if step.status is StepStatus.OK else {}
    hold_lease(session, run_id, epoch, **progress, **run_values)
    _insert(session, run_id, step)


def record_draft(  # the draft and its record must be one fact
    session: Session,
    run_id: int,
    epoch: int,
    step: StepWrite,
    synthesis: SynthesisOutput,
    gate_input: GateInput,
    *,
    author: str,
    now: datetime,
) -> None:
    """Record the synthesis step together with the draft it made."""
    action, revision = synthesis.action, next_revision(session, run_id)
    made: dict[str, Any] = {}
    if revision == 1:  # labels are of first drafts, and so is what figures are broken down by
        made = {
            "similarity": synthesis.signals.get(NEAREST),
            "calibrator_version": synthesis.calibrator_version,
            "prompt_version": synthesis.prompt_version,
        }
    money = action.total_minor
    record(session, run_id, epoch, step, action_kind=action.kind, amount_minor=money, **made)
    session.connection().execute(
        insert(Draft).values(
            run_id=run_id,
            revision=revision,
            reply=synthesis.reply,
            action=as_json(action),
            digest=digest(synthesis.reply, action),
            gate_input=gate_input.model_dump(mode="json"),
            confidence=synthesis.confidence,
            author=author,
            created_at=now,
        )
    )


def record_commit(session: Session, run_id: int, output: CommitOutput, step: StepWrite) -> None:
    """Record step 6; the executor calls it in the transaction that marks the last entry sent."""
    assert step.output == output.model_dump(mode="json")
    _insert(session, run_id, step)


def latest_draft(session: Session, run_id: int) -> Draft:
    """Return the run's newest draft revision."""
    return session.exec(
        select(Draft).where(Draft.run_id == run_id).order_by(col(Draft.revision).desc()).limit(1)
    ).one()


def next_revision(session: Session, run_id: int) -> int:
    """Return the number the run's next draft revision gets, starting at 1."""
    newest = session.exec(
        select(Draft.revision)
        .where(Draft.run_id == run_id)
        .order_by(col(Draft.revision).desc())
        .limit(1)
    ).first()
    return (newest or 0) + 1


def _insert(session: Session, run_id: int, step: StepWrite) -> None:
    session.connection().execute(
        insert(StepRecord).values(
            run_id=run_id,
            name=step.name,
            visit=select(Run.visit).where(Run.id == run_id).scalar_subquery(),
            attempt=step.attempt,
            status=step.status,
            started_at=step.started_at,
            latency_ms=step.latency_ms,
            output=step.output,
            model=step.model,
            input_tokens=step.input_tokens,
            output_tokens=step.output_tokens,
            cost_microusd=step.cost_microusd,
            error_class=step.error_class,
            error=None if step.error is None else storable(step.error),
        )
    )
