"""What `doctor` looks at. Each check says what it found; a failed one never stops the others."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

from agents.cli.context import company_of
from agents.preflight import require_writable
from store.errors import GreenlightError

if TYPE_CHECKING:
    from sqlmodel import Session

    from store.engine import Store
    from store.reports.health import CalibrationView
    from store.settings import Settings

MIN_FREE_BYTES = 500_000_000
MAX_BACKWARDS = timedelta(minutes=1)
FIRST_YEAR = 2025
SYNCHRONOUS = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    is_ok: bool
    detail: str


Finding = tuple[bool, str]
P = ParamSpec("P")


def examine(settings: "Settings", company: Path | None, *, now: datetime) -> list[Check]:
    """Return every check, the store's own only if it opens."""
    checks = [
        _check("python", _python),
        _check("home", _home, settings),
        _check("disk space", _space, settings),
        _check("sqlite", _sqlite),
        _check("company", _company, settings, company),
        _check("encoder", _encoder),
    ]
    opened: list[Store] = []
    checks.append(_check("store", _store, settings, opened))
    for store in opened:
        if settings.url.startswith("sqlite"):
            checks += [
                _check("journal mode", store.read, _journal_mode),
                _check("synchronous", store.read, _synchronous),
                _check("foreign keys", store.read, _foreign_keys),
            ]
        checks.append(_check("clock", store.read, _clock, now))
        checks.append(_check("audit trail", store.read, _audit_trail))
        checks.append(_check("model", _model, store, now))
        store.close()
    return checks


def _check(name: str, look: Callable[P, Finding], *args: P.args, **kwargs: P.kwargs) -> Check:
    try:
        return Check(name, *look(*args, **kwargs))
    except (GreenlightError, OSError) as error:
        return Check(name, is_ok=False, detail=str(error))


def _python() -> Finding:
    return True, sys.version.split()[0]


def _home(settings: "Settings") -> Finding:
    require_writable(settings.home)
    return True, f"{settings.home.resolve()} is writable"


def _space(settings: "Settings") -> Finding:
    free = shutil.disk_usage(settings.home).free
    wanted = f"; at least {MIN_FREE_BYTES / 1e9:g} GB are needed"
    is_enough = free >= MIN_FREE_BYTES
    return is_enough, f"{free / 1e9:.1f} GB free{'' if is_enough else wanted}"


def _sqlite() -> Finding:
    from store.engine import sqlite_module, wal_is_safe

    module = sqlite_module()
    is_safe = wal_is_safe(module.sqlite_version_info)
    what = f"SQLite {module.sqlite_version} through {module.__name__.split('.')[0]}"
    slow = "; before 3.51.3, so writes go the slower way (TRUNCATE)"
    return True, what + ("" if is_safe else slow)


def _company(settings: "Settings", given: Path | None) -> Finding:
    company = company_of(settings, given)
    return True, f"{company.name}: {len(company.intents)} intents, in {company.folder}"


def _encoder() -> Finding:
    from agents.models.encoder import open_encoder

    encoder = open_encoder()
    if encoder is None:
        return False, "it cannot be loaded; intents and search go by words alone. Install again."
    return True, encoder.name


def _store(settings: "Settings", opened: "list[Store]") -> Finding:
    store = settings.open()
    opened.append(store)
    return True, store.url


def _pragma(session: "Session", name: str) -> object:
    return session.connection().exec_driver_sql(f"PRAGMA {name}").scalar()


def _journal_mode(session: "Session") -> Finding:
    mode = str(_pragma(session, "journal_mode"))
    return mode in ("wal", "truncate"), mode.upper()


def _synchronous(session: "Session") -> Finding:
    level = SYNCHRONOUS.get(int(str(_pragma(session, "synchronous"))), "unknown")
    return level in ("FULL", "EXTRA"), level


def _foreign_keys(session: "Session") -> Finding:
    is_on = _pragma(session, "foreign_keys") == 1
    return is_on, "on" if is_on else "off"


def _clock(session: "Session", now: datetime) -> Finding:
    from sqlalchemy import func, select
    from sqlmodel import col

    from store.schema import AuditEntry

    newest = session.connection().execute(select(func.max(col(AuditEntry.at)))).scalar()
    if now.year < FIRST_YEAR or (newest is not None and newest > now + MAX_BACKWARDS):
        return False, f"it says {now:%Y-%m-%d %H:%M} UTC, before the newest audit entry: set it"
    return True, f"{now:%Y-%m-%d %H:%M} UTC"


def _audit_trail(session: "Session") -> Finding:
    from store import audit

    chain = audit.verify(session)
    if chain.first_bad_seq is not None:
        return (
            False,
            f"entry {chain.first_bad_seq} is not what was written; later ones are in doubt",
        )
    return True, f"{chain.entries} entries, every hash fits"


def _model(store: "Store", now: datetime) -> Finding:
    from store.reports.health import health

    name = "Claude (ANTHROPIC_API_KEY is set)" if "ANTHROPIC_API_KEY" in os.environ else "embedded"
    calibrations = store.read(health, now=now).calibration
    notes = [f"{one.model}: {_calibrated(one)}" for one in calibrations]
    return True, "; ".join([name, *(notes or ["no drafts yet"])])


def _calibrated(model: "CalibrationView") -> str:
    if model.is_demo and model.version:
        return f"{model.version}, fitted on invented tickets"
    return "calibrated" if model.is_fit else model.note
