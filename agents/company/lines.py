"""Where in a TOML text each key stands. The standard parser gives values without places, so it is
asked statement by statement: a statement ends at the first line with which it parses.
"""

import tomllib
from collections.abc import Iterable, Iterator
from typing import Any

Path = tuple[str | int, ...]


def find_lines(text: str) -> dict[Path, int]:
    """Return the 1-based line of every key, table and array element of a valid TOML text.

    Keys are paths such as `("intents", 0, "name")`; an inline table's keys share their line.
    """
    places: dict[Path, int] = {(): 1}
    table: Path = ()
    for start, chunk, elements in _statements(text):
        parsed = tomllib.loads(chunk)
        if chunk.lstrip().startswith("["):
            table = _open_table(parsed, chunk.lstrip().startswith("[["), places, start)
            continue
        for path in _paths(parsed):
            places.setdefault(table + path, start)
        for index, line in enumerate(elements):
            places[(*table, *_first_key(parsed), index)] = line
    return places


def line_at(places: dict[Path, int], path: Path) -> int:
    """Return the line of the path, or of the nearest thing that holds it."""
    while path not in places:
        path = path[:-1]
    return places[path]


def _statements(text: str) -> Iterator[tuple[int, str, list[int]]]:
    """Yield each statement with its first line and, for a long array, the line of each element."""
    start, chunk, elements = 0, "", list[int]()
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if not chunk:
            start, elements = number, []
        chunk += line + "\n"
        whole = _parse(chunk)
        so_far = _parse(chunk + "]") if whole is None else whole
        if so_far and not chunk.lstrip().startswith("["):
            elements += [number] * (len(_leaf(so_far)) - len(elements))
        if whole is not None:
            if whole:
                yield start, chunk, elements
            chunk = ""


def _parse(chunk: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(chunk)
    except tomllib.TOMLDecodeError:
        return None


def _first_key(parsed: dict[str, Any]) -> Path:
    """Return the dotted key of a `key = value` statement."""
    path: Path = ()
    value: Any = parsed
    while isinstance(value, dict) and len(value) == 1:
        name, value = next(iter(value.items()))
        path = (*path, name)
    return path


def _leaf(parsed: dict[str, Any]) -> list[Any]:
    value: Any = parsed
    for name in _first_key(parsed):
        value = value[name]
    return value if isinstance(value, list) else []


def _paths(value: Any) -> Iterator[Path]:
    items: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, part in items:
        yield (key,)
        for rest in _paths(part):
            yield (key, *rest)


def _open_table(parsed: dict[str, Any], is_array: bool, places: dict[Path, int], line: int) -> Path:
    """Return the path the header opens, numbering arrays of tables as they grow."""
    path: Path = ()
    value: Any = parsed
    while isinstance(value, dict) and value:
        name, value = next(iter(value.items()))
        path = (*path, name)
        is_last = not (isinstance(value, dict) and value)
        count = _count(places, path)
        if is_last and is_array:
            places.setdefault(path, line)
            path = (*path, count)
        elif count:
            path = (*path, count - 1)
        places.setdefault(path, line)
    return path


def _count(places: dict[Path, int], path: Path) -> int:
    count = 0
    while (*path, count) in places:
        count += 1
    return count
