"""Company, tickets, runs and their steps, with CHECKs and unique indexes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
ROLE = sa.Enum(
    "operator",
    "manager",
    "admin",
    name="role",
    native_enum=False,
    create_constraint=True,
    length=24,
)
POLICYSTATUS = sa.Enum(
    "draft",
    "active",
    "retired",
    name="policystatus",
    native_enum=False,
    create_constraint=True,
    length=24,
)
RUNSTATUS = sa.Enum(
    "queued",
    "running",
    "awaiting_review",
    "committing",
    "done",
    "rejected",
    "failed",
    "dead",
    "cancelled",
    name="runstatus",
    native_enum=False,
    create_constraint=True,
    length=24,
)
OUTCOME = sa.Enum(
    "pass",
    "escalate",
    "block",
    name="outcome",
    native_enum=False,
    create_constraint=True,
    length=24,
)
STEPSTATUS = sa.Enum(
    "ok",
    "error",
    "timeout",
    name="stepstatus",
    native_enum=False,
    create_constraint=True,
    length=24,
)


def upgrade() -> None:
    _create_audit_entry()
    _create_calibrator()
    _create_company()
    _create_passage()
    _create_person()
    _create_policy()
    _create_ticket()
    _create_tool()
    _create_worker()
    _create_run()
    _create_step_record()


def _create_audit_entry() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("prev_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("prev_hash"),
    )
    op.create_index(op.f("ix_audit_entry_subject"), "audit_entry", ["subject"], unique=False)
    op.create_index(op.f("ix_audit_entry_tag"), "audit_entry", ["tag"], unique=False)


def _create_calibrator() -> None:
    op.create_table(
        "calibrator",
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("labels", sa.Integer(), nullable=False),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("fitted_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_index(op.f("ix_calibrator_model"), "calibrator", ["model"], unique=False)


def _create_company() -> None:
    op.create_table(
        "company",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        sa.Column("reject_reasons", sa.JSON(), nullable=False),
        sa.Column("intents", sa.JSON(), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_company_single"),
        sa.PrimaryKeyConstraint("id"),
    )


def _create_passage() -> None:
    op.create_table(
        "passage",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=True),
        sa.Column("encoder", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source"),
    )
    op.create_index(op.f("ix_passage_document"), "passage", ["document"], unique=False)


def _create_person() -> None:
    op.create_table(
        "person",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", ROLE, nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _create_policy() -> None:
    op.create_table(
        "policy",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", POLICYSTATUS, nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("published_at", sa.DateTime(), nullable=True),
        sa.Column("retired_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_index(
        "uq_policy_active",
        "policy",
        ["status"],
        unique=True,
        sqlite_where=sa.text("status = 'active'"),
        postgresql_where=sa.text("status = 'active'"),
    )


def _create_ticket() -> None:
    op.create_table(
        "ticket",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=True),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(), nullable=False),
        sa.Column("extra", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("external_id"),
    )
    op.create_index(op.f("ix_ticket_customer_id"), "ticket", ["customer_id"], unique=False)


def _create_tool() -> None:
    op.create_table(
        "tool",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("server", sa.String(), nullable=False),
        sa.Column("is_write", sa.Boolean(), nullable=False),
        sa.Column("is_reply", sa.Boolean(), nullable=False),
        sa.Column("action_kind", sa.String(), nullable=True),
        sa.Column("input_schema", sa.JSON(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("customer_field", sa.String(), nullable=True),
        sa.Column("order_field", sa.String(), nullable=True),
        sa.Column("amount_field", sa.String(), nullable=True),
        sa.Column("text_field", sa.String(), nullable=True),
        sa.Column("ticket_field", sa.String(), nullable=True),
        sa.Column("key_field", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )


def _create_worker() -> None:
    op.create_table(
        "worker",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(), nullable=False),
        sa.Column("stopped_at", sa.DateTime(), nullable=True),
        sa.Column("in_flight", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _create_run() -> None:
    op.create_table(
        "run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("pipeline", sa.String(), nullable=False),
        sa.Column("status", RUNSTATUS, nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("available_at", sa.DateTime(), nullable=True),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.Column("lease_owner", sa.String(), nullable=True),
        sa.Column("lease_until", sa.DateTime(), nullable=True),
        sa.Column("lease_epoch", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("is_suspect", sa.Boolean(), nullable=False),
        sa.Column("intent", sa.String(), nullable=True),
        sa.Column("action_kind", sa.String(), nullable=True),
        sa.Column("amount_minor", sa.Integer(), nullable=True),
        sa.Column("gated_at", sa.DateTime(), nullable=True),
        sa.Column("outcome", OUTCOME, nullable=True),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("policy_version", sa.Integer(), nullable=True),
        sa.Column("model", sa.String(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.CheckConstraint("status != 'running' OR lease_owner IS NOT NULL", name="ck_run_leased"),
        sa.CheckConstraint(
            "confidence IS NULL OR (confidence >= 0 AND confidence <= 1)", name="ck_run_confidence"
        ),
        sa.CheckConstraint("tries >= 0 AND lease_epoch >= 0", name="ck_run_counters"),
        sa.ForeignKeyConstraint(
            ["policy_version"],
            ["policy.version"],
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"],
            ["ticket.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_run_claim", "run", ["status", "is_suspect", "available_at", "id"], unique=False
    )
    op.create_index(op.f("ix_run_created_at"), "run", ["created_at"], unique=False)
    op.create_index(
        "ix_run_lease",
        "run",
        ["lease_until"],
        unique=False,
        sqlite_where=sa.text("status = 'running'"),
    )
    op.create_index(op.f("ix_run_ticket_id"), "run", ["ticket_id"], unique=False)


def _create_step_record() -> None:
    op.create_table(
        "step_record",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("visit", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("status", STEPSTATUS, nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("latency_ms", sa.Float(), nullable=False),
        sa.Column("model", sa.String(), nullable=True),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("cost_microusd", sa.Integer(), nullable=False),
        sa.Column("output", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("error_class", sa.String(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.CheckConstraint("(status = 'ok') = (output IS NOT NULL)", name="ck_step_output"),
        sa.CheckConstraint("latency_ms >= 0 AND attempt >= 1", name="ck_step_ranges"),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["run.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_step_run", "step_record", ["run_id"], unique=False)
    op.create_index("ix_step_series", "step_record", ["name", "started_at", "status"], unique=False)
    op.create_index(
        "uq_step_recorded",
        "step_record",
        ["run_id", "name", "visit"],
        unique=True,
        sqlite_where=sa.text("status = 'ok'"),
        postgresql_where=sa.text("status = 'ok'"),
    )


def downgrade() -> None:
    raise NotImplementedError("tables are never dropped: delete the database instead")
