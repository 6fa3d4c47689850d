"""`doctor` and `reset`: is this machine fit, and begin again."""

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import COMPANY_FILE, CompanyDir, Home, Json, clock, settings_of
from agents.cli.out import console, print_json, table
from store.errors import BadInput

if TYPE_CHECKING:
    from agents.cli.checks import Check
    from store.invariants import Violation
    from store.settings import Settings

ALIVE_SECONDS = 10
NEEDED = ("store", "company")  # without these the data cannot be looked at
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


Invariants = Annotated[
    bool,
    typer.Option(
        "--invariants",
        help="Also what is always true of the data: receipts, authorisations, the services' books.",
    ),
]


def doctor(
    company: CompanyDir = None,
    invariants: Invariants = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Check the machine, the store, the company and the model; exit 1 if one check fails."""
    from agents.cli.checks import examine

    settings = settings_of(home)
    checks = examine(settings, company, now=clock())
    found: tuple[Violation, ...] = ()
    if invariants and all(one.is_ok for one in checks if one.name in NEEDED):
        facts, found = _examine_facts(settings, company)
        checks += facts
    is_ok = all(check.is_ok for check in checks)
    if as_json:
        listed = [{"name": c.name, "ok": c.is_ok, "detail": c.detail} for c in checks]
        broken = {"violations": [asdict(one) for one in found]} if invariants else {}
        print_json({"ok": is_ok, "checks": listed, **broken})
    else:
        rows = [(_word(check), check.name, check.detail) for check in checks]
        console().print(table("", ("", "check", "found"), rows))
    if not is_ok:
        raise typer.Exit(1)


def _word(check: "Check") -> str:
    if not check.is_ok:
        return "FAILED"
    return "look" if check.is_warning else "ok"


def _examine_facts(
    settings: "Settings", company: Path | None
) -> "tuple[list[Check], tuple[Violation, ...]]":
    from rich.progress import Progress

    from agents.cli.checks import examine_facts

    with Progress(console=console(is_error=True), transient=True) as bar:
        task = bar.add_task("deliveries", total=None)

        def tell(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        return examine_facts(settings, company, tell=tell)


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
