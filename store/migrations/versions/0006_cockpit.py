"""Working together: assigning, snoozing, clocks, second looks and seeded cards; notes, sign-ins.

Columns are added with their constraints in SQL: SQLite adds a column without building the table
anew, as long as the column says everything itself.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

OPEN = "status IN ('open', 'claimed', 'awaiting_second')"
COLUMNS = (
    ("review", "assigned_to VARCHAR REFERENCES person (name)"),
    ("review", "snoozed_until DATETIME"),
    ("review", "due_at DATETIME"),
    (
        "review",
        (
            "sla_stage VARCHAR(24) NOT NULL DEFAULT 'fresh' CONSTRAINT slastage"
            " CHECK (sla_stage IN ('fresh', 'reminded', 'rerouted', 'held'))"
        ),
    ),
    ("review", "after_decision VARCHAR"),
    ("run", "visit INTEGER NOT NULL DEFAULT 1 CHECK (visit >= 1)"),
    ("run", "redo_from VARCHAR"),
    ("person", "identity VARCHAR"),
    ("policy", "proposed_at DATETIME"),
    ("policy", "approved_by VARCHAR"),
)

QUEUE_COLUMNS = [  # covers every live query of the queue: rows of reasons are long
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
]


def upgrade() -> None:
    for table, column in COLUMNS:
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
    op.create_index("ix_decision_pace", "decision", ["person", "decided_at"])
    op.create_index("uq_person_identity", "person", ["identity"], unique=True)
    _index_reviews()
    _create_note()
    _create_sign_in()
    _create_notification()
    _guard()


def _index_reviews() -> None:
    op.drop_index("ix_review_queue", table_name="review")
    op.create_index("ix_review_queue", "review", QUEUE_COLUMNS)
    partial = (
        ("uq_review_open", "run_id", f"{OPEN} AND kind NOT IN ('audit', 'second_look', 'seeded')"),
        ("uq_review_audit", "run_id", f"{OPEN} AND kind IN ('audit', 'second_look')"),
        (
            "uq_review_after",
            "after_decision",
            "after_decision IS NOT NULL AND status != 'superseded'",
        ),
    )
    for name in ("uq_review_open", "uq_review_audit"):
        op.drop_index(name, table_name="review")
    for name, column, condition in partial:
        where = sa.text(condition)
        op.create_index(
            name, "review", [column], unique=True, sqlite_where=where, postgresql_where=where
        )


def _create_note() -> None:
    op.create_table(
        "note",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["person.name"]),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_note_run_id", "note", ["run_id"])


def _create_sign_in() -> None:
    op.create_table(
        "sign_in",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column(
            "method",
            sa.Enum(
                "oidc",
                "proxy",
                name="signinmethod",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["person"], ["person.name"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_sign_in_person", "sign_in", ["person"])


def _create_notification() -> None:
    op.create_table(
        "notification",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("not_before", sa.DateTime(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index("ix_notification_due", "notification", ["sent_at", "not_before"])


def _guard() -> None:
    for verb in ("UPDATE", "DELETE"):
        _refuse(f"note_no_{verb.lower()}", f"{verb} ON note", None, "notes are append-only")
    op.execute("DROP TRIGGER decision_fits_its_kind")
    _refuse(
        "decision_fits_its_kind",
        "INSERT ON decision",
        "EXISTS (SELECT 1 FROM review r WHERE r.id = NEW.review_id AND"
        " ((r.kind IN ('audit', 'second_look')) != (NEW.verdict IN ('right', 'wrong'))"
        " OR r.kind = 'unknown_delivery' AND NEW.verdict NOT IN ('happened', 'send_again',"
        " 'reverse') OR r.kind = 'seeded' AND NEW.verdict NOT IN ('approve', 'edit', 'reject')))",
        "this kind of review takes another verdict",
    )
    _refuse(
        "outbox_never_seeded",
        "INSERT ON outbox",
        "EXISTS (SELECT 1 FROM decision x JOIN review r ON r.id = x.review_id"
        " WHERE x.id = NEW.decision_id AND r.kind IN ('seeded', 'audit', 'second_look'))",
        "a card beside the run delivers nothing",
    )
    _refuse(
        "review_after_a_decision",
        "INSERT ON review",
        "NEW.after_decision IS NOT NULL AND NOT EXISTS (SELECT 1 FROM decision x"
        " WHERE x.id = NEW.after_decision AND x.run_id = NEW.run_id)",
        "it names a decision that this run does not have",
    )
    _refuse(
        "review_after_pinned",
        "UPDATE OF after_decision ON review",
        "NEW.after_decision IS NOT OLD.after_decision",
        "what a review is pinned to never changes",
    )
    _guard_policy()


def _guard_policy() -> None:
    """A proposal is fixed like a published policy, and becomes active by somebody else's word."""
    op.execute("DROP TRIGGER policy_body_fixed")
    fixed = ("body", "author", "note", "proposed_at")
    once = ("published_at", "approved_by")
    _refuse(
        "policy_body_fixed",
        f"UPDATE OF {', '.join((*fixed, *once))} ON policy",
        " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in fixed)
        + " OR OLD.published_at IS NOT NULL AND ("
        + " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in once)
        + ")",
        "a published policy never changes, nor does a proposed one",
    )
    _refuse(
        "policy_moves",
        "UPDATE OF status ON policy",
        "NEW.status != OLD.status AND NOT (OLD.status = 'draft' OR OLD.status = 'active'"
        " AND NEW.status = 'retired')",
        "a closed policy is not opened again",
    )
    _refuse(
        "policy_by_two",
        "UPDATE OF status, approved_by ON policy",
        "NEW.status = 'active' AND NEW.proposed_at IS NOT NULL AND (NEW.approved_by IS NULL"
        " OR NEW.approved_by = NEW.author OR NOT EXISTS (SELECT 1 FROM person p"
        " WHERE p.name = NEW.approved_by AND p.is_active AND p.role IN ('manager', 'admin')))",
        "another manager than its author must approve a proposed policy",
    )
    _refuse(
        "policy_approved_later",
        "INSERT ON policy",
        "NEW.approved_by IS NOT NULL OR NEW.proposed_at IS NOT NULL AND NEW.status != 'draft'",
        "a policy is proposed first and approved afterwards",
    )


def _refuse(name: str, event: str, when: str | None, why: str) -> None:
    condition = f"WHEN {when} " if when else ""
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {event} {condition}BEGIN SELECT RAISE(ABORT, '{why}'); END"
    )


def downgrade() -> None:
    raise NotImplementedError("the guards are never taken off")
