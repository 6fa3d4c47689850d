"""Large query results as NumPy columns, and how to ask for them.

Rows come as the driver gives them and pass through by the thousand: many more at once no longer fit
into the processor's caches, and take twice as long.
"""

import operator
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Select, SQLColumnExpression, case
from sqlmodel import Session

Reader = Callable[[Sequence[Any]], NDArray[Any]]
ROWS = 1_000
_FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


def columns(session: Session, statement: Select[Any], *readers: Reader) -> list[NDArray[Any]]:
    """Return the columns of a result, in its order, each as its reader makes it of the rows."""
    parts = [[reader(())] for reader in readers]
    with session.connection().execute(statement) as result:
        assert result.cursor is not None  # a select has rows
        while rows := result.cursor.fetchmany(ROWS):  # a Row of each would cost as much again
            for part, reader, values in zip(parts, readers, zip(*rows, strict=True), strict=True):
                part.append(reader(values))
    return [np.concatenate(part) for part in parts]


def integers(values: Sequence[Any]) -> NDArray[np.int64]:
    """Read whole numbers."""
    return np.array(values, dtype=np.int64)


def numbers(values: Sequence[Any]) -> NDArray[np.float64]:
    """Read numbers; NULL is NaN."""
    return np.array(values, dtype=float)


def seconds(values: Sequence[Any]) -> NDArray[np.float64]:
    """Read moments, as SQLite's text or a driver's datetimes, as seconds since 1970 (UTC)."""
    moments = np.array(values, dtype="datetime64[us]")
    return moments.astype(np.int64).astype(float) / 1e6


class Names:
    """A reader of names as their places in `names`, which come to be as they are read."""

    def __init__(self) -> None:
        self._places: dict[str | None, int] = {None: -1}

    def __call__(self, values: Sequence[Any]) -> NDArray[np.int64]:
        for value in set(values):
            self._places.setdefault(value, len(self._places) - 1)
        return np.array([self._places[value] for value in values], dtype=np.int64)

    def in_order(self, places: NDArray[np.int64]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Return the places among the sorted names, -1 for none, and these names."""
        found = [name for name in self._places if name is not None]
        names = tuple(sorted(found))
        moved = np.array([*(names.index(name) for name in found), -1], dtype=np.int64)
        return moved[places], names


def packed(*asked: SQLColumnExpression[bool]) -> ColumnElement[int]:
    """Return several yes-or-no questions as one number to ask for: every value read costs."""
    return reduce(operator.add, (case((yes, 1 << at), else_=0) for at, yes in enumerate(asked)))


def unpacked(bits: NDArray[np.int64], at: int) -> NDArray[np.bool_]:
    """Return the answers to the question at this place among the packed ones."""
    found: NDArray[np.bool_] = (bits >> at) & 1 == 1
    return found


def from_on(column: SQLColumnExpression[datetime], since: datetime) -> ColumnElement[bool]:
    """Return the condition that a column is not before this moment.

    It is said as a range with two ends: SQLite takes one with a single end for a quarter of the
    table, and rather reads the whole of another.
    """
    return column.between(since, _FOREVER)
