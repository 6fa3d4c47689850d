"""Runs: the list, and one run with everything that was recorded about it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from store.reports.card import DecisionView, DeliveryView, DraftView, TicketView
from store.transitions import Outcome, ReviewKind, ReviewStatus, RunStatus, StepStatus


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run as the list shows it."""

    run_id: int
    external_id: str
    customer_id: str | None
    title: str  # the subject, or the first words of the text
    pipeline: str
    status: RunStatus
    intent: str | None
    action_kind: str | None
    outcome: Outcome | None
    confidence: float | None
    model: str | None
    created_at: datetime
    finished_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class RunPage:
    """A page of the list, newest first; `total` counts every match."""

    items: tuple[RunRow, ...]
    total: int


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt at one step, with what it stored."""

    name: str
    title: str
    visit: int
    attempt: int
    status: StepStatus
    started_at: datetime
    latency_ms: float
    model: str | None
    input_tokens: int
    output_tokens: int
    cost_microusd: int
    output: dict[str, Any] | None
    error_class: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class ReviewView:
    """One review of the run, with its decisions in order."""

    review_id: int
    kind: ReviewKind
    status: ReviewStatus
    revision: int
    opened_at: datetime
    decided_at: datetime | None
    decisions: tuple[DecisionView, ...]


@dataclass(frozen=True, slots=True)
class RunDetail:
    """One run step by step. Its audits' confidence shows here: auditors work from the card."""

    run: RunRow
    policy_version: int | None
    lease_owner: str | None
    tries: int
    ticket: TicketView
    attempts: tuple[AttemptView, ...]  # in the order they were recorded
    drafts: tuple[DraftView, ...]
    reviews: tuple[ReviewView, ...]
    deliveries: tuple[DeliveryView, ...]


def runs(
    session: Session,
    *,
    status: RunStatus | None = None,
    search: str = "",
    limit: int = 50,
    offset: int = 0,
) -> RunPage:
    """Return runs, newest first; `search` looks in ticket id, customer, subject and text."""
    raise NotImplementedError


def run_detail(session: Session, run_id: int) -> RunDetail:
    """Return one run with all its records; raises NotFound."""
    raise NotImplementedError
