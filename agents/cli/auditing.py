"""`audit verify` and `audit export`: is the trail what was written, and the trail for others."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from agents.cli.context import HIGHEST, Home, Json, opened, settings_of
from agents.cli.out import print_json, visible
from store.errors import BadInput

if TYPE_CHECKING:
    from sqlmodel import Session

    from store.anchors import AnchorLog
    from store.audit import ChainState
    from store.reports.audit import Wanted

T = TypeVar("T")

TELL_EVERY = 50_000
MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]

group = typer.Typer(no_args_is_help=True)


class Format(StrEnum):
    CSV = "csv"  # for spreadsheets; formulas are defused
    JSONL = "jsonl"  # every field as stored


@group.callback()
def audit_root() -> None:
    """The audit trail: who did what when, and whether anybody changed it since."""


@group.command("verify")
def verify(
    anchors: Annotated[
        Path | None,
        typer.Option(
            help="The anchor file (else GREENLIGHT_ANCHORS, else the one in the home).",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Recompute the whole chain against its anchors; exit 1 and name the first bad entry."""
    from store import audit
    from store.anchors import read

    file = anchors or settings_of(home).anchor_file
    with opened(home) as store:
        log = read(file, store.read(_audit_key))
        found = store.read(audit.verify, anchors=log)
    if as_json:
        print_json(_as_json(found, file, log))
    else:
        for line in _in_words(found, file):
            typer.echo(visible(line))
    if not found.is_ok:
        raise typer.Exit(1)


def _audit_key(session: "Session") -> bytes:
    key: bytes = session.info["keys"].audit
    return key


def _as_json(found: "ChainState", file: Path, log: "AnchorLog") -> dict[str, object]:
    last = found.anchored
    flaws = [
        {"line": one.line, "forged": one.is_forged, "problem": one.problem} for one in log.flaws
    ]
    return {
        "ok": found.is_ok,
        "entries": found.entries,
        "head": found.head,
        "first_bad_seq": found.first_bad_seq,
        "problem": found.problem or None,
        "anchored": last and {"seq": last.seq, "at": last.at},
        "anchors": {"file": str(file), "count": len(log.anchors), "flaws": flaws},
    }


def _in_words(found: "ChainState", file: Path) -> Iterator[str]:
    if found.problem:
        yield f"The audit trail is NOT whole. {found.problem}"
        yield f"Entries 1 to {found.entries} fit; nothing from there on can be relied on."
    else:
        yield f"The audit trail is whole: {found.entries} entries, every hash fits."
    if found.anchored:
        at = f"{found.anchored.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        yield f"It fits the anchors up to entry {found.anchored.seq}, of {at}."
    elif found.furthest is None:
        yield f"No anchor in `{file}` vouches for it yet: a cut tail would go unseen."
    for flaw in found.flaws:
        yield f"Anchor file `{file}`: {flaw.problem}"


@group.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="Where to; `-` is standard output.")],
    form: Annotated[
        Format | None,
        typer.Option("--format", help="Else by the file's name; CSV is safe to open."),
    ] = None,
    run: Annotated[
        int | None, typer.Option(min=1, max=HIGHEST, help="Only this run's entries.")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=MOMENTS, help="From this moment on (UTC).")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=MOMENTS, help="Before this moment (UTC).")
    ] = None,
    home: Home = None,
) -> None:
    """Write the trail, oldest first, as CSV or JSON lines; a file appears whole or not at all."""
    from store.reports.audit import Wanted

    wanted = Wanted(
        subject=None if run is None else f"run:{run}", since=_in_utc(since), until=_in_utc(until)
    )
    named = Format.JSONL if file.suffix == ".jsonl" else Format.CSV
    with opened(home) as store:
        try:
            count = store.read(_write, wanted, form or named, file)
        except OSError as error:
            raise BadInput(
                f"`{file}` cannot be written ({error.strerror}). Nothing was left behind."
            ) from error
    what = "entry" if count == 1 else "entries"
    typer.echo(f"{count} {what} written{'' if str(file) == '-' else f' to `{file}`'}.", err=True)


def _write(session: "Session", wanted: "Wanted", form: Format, file: Path) -> int:
    from store.export import csv_lines, json_lines, write_whole
    from store.reports.audit import every

    entries = _counted(every(session, wanted))
    lines = csv_lines(entries) if form is Format.CSV else json_lines(entries)
    headings = 1 if form is Format.CSV else 0
    if str(file) != "-":
        return write_whole(file, lines) - headings
    written = 0
    for line in lines:
        typer.echo(line, nl=False)
        written += 1
    return written - headings


def _counted(entries: Iterable[T]) -> Iterator[T]:
    for number, entry in enumerate(entries, start=1):
        yield entry
        if number % TELL_EVERY == 0:
            typer.echo(f"{number:,} entries so far", err=True)


def _in_utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.replace(tzinfo=UTC)


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    app.add_typer(group, name="audit")
