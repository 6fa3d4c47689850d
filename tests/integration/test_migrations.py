"""Migrations: what they build is what the models say, once, whoever starts first."""

from pathlib import Path
from typing import Any

import gated
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlmodel import Session

from store import migrations
from store.engine import Store
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
