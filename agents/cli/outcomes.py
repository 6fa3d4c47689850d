"""`outcomes`: what later became of tickets, handed in by file from another system."""

from pathlib import Path
from typing import Annotated

import typer

from agents.cli.context import Home, Json, clock, file_or_dash, opened
from agents.cli.out import complain
from agents.cli.tickets import INTERRUPTED, kind_of, print_tally, source_of


def outcomes(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|-",
            help="A .jsonl or .csv file with `outcome` (reopened, charged_back or confirmed),"
            " `ticket` or `run_id`, and if you have them `at`, `note`; - reads JSON lines from"
            " stdin.",
            callback=file_or_dash,
        ),
    ],
    person: Annotated[str, typer.Option("--as", metavar="NAME", help="Who hands it in.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Take in later outcomes; a bad line is named and stops no other, a known one counts once."""
    from agents.hindsight import read_csv, read_jsonl, take_in
    from agents.intake import Tally

    read = read_csv if kind_of(file) == "csv" else read_jsonl
    tally, code = Tally(), 0
    try:
        with opened(home) as store, source_of(file, "Recording") as source:
            take_in(store, read(source), tally, person=person, clock=clock)
    except KeyboardInterrupt:
        code = INTERRUPTED
    print_tally(tally, as_json=as_json)
    if code:
        complain(
            f"stopped at line {tally.next_line}: Interrupted. What is in stays in; hand in the same"
            " file again to go on."
        )
    if code or not tally.accepted + tally.duplicates:
        raise typer.Exit(code or 1)


def add_to(app: typer.Typer) -> None:
    """Register this group's command."""
    app.command()(outcomes)
