"""Where a version came into use: a line on every trend, named beside its own top. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape

import plotly.graph_objects as go

from dashboard import words
from dashboard.figures import Palette
from store.reports.versions import Change

_TOGETHER = (0.015, 0.03, 0.06, 0.12, 0.25, 0.5, 1.0)  # shares of the width, tried in turn
_LETTER = 0.42  # of the font's size, about
_MOST = 30
_ROWS = 2

Group = list[Change]
Label = tuple[float, int, bool, Group]  # at this share of the width, row, right of its line, who


def mark(
    figure: go.Figure,
    changes: Sequence[Change],
    first: datetime,
    last: datetime,
    colours: Palette,
    *,
    size: int = 11,
    room: int = 300,
) -> None:
    """Draw a vertical line for each change, with short labels above; `room` is pixels across.

    Labels that would lie on each other go side by side, then above each other; only where neither
    has room do they become one, at the first of their lines.
    """
    line = {"color": colours.quiet, "width": 1, "dash": "dash"}
    for change in changes:
        figure.add_vline(x=_at(change), line=line)
    labels = _labels(changes, first, last, size * _LETTER / room)
    for _, row, is_right, group in labels:
        figure.add_annotation(
            x=_at(group[0]),
            y=1,
            yref="paper",
            yanchor="bottom",
            yshift=row * (size + 3),
            xanchor="left" if is_right else "right",
            text=escape(named(group)),
            hovertext="<br>".join(escape(words.short(change.title, 60)) for change in group),
            showarrow=False,
            font={"size": size, "color": colours.quiet},
        )
    if labels:
        rows = 1 + max(row for _, row, _, _ in labels)
        figure.update_layout(margin={"t": 6 + rows * (size + 3)})


def named(changes: Sequence[Change]) -> str:
    """Return versions that are named in one, kind by kind: `policies 3–5, model b`."""
    kinds = dict.fromkeys(change.kind for change in changes)
    parts = (_versions(kind, [c.version for c in changes if c.kind == kind]) for kind in kinds)
    return words.short(", ".join(parts), _MOST)


def _versions(kind: str, versions: Sequence[str]) -> str:
    if len(versions) == 1:
        return f"{kind} {words.short(versions[0])}"
    several = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
    if all(each.isdecimal() for each in versions):
        numbers = sorted(map(int, versions))
        if numbers == list(range(numbers[0], numbers[-1] + 1)):
            return f"{several} {numbers[0]}–{numbers[-1]}"
    return f"{several} {', '.join(versions)}"


def _labels(
    changes: Sequence[Change], first: datetime, last: datetime, letter: float
) -> list[Label]:
    if not changes:
        return []
    in_order = sorted(changes, key=lambda change: change.at)
    first, last = min(first, _at(in_order[0])), max(last, _at(in_order[-1]))
    places = [(change, (_at(change) - first) / (last - first)) for change in in_order]
    for apart in _TOGETHER:
        found = _placed(list(_grouped(places, apart)), letter)
        if found is not None:
            return found
    start = places[0][1]
    return [(start, 0, start < 0.5, in_order)]


def _at(change: Change) -> datetime:
    return change.at.replace(tzinfo=None)


def _grouped(
    places: Sequence[tuple[Change, float]], apart: float
) -> Iterator[tuple[float, list[Change]]]:
    start, group = 0.0, list[Change]()
    for change, place in places:
        if group and place - start >= apart:
            yield start, group
            group = []
        if not group:
            start = place
        group.append(change)
    if group:
        yield start, group


def _placed(groups: Sequence[tuple[float, Group]], letter: float) -> list[Label] | None:
    """Return a label for each group so that none lies on another, None if there is no such way."""
    lines = [place for place, _ in groups]
    labels, taken = list[Label](), list[tuple[int, float, float]]()
    for place, group in groups:
        wide = (len(named(group)) + 1) * letter
        spots = [
            (row, is_right, place if is_right else place - wide)
            for row in range(_ROWS)
            for is_right in (True, False)
        ]
        free = [
            (sum(start < line < start + wide for line in lines), row, not is_right, start)
            for row, is_right, start in spots
            if start >= -0.02 and start + wide <= 1.02 and not _is_taken(taken, row, start, wide)
        ]
        if not free:
            return None
        _, row, is_left, start = min(free)
        taken.append((row, start, start + wide))
        labels.append((place, row, not is_left, group))
    return labels


def _is_taken(
    taken: Sequence[tuple[int, float, float]], row: int, start: float, wide: float
) -> bool:
    return any(at == row and start < end and begin < start + wide for at, begin, end in taken)
