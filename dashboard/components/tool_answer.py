"""A tool's answer as facts and small tables, the telling cells marked. Pure.

Marked are the values that the action uses (exactly) and those that the reply speaks of. Rows with
such a value come first, so that what matters is not among those left out.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from store.actions import Action
from store.reports.figures import Fact, agrees, figures, stated

MAX_ROWS, MAX_COLUMNS, MAX_CELL, MAX_FACTS = 5, 6, 60, 10
USED, SAID = "used", "said"
_TELLING = 100  # smaller numbers without a unit agree by chance

Cell = dict[str, str]


@dataclass(frozen=True, slots=True)
class Telling:
    """What is looked for in an answer."""

    used: frozenset[str]  # values of the action's arguments
    said: tuple[Fact, ...]  # figures of the reply
    currency: str

    def mark(self, name: str, value: object) -> str:
        """Return how a value is marked, empty for not at all."""
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            return ""
        if cell(value) in self.used:
            return USED
        facts = [fact for fact in stated({name: value}, self.currency) if _is_telling(fact)]
        heard = [fact for fact in facts if any(agrees(fact, each) for each in self.said)]
        return SAID if heard else ""


def telling(action: Action, reply: str, currency: str) -> Telling:
    """Return what to look for in the answers behind a draft."""
    values = [value for part in action.parts for value in part.args.values()]
    known = {cell(value) for value in values if isinstance(value, str | int | float)}
    said = tuple(fact for figure in figures(reply) for fact in figure.facts)
    return Telling(frozenset(text for text in known if len(text) > 1), said, currency)


def arguments(args: Mapping[str, object], wanted: Telling) -> list[list[str]]:
    """Return what a tool was asked: [name, value, mark]."""
    return [[name, cell(value), wanted.mark(name, value)] for name, value in args.items()]


def tables(
    result: object, wanted: Telling, asked: Mapping[str, object] | None = None
) -> list[dict[str, Any]]:
    """Return any JSON answer as tables: single facts first, then each list of records.

    A fact that only repeats what was `asked` is left out.
    """
    asked = asked or {}
    if isinstance(result, Mapping):
        lists = _lists(result)
        facts = {
            name: value
            for name, value in result.items()
            if not isinstance(value, Mapping)
            and name not in lists
            and (name not in asked or asked[name] != value)
        }
        found = [_facts(facts, wanted)] if any(_says(value) for value in facts.values()) else []
        return found + [_records(str(name), rows, wanted) for name, rows in lists.items()]
    if _is_records(result):
        assert isinstance(result, Sequence)
        return [_records("", result, wanted)]
    return [_facts({"answer": result}, wanted)] if _says(result) else []


def has_marks(found: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether any cell of the tables is marked."""
    return any(one["mark"] for table in found for row in table["rows"] for one in row)


def cell(value: object) -> str:
    """Return a value as a cell shows it."""
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_CELL else text[: MAX_CELL - 1] + "…"


def _facts(facts: Mapping[str, object], wanted: Telling) -> dict[str, Any]:
    shown = [(str(name), value) for name, value in facts.items() if _says(value)]
    shown.sort(key=lambda pair: not wanted.mark(*pair))
    rows = [[_cell("", name, wanted), _cell(name, value, wanted)] for name, value in shown]
    left = len(rows) - MAX_FACTS
    return {
        "name": "",
        "columns": [],
        "rows": rows[:MAX_FACTS],
        "more": _left_out(left, 0, "facts"),
    }


def _lists(result: Mapping[str, Any]) -> dict[str, Sequence[Mapping[str, object]]]:
    """Return the lists of records, and single records as lists unless they stand in one already."""
    lists = {name: value for name, value in result.items() if _is_records(value)}
    known = [record for records in lists.values() for record in records]
    single = {
        name: [value]
        for name, value in result.items()
        if isinstance(value, Mapping) and value and value not in known
    }
    return {**lists, **single}


def _records(name: str, records: Sequence[Mapping[str, object]], wanted: Telling) -> dict[str, Any]:
    names = [
        key
        for key in dict.fromkeys(str(key) for record in records for key in record)
        if any(_says(record.get(key)) for record in records)
    ]
    rows = [{key: _cell(key, record.get(key), wanted) for key in names} for record in records]
    rows.sort(key=lambda row: -sum(1 for one in row.values() if one["mark"]))
    kept = _kept(names, rows[:MAX_ROWS])
    return {
        "name": name,
        "columns": kept,
        "rows": [[row[key] for key in kept] for row in rows[:MAX_ROWS]],
        "more": _left_out(len(rows) - MAX_ROWS, len(names) - len(kept), "rows"),
    }


def _kept(names: Sequence[str], rows: Sequence[Mapping[str, Cell]]) -> list[str]:
    """Return the columns that fit, those with a marked cell first."""
    marked = [key for key in names if any(row[key]["mark"] for row in rows)]
    return [*marked, *(key for key in names if key not in marked)][:MAX_COLUMNS]


def _cell(name: str, value: object, wanted: Telling) -> Cell:
    return {"text": cell(value), "mark": wanted.mark(name, value) if name else ""}


def _is_records(value: object) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and bool(value)
        and all(isinstance(item, Mapping) for item in value)
    )


def _says(value: object) -> bool:
    return value is not None and value not in ([], {})


def _is_telling(fact: Fact) -> bool:
    return bool(fact.unit or fact.code or fact.day) or (fact.number or 0) >= _TELLING


def _left_out(rows: int, columns: int, what: str) -> str:
    parts = [f"{rows} more {what}"] if rows > 0 else []
    parts += [f"{columns} more columns"] if columns > 0 else []
    return f"{' and '.join(parts)}: open the run to see all" if parts else ""


def known_values(texts: Collection[str], results: Collection[object], currency: str) -> list[Fact]:
    """Return every fact that passages and answers state."""
    said = [fact for text in texts for figure in figures(text) for fact in figure.facts]
    return said + [fact for result in results for fact in stated(result, currency)]
