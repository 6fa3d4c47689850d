"""What figures rest on: the coin's toss and the facts of each gated draft as columns, later
outcomes, promises with their certificates, and policies that run in the shadow of the live one.

`label` is built anew, since SQLite cannot loosen a NOT NULL. Drafts of before keep a toss just
under the rate they were drawn at: drawn at that rate, and never taken for drawn at a lower one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

RUN_COLUMNS = (
    "doubts INTEGER NOT NULL DEFAULT 0",
    "is_blocked BOOLEAN NOT NULL DEFAULT 0",
    "is_composite BOOLEAN NOT NULL DEFAULT 0",
    "spent_minor INTEGER NOT NULL DEFAULT 0",
    "coin FLOAT CONSTRAINT ck_run_coin CHECK (coin IS NULL OR (coin >= 0 AND coin <= 1))",
    (
        "coin_rate FLOAT CONSTRAINT ck_run_coin_rate"
        " CHECK (coin_rate IS NULL OR (coin_rate >= 0 AND coin_rate <= 1))"
    ),
    "similarity FLOAT",
    "calibrator_version VARCHAR",
    "prompt_version VARCHAR",
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
APPEND_ONLY = (
    "calibrator",
    "label",
    "outcome",
    "certificate",
    "certificate_event",
    "shadow_outcome",
)


def upgrade() -> None:
    for column in RUN_COLUMNS:
        op.execute(f"ALTER TABLE run ADD COLUMN {column}")
    op.execute("ALTER TABLE calibrator ADD COLUMN fitted_by VARCHAR")
    op.execute("ALTER TABLE calibrator ADD COLUMN report JSON")
    _fill_runs()
    _create_outcome()
    _rebuild_label()
    _create_certificate()
    _create_shadow()
    _index_reports()
    _guard()


def _fill_runs() -> None:
    """Copy what the gate weighed in each first draft from where it was stored."""
    op.execute(
        """
        UPDATE run SET
          doubts = coalesce(json_array_length(facts.body, '$.objections'), 0)
            + coalesce(json_array_length(facts.body, '$.concerns'), 0)
            + coalesce(json_extract(facts.body, '$.is_out_of_scope'), 0),
          is_blocked = coalesce(json_array_length(facts.body, '$.blocks'), 0) > 0,
          is_composite = coalesce(json_array_length(facts.body, '$.action.also'), 0) > 0
        FROM (SELECT run_id, gate_input AS body FROM draft
              WHERE revision = 1 AND author LIKE 'model:%') AS facts
        WHERE facts.run_id = run.id AND run.outcome IS NOT NULL
        """
    )
    op.execute(
        """
        UPDATE run SET
          spent_minor = coalesce(json_extract(gate.output, '$.automatic_today_minor'), 0),
          coin_rate = coalesce(json_extract(policy.body, '$.audit_rate'), 0.02),
          coin = CASE WHEN json_extract(gate.output, '$.is_audited')
            THEN coalesce(json_extract(policy.body, '$.audit_rate'), 0.02) * 0.999 ELSE 1.0 END
        FROM step_record AS gate, policy
        WHERE gate.run_id = run.id AND gate.name = 'gate' AND gate.status = 'ok'
          AND gate.visit = 1 AND policy.version = json_extract(gate.output, '$.policy_version')
        """
    )
    op.execute(
        """
        UPDATE run SET
          similarity = json_extract(made.output, '$.signals.nearest_similarity'),
          calibrator_version = json_extract(made.output, '$.calibrator_version')
        FROM step_record AS made
        WHERE made.run_id = run.id AND made.name = 'synthesis' AND made.status = 'ok'
          AND made.visit = 1
        """
    )


def _create_outcome() -> None:
    kinds = ("reopened", "charged_back", "confirmed")
    op.create_table(
        "outcome",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("kind", _status("outcomekind", *kinds), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
        sa.ForeignKeyConstraint(["person"], ["person.name"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id", "kind", name="uq_outcome"),
    )


def _rebuild_label() -> None:
    op.create_table(
        "label_wide",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("draft_id", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.String(), nullable=True),
        sa.Column("step", sa.String(), nullable=True),
        sa.Column("is_right", sa.Boolean(), nullable=False),
        sa.Column("source", _status("labelsource", "decision", "audit", "outcome"), nullable=False),
        sa.Column("inclusion_probability", sa.Float(), nullable=True),
        sa.Column("is_simulated", sa.Boolean(), nullable=False),
        sa.Column("labelled_at", sa.DateTime(), nullable=False),
        sa.Column("person", sa.String(), nullable=True),
        sa.Column("outcome_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "inclusion_probability > 0 AND inclusion_probability <= 1", name="ck_label_inclusion"
        ),
        sa.CheckConstraint(
            "source = 'outcome' OR inclusion_probability IS NOT NULL", name="ck_label_chance"
        ),
        sa.ForeignKeyConstraint(["decision_id"], ["decision.id"]),
        sa.ForeignKeyConstraint(["draft_id"], ["draft.id"]),
        sa.ForeignKeyConstraint(["outcome_id"], ["outcome.id"]),
        sa.ForeignKeyConstraint(["person"], ["person.name"]),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    kept = (
        "id, run_id, draft_id, decision_id, step, is_right, source, inclusion_probability,"
        " is_simulated, labelled_at"
    )
    op.execute(
        f"INSERT INTO label_wide ({kept}, person) SELECT {kept},"
        " (SELECT d.person FROM decision d WHERE d.id = label.decision_id) FROM label"
    )
    op.drop_table("label")
    op.rename_table("label_wide", "label")
    op.create_index("ix_label_labelled_at", "label", ["labelled_at"])


def _create_certificate() -> None:
    op.create_table(
        "certificate",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("max_error", sa.Float(), nullable=False),
        sa.Column("assurance", sa.Float(), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("labels", sa.Integer(), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("calibrators", sa.JSON(), nullable=False),
        sa.Column("reference", sa.JSON(), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("until", sa.DateTime(), nullable=False),
        sa.Column("issued_by", sa.String(), nullable=False),
        sa.Column("issued_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("max_error > 0 AND max_error < 1", name="ck_certificate_error"),
        sa.CheckConstraint("assurance > 0 AND assurance < 1", name="ck_certificate_assurance"),
        sa.CheckConstraint(
            "0 <= wrong AND wrong <= sent AND sent <= labels", name="ck_certificate_n"
        ),
        sa.ForeignKeyConstraint(["issued_by"], ["person.name"]),
        sa.ForeignKeyConstraint(["policy_version"], ["policy.version"]),
        sa.PrimaryKeyConstraint("id"),
    )
    moves = ("suspended", "reopened", "lapsed", "withdrawn")
    op.create_table(
        "certificate_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("certificate_id", sa.Integer(), nullable=False),
        sa.Column("move", _status("certificatemove", *moves), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["certificate_id"], ["certificate.id"]),
        sa.ForeignKeyConstraint(["person"], ["person.name"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_certificate_event_certificate_id", "certificate_event", ["certificate_id"])


def _create_shadow() -> None:
    op.create_table(
        "shadow",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("is_running", sa.Boolean(), nullable=False),
        sa.Column("stopped_at", sa.DateTime(), nullable=True),
        sa.Column("stopped_by", sa.String(), nullable=True),
        sa.CheckConstraint("is_running = (stopped_at IS NULL)", name="ck_shadow_running"),
        sa.ForeignKeyConstraint(["author"], ["person.name"]),
        sa.ForeignKeyConstraint(["stopped_by"], ["person.name"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "uq_shadow_running",
        "shadow",
        ["is_running"],
        unique=True,
        sqlite_where=sa.text("is_running"),
        postgresql_where=sa.text("is_running"),
    )
    op.create_table(
        "shadow_outcome",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("shadow_id", sa.Integer(), nullable=False),
        sa.Column("live", OUTCOME, nullable=False),
        sa.Column("outcome", OUTCOME, nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
        sa.ForeignKeyConstraint(["shadow_id"], ["shadow.id"]),
        sa.PrimaryKeyConstraint("run_id", "shadow_id"),
    )
    op.create_index("ix_shadow_outcome", "shadow_outcome", ["shadow_id", "live", "outcome"])


def _index_reports() -> None:
    """Let reports read what they count from indexes alone: the rows behind them are long."""
    judged = ["run_id", "step", "is_right", "inclusion_probability", "source", "decision_id"]
    op.create_index("ix_label_run_id", "label", judged)
    op.create_index("ix_label_decision_id", "label", ["decision_id", "source"])
    op.drop_index("ix_step_run", "step_record")
    ran = ["run_id", "name", "visit", "status", "cost_microusd"]
    op.create_index("ix_step_run", "step_record", ran)
    op.create_index(
        "ix_review_after",
        "review",
        ["after_decision", "kind", "status"],
        sqlite_where=sa.text("after_decision IS NOT NULL"),
        postgresql_where=sa.text("after_decision IS NOT NULL"),
    )


def _status(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def _guard() -> None:
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            _refuse(
                f"{table}_no_{verb.lower()}", f"{verb} ON {table}", None, f"{table} is append-only"
            )
    fixed = ("body", "note", "author", "started_at")
    _refuse(
        "shadow_fixed",
        f"UPDATE OF {', '.join(fixed)} ON shadow",
        " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in fixed),
        "a shadow policy never changes",
    )
    _refuse(
        "shadow_stays_stopped",
        "UPDATE OF is_running ON shadow",
        "NEW.is_running AND NOT OLD.is_running",
        "a shadow policy that was stopped is not started again",
    )
    _refuse(
        "certificate_by_a_manager",
        "INSERT ON certificate_event",
        "NEW.move IN ('reopened', 'withdrawn') AND NOT EXISTS (SELECT 1 FROM person p WHERE"
        " p.name = NEW.person AND p.is_active AND p.role IN ('manager', 'admin'))",
        "only a manager reopens or withdraws",
    )
    _refuse(
        "run_toss_fixed",
        "UPDATE OF coin, coin_rate ON run",
        "OLD.coin IS NOT NULL AND (NEW.coin IS NOT OLD.coin OR NEW.coin_rate IS NOT OLD.coin_rate)",
        "the audit coin is tossed once",
    )


def _refuse(name: str, event: str, when: str | None, why: str) -> None:
    condition = f"WHEN {when} " if when else ""
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {event} {condition}BEGIN SELECT RAISE(ABORT, '{why}'); END"
    )


def downgrade() -> None:
    raise NotImplementedError("the guards are never taken off")
