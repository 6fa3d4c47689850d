"""Records out of a `.jsonl` or `.csv` stream: each is made into something, or named as a bad line.

A line that cannot be used is reported by its number and never stops the lines after it. Memory is
bounded: one record, whatever the file's size.
"""

import csv
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Generic, NoReturn, TypeVar

from agents.lines import TOO_LONG, ReturnableLines, Source, numbered
from store.errors import BadInput

T = TypeVar("T")
Record = dict[str, Any]
DELIMITERS = ",;\t"
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class GoodLine(Generic[T]):
    """What a record was made into, and the line it starts on (1-based; a CSV header is line 1)."""

    line: int
    made: T


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was left out, with what is wrong with it."""

    line: int
    error: str


@dataclass(frozen=True, slots=True)
class Shape(Generic[T]):
    """What the records of a file are: the field each one needs, others known, what they become."""

    needed: str
    known: Sequence[str]
    example: str  # of a CSV header
    make: Callable[[Record], T]  # raises BadInput


def read_jsonl(source: Source, shape: Shape[T]) -> Iterator[GoodLine[T] | BadLine]:
    """Yield one result per non-blank line of JSON objects."""
    for number, raw in numbered(source):
        if raw is None:
            yield BadLine(number, TOO_LONG)
        elif raw.strip():
            yield _attempt(number, partial(_from_json, raw, shape))


def read_csv(source: Source, shape: Shape[T]) -> Iterator[GoodLine[T] | BadLine]:
    """Yield one result per record; raise BadInput if the header lacks the column that is needed."""
    lines = ReturnableLines(source)
    header, delimiter = _header(lines, shape)
    while True:
        number = lines.begin()
        try:
            cells = next(csv.reader(lines, delimiter=delimiter, strict=True), None)
        except csv.Error as error:
            # A stray quote swallows what follows: give those lines back and go on after this one.
            lines.give_back_all_but_first()
            yield BadLine(number, f"broken CSV row ({error})")
            continue
        if cells is None:
            return
        if cells:
            yield _attempt(number, partial(_from_cells, header, cells, shape))


def text_of(record: Record, key: str) -> str:
    """Return a short field as clean text, empty where it is missing; raise BadInput if it is none.

    A whole number is taken as it is written: ids often are.
    """
    value = record.get(key)
    if value is None:
        return ""
    if isinstance(value, bool | float) or not isinstance(value, str | int):
        raise BadInput(f"`{key}` is not a string")
    return clean(str(value)).strip()


def moment_of(record: Record, key: str) -> datetime | None:
    """Return a time in UTC (where no zone is given, it is UTC); None where the field is empty."""
    value = record.get(key)
    if value is None or value == "":
        return None
    wrong = BadInput(f"`{key}` is not an ISO 8601 date: {str(value)[:40]!r}")
    if not isinstance(value, str):
        raise wrong
    try:
        when = datetime.fromisoformat(value.strip())
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        raise wrong from None


def clean(text: str) -> str:
    """Return the text without what no database stores."""
    return _SURROGATE.sub("\ufffd", text).replace("\x00", "")


def _header(lines: ReturnableLines, shape: Shape[T]) -> tuple[list[str], str]:
    first = next(lines, "")
    for delimiter in DELIMITERS:
        try:
            names = next(csv.reader([first], delimiter=delimiter, strict=True), [])
        except csv.Error:
            continue
        names = [name.strip() for name in names]
        names = [name.lower() if name.lower() in shape.known else name for name in names]
        if shape.needed in names:
            return [name or f"column_{at}" for at, name in enumerate(names, 1)], delimiter
    raise BadInput(
        f"The first line names no `{shape.needed}` column, so no line was read. Begin the file with"
        f" a header such as `{shape.example}`."
    )


def _attempt(number: int, make: Callable[[], T]) -> GoodLine[T] | BadLine:
    try:
        return GoodLine(number, make())
    except BadInput as error:
        return BadLine(number, str(error))


def _from_json(raw: bytes, shape: Shape[T]) -> T:
    try:
        record = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise BadInput("not valid UTF-8") from None
    except RecursionError:
        raise BadInput("not usable JSON (nested too deeply)") from None
    except ValueError as error:
        raise BadInput(f"not valid JSON ({error})") from None
    if not isinstance(record, dict):
        raise BadInput(f"not a JSON object with the field `{shape.needed}`")
    return shape.make(record)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _from_cells(header: list[str], cells: list[str], shape: Shape[T]) -> T:
    if any(_SURROGATE.search(cell) for cell in cells):
        raise BadInput(f"not valid UTF-8, or {TOO_LONG}")
    if len(cells) != len(header):
        raise BadInput(f"broken CSV row ({len(cells)} cells where the header has {len(header)})")
    return shape.make(dict(zip(header, cells, strict=True)))
