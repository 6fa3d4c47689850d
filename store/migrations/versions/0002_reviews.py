"""Drafts, reviews, decisions, the outbox and labels, with CHECKs and unique indexes."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
REVIEWKIND = sa.Enum(
    "escalation",
    "audit",
    "second_look",
    "seeded",
    "stale",
    "unknown_delivery",
    name="reviewkind",
    native_enum=False,
    create_constraint=True,
    length=24,
)
REVIEWSTATUS = sa.Enum(
    "open",
    "claimed",
    "awaiting_second",
    "decided",
    "superseded",
    "expired",
    name="reviewstatus",
    native_enum=False,
    create_constraint=True,
    length=24,
)
VERDICT = sa.Enum(
    "approve",
    "edit",
    "reject",
    "right",
    "wrong",
    name="verdict",
    native_enum=False,
    create_constraint=True,
    length=24,
)
LABELSOURCE = sa.Enum(
    "decision",
    "audit",
    "outcome",
    name="labelsource",
    native_enum=False,
    create_constraint=True,
    length=24,
)
OUTBOXSTATUS = sa.Enum(
    "pending",
    "sending",
    "sent",
    "failed",
    "unknown",
    "cancelled",
    name="outboxstatus",
    native_enum=False,
    create_constraint=True,
    length=24,
)


def upgrade() -> None:
    _create_draft()
    _create_review()
    _create_decision()
    _create_label()
    _create_outbox()
    _create_undo()
    _create_receipt()


def _create_draft() -> None:
    op.create_table(
        "draft",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("reply", sa.String(), nullable=False),
        sa.Column("action", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("gate_input", sa.JSON(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint(
            "confidence IS NULL OR (confidence >= 0 AND confidence <= 1)",
            name="ck_draft_confidence",
        ),
        sa.CheckConstraint("revision >= 1", name="ck_draft_revision"),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["run.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id", "revision", name="uq_draft_revision"),
    )


def _create_review() -> None:
    op.create_table(
        "review",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("draft_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("payload_digest", sa.String(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("kind", REVIEWKIND, nullable=False),
        sa.Column("status", REVIEWSTATUS, nullable=False),
        sa.Column("is_blocked", sa.Boolean(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("risk", sa.Float(), nullable=False),
        sa.Column("doubtful_step", sa.String(), nullable=True),
        sa.Column("inclusion_probability", sa.Float(), nullable=False),
        sa.Column("opened_at", sa.DateTime(), nullable=False),
        sa.Column("claimed_by", sa.String(), nullable=True),
        sa.Column("claimed_until", sa.DateTime(), nullable=True),
        sa.Column("decided_at", sa.DateTime(), nullable=True),
        sa.CheckConstraint(
            "status != 'claimed' OR claimed_by IS NOT NULL", name="ck_review_claimed"
        ),
        sa.CheckConstraint(
            "confidence IS NULL OR (confidence >= 0 AND confidence <= 1)",
            name="ck_review_confidence",
        ),
        sa.CheckConstraint(
            "inclusion_probability > 0 AND inclusion_probability <= 1", name="ck_review_inclusion"
        ),
        sa.CheckConstraint("risk >= 0", name="ck_review_risk"),
        sa.ForeignKeyConstraint(
            ["claimed_by"],
            ["person.name"],
        ),
        sa.ForeignKeyConstraint(
            ["draft_id"],
            ["draft.id"],
        ),
        sa.ForeignKeyConstraint(
            ["policy_version"],
            ["policy.version"],
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["run.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_review_decided", "review", ["decided_at"], unique=False)
    op.create_index("ix_review_queue", "review", ["status", "kind", "risk"], unique=False)
    op.create_index(op.f("ix_review_run_id"), "review", ["run_id"], unique=False)
    op.create_index(
        "uq_review_open",
        "review",
        ["run_id"],
        unique=True,
        sqlite_where=sa.text("status IN ('open', 'claimed', 'awaiting_second')"),
        postgresql_where=sa.text("status IN ('open', 'claimed', 'awaiting_second')"),
    )


def _create_decision() -> None:
    op.create_table(
        "decision",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("review_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("verdict", VERDICT, nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("draft_id", sa.Integer(), nullable=False),
        sa.Column("payload_digest", sa.String(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("is_final", sa.Boolean(), nullable=False),
        sa.Column("reason_code", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("blamed_step", sa.String(), nullable=True),
        sa.Column("seconds_on_card", sa.Float(), nullable=True),
        sa.Column("decided_at", sa.DateTime(), nullable=False),
        sa.Column("undo_until", sa.DateTime(), nullable=False),
        sa.Column("is_simulated", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["draft_id"],
            ["draft.id"],
        ),
        sa.ForeignKeyConstraint(
            ["person"],
            ["person.name"],
        ),
        sa.ForeignKeyConstraint(
            ["policy_version"],
            ["policy.version"],
        ),
        sa.ForeignKeyConstraint(
            ["review_id"],
            ["review.id"],
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["run.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("review_id", "person", name="uq_decision_person"),
    )
    op.create_index(op.f("ix_decision_decided_at"), "decision", ["decided_at"], unique=False)
    op.create_index(op.f("ix_decision_run_id"), "decision", ["run_id"], unique=False)
    op.create_index(
        "uq_decision_final",
        "decision",
        ["review_id"],
        unique=True,
        sqlite_where=sa.text("is_final"),
        postgresql_where=sa.text("is_final"),
    )


def _create_label() -> None:
    op.create_table(
        "label",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("draft_id", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.String(), nullable=True),
        sa.Column("step", sa.String(), nullable=True),
        sa.Column("is_right", sa.Boolean(), nullable=False),
        sa.Column("source", LABELSOURCE, nullable=False),
        sa.Column("inclusion_probability", sa.Float(), nullable=False),
        sa.Column("is_simulated", sa.Boolean(), nullable=False),
        sa.Column("labelled_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint(
            "inclusion_probability > 0 AND inclusion_probability <= 1", name="ck_label_inclusion"
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"],
            ["decision.id"],
        ),
        sa.ForeignKeyConstraint(
            ["draft_id"],
            ["draft.id"],
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["run.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_label_decision_id"), "label", ["decision_id"], unique=False)
    op.create_index(op.f("ix_label_labelled_at"), "label", ["labelled_at"], unique=False)
    op.create_index(op.f("ix_label_run_id"), "label", ["run_id"], unique=False)


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("draft_id", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.String(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("tool", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.Integer(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("customer_id", sa.String(), nullable=True),
        sa.Column("status", OUTBOXSTATUS, nullable=False),
        sa.Column("not_before", sa.DateTime(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(), nullable=True),
        sa.Column("lease_until", sa.DateTime(), nullable=True),
        sa.Column("sent_at", sa.DateTime(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.CheckConstraint("amount_minor IS NULL OR amount_minor >= 0", name="ck_outbox_amount"),
        sa.CheckConstraint("attempt >= 0 AND position >= 0", name="ck_outbox_counters"),
        sa.ForeignKeyConstraint(
            ["decision_id"],
            ["decision.id"],
        ),
        sa.ForeignKeyConstraint(
            ["draft_id"],
            ["draft.id"],
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["run.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("draft_id", "position", "decision_id", name="uq_outbox_position"),
    )
    op.create_index("ix_outbox_customer", "outbox", ["customer_id", "created_at"], unique=False)
    op.create_index("ix_outbox_due", "outbox", ["status", "not_before"], unique=False)
    op.create_index(op.f("ix_outbox_run_id"), "outbox", ["run_id"], unique=False)
    op.create_index(
        "uq_outbox_gate_pass",
        "outbox",
        ["draft_id", "position"],
        unique=True,
        sqlite_where=sa.text("decision_id IS NULL"),
        postgresql_where=sa.text("decision_id IS NULL"),
    )


def _create_undo() -> None:
    op.create_table(
        "undo",
        sa.Column("decision_id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("undone_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["decision_id"],
            ["decision.id"],
        ),
        sa.ForeignKeyConstraint(
            ["person"],
            ["person.name"],
        ),
        sa.PrimaryKeyConstraint("decision_id"),
    )


def _create_receipt() -> None:
    op.create_table(
        "receipt",
        sa.Column("action_id", sa.String(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["action_id"],
            ["outbox.id"],
        ),
        sa.PrimaryKeyConstraint("action_id"),
    )
    # ### end Alembic commands ###


def downgrade() -> None:
    raise NotImplementedError("tables are never dropped: delete the database instead")
