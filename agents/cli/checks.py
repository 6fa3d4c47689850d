"""What `doctor` looks at. Each check says what it found; a failed one never stops the others."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

from agents.cli import machine
from agents.cli.context import company_of
from agents.cli.machine import Finding
from agents.preflight import require_writable
from store.errors import GreenlightError

if TYPE_CHECKING:
    from sqlmodel import Session

    from store.audit import ChainState
    from store.engine import Store
    from store.invariants import Examined, Rule, Violation
    from store.reports.health import CalibrationView
    from store.settings import Settings

MAX_BACKWARDS = timedelta(minutes=1)
MAX_APART_SECONDS = 5.0
FIRST_YEAR = 2025
NAMED = 5  # violations of one rule that are shown; JSON has all
SYNCHRONOUS = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    is_ok: bool
    detail: str
    is_warning: bool = False  # fit to work, but somebody should know


P = ParamSpec("P")


def examine(settings: "Settings", company: Path | None, *, now: datetime) -> list[Check]:
    """Return every check of the machine, the store's own only if it opens."""
    checks = [
        _check("python", _python),
        _check("home", _home, settings),
        _check("disk space", machine.space, settings),
        _check("file system", machine.file_system, settings),
        _check("sqlite", _sqlite),
        _check("keys", machine.keys, settings),
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
        checks.append(_check("anchors", _anchors, settings, store))
        checks.append(_check("audit trail", store.read, _audit_trail, settings.anchor_file))
        checks.append(_check("model", _model, store, now))
        store.close()
    return checks


def examine_facts(
    settings: "Settings", company: Path | None, *, tell: Callable[[int, int], None]
) -> "tuple[list[Check], tuple[Violation, ...]]":
    """Return a check for each thing that is always true, and everything that breaks one."""
    from agents.cli import ledgers
    from store import anchors, invariants

    store = settings.open()
    try:
        log = anchors.read(settings.anchor_file, store.keys.audit)
        found = invariants.examine(store.read, anchors=log, tell=tell)
        checks = [_check(rule.claim, _fact, rule, found) for rule in invariants.RULES]
        compared = ledgers.compare(store, company_of(settings, company), settings.home)
        checks += [Check(f"Books of `{name}`", is_ok, detail) for name, is_ok, detail in compared]
    finally:
        store.close()
    return checks, found.violations


def _fact(rule: "Rule", found: "Examined") -> Finding:
    broken = [one for one in found.violations if one.name == rule.name]
    if not broken:
        return True, _looked_at(rule, found)
    named = "; ".join(f"{one.subject}: {one.detail}" for one in broken[:NAMED])
    more = f"; and {len(broken) - NAMED} more" if len(broken) > NAMED else ""
    return False, f"{named}{more}. {rule.advice}"


def _looked_at(rule: "Rule", found: "Examined") -> str:
    from store.invariants import AUTHORISED, TRAIL

    if rule.name == TRAIL:
        return f"{found.chain.entries} entries, {_anchored(found.chain)}"
    if rule.name != AUTHORISED:
        return "yes"
    old = f"; {found.unsigned} by decisions from before they were signed, which the trail knows"
    return f"{found.sent} deliveries{old if found.unsigned else ''}"


def _check(name: str, look: Callable[P, Finding], *args: P.args, **kwargs: P.kwargs) -> Check:
    try:
        is_ok, detail, *warning = look(*args, **kwargs)
        return Check(name, is_ok, detail, bool(warning))
    except (GreenlightError, OSError) as error:
        return Check(name, is_ok=False, detail=str(error))


def _python() -> Finding:
    return True, sys.version.split()[0]


def _home(settings: "Settings") -> Finding:
    require_writable(settings.home)
    return True, f"{settings.home.resolve()} is writable"


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

    from store.engine import db_now
    from store.schema import AuditEntry

    newest, moment = (
        session.connection()
        .execute(select(select(func.max(col(AuditEntry.at))).scalar_subquery(), db_now(session)))
        .one()
    )
    if now.year < FIRST_YEAR or (newest is not None and newest > now + MAX_BACKWARDS):
        return False, f"it says {now:%Y-%m-%d %H:%M} UTC, before the newest audit entry: set it"
    apart = abs((moment - now).total_seconds())
    if apart > MAX_APART_SECONDS:
        return (
            False,
            f"this machine and the database are {apart:.0f} s apart: set both by the same server",
        )
    return True, f"{now:%Y-%m-%d %H:%M} UTC"


def _anchors(settings: "Settings", store: "Store") -> Finding:
    from store import anchors, audit

    file = settings.anchor_file
    log = anchors.read(file, store.keys.audit)
    forged = [flaw.problem for flaw in log.flaws if flaw.is_forged]
    if forged:
        return (
            False,
            f"`{file}`: {' '.join(forged[:NAMED])} Keep a copy, and compare it with a backup's.",
        )
    if log.anchors:
        newest = log.anchors[-1]
        return True, f"{len(log.anchors)} in `{file}`, up to entry {newest.seq}"
    if store.read(audit.head) is None:
        return True, "nothing to anchor yet"
    return True, f"none in `{file}` yet: start Greenlight, it writes them as it works", True


def _audit_trail(session: "Session", file: Path) -> Finding:
    from store import anchors

    chain = anchors.verify(session, file)
    if chain.first_bad_seq is not None:
        return False, f"{chain.problem} Nothing from there on can be relied on; find a backup."
    return True, f"{chain.entries} entries, every hash fits, {_anchored(chain)}"


def _anchored(chain: "ChainState") -> str:
    return f"anchored up to {chain.anchored.seq}" if chain.anchored else "not anchored yet"


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
