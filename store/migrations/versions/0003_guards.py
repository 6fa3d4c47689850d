"""What the database itself refuses (append-only, immutable, maker-checker), and passage search."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

IMMUTABLE = ("ticket", "draft", "decision", "undo", "receipt", "label", "audit_entry")


def upgrade() -> None:
    for table in IMMUTABLE:
        _append_only(table)
    _guard_policy()
    _guard_outbox()
    _guard_decision()
    _create_passage_search()


def _append_only(table: str) -> None:
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} BEGIN "
            f"SELECT RAISE(ABORT, '{table} is append-only'); END"
        )


def _guard_policy() -> None:
    op.execute(
        "CREATE TRIGGER policy_body_fixed BEFORE UPDATE OF body, author, published_at ON policy "
        "WHEN OLD.published_at IS NOT NULL BEGIN "
        "SELECT RAISE(ABORT, 'a published policy never changes'); END"
    )
    op.execute(
        "CREATE TRIGGER policy_no_delete BEFORE DELETE ON policy BEGIN "
        "SELECT RAISE(ABORT, 'policies are kept'); END"
    )


def _guard_outbox() -> None:
    op.execute(
        "CREATE TRIGGER outbox_frozen BEFORE UPDATE OF id, run_id, draft_id, decision_id, position,"
        " kind, tool, body, amount_minor, currency, customer_id ON outbox BEGIN "
        "SELECT RAISE(ABORT, 'an authorised action never changes'); END"
    )
    op.execute(
        "CREATE TRIGGER outbox_no_delete BEFORE DELETE ON outbox BEGIN "
        "SELECT RAISE(ABORT, 'outbox entries are kept'); END"
    )
    op.execute(
        "CREATE TRIGGER outbox_final BEFORE UPDATE OF status ON outbox "
        "WHEN OLD.status IN ('sent', 'failed', 'cancelled') AND NEW.status != OLD.status BEGIN "
        "SELECT RAISE(ABORT, 'a delivered, failed or cancelled entry never changes'); END"
    )


def _guard_decision() -> None:
    op.execute(
        "CREATE TRIGGER decision_maker_checker BEFORE INSERT ON decision "
        "WHEN NEW.verdict = 'approve' AND NEW.person = "
        "(SELECT author FROM draft WHERE id = NEW.draft_id) BEGIN "
        "SELECT RAISE(ABORT, 'the author of a draft may not approve it'); END"
    )


def _create_passage_search() -> None:
    """FTS5 beside the passages, kept in step by triggers, so that nobody writes it by hand."""
    op.execute(
        "CREATE VIRTUAL TABLE passage_fts USING fts5("
        "title, text, content='passage', content_rowid='id', tokenize='porter unicode61')"
    )
    op.execute(
        "CREATE TRIGGER passage_added AFTER INSERT ON passage BEGIN "
        "INSERT INTO passage_fts(rowid, title, text) VALUES (new.id, new.title, new.text); END"
    )
    op.execute(
        "CREATE TRIGGER passage_removed AFTER DELETE ON passage BEGIN "
        "INSERT INTO passage_fts(passage_fts, rowid, title, text) "
        "VALUES ('delete', old.id, old.title, old.text); END"
    )
    op.execute(
        "CREATE TRIGGER passage_changed AFTER UPDATE OF title, text ON passage BEGIN "
        "INSERT INTO passage_fts(passage_fts, rowid, title, text) "
        "VALUES ('delete', old.id, old.title, old.text); "
        "INSERT INTO passage_fts(rowid, title, text) VALUES (new.id, new.title, new.text); END"
    )


def downgrade() -> None:
    raise NotImplementedError("the guards are never taken off")
