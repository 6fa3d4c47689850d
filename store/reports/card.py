"""Everything one card shows about one review, in one read.

A card of kind audit is blind until it is decided: confidence, threshold, gate output, reasons,
signals and the doubtful step are left out, so that "Was this right?" is answered from the case.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from store.actions import Action
from store.outputs import (
    GateOutput,
    IntentOutput,
    Reason,
    RetrievalOutput,
    SynthesisOutput,
    ToolCallOutput,
)
from store.transitions import OutboxStatus, ReviewKind, ReviewStatus, RunStatus, StepStatus, Verdict


@dataclass(frozen=True, slots=True)
class TicketView:
    """The ticket as received; `text` and `subject` are a stranger's words."""

    external_id: str
    customer_id: str | None
    subject: str
    text: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class DraftView:
    """One revision of reply + action; `digest` goes back with the decision."""

    id: int
    revision: int
    reply: str
    action: Action
    digest: str
    author: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of the run, over all its attempts; `status` is None while it has not run."""

    name: str
    title: str
    status: StepStatus | None
    attempts: int
    latency_ms: float  # summed over attempts
    is_doubtful: bool


@dataclass(frozen=True, slots=True)
class DecisionView:
    """The newest decision on the review."""

    id: str
    person: str
    verdict: Verdict
    reason_code: str | None
    note: str
    blamed_step: str | None
    decided_at: datetime
    undo_until: datetime
    is_final: bool  # False: one of two people has approved
    is_undone: bool


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """One outbox entry of the run, in order of delivery."""

    action_id: str
    tool: str
    status: OutboxStatus
    sent_at: datetime | None
    receipt: dict[str, Any] | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Card:
    """One review with its case."""

    review_id: int
    run_id: int
    run_status: RunStatus
    kind: ReviewKind
    status: ReviewStatus
    is_blind: bool  # an undecided audit: show no probability of any kind
    is_blocked: bool
    title: str
    intent_name: str | None
    reasons: tuple[Reason, ...] | None  # None when blind
    confidence: float | None
    threshold: float | None  # None when blind
    policy_version: int
    opened_at: datetime
    claimed_by: str | None
    claimed_until: datetime | None
    doubtful_step: str | None
    ticket: TicketView
    draft: DraftView  # what is (or was) decided: the person's revision after an edit
    original_draft: DraftView | None  # the model's, when `draft` is a person's
    intent: IntentOutput | None
    retrieval: RetrievalOutput | None
    tool_call: ToolCallOutput | None
    synthesis: SynthesisOutput | None
    gate: GateOutput | None
    steps: tuple[StepView, ...]
    tool_schema: dict[str, Any] | None  # input schema of `draft.action.tool`
    decision: DecisionView | None
    deliveries: tuple[DeliveryView, ...]


def card(session: Session, review_id: int) -> Card:
    """Return the card of a review; raises NotFound."""
    raise NotImplementedError
