"""Migrations: what they build is what the models say, once, whoever starts first."""

from pathlib import Path
from typing import Any

import gated
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from store import migrations
from store.engine import Store, sqlite_module
from store.errors import StoreUnavailable
from store.schema import Base
from store.settings import Settings


def differences(session: Session) -> list[Any]:
    def is_ours(_object: Any, name: str | None, kind: str, *_rest: Any) -> bool:
        return not (kind == "table" and (name or "").startswith("passage_fts"))

    context = MigrationContext.configure(
        session.connection(), opts={"include_object": is_ours, "compare_type": True}
    )
    return list(compare_metadata(context, Base.metadata))


def test_a_migrated_store_has_exactly_the_tables_of_the_models(store: Store) -> None:
    assert store.read(differences) == []


def test_the_head_known_without_alembic_is_alembics_head() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [migrations.HEAD]


def test_opening_a_store_again_keeps_what_is_in_it(store: Store, settings: Settings) -> None:
    gated.passed(store)
    again = settings.open()
    assert gated.count(again, "ticket") == 1
    again.close()


def test_a_store_from_a_newer_greenlight_is_refused_in_words(
    store: Store, settings: Settings
) -> None:
    gated.execute(store, "UPDATE alembic_version SET version_num = '9999'")
    store.close()
    with pytest.raises(StoreUnavailable, match="newer"):
        settings.open()


def test_decisions_of_an_older_store_are_kept_and_guarded(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    build_at(settings, "0003", OLD_ROWS)
    store = settings.open()
    assert gated.count(store, "decision WHERE verdict = 'approve' AND signature = ''") == 1
    assert gated.count(store, "undo") == 1
    assert gated.count(store, "outbox WHERE in_doubt") == 1
    with pytest.raises(IntegrityError, match="append-only"):
        gated.execute(store, "DELETE FROM decision")
    with pytest.raises(IntegrityError, match="FOREIGN KEY"):
        gated.execute(store, "INSERT INTO undo VALUES ('nobody-decided', 'Ana', '2026-01-01')")
    assert store.read(differences) == []
    store.close()


def build_at(settings: Settings, revision: str, rows: str) -> None:
    """Make the database as it was at a revision, with rows that an older Greenlight left."""
    engine = create_engine(settings.url, module=sqlite_module())
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for statement in rows.strip().split(";\n"):
            connection.exec_driver_sql(statement)
    engine.dispose()


T = "'2026-01-01 00:00:00.000000'"
OLD_ROWS = f"""
INSERT INTO person VALUES ('Ana', 'operator', 1);
INSERT INTO policy (version, status, body, author, note) VALUES (1, 'active', '{{}}', 'x', '');
INSERT INTO ticket (id, external_id, subject, text, received_at, submitted_at, extra)
 VALUES (1, 'T-1', '', 'Hello', {T}, {T}, '{{}}');
INSERT INTO run (id, ticket_id, pipeline, status, created_at, lease_epoch, tries, is_suspect)
 VALUES (1, 1, 'support', 'committing', {T}, 1, 0, 0);
INSERT INTO draft (id, run_id, revision, reply, action, digest, gate_input, author, created_at)
 VALUES (1, 1, 1, 'Hi', '{{}}', 'd', '{{}}', 'model:x', {T});
INSERT INTO review (id, run_id, draft_id, revision, payload_digest, policy_version, kind, status,
 is_blocked, title, reasons, threshold, risk, inclusion_probability, opened_at)
 VALUES (1, 1, 1, 1, 'd', 1, 'escalation', 'decided', 0, 'x', '[]', 0.8, 0, 1, {T});
INSERT INTO decision (id, review_id, run_id, verdict, person, draft_id, payload_digest,
 policy_version, is_final, note, decided_at, undo_until, is_simulated)
 VALUES ('decision-1', 1, 1, 'approve', 'Ana', 1, 'd', 1, 1, '', {T}, {T}, 0);
INSERT INTO undo VALUES ('decision-1', 'Ana', {T});
INSERT INTO outbox (id, run_id, draft_id, decision_id, position, kind, tool, body, status,
 not_before, created_at, attempt)
 VALUES ('a', 1, 1, 'decision-1', 0, 'reply', 'send_reply', '{{}}', 'sending', {T}, {T}, 1)
"""
