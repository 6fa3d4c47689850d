"""Audit entries as text for other programs: JSON lines as stored, and CSV safe in a spreadsheet.

A cell that a spreadsheet would run as a formula gets an apostrophe in front; numbers stay numbers.
That includes what stands behind a semicolon, tab or line break, where a spreadsheet that separates
by those begins a new cell. Nothing else is changed.
"""

import csv
import io
import json
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from store.reports.audit import Entry
from store.reports.audit_words import wording

COLUMNS = ("seq", "at", "actor", "happened", "tag", "subject", "body", "prev_hash", "hash")
_TRIGGERS = "=+-@"
_BREAKS = re.compile(r"([;\t\r\n])")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_UNSEEN = re.compile(
    r'[\s"\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]*'
)


def safe_cell(text: str) -> str:
    """Return the text so that no spreadsheet takes it, or a part of it, for a formula."""
    pieces = _BREAKS.split(text)
    safe = "".join(piece if index % 2 else _defused(piece) for index, piece in enumerate(pieces))
    return f"'{safe}" if text[:1] and text[0] in "\t\r\n" else safe


def _defused(piece: str) -> str:
    seen = piece[_UNSEEN.match(piece).end() :]  # type: ignore[union-attr]  # it matches nothing too
    if not seen or unicodedata.normalize("NFKC", seen[0]) not in _TRIGGERS:
        return piece
    return piece if _NUMBER.fullmatch(piece.strip()) else f"'{piece}"


def csv_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """Yield the heading and one record an entry, each with its line end."""
    yield _record(COLUMNS)
    for entry in entries:
        at = "" if entry.at is None else entry.at.isoformat()
        cells = (entry.actor, wording(entry.tag), entry.tag, entry.subject, entry.body)
        sealed = (entry.prev_hash, entry.hash)
        yield _record((entry.seq, at, *(safe_cell(cell) for cell in (*cells, *sealed))))


def json_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """Yield one JSON object a line, every field as it is stored."""
    for entry in entries:
        at = None if entry.at is None else entry.at.isoformat()
        yield json.dumps({**asdict(entry), "at": at}, ensure_ascii=False) + "\n"


def write_whole(path: Path, lines: Iterable[str]) -> int:
    """Write the lines to a file that appears whole or not at all; return how many they were."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    written = 0
    try:
        with beside.open("w", encoding="utf-8", newline="") as file:
            for line in lines:
                file.write(line)
                written += 1
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return written


def _record(cells: Iterable[object]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()
