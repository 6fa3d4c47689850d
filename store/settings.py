"""Where Greenlight keeps its state and how it is tuned, read from `GREENLIGHT_*` variables."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from store.engine import Store, open_store
from store.keys import open_keys


class Settings(BaseSettings):
    """One process's settings; every field can be set as `GREENLIGHT_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="GREENLIGHT_", extra="ignore")

    home: Path = Path(".greenlight")  # holds all state
    database_url: str | None = None  # overrides the store inside `home`
    undo_seconds: float = Field(default=10.0, ge=0)  # between a person's decision and delivery
    lease_seconds: float = Field(default=30.0, gt=0)
    concurrency: int = Field(default=16, ge=1, le=512)  # runs in flight per worker
    worker_memory_mb: int | None = Field(default=None, ge=64)  # beyond what a worker starts with
    faults: float = Field(default=0.0, ge=0, lt=1)  # share of step attempts failed on purpose
    max_queued: int = Field(default=100_000, ge=1)  # intake refuses beyond this
    signing_key: Path | None = None  # signs decisions; else in `keys`
    verify_key: Path | None = None  # its public half, all that the executor needs; else in `keys`
    anchors: Path | None = None  # where the audit chain is witnessed; else `anchors.log` in `home`

    @property
    def url(self) -> str:
        """Return the database URL: the override, or the SQLite file inside `home`."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'greenlight.db'}"

    @property
    def keys(self) -> Path:
        """Return the folder of the audit and signing keys (mode 0700)."""
        return self.home / "keys"

    @property
    def anchor_file(self) -> Path:
        """Return the append-only file of audit anchors."""
        return self.anchors or self.home / "anchors.log"

    def open(self, *, urgent: bool = False, may_decide: bool = False) -> Store:
        """Create what is missing, migrate, and open the store; raise StoreUnavailable if it cannot.

        `urgent` is for a person's writes: they retry every 0.4 ms instead of waiting in SQLite's
        unfair busy handler behind the workers. `may_decide` reads the key that signs decisions.
        """
        keys = open_keys(
            self.keys, signing=self.signing_key, verifying=self.verify_key, may_decide=may_decide
        )
        return open_store(self.url, keys, urgent=urgent, max_queued=self.max_queued)
