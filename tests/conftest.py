"""Fixtures every test may use: a real SQLite store in a folder of its own, and a fixed clock."""

import hashlib
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as examples

from store.engine import Store
from store.keys import AUDIT
from store.settings import Settings

# Other tests share the cores: how long examples take says nothing about the code.
examples.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
examples.load_profile("suite")

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
# With this secret the audit coin draws none of a store's first 300 drafts at the default rate: with
# one of its own, each test that counts reviews would fail for every fiftieth draft.
LUCKLESS = hashlib.sha256(b"no early draw 618").digest()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings whose home is the test's own folder; child processes inherit it."""
    home = tmp_path / "home"
    monkeypatch.setenv("GREENLIGHT_HOME", str(home))
    monkeypatch.delenv("GREENLIGHT_DATABASE_URL", raising=False)
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    return Settings(home=home)


@pytest.fixture(scope="session")
def migrated_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty, migrated home to copy: migrating takes ten times as long."""
    home = tmp_path_factory.mktemp("migrated") / "home"
    (home / "keys").mkdir(parents=True, mode=0o700)
    secret = home / "keys" / AUDIT
    secret.touch(mode=0o600)
    secret.write_bytes(LUCKLESS)
    Settings(home=home, database_url=None).open().close()
    return home


@pytest.fixture
def store(settings: Settings, migrated_home: Path) -> Iterator[Store]:
    """A migrated store in a real file."""
    shutil.copytree(migrated_home, settings.home, dirs_exist_ok=True)
    opened = settings.open(may_decide=True)
    yield opened
    opened.close()


@pytest.fixture
def now() -> datetime:
    """A fixed moment; tests never read the real clock."""
    return NOW
