"""Physical lines of a byte stream: numbered, bounded in length, returnable after a bad record.

Knows nothing of tickets.
"""

from collections import deque
from collections.abc import Iterator
from typing import Protocol

MAX_LINE_BYTES = 4 << 20  # 100,000 escaped characters take 1.2 MB; the rest is for extra columns
TOO_LONG = f"longer than {MAX_LINE_BYTES >> 20} MB"
BOM = b"\xef\xbb\xbf"


class Source(Protocol):
    """The part of a binary file that reading needs; Rich's progress reader offers no more."""

    def readline(self, size: int = -1, /) -> bytes: ...


def numbered(source: Source) -> Iterator[tuple[int, bytes | None]]:
    """Yield each line with its number from 1; None stands for one that is too long to hold."""
    number = 0
    while raw := source.readline(MAX_LINE_BYTES):
        number += 1
        is_cut = len(raw) == MAX_LINE_BYTES and not raw.endswith(b"\n")
        if is_cut:
            _skip_line(source)
        if number == 1:
            raw = raw.removeprefix(BOM)
        yield number, None if is_cut else raw


def _skip_line(source: Source) -> None:
    while (rest := source.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass


class ReturnableLines:
    """Lines as text, remembering those taken since `begin`, which can be given back.

    Bytes that are not UTF-8, and whole lines that are too long, come as lone surrogates, so that
    the record they belong to can be named.
    """

    def __init__(self, source: Source) -> None:
        self._lines = numbered(source)
        self._returned: deque[str] = deque()
        self._taken: list[str] = []
        self._number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._returned:
            line = self._returned.popleft()
        else:
            _, raw = next(self._lines)
            line = "\udcff\n" if raw is None else raw.decode("utf-8", "surrogateescape")
        self._number += 1
        self._taken.append(line)
        return line

    def begin(self) -> int:
        """Start a record here and return the number of its first line."""
        self._taken.clear()
        return self._number + 1

    def give_back_all_but_first(self) -> None:
        """Go back to the line after the record's first one."""
        self._returned.extendleft(reversed(self._taken[1:]))
        self._number -= len(self._taken) - 1
