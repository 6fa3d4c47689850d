"""`backup` and `restore`: a verified copy of the store, and putting one back."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.cli.context import Home, Json, clock, opened, settings_of
from agents.cli.out import complain, print_json, visible
from store.errors import BadInput, GreenlightError

if TYPE_CHECKING:
    from store.backup import Made
    from store.restore import Restored
    from store.settings import Settings

File = Annotated[Path, typer.Argument(metavar="FILE", help="The backup (a folder: named by time).")]

NOT_INSIDE = (
    "Not in it: the keys. Keep a copy of `{keys}` elsewhere, away from the backup; without it no"
    " backup can be restored. The company's folder is yours to keep as well."
)
AFTERWARDS = """\
Automatic delivery is on hold. Before you let it go on:
1. Check with the payment service what was delivered since the backup. Decisions made since then
   are gone: a card that was decided waits again, and approving it may do a thing twice.
2. Start Greenlight again. Deliveries in doubt are looked up or go to a person, never out blindly.
3. Then let automatic delivery go on: `greenlight hold off --as NAME` (a manager)."""


def backup(
    file: File,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Copy the store to FILE while everything runs, and read the copy back before it counts.

    The keys are not in it: keep a copy of the home's keys folder elsewhere.
    """
    from importlib.metadata import version

    from store import anchors
    from store import backup as copies

    settings, started = settings_of(home), time.monotonic()
    _require_store(settings)
    with opened(home) as store:
        made = copies.make(store, file, version=version("greenlight"), now=clock(), is_forced=force)
        problem = ""
        try:
            store.transact(copies.note, made, now=clock())
            anchors.write_last(store, settings.anchor_file, clock())
        except GreenlightError as error:
            problem = f"The backup is good, but the audit trail does not mention it. {error}"
    _tell_backup(settings, made, time.monotonic() - started, problem, as_json=as_json)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Put a backup in place of the store; stop Greenlight first. The old database is kept.

    Automatic delivery is then on hold, and what may have been sent since is in doubt.
    """
    from agents.preflight import only_family
    from store import anchors
    from store.keys import AUDIT, open_keys
    from store.restore import restore as put_back

    settings = settings_of(home)
    if not (settings.keys / AUDIT).is_file():
        raise BadInput(
            f"`{settings.keys}` holds no audit key, so no backup can be checked. Put the `keys`"
            " folder there that was kept with the backup, then restore again."
        )
    with only_family(settings.home):
        _require_idle(settings)
        keys = open_keys(settings.keys, verifying=settings.verify_key, may_decide=False)
        done = put_back(file, _database_of(settings), keys, now=clock())
        with opened(home) as store:
            anchors.write_restored(store, settings.anchor_file, clock(), head=done.head)
            anchors.write_last(store, settings.anchor_file, clock())
    _tell_restore(file, done, as_json=as_json)


def _require_store(settings: "Settings") -> None:
    """Refuse to make an empty store only to back it up."""
    if not _database_of(settings).is_file():
        raise BadInput(f"There is no store in `{settings.home}`; nothing to back up.")


def _database_of(settings: "Settings") -> Path:
    from sqlalchemy.engine import make_url

    url = make_url(settings.url)
    if not url.drivername.startswith("sqlite") or not url.database:
        raise BadInput(
            "This store is not a SQLite file: back it up and restore it with its own server's"
            " tools (`pg_dump`, `pg_restore`). Nothing was done."
        )
    return Path(url.database)


def _require_idle(settings: "Settings") -> None:
    from sqlalchemy.exc import DatabaseError

    from agents.cli.care import require_idle
    from store.errors import StoreUnavailable

    if not _database_of(settings).exists():
        return
    try:
        require_idle(settings, so_what="nothing was changed")
    except (StoreUnavailable, DatabaseError) as error:  # damaged: the very reason to restore
        complain(f"the database to be replaced cannot be read: {error}")


def _tell_backup(
    settings: "Settings", made: "Made", seconds: float, problem: str, *, as_json: bool
) -> None:
    if as_json:
        print_json(
            {
                "ok": True,
                "file": str(made.file),
                "bytes": made.size_bytes,
                "entries": made.head.seq,
                "seconds": round(seconds, 3),
                "anchor": {"seq": made.head.seq, "hash": made.head.hash, "at": made.head.at},
                "anchor_file": str(made.anchor_file),
                "keys_included": False,
                "noted": not problem,
            }
        )
        return
    size = f"{made.size_bytes / 1e6:.1f} MB"
    typer.echo(
        visible(
            f"{made.file}: {size}, {made.head.seq} audit entries, read back and sound,"
            f" {seconds:.1f} s\nAudit trail up to entry {made.head.seq}: {made.head.hash}"
            f" (also in {made.anchor_file.name})\n{NOT_INSIDE.format(keys=settings.keys)}"
        )
    )
    if problem:
        complain(problem)


def _tell_restore(file: Path, done: "Restored", *, as_json: bool) -> None:
    if as_json:
        document: dict[str, Any] = {
            "ok": True,
            "file": str(file),
            "entries": done.head[0],
            "kept": str(done.kept) if done.kept else None,
            "in_doubt": done.in_doubt,
            "requeued": done.requeued,
            "is_held": True,
            "next": AFTERWARDS,
        }
        print_json(document)
        return
    kept = f" The database that was there is kept as {done.kept}." if done.kept else ""
    typer.echo(visible(f"Restored {file}: {done.head[0]} audit entries.{kept}"))
    typer.echo(
        f"{done.in_doubt} deliveries may have happened since and are in doubt;"
        f" {done.requeued} runs are queued again."
    )
    typer.echo(AFTERWARDS)


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    app.command()(backup)
    app.command()(restore)
