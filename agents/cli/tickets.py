"""`submit` and `ask`: tickets in by file, and one ticket worked in the foreground, step by step."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import CompanyDir, Home, Json, clock, file_or_dash, opened, settings_of
from agents.cli.out import complain, console, print_json
from agents.cli.running import registered_company
from store.errors import QueueFull

if TYPE_CHECKING:
    from agents.intake import Tally
    from agents.lines import Source

LOOK_SECONDS = 0.5  # between looks for room in a full queue
SAY_SECONDS = 30.0
INTERRUPTED = 130
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
    patience: Annotated[
        float,
        typer.Option(
            "--wait", metavar="SECONDS", min=0, help="How long a full queue may stand still."
        ),
    ] = 600.0,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Take in tickets; a bad line is named and stops no other, a known id is never run twice.

    Waits while the queue is full. Wherever it stops, what is in is in, and the line is named.
    """
    from agents.intake import Tally, read_csv, read_jsonl, take_in

    read = read_csv if kind_of(file) == "csv" else read_jsonl
    most = settings_of(home).max_queued
    tally, why = Tally(), None
    code = 0
    try:
        with opened(home) as store, source_of(file, "Submitting") as source:
            wait = Patience(patience, tally).wait
            take_in(store, read(source), tally, clock=clock, max_queued=most, wait=wait)
    except QueueFull as full:
        code, why = 1, f"The queue stayed full ({full.bound:,} are waiting)."
    except KeyboardInterrupt:
        code, why = INTERRUPTED, "Interrupted."
    print_tally(tally, as_json=as_json)
    if why is not None:
        complain(
            f"stopped at line {tally.next_line}: {why} What is in stays in; submit the same"
            " file again to go on."
        )
    if code or not tally.accepted:
        raise typer.Exit(code or 1)


class Patience:
    """Waits for room in a full queue, and says so; gives up when none came for so many seconds."""

    def __init__(
        self,
        seconds: float,
        tally: "Tally",
        *,
        sleep: Callable[[float], None] = time.sleep,
        say: Callable[[str], None] = complain,
    ) -> None:
        self._seconds = seconds
        self._tally = tally
        self._sleep = sleep
        self._say = say
        self._line: int | None = None  # where we stand
        self._waited = 0.0

    def wait(self, full: QueueFull) -> bool:
        """Wait a moment and return True, or False if patience is over."""
        if self._line != self._tally.next_line:
            self._line, self._waited = self._tally.next_line, 0.0
        if self._waited >= self._seconds:
            return False
        if self._waited % SAY_SECONDS == 0:
            self._say(f"line {self._line} waits for room in the queue ({full.bound:,} are waiting)")
        self._sleep(LOOK_SECONDS)
        self._waited += LOOK_SECONDS
        return True


def kind_of(file: Path) -> str:
    """Return `jsonl` or `csv`, by the file's name; wrong usage for any other."""
    kind = "jsonl" if str(file) == "-" else KINDS.get(file.suffix.lower())
    if kind is None:
        raise typer.BadParameter(f"`{file}` is neither .jsonl nor .csv.", param_hint="FILE")
    return kind


@contextmanager
def source_of(file: Path, doing: str) -> Iterator["Source"]:
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
    with progress, progress.open(file, "rb", description=doing) as source:
        yield source


def print_tally(tally: "Tally", *, as_json: bool) -> None:
    """Print how many lines went in, and those that did not by number."""
    if as_json:
        rejected = [{"line": bad.line, "error": bad.error} for bad in tally.rejected]
        accepted = {"accepted": tally.accepted, "duplicates": tally.duplicates}
        stopped = {} if tally.next_line is None else {"stopped_at_line": tally.next_line}
        print_json({**accepted, "rejected": rejected, **stopped})
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
