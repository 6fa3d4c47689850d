"""One ticket worked in the foreground, with every step shown as it ends.

The run is claimed in the transaction that submits it, so no background worker takes it; from the
gate on it is like any other: what passes waits for the executor, what does not waits for a person.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlmodel import Session, col, select

from agents.company import Company
from agents.kit import open_kit
from agents.opening import open_company
from agents.worker import Shift, Worker
from store import queue, registry, steps
from store.actions import Action
from store.outputs import STEPS, GateOutput, Reason
from store.queue import NewTicket
from store.schema import Run, StepRecord
from store.settings import Settings
from store.transitions import Outcome, RunStatus, StepStatus
from store.writer import GroupWriter

log = logging.getLogger(__name__)

LEASE_SECONDS = 300.0
ROUTES = {
    Outcome.PASS: "auto_reply",
    Outcome.ESCALATE: "route_to_human",
    Outcome.BLOCK: "blocked",
}


@dataclass(frozen=True, slots=True)
class AskedStep:
    """How one step of the asked ticket ended."""

    name: str
    status: str
    latency_ms: float
    output: dict[str, object] | None
    error: str | None


@dataclass(frozen=True, slots=True)
class AskResult:
    """What became of the ticket; `route` is None when the run failed."""

    run_id: int
    status: RunStatus
    route: str | None
    confidence: float | None
    threshold: float | None
    reasons: tuple[Reason, ...]
    draft: str | None
    action: Action | None
    steps: tuple[AskedStep, ...]
    error: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the document `greenlight ask --json` prints."""
        return {
            "run_id": self.run_id,
            "route": self.route,
            "confidence": self.confidence,
            "threshold": self.threshold,
            "reasons": [reason.model_dump(mode="json") for reason in self.reasons],
            "draft": self.draft,
            "action": self.action.model_dump(mode="json") if self.action else None,
            "steps": [asdict(step) for step in self.steps],
            "error": self.error,
        }


def ask(
    settings: Settings,
    company: Company,
    text: str,
    customer_id: str | None,
    on_step: Callable[[str, str, float], None] | None = None,
) -> AskResult:
    """Work one ticket now; `on_step` hears of each attempt: step, status, latency in ms.

    A store that knows no company yet is opened for this one first.
    """
    with closing(settings.open()) as store:
        if store.read(registry.company) is None:
            open_company(store, company, home=settings.home, now=datetime.now(UTC), say=log.info)
    return asyncio.run(_ask(settings, company, text, customer_id, on_step))


async def _ask(
    settings: Settings,
    company: Company,
    text: str,
    customer_id: str | None,
    on_step: Callable[[str, str, float], None] | None,
) -> AskResult:
    now = datetime.now(UTC)
    ticket = NewTicket(
        text=text,
        external_id=f"ask:{uuid4().hex[:12]}",
        customer_id=customer_id,
        received_at=now,
        extra={"via": "ask"},
    )
    store = settings.open(urgent=True)
    writer = GroupWriter(store)
    shift = Shift(f"ask-{uuid4().hex[:8]}", 1, LEASE_SECONDS, drain=True)
    try:
        async with open_kit(settings, company, store) as kit:
            worker = Worker(store, kit, kit.journal(writer), shift)
            claim = store.transact(
                queue.submit_claimed, ticket, shift.worker, lease_seconds=LEASE_SECONDS, now=now
            )
            await worker.attend(claim, on_step)
        return store.read(result_of, claim.run_id)
    finally:
        writer.close()
        store.close()


def result_of(session: Session, run_id: int) -> AskResult:
    """Return what the store knows of a run that was asked."""
    run = session.get_one(Run, run_id)
    records = session.exec(
        select(StepRecord).where(StepRecord.run_id == run_id).order_by(col(StepRecord.id))
    ).all()
    outputs = {row.name: row.output for row in records if row.status is StepStatus.OK}
    gate = GateOutput.model_validate(outputs["gate"]) if "gate" in outputs else None
    draft = steps.latest_draft(session, run_id) if "synthesis" in outputs else None
    return AskResult(
        run_id=run_id,
        status=run.status,
        route=ROUTES[gate.outcome] if gate else None,
        confidence=gate.confidence if gate else None,
        threshold=gate.threshold if gate else None,
        reasons=tuple(gate.reasons) if gate else (),
        draft=draft.reply if draft else None,
        action=Action.model_validate(draft.action) if draft else None,
        steps=tuple(
            AskedStep(row.name, row.status, row.latency_ms, row.output, row.error)
            for row in records
            if row.name in STEPS
        ),
        error=run.error,
    )
