"""Holds, connectors, doubt about deliveries, reversals, signatures and the answers to `unknown`.

SQLite cannot widen a CHECK, so `decision` is built anew; foreign keys are off meanwhile and checked
before the commit.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

VERDICT = sa.Enum(
    "approve",
    "edit",
    "reject",
    "right",
    "wrong",
    "happened",
    "send_again",
    "reverse",
    name="verdict",
    native_enum=False,
    create_constraint=True,
    length=24,
)
OPEN = "status IN ('open', 'claimed', 'awaiting_second')"


def upgrade() -> None:
    _create_hold()
    for column in ("actor", "at"):
        op.create_index(f"ix_audit_entry_{column}", "audit_entry", [column])
    op.add_column("tool", sa.Column("connector", sa.JSON(), nullable=False, server_default="{}"))
    _widen_outbox()
    _widen_review()
    _rebuild_decision()
    broken = op.get_bind().exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise RuntimeError(f"the upgrade would break references: {broken[:3]}")


def _create_hold() -> None:
    op.create_table(
        "hold",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("is_held", sa.Boolean(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _widen_outbox() -> None:
    op.add_column("outbox", sa.Column("first_attempt_at", sa.DateTime(), nullable=True))
    op.add_column(
        "outbox", sa.Column("in_doubt", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.execute("ALTER TABLE outbox ADD COLUMN reverses VARCHAR REFERENCES outbox (id)")
    op.execute("UPDATE outbox SET in_doubt = 1 WHERE attempt > 0")
    op.create_index(
        "uq_outbox_reversal",
        "outbox",
        ["reverses"],
        unique=True,
        sqlite_where=sa.text("status NOT IN ('failed', 'cancelled')"),
        postgresql_where=sa.text("status NOT IN ('failed', 'cancelled')"),
    )


def _widen_review() -> None:
    op.add_column("review", sa.Column("action_id", sa.String(), nullable=True))
    op.drop_index("uq_review_open", table_name="review")
    for name, which in (("uq_review_open", "!="), ("uq_review_audit", "=")):
        where = sa.text(f"{OPEN} AND kind {which} 'audit'")
        op.create_index(
            name, "review", ["run_id"], unique=True, sqlite_where=where, postgresql_where=where
        )


def _rebuild_decision() -> None:
    op.create_table(
        "decision_wide",
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
        sa.Column("action_id", sa.String(), nullable=True),
        sa.Column("signature", sa.String(), nullable=False, server_default=""),
        sa.ForeignKeyConstraint(["draft_id"], ["draft.id"]),
        sa.ForeignKeyConstraint(["person"], ["person.name"]),
        sa.ForeignKeyConstraint(["policy_version"], ["policy.version"]),
        sa.ForeignKeyConstraint(["review_id"], ["review.id"]),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("review_id", "person", name="uq_decision_person"),
    )
    kept = (
        "id, review_id, run_id, verdict, person, draft_id, payload_digest, policy_version,"
        " is_final, reason_code, note, blamed_step, seconds_on_card, decided_at, undo_until,"
        " is_simulated"
    )
    op.execute(f"INSERT INTO decision_wide ({kept}) SELECT {kept} FROM decision")
    op.drop_table("decision")
    op.rename_table("decision_wide", "decision")
    op.create_index("ix_decision_decided_at", "decision", ["decided_at"])
    op.create_index("ix_decision_run_id", "decision", ["run_id"])
    op.create_index(
        "uq_decision_final",
        "decision",
        ["review_id"],
        unique=True,
        sqlite_where=sa.text("is_final"),
        postgresql_where=sa.text("is_final"),
    )


def downgrade() -> None:
    raise NotImplementedError("tables are never dropped: delete the database instead")
