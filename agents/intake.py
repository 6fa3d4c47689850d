"""Reading tickets out of a `.jsonl` or `.csv` stream and handing them to the store in batches.

A line that cannot be used never stops the lines after it. Memory is bounded: one record and one
batch, whatever the file's size. Whether a ticket is a duplicate, and whether there is room, is the
store's word, not ours; where there is none the caller waits or stops.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from agents import records
from agents.lines import Source
from agents.records import BadLine, GoodLine, Record, Shape, clean, moment_of, text_of
from store.engine import Store
from store.errors import BadInput, QueueFull
from store.queue import NewTicket, clean_text, submit

BATCH = 500  # tickets a transaction
MAX_DEPTH = 32  # of nested extra values
KNOWN = ("text", "id", "customer_id", "subject", "received_at")

Line = GoodLine[NewTicket] | BadLine


@dataclass(slots=True)
class Tally:
    """What became of the lines before `next_line`, which is None once all are dealt with."""

    accepted: int = 0
    duplicates: int = 0
    rejected: list[BadLine] = field(default_factory=list)
    next_line: int | None = 1


def read_jsonl(source: Source) -> Iterator[Line]:
    """Yield one result per non-blank line of JSON objects."""
    return records.read_jsonl(source, TICKET)


def read_csv(source: Source) -> Iterator[Line]:
    """Yield one result per record; raise BadInput if the header names no `text` column."""
    return records.read_csv(source, TICKET)


def take_in(
    store: Store,
    lines: Iterable[Line],
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
    piece: list[Line],
    tally: Tally,
    *,
    now: datetime,
    max_queued: int | None,
) -> None:
    good = [line.made for line in piece if isinstance(line, GoodLine)]
    submitted = store.transact(submit, good, now=now, max_queued=max_queued) if good else []
    duplicates = sum(one.is_duplicate for one in submitted)
    tally.duplicates += duplicates
    tally.accepted += len(submitted) - duplicates
    tally.rejected += [line for line in piece if isinstance(line, BadLine)]


def _lines_before(piece: list[Line], fits: int) -> int:
    """Return how many lines come before the good one that `fits` others leave no room for."""
    good = [at for at, line in enumerate(piece) if isinstance(line, GoodLine)]
    return good[fits]


def _ticket(record: Record) -> NewTicket:
    if record.get("text") is None:
        raise BadInput("no `text`")
    text = record["text"]
    if not isinstance(text, str):
        raise BadInput("`text` is not a string")
    return NewTicket(
        text=clean_text(text),
        external_id=text_of(record, "id") or None,
        customer_id=text_of(record, "customer_id") or None,
        subject=text_of(record, "subject"),
        received_at=moment_of(record, "received_at"),
        extra=_deep_clean({key: record[key] for key in record if key not in KNOWN}),
    )


def _deep_clean(value: Any, depth: int = 0) -> Any:
    if depth > MAX_DEPTH:
        raise BadInput("not usable JSON (nested too deeply)")
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(key): _deep_clean(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_deep_clean(inner, depth + 1) for inner in value]
    return value


TICKET = Shape("text", KNOWN, "id,customer_id,text", _ticket)
