"""`doctor` and `reset`: is this machine fit, and begin again."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import COMPANY_FILE, CompanyDir, Home, Json, clock, settings_of
from agents.cli.out import console, print_json, table
from store.errors import BadInput

if TYPE_CHECKING:
    from store.settings import Settings

ALIVE_SECONDS = 10
OURS = (  # files; folders go when they are empty
    "greenlight.db",
    "greenlight.db-*",
    "greenlight.db.before-*",  # kept by a restore
    "greenlight.db.restoring*",
    COMPANY_FILE,
    "anchors.log",
    "keys/*.key",
    "keys/*.pub",
    "logs/*.log",
    "logs/*.log.1",
    "demo/ledger.db",
    "demo/ledger.db-*",
    "demo/faults.json",
)


def doctor(company: CompanyDir = None, home: Home = None, as_json: Json = False) -> None:
    """Check the machine, the store, the company and the model; exit 1 if one check fails."""
    from agents.cli.checks import examine

    checks = examine(settings_of(home), company, now=clock())
    is_ok = all(check.is_ok for check in checks)
    if as_json:
        listed = [{"name": c.name, "ok": c.is_ok, "detail": c.detail} for c in checks]
        print_json({"ok": is_ok, "checks": listed})
    else:
        rows = [("ok" if c.is_ok else "FAILED", c.name, c.detail) for c in checks]
        console().print(table("", ("", "check", "found"), rows))
    if not is_ok:
        raise typer.Exit(1)


def reset(
    is_sure: Annotated[bool, typer.Option("--yes", help="Yes, delete all of it.")] = False,
    home: Home = None,
) -> None:
    """Delete everything Greenlight keeps in its home folder; other files there stay."""
    settings = settings_of(home)
    if not is_sure:
        raise typer.BadParameter(f"This deletes all state in `{settings.home}`: say --yes.")
    from agents.preflight import LOCK_NAME, only_family

    _require_home(settings.home)
    with only_family(settings.home):
        require_idle(settings, so_what="nothing was deleted")
        _delete(settings.home)
    (settings.home / LOCK_NAME).unlink(missing_ok=True)
    left = sorted(path.name for path in settings.home.iterdir())
    if not left and not settings.home.is_symlink():
        with suppress(OSError):  # the current folder, or a mount
            settings.home.rmdir()
    typer.echo(f"`{settings.home}` is as if new{_kept(left)}.")


def _kept(names: list[str]) -> str:
    return f"; not ours and kept: {', '.join(names)}" if names else ""


def _require_home(home: Path) -> None:
    is_home = (home / "keys" / "audit.key").is_file() or (home / COMPANY_FILE).is_file()
    if not is_home:
        raise BadInput(
            f"`{home}` does not look like a Greenlight home; nothing was deleted."
            " Set GREENLIGHT_HOME or --home to the folder you mean."
        )


def require_idle(settings: "Settings", *, so_what: str) -> None:
    """Raise BadInput, naming them, while processes are at work on this home."""
    from store.reports.health import health

    if settings.database_url is None and not (settings.home / "greenlight.db").exists():
        return
    store = settings.open()
    try:
        found = store.read(health, now=clock())
    finally:
        store.close()
    alive = [one for one in found.workers if one.is_alive and one.heartbeat_age_s < ALIVE_SECONDS]
    if alive:
        named = ", ".join(f"{one.kind} {one.pid}" for one in alive)
        raise BadInput(f"Still at work here: {named}. Stop them first; {so_what}.")


def _delete(home: Path) -> None:
    folders = {home / pattern.split("/")[0] for pattern in OURS if "/" in pattern}
    for pattern in OURS:
        for path in home.glob(pattern):
            path.unlink()
    for folder in folders:
        with suppress(OSError):  # not there, or holds something that is not ours
            folder.rmdir()


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    app.command()(doctor)
    app.command()(reset)
