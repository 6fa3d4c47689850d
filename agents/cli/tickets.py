"""`submit` and `ask`: tickets in by file, and one ticket worked in the foreground, step by step."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import CompanyDir, Home, Json, clock, file_or_dash, opened, settings_of
from agents.cli.out import complain, console, print_json
from agents.cli.running import registered_company

if TYPE_CHECKING:
    from agents.intake import Tally
    from agents.lines import Source

NAMED = 20  # bad lines named for a person; JSON names all
KINDS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}


def submit(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|-",
            help="A .jsonl or .csv file with `text`, and if you have them `id`, `customer_id`,"
            " `subject`, `received_at`; - reads JSON lines from stdin.",
            callback=file_or_dash,
        ),
    ],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Take in tickets; a bad line is named and stops no other, a known id is never run twice."""
    from agents.intake import read_csv, read_jsonl, take_in

    kind = "jsonl" if str(file) == "-" else KINDS.get(file.suffix.lower())
    if kind is None:
        raise typer.BadParameter(f"`{file}` is neither .jsonl nor .csv.", param_hint="FILE")
    read = read_csv if kind == "csv" else read_jsonl
    most = settings_of(home).max_queued
    with opened(home) as store, _source(file) as source:
        tally = take_in(store, read(source), clock=clock, max_queued=most)
    _print_tally(tally, as_json=as_json)
    if not tally.accepted:
        raise typer.Exit(1)


@contextmanager
def _source(file: Path) -> Iterator["Source"]:
    """Open the file with a progress bar by bytes on stderr; stdin has none."""
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    progress = Progress(
        *columns,
        TimeRemainingColumn(),
        console=console(is_error=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with progress, progress.open(file, "rb", description="Submitting") as source:
        yield source


def _print_tally(tally: "Tally", *, as_json: bool) -> None:
    if as_json:
        rejected = [{"line": bad.line, "error": bad.error} for bad in tally.rejected]
        accepted = {"accepted": tally.accepted, "duplicates": tally.duplicates}
        print_json({**accepted, "rejected": rejected})
        return
    typer.echo(
        f"{tally.accepted} accepted, {tally.duplicates} known already,"
        f" {len(tally.rejected)} rejected"
    )
    for bad in tally.rejected[:NAMED]:
        complain(f"line {bad.line}: {bad.error}")
    if len(tally.rejected) > NAMED:
        complain(f"and {len(tally.rejected) - NAMED} more; --json names them all")


def ask(
    text: Annotated[str, typer.Argument(help="What the customer writes.")],
    customer: Annotated[str | None, typer.Option(metavar="ID", help="The customer's id.")] = None,
    company: CompanyDir = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Work one ticket here and now, showing every step; nothing is sent from here."""
    from agents import foreground
    from agents.cli.ask_view import AskView

    settings = settings_of(home)
    view = AskView(console(is_error=as_json))
    served = registered_company(settings, company)
    result = foreground.ask(settings, served, text, customer, view.step)
    if as_json:
        print_json(result.as_json())
    else:
        view.verdict(result.as_json())
    if result.route is None:
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    app.command()(submit)
    app.command()(ask)
