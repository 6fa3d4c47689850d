"""Tickets, runs and the records of their steps."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.types import JSON
from sqlmodel import Field

from store.schema.base import UNIT, Base, UtcDateTime, status_type
from store.transitions import Outcome, RunStatus, StepStatus


class Ticket(Base, table=True):
    """A customer request as received; never changes (trigger)."""

    __tablename__: ClassVar[str] = "ticket"

    id: int | None = Field(default=None, primary_key=True)
    external_id: str = Field(unique=True)
    customer_id: str | None = Field(default=None, index=True)
    subject: str = ""
    text: str
    received_at: datetime = Field(sa_type=UtcDateTime)
    submitted_at: datetime = Field(sa_type=UtcDateTime)
    extra: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)


class Run(Base, table=True):
    """One pipeline pass over a ticket."""

    __tablename__: ClassVar[str] = "run"

    id: int | None = Field(default=None, primary_key=True)
    ticket_id: int = Field(foreign_key="ticket.id", index=True)
    pipeline: str = "support"
    status: RunStatus = Field(default=RunStatus.QUEUED, sa_type=status_type(RunStatus))
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
    available_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # database clock
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    lease_owner: str | None = None
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)  # database clock
    lease_epoch: int = 0  # fences every write of a claim
    tries: int = 0  # crashes while alone since the last recorded step
    is_suspect: bool = False  # was in flight when a worker died: retried alone
    intent: str | None = None
    action_kind: str | None = None
    amount_minor: int | None = None  # money the draft would move
    gated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    outcome: Outcome | None = Field(default=None, sa_type=status_type(Outcome))
    confidence: float | None = None
    policy_version: int | None = Field(default=None, foreign_key="policy.version")
    model: str | None = None
    error: str | None = None
    visit: int = 1  # 2 once a rejection sent it back to the agent
    redo_from: str | None = None  # the step that the second visit begins with
    # What the gate weighed in the first draft beside confidence, so that history is tried by column
    doubts: int = 0  # objections and concerns, and whether it is out of scope
    is_blocked: bool = False
    is_composite: bool = False  # several actions: only its stored facts tell all
    spent_minor: int = 0  # money sent alone to the customer that day, before this
    coin: float | None = None  # the audit coin's toss; drawn where it is under `coin_rate`
    coin_rate: float | None = None
    similarity: float | None = None  # of the nearest known request
    calibrator_version: str | None = None
    prompt_version: str | None = None

    __table_args__ = (
        CheckConstraint(UNIT.format("confidence"), name="ck_run_confidence"),
        CheckConstraint("tries >= 0 AND lease_epoch >= 0 AND visit >= 1", name="ck_run_counters"),
        CheckConstraint("status != 'running' OR lease_owner IS NOT NULL", name="ck_run_leased"),
        CheckConstraint(UNIT.format("coin"), name="ck_run_coin"),
        CheckConstraint(UNIT.format("coin_rate"), name="ck_run_coin_rate"),
        Index("ix_run_claim", "status", "is_suspect", "available_at", "id"),
        Index("ix_run_lease", "lease_until", sqlite_where=text("status = 'running'")),
    )


class StepRecord(Base, table=True):
    """One attempt at one step. The `ok` record of a step is the run's checkpoint."""

    __tablename__: ClassVar[str] = "step_record"

    id: int | None = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="run.id")
    name: str
    visit: int = 1
    attempt: int = 1
    status: StepStatus = Field(sa_type=status_type(StepStatus))
    started_at: datetime = Field(sa_type=UtcDateTime)
    latency_ms: float
    model: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cost_microusd: int = 0  # millionths of a US dollar
    output: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    error_class: str | None = None
    error: str | None = None

    __table_args__ = (
        CheckConstraint("latency_ms >= 0 AND attempt >= 1", name="ck_step_ranges"),
        CheckConstraint("(status = 'ok') = (output IS NOT NULL)", name="ck_step_output"),
        Index(
            "uq_step_recorded",
            "run_id",
            "name",
            "visit",
            unique=True,
            sqlite_where=text("status = 'ok'"),
            postgresql_where=text("status = 'ok'"),
        ),
        Index(  # covers what is counted: rows of output are long
            "ix_step_run", "run_id", "name", "visit", "status", "cost_microusd"
        ),
        Index("ix_step_series", "name", "started_at", "status"),
    )
