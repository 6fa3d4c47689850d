"""Where Greenlight keeps its state and how it is tuned, read from `GREENLIGHT_*` variables."""

import os
from enum import StrEnum
from functools import cached_property, lru_cache
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from store.engine import Store, open_store
from store.keys import open_keys


class SignInWay(StrEnum):
    """How the dashboard knows who is in front of it."""

    LOCAL = "local"  # whoever uses this machine; nobody else can reach it
    OIDC = "oidc"  # an identity provider vouches
    PROXY = "proxy"  # a reverse proxy vouches, by a shared secret


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
    notify_urls: SecretStr = SecretStr("")  # Apprise addresses, by comma or space
    notify_risk: float = Field(default=100_000, ge=0)  # minor units at stake above which it is told
    notify_wrong_above: float | None = Field(default=None, ge=0, lt=1)  # share; None: never told
    seed_share: float = Field(default=0.0, ge=0, le=0.2)  # check cards per escalation; 0: none
    recalibrate_days: float = Field(default=0.0, ge=0)  # least age of a refit by itself; 0: never
    sign_in: SignInWay = SignInWay.LOCAL
    address: str = "127.0.0.1"  # where the dashboard listens
    public_url: str | None = None  # as browsers write it: https://greenlight.example.com
    session_hours: float = Field(default=10.0, gt=0, le=24 * 30)  # until one must sign in again
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_scopes: str = "openid email profile"
    identity_claim: str = "email"  # which claim names the person
    roles_claim: str | None = None  # if set, it gives the role, and makes people
    proxy_user_header: str = "X-Forwarded-Email"
    proxy_secret: SecretStr | None = None

    @cached_property
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


def current() -> Settings:
    """Return the settings of this process, read again only when its environment changed."""
    return _of_environment(tuple(os.environ.get(name) for name in _VARIABLES))


_VARIABLES = tuple(f"GREENLIGHT_{name.upper()}" for name in Settings.model_fields)


@lru_cache(maxsize=1)
def _of_environment(_values: tuple[str | None, ...]) -> Settings:
    return Settings()
