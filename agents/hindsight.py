"""Reading what became of tickets out of a `.jsonl` or `.csv` stream, into the store in batches.

A line names a ticket by the id that it was submitted with, or a run by its number. What it says is
stored once; whether it is known already, or fits nothing, is the store's word, line by line.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice

from agents import records
from agents.intake import Tally
from agents.lines import Source
from agents.records import BadLine, GoodLine, Record, Shape, moment_of, text_of
from store import outcomes
from store.engine import Store
from store.errors import BadInput
from store.outcomes import NewOutcome
from store.transitions import OutcomeKind

BATCH = 200  # outcomes a transaction
KNOWN = ("outcome", "ticket", "run_id", "at", "note")
_HIGHEST = 2**63 - 1
_DIGITS = 20  # Python refuses to read a number of thousands

Line = GoodLine[NewOutcome] | BadLine


def read_jsonl(source: Source) -> Iterator[Line]:
    """Yield one result per non-blank line of JSON objects."""
    return records.read_jsonl(source, OUTCOME)


def read_csv(source: Source) -> Iterator[Line]:
    """Yield one result per record; raise BadInput if the header names no `outcome` column."""
    return records.read_csv(source, OUTCOME)


def take_in(
    store: Store,
    lines: Iterable[Line],
    tally: Tally,
    *,
    person: str,
    clock: Callable[[], datetime],
    batch: int = BATCH,
) -> None:
    """Record the good lines, at most `batch` per transaction, keeping the tally as it goes.

    Raises NotAllowed for somebody who may not, before anything is read into the store.
    """
    store.transact(outcomes.record, [], person=person, now=clock())  # a file may have no good line
    remaining = iter(lines)
    while piece := list(islice(remaining, batch)):
        good = [line for line in piece if isinstance(line, GoodLine)]
        made = [line.made for line in good]
        done = store.transact(outcomes.record, made, person=person, now=clock())
        tally.accepted += done.accepted
        tally.duplicates += done.duplicates
        refused = [BadLine(good[index].line, message) for index, message in done.rejected]
        bad = [line for line in piece if isinstance(line, BadLine)]
        tally.rejected += sorted([*bad, *refused], key=lambda line: line.line)
        tally.next_line = piece[-1].line + 1
    tally.next_line = None


def _outcome(record: Record) -> NewOutcome:
    said = text_of(record, "outcome").lower().replace(" ", "_")
    if not said:
        raise BadInput("no `outcome`")
    if said not in tuple(OutcomeKind):
        kinds = ", ".join(OutcomeKind)
        raise BadInput(f"`outcome` is {said[:40]!r}, which is none of: {kinds}")
    return NewOutcome(
        OutcomeKind(said),
        ticket=text_of(record, "ticket") or None,
        run_id=_run_id(record),
        at=moment_of(record, "at"),
        note=text_of(record, "note"),
    )


def _run_id(record: Record) -> int | None:
    value = record.get("run_id")
    if value is None or value == "":
        return None
    text = "" if isinstance(value, bool) else str(value).strip()
    is_number = text.isascii() and text.isdigit() and len(text) <= _DIGITS
    if not is_number or not 0 < int(text) <= _HIGHEST:
        raise BadInput(f"`run_id` is not the number of a run: {str(value)[:40]!r}")
    return int(text)


OUTCOME = Shape("outcome", KNOWN, "ticket,outcome,at", _outcome)
