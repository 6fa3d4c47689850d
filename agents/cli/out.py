"""What the commands print: one JSON document or Rich on stdout, progress and complaints on stderr.

Text of customers, models and tools is shown through `safe` only: no markup, no terminal codes.
"""

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

PIPE_WIDTH = 120
_HIDDEN = {"Cc", "Cf", "Cs", "Co"}  # control, format (direction overrides), surrogate, private
_KEPT = {"\n", "\t", "\u200d"}


def print_json(document: Any) -> None:
    """Print the command's one JSON document; datetimes become ISO 8601."""
    typer.echo(json.dumps(document, default=_plain, allow_nan=False))


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def complain(message: str) -> None:
    """Print one failure on stderr."""
    typer.echo(f"greenlight: {visible(message)}", err=True)


def console(*, is_error: bool = False) -> "Console":
    """Return a console on stdout (or stderr) that takes no markup out of anybody's text."""
    from rich.console import Console

    stream = sys.stderr if is_error else sys.stdout
    return Console(
        file=stream,
        width=None if stream.isatty() else PIPE_WIDTH,
        markup=False,
        highlight=False,
        emoji=False,
    )


def visible(text: str) -> str:
    """Return the text with everything a terminal would obey, and not show, replaced by `\ufffd`."""
    return "".join(
        "\ufffd" if unicodedata.category(one) in _HIDDEN and one not in _KEPT else one
        for one in text.replace("\r\n", "\n")
    )


def safe(text: str, style: str = "") -> "Text":
    """Return a stranger's text for Rich."""
    from rich.text import Text

    return Text(visible(text), style=style)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> "RenderableType":
    """Return a table; columns whose name starts with `#` are right-aligned numbers."""
    from rich import box
    from rich.table import Table

    made = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left")
    for name in columns:
        made.add_column(name.lstrip("#"), justify="right" if name.startswith("#") else "left")
    for row in rows:
        made.add_row(*(safe(cell) for cell in row))
    return made


def percent(rate: float | None) -> str:
    """Return a share in words; unknown where nothing is known."""
    return "unknown" if rate is None else f"{rate:.1%}"


def duration(seconds: float | None) -> str:
    """Return a time span as a person says it: `45 s`, `12 min`, `3.5 h`, `2 d`."""
    if seconds is None:
        return "-"
    for unit, length in (("d", 172_800 / 2), ("h", 3_600), ("min", 60)):
        if seconds >= (2 * length if unit == "d" else length):
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.0f} s"


def amount(minor: int | None, currency: str | None) -> str:
    """Return money, or nothing where there is none."""
    from store.money import Money

    return "" if minor is None else str(Money(minor, currency or ""))
