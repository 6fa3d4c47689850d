"""`make faults`: everything that can go wrong with money does, and nothing may come of it.

`python -m bench.faults [--full | --kills N …] [--seed N] [--home DIR] [--json]` prints one table
and exits 1 if anything was lost, doubled, stuck, declared dead, or undone yet sent.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from bench.faults import races, unrest
from bench.faults.tally import Tally
from rich.console import Console
from rich.table import Table

Part = Callable[..., list[Tally]]
COLUMNS = ("tries", "runs", "sent", "lost", "doubled", "stuck", "dead", "undone_yet_sent", "other")


@dataclass(frozen=True)
class Size:
    """How much of each part."""

    kills: int = 420
    forgotten: int = 80
    pauses: int = 100
    races: int = 1_000


FULL = Size(kills=4_500, forgotten=500, pauses=500, races=2_000)


class Teller:
    """Says on stderr how far it is: in place on a terminal, else a line now and then."""

    def __init__(self) -> None:
        self._told, self._at = "", 0.0

    def __call__(self, line: str) -> None:
        if sys.stderr.isatty():
            print(f"\r{line:<60}", end="", file=sys.stderr, flush=True)
            return
        name, now = line.partition(":")[0], time.monotonic()
        if name != self._told or now - self._at > 15:
            self._told, self._at = name, now
            print(line, file=sys.stderr, flush=True)


def campaign(home: Path, size: Size, *, seed: int, say: unrest.Say) -> list[Tally]:
    """Run every part that has a size, each in a home of its own."""
    parts: list[tuple[str, Part, int]] = [
        ("kills", unrest.kills, size.kills),
        ("forgotten-keys", unrest.forgotten_keys, size.forgotten),
        ("pauses", unrest.pauses, size.pauses),
        ("races", races.races, size.races),
    ]
    tallies: list[Tally] = []
    for name, part, wanted in parts:
        if wanted:
            tallies += _run(name, partial(part, home / name, wanted, seed=seed, say=say))
    return tallies


def _run(name: str, part: Callable[[], list[Tally]]) -> list[Tally]:
    """A part that cannot be finished is a finding, and the others are told all the same."""
    try:
        return part()
    except RuntimeError as error:
        unfinished = Tally(name)
        unfinished.found("other", str(error))
        return [unfinished]


def show(tallies: Sequence[Tally], *, seed: int, seconds: float) -> None:
    """Print the table, and whatever is wrong."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    table = Table(title=f"Faults, seed {seed}, {seconds:.0f} s")
    table.add_column("fault")
    for name in COLUMNS:
        table.add_column(name.replace("_", " "), justify="right")
    for tally in tallies:
        shown = asdict(tally) | {"runs": tally.tickets}
        table.add_row(tally.name, *(f"{shown[name]:,}" for name in COLUMNS))
    console.print(table)
    for tally in tallies:
        notes = ", ".join(f"{name} {number:,}" for name, number in sorted(tally.notes.items()))
        console.print(f"{tally.name} ({tally.seconds:.0f} s): {notes}", highlight=False)
        for problem in tally.problems:
            console.print(f"  {problem}", style="red", highlight=False, markup=False)


def main() -> None:
    """Run the campaign and report."""
    given = _arguments()
    size = FULL if given.full else Size(given.kills, given.forgotten, given.pauses, given.races)
    home = given.home.resolve() if given.home else Path(tempfile.mkdtemp(prefix="faults-"))
    started = time.monotonic()
    print(f"seed {given.seed}, in {home}", file=sys.stderr)
    tallies = campaign(home, size, seed=given.seed, say=Teller())
    seconds = round(time.monotonic() - started, 1)
    is_clean = all(tally.is_clean for tally in tallies)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    if given.json:
        parts = [asdict(tally) for tally in tallies]
        print(json.dumps({"ok": is_clean, "seed": given.seed, "seconds": seconds, "parts": parts}))
    else:
        show(tallies, seed=given.seed, seconds=seconds)
    if is_clean and given.home is None:
        shutil.rmtree(home)
    sys.exit(0 if is_clean else 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    usual = Size()
    parser.add_argument("--full", action="store_true", help="at length: ten times the kills")
    parser.add_argument("--kills", type=int, default=usual.kills)
    parser.add_argument("--forgotten", type=int, default=usual.forgotten)
    parser.add_argument("--pauses", type=int, default=usual.pauses)
    parser.add_argument("--races", type=int, default=usual.races)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--home", type=Path, help="a new folder that is kept")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
