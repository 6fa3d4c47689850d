"""Drafts and what people and the executor made of them."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.types import JSON
from sqlmodel import Field

from store.schema.base import UNIT, Base, UtcDateTime, status_type
from store.transitions import (
    LabelSource,
    OutboxStatus,
    OutcomeKind,
    ReviewKind,
    ReviewStatus,
    SlaStage,
    Verdict,
)

_OPEN = "status IN ('open', 'claimed', 'awaiting_second')"
_BLIND = "('audit', 'second_look')"
_ASIDE = "('audit', 'second_look', 'seeded')"


class Draft(Base, table=True):
    """A proposed reply + action, by revision; never changes (trigger)."""

    __tablename__: ClassVar[str] = "draft"

    id: int | None = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="run.id")
    revision: int
    reply: str
    action: dict[str, Any] = Field(sa_type=JSON)
    digest: str
    gate_input: dict[str, Any] = Field(sa_type=JSON)  # store.gate.GateInput
    confidence: float | None = None
    author: str  # "model:<name>" or a person
    created_at: datetime = Field(sa_type=UtcDateTime)

    __table_args__ = (
        UniqueConstraint("run_id", "revision", name="uq_draft_revision"),
        CheckConstraint("revision >= 1", name="ck_draft_revision"),
        CheckConstraint(UNIT.format("confidence"), name="ck_draft_confidence"),
    )


class Review(Base, table=True):
    """The work item for a person, pinned to revision + digest + policy; reasons are frozen."""

    __tablename__: ClassVar[str] = "review"

    id: int | None = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="run.id", index=True)
    draft_id: int = Field(foreign_key="draft.id")
    revision: int
    payload_digest: str
    policy_version: int = Field(foreign_key="policy.version")
    kind: ReviewKind = Field(sa_type=status_type(ReviewKind))
    status: ReviewStatus = Field(default=ReviewStatus.OPEN, sa_type=status_type(ReviewStatus))
    is_blocked: bool = False  # may be rejected or answered, never approved
    title: str
    reasons: list[dict[str, Any]] = Field(sa_type=JSON)  # store.outputs.Reason
    confidence: float | None = None
    threshold: float
    risk: float = Field(ge=0)
    doubtful_step: str | None = None
    inclusion_probability: float = 1.0  # that this draft came to be labelled
    opened_at: datetime = Field(sa_type=UtcDateTime)
    action_id: str | None = None  # the delivery it is about (trigger: it exists)
    claimed_by: str | None = Field(default=None, foreign_key="person.name")
    claimed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    assigned_to: str | None = Field(default=None, foreign_key="person.name")
    snoozed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # None: no clock runs
    sla_stage: SlaStage = Field(default=SlaStage.FRESH, sa_type=status_type(SlaStage))
    # second look: the verdict it looks at again; seeded: the one that found the draft wrong
    after_decision: str | None = None  # (trigger: it exists)

    __table_args__ = (
        CheckConstraint(UNIT.format("confidence"), name="ck_review_confidence"),
        CheckConstraint("risk >= 0", name="ck_review_risk"),
        CheckConstraint(
            "inclusion_probability > 0 AND inclusion_probability <= 1", name="ck_review_inclusion"
        ),
        CheckConstraint("status != 'claimed' OR claimed_by IS NOT NULL", name="ck_review_claimed"),
        Index(  # prevents two open reviews that could both lead to a delivery of one run
            "uq_review_open",
            "run_id",
            unique=True,
            sqlite_where=text(f"{_OPEN} AND kind NOT IN {_ASIDE}"),
            postgresql_where=text(f"{_OPEN} AND kind NOT IN {_ASIDE}"),
        ),
        Index(  # prevents two open audits of one run, or an audit beside its second look
            "uq_review_audit",
            "run_id",
            unique=True,
            sqlite_where=text(f"{_OPEN} AND kind IN {_BLIND}"),
            postgresql_where=text(f"{_OPEN} AND kind IN {_BLIND}"),
        ),
        Index(  # prevents looking at one verdict again and again
            "uq_review_after",
            "after_decision",
            unique=True,
            sqlite_where=text("after_decision IS NOT NULL AND status != 'superseded'"),
            postgresql_where=text("after_decision IS NOT NULL AND status != 'superseded'"),
        ),
        Index(  # covers every live query of the queue: rows of reasons are long
            "ix_review_queue",
            "status",
            "kind",
            "risk",
            "opened_at",
            "due_at",
            "snoozed_until",
            "claimed_until",
            "claimed_by",
            "assigned_to",
            "after_decision",
        ),
        Index(  # tells at once which verdicts were looked at again
            "ix_review_after",
            "after_decision",
            "kind",
            "status",
            sqlite_where=text("after_decision IS NOT NULL"),
            postgresql_where=text("after_decision IS NOT NULL"),
        ),
        Index("ix_review_decided", "decided_at"),
    )


class Decision(Base, table=True):
    """Append-only verdict by a named person (trigger). `id` is made by the client: a resend of the
    same id is the same decision."""

    __tablename__: ClassVar[str] = "decision"

    id: str = Field(primary_key=True, min_length=8)
    review_id: int = Field(foreign_key="review.id")
    run_id: int = Field(foreign_key="run.id", index=True)
    verdict: Verdict = Field(sa_type=status_type(Verdict))
    person: str = Field(foreign_key="person.name")
    draft_id: int = Field(foreign_key="draft.id")  # the revision the verdict is about
    payload_digest: str
    policy_version: int = Field(foreign_key="policy.version")
    is_final: bool = True
    reason_code: str | None = None
    note: str = ""
    blamed_step: str | None = None
    seconds_on_card: float | None = None
    decided_at: datetime = Field(sa_type=UtcDateTime, index=True)
    undo_until: datetime = Field(sa_type=UtcDateTime)
    is_simulated: bool = False  # a demo reviewer, never a person
    action_id: str | None = None  # the delivery it answers for (trigger: it exists)
    signature: str = ""  # Ed25519 (hex) over store.decisions.message

    __table_args__ = (
        Index("ix_decision_pace", "person", "decided_at"),
        UniqueConstraint("review_id", "person", name="uq_decision_person"),
        Index(  # prevents two effective decisions of one review
            "uq_decision_final",
            "review_id",
            unique=True,
            sqlite_where=text("is_final"),
            postgresql_where=text("is_final"),
        ),
    )


class Note(Base, table=True):
    """Append-only (trigger): what a person wrote beside a run for their colleagues."""

    __tablename__: ClassVar[str] = "note"

    id: int | None = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="run.id", index=True)
    person: str = Field(foreign_key="person.name")
    text: str
    at: datetime = Field(sa_type=UtcDateTime)


class Undo(Base, table=True):
    """Append-only: the decision was taken back inside its window; its review was superseded."""

    __tablename__: ClassVar[str] = "undo"

    decision_id: str = Field(primary_key=True, foreign_key="decision.id")
    person: str = Field(foreign_key="person.name")
    undone_at: datetime = Field(sa_type=UtcDateTime)


class OutboxEntry(Base, table=True):
    """One authorised tool call awaiting delivery; `id` is its idempotency key."""

    __tablename__: ClassVar[str] = "outbox"

    id: str = Field(primary_key=True)
    run_id: int = Field(foreign_key="run.id", index=True)
    draft_id: int = Field(foreign_key="draft.id")
    decision_id: str | None = Field(default=None, foreign_key="decision.id")  # None: gate pass
    position: int  # delivered in this order; a later one waits for the earlier
    kind: str
    tool: str
    body: str  # the frozen arguments, canonical JSON
    amount_minor: int | None = None
    currency: str | None = None
    customer_id: str | None = None
    status: OutboxStatus = Field(default=OutboxStatus.PENDING, sa_type=status_type(OutboxStatus))
    not_before: datetime = Field(sa_type=UtcDateTime)  # database clock
    created_at: datetime = Field(sa_type=UtcDateTime)
    attempt: int = 0
    first_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # database clock
    in_doubt: bool = False  # an attempt so far may have happened
    reverses: str | None = Field(default=None, foreign_key="outbox.id")
    lease_owner: str | None = None
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)  # database clock
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = None

    __table_args__ = (
        CheckConstraint("amount_minor IS NULL OR amount_minor >= 0", name="ck_outbox_amount"),
        CheckConstraint("attempt >= 0 AND position >= 0", name="ck_outbox_counters"),
        UniqueConstraint("draft_id", "position", "decision_id", name="uq_outbox_position"),
        Index(  # prevents delivering one gate pass twice
            "uq_outbox_gate_pass",
            "draft_id",
            "position",
            unique=True,
            sqlite_where=text("decision_id IS NULL"),
            postgresql_where=text("decision_id IS NULL"),
        ),
        Index(  # prevents reversing one action twice
            "uq_outbox_reversal",
            "reverses",
            unique=True,
            sqlite_where=text("status NOT IN ('failed', 'cancelled')"),
            postgresql_where=text("status NOT IN ('failed', 'cancelled')"),
        ),
        Index("ix_outbox_due", "status", "not_before"),
        Index("ix_outbox_customer", "customer_id", "created_at"),
    )


class Receipt(Base, table=True):
    """What the tool answered for a sent entry; one each, append-only."""

    __tablename__: ClassVar[str] = "receipt"

    action_id: str = Field(primary_key=True, foreign_key="outbox.id")
    body: dict[str, Any] = Field(sa_type=JSON)
    received_at: datetime = Field(sa_type=UtcDateTime)


class Label(Base, table=True):
    """Right or wrong, of one step or (step NULL) of the whole; append-only, with its source."""

    __tablename__: ClassVar[str] = "label"

    id: int | None = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="run.id")
    draft_id: int = Field(foreign_key="draft.id")
    decision_id: str | None = Field(default=None, foreign_key="decision.id")
    step: str | None = None
    is_right: bool
    source: LabelSource = Field(sa_type=status_type(LabelSource))
    inclusion_probability: float | None = None  # None: by chance unknown, so in no rate
    is_simulated: bool = False
    labelled_at: datetime = Field(sa_type=UtcDateTime, index=True)
    person: str | None = Field(default=None, foreign_key="person.name")
    outcome_id: int | None = Field(default=None, foreign_key="outcome.id")

    __table_args__ = (
        CheckConstraint(
            "inclusion_probability > 0 AND inclusion_probability <= 1", name="ck_label_inclusion"
        ),
        CheckConstraint(
            "source = 'outcome' OR inclusion_probability IS NOT NULL", name="ck_label_chance"
        ),
        Index(  # covers what is counted
            "ix_label_run_id",
            "run_id",
            "step",
            "is_right",
            "inclusion_probability",
            "source",
            "decision_id",
        ),
        Index("ix_label_decision_id", "decision_id", "source"),
    )


class LaterOutcome(Base, table=True):
    """Append-only (trigger): what became of a run after it was over, as another system tells."""

    __tablename__: ClassVar[str] = "outcome"

    id: int | None = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="run.id")
    kind: OutcomeKind = Field(sa_type=status_type(OutcomeKind))
    at: datetime = Field(sa_type=UtcDateTime)  # when it happened
    note: str = ""
    person: str = Field(foreign_key="person.name")  # who handed it in
    recorded_at: datetime = Field(sa_type=UtcDateTime)

    __table_args__ = (UniqueConstraint("run_id", "kind", name="uq_outcome"),)
