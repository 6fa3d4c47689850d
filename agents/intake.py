"""Reading tickets out of a `.jsonl` or `.csv` stream and handing them to the store in batches.

A line that cannot be used is reported by its number and never stops the lines after it. Memory is
bounded: one record and one batch, whatever the file's size. Whether a ticket is a duplicate, and
whether there is room, is the store's word, not ours; where there is none the caller waits or stops.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any, NoReturn

from agents.lines import TOO_LONG, ReturnableLines, Source, numbered
from store.engine import Store
from store.errors import BadInput, QueueFull
from store.queue import NewTicket, clean_text, submit

BATCH = 500  # tickets a transaction
MAX_DEPTH = 32  # of nested extra values
DELIMITERS = ",;\t"
KNOWN = ("text", "id", "customer_id", "subject", "received_at")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class GoodLine:
    """A ticket and the line its record starts on (1-based; a CSV header is line 1)."""

    line: int
    ticket: NewTicket


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was left out, with what is wrong with it."""

    line: int
    error: str


@dataclass(slots=True)
class Tally:
    """What became of the lines before `next_line`, which is None once all are dealt with."""

    accepted: int = 0
    duplicates: int = 0
    rejected: list[BadLine] = field(default_factory=list)
    next_line: int | None = 1


def read_jsonl(source: Source) -> Iterator[GoodLine | BadLine]:
    """Yield one result per non-blank line of JSON objects."""
    for number, raw in numbered(source):
        if raw is None:
            yield BadLine(number, TOO_LONG)
        elif raw.strip():
            yield _attempt(number, partial(_from_json, raw))


def read_csv(source: Source) -> Iterator[GoodLine | BadLine]:
    """Yield one result per record; raise BadInput if the header names no `text` column."""
    lines = ReturnableLines(source)
    header, delimiter = _header(lines)
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
            yield _attempt(number, partial(_from_cells, header, cells))


def take_in(
    store: Store,
    lines: Iterable[GoodLine | BadLine],
    tally: Tally,
    *,
    clock: Callable[[], datetime],
    max_queued: int | None = None,
    wait: Callable[[QueueFull], bool] = lambda _: False,
    batch: int = BATCH,
) -> None:
    """Submit the good lines, at most `batch` per transaction, keeping the tally as it goes.

    Whenever the queue is full, what still fits goes in, then `wait` is asked: True tries again,
    False gives up, which raises QueueFull. Whatever stops this, `tally` says where.
    """
    remaining = iter(lines)
    while piece := list(islice(remaining, batch)):
        size = batch
        while piece:
            try:
                _submit(store, piece[:size], tally, now=clock(), max_queued=max_queued)
            except BadInput as error:
                if size > 1:  # the store refused one of them: find it, let the others in
                    size = 1
                    continue
                tally.rejected.append(BadLine(piece[0].line, str(error)))
            except QueueFull as full:
                size = _lines_before(piece, full.fits)
                if not size and not wait(full):
                    raise
                size = size or batch
                continue
            tally.next_line = piece[:size][-1].line + 1
            piece = piece[size:]
    tally.next_line = None


def _submit(
    store: Store,
    piece: list[GoodLine | BadLine],
    tally: Tally,
    *,
    now: datetime,
    max_queued: int | None,
) -> None:
    good = [line.ticket for line in piece if isinstance(line, GoodLine)]
    submitted = store.transact(submit, good, now=now, max_queued=max_queued) if good else []
    duplicates = sum(one.is_duplicate for one in submitted)
    tally.duplicates += duplicates
    tally.accepted += len(submitted) - duplicates
    tally.rejected += [line for line in piece if isinstance(line, BadLine)]


def _lines_before(piece: list[GoodLine | BadLine], fits: int) -> int:
    """Return how many lines come before the good one that `fits` others leave no room for."""
    good = [at for at, line in enumerate(piece) if isinstance(line, GoodLine)]
    return good[fits]


def _header(lines: ReturnableLines) -> tuple[list[str], str]:
    first = next(lines, "")
    for delimiter in DELIMITERS:
        try:
            names = next(csv.reader([first], delimiter=delimiter, strict=True), [])
        except csv.Error:
            continue
        names = [name.strip() for name in names]
        names = [name.lower() if name.lower() in KNOWN else name for name in names]
        if "text" in names:
            return [name or f"column_{at}" for at, name in enumerate(names, 1)], delimiter
    raise BadInput(
        "The first line names no `text` column, so no line was read. Begin the file with a header"
        " such as `id,customer_id,text`."
    )


def _attempt(number: int, make: Callable[[], NewTicket]) -> GoodLine | BadLine:
    try:
        return GoodLine(number, make())
    except BadInput as error:
        return BadLine(number, str(error))


def _from_json(raw: bytes) -> NewTicket:
    try:
        record = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise BadInput("not valid UTF-8") from None
    except RecursionError:
        raise BadInput("not usable JSON (nested too deeply)") from None
    except ValueError as error:
        raise BadInput(f"not valid JSON ({error})") from None
    if not isinstance(record, dict):
        raise BadInput("not a JSON object with a `text`")
    return _ticket(record)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _from_cells(header: list[str], cells: list[str]) -> NewTicket:
    if any(_SURROGATE.search(cell) for cell in cells):
        raise BadInput(f"not valid UTF-8, or {TOO_LONG}")
    if len(cells) != len(header):
        raise BadInput(f"broken CSV row ({len(cells)} cells where the header has {len(header)})")
    return _ticket(dict(zip(header, cells, strict=True)))


def _ticket(record: dict[str, Any]) -> NewTicket:
    if record.get("text") is None:
        raise BadInput("no `text`")
    text = record["text"]
    if not isinstance(text, str):
        raise BadInput("`text` is not a string")
    return NewTicket(
        text=clean_text(text),
        external_id=_name(record, "id"),
        customer_id=_name(record, "customer_id"),
        subject=_short(record, "subject"),
        received_at=_received_at(record.get("received_at")),
        extra=_deep_clean({key: record[key] for key in record if key not in KNOWN}),
    )


def _short(record: dict[str, Any], key: str) -> str:
    value = record.get(key)
    if value is None:
        return ""
    if isinstance(value, bool | float) or not isinstance(value, str | int):
        raise BadInput(f"`{key}` is not a string")
    return _clean(str(value)).strip()


def _name(record: dict[str, Any], key: str) -> str | None:
    return _short(record, key) or None


def _received_at(value: object) -> datetime | None:
    if value is None or value == "":
        return None
    wrong = BadInput(f"`received_at` is not an ISO 8601 date: {str(value)[:40]!r}")
    if not isinstance(value, str):
        raise wrong
    try:
        when = datetime.fromisoformat(value.strip())
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        raise wrong from None


def _clean(text: str) -> str:
    return _SURROGATE.sub("\ufffd", text).replace("\x00", "")


def _deep_clean(value: Any, depth: int = 0) -> Any:
    if depth > MAX_DEPTH:
        raise BadInput("not usable JSON (nested too deeply)")
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, dict):
        return {_clean(key): _deep_clean(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_deep_clean(inner, depth + 1) for inner in value]
    return value
