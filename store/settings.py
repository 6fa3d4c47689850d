"""Where Greenlight keeps its state and how it is tuned, read from `GREENLIGHT_*` variables."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from store.engine import Store, open_store


class Settings(BaseSettings):
    """One process's settings; every field can be set as `GREENLIGHT_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="GREENLIGHT_", extra="ignore")

    home: Path = Path(".greenlight")  # holds all state
    database_url: str | None = None  # overrides the store inside `home`
    undo_seconds: float = Field(default=10.0, ge=0)  # between a person's decision and delivery
    lease_seconds: float = Field(default=30.0, gt=0)
    concurrency: int = Field(default=16, ge=1, le=512)  # runs in flight per worker
    faults: float = Field(default=0.0, ge=0, lt=1)  # share of step attempts failed on purpose
    max_queued: int = Field(default=100_000, ge=1)  # intake refuses beyond this

    @property
    def url(self) -> str:
        """Return the database URL: the override, or the SQLite file inside `home`."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'greenlight.db'}"

    @property
    def keys(self) -> Path:
        """Return the folder of the audit and signing keys (mode 0700)."""
        return self.home / "keys"

    def open(self, *, urgent: bool = False) -> Store:
        """Create what is missing, migrate, and open the store; raise StoreUnavailable if it cannot.

        `urgent` is for a person's writes: they retry every 0.4 ms instead of waiting in SQLite's
        unfair busy handler behind the workers.
        """
        return open_store(self.url, keys=self.keys, urgent=urgent)
