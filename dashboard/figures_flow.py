"""The way of tickets as a Plotly figure: how many went where. Pure."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from dashboard import words
from dashboard.figures import Palette, empty, say
from store.reports import flow as way
from store.reports.flow import Stream

_COLUMNS = (
    (way.ARRIVED,),
    (way.SENT, way.PERSON, way.BLOCKED, way.UNDER_WAY, way.FAILED, way.CANCELLED),
    (way.RIGHT, way.WRONG, way.COMPLAINT, way.UNKNOWN, way.APPROVED, way.EDITED, way.REJECTED,
     way.WAITING, way.GIVEN_UP),
)  # fmt: skip
_TALLEST, _PAD = 270, 20  # pixels: of the plot, and between two places of a column
_LEAST, _PER_PLACE = 90, 36  # pixels: of a plot, and more for each place in its fullest column
_GOOD = {way.SENT, way.RIGHT, way.APPROVED}
_BAD = {way.WRONG, way.COMPLAINT, way.REJECTED, way.BLOCKED, way.FAILED}
_PERSONS = {way.PERSON, way.EDITED, way.WAITING}


def sankey(streams: Sequence[Stream], colours: Palette) -> go.Figure:
    """Return the way of tickets, from arrival to what became of them."""
    if not streams:
        figure = empty(colours, height=_LEAST)
        say(figure, "nothing has arrived")
        return figure
    used = {name for s in streams for name in (s.source, s.target)}
    names = [name for column in _COLUMNS for name in column if name in used]
    size = {name: _tickets(streams, name) for name in names}
    columns = [[name for name in column if name in size] for column in _COLUMNS]
    height = min(_TALLEST, _LEAST + _PER_PLACE * max(map(len, columns)))
    figure = empty(colours, height=height + 24)
    across, down = _places(columns, size, height)
    titles = {name: f"{name} · {words.count(size[name])}" for name in names}
    tones = {name: _tone(name, colours) for name in names}
    figure.add_sankey(
        arrangement="fixed",
        textfont={"size": 13, "color": colours.text, "shadow": _halo(colours.paper)},
        node={
            "align": "left",  # else what ends in the middle column would count to the last one
            "x": across,
            "y": down,
            "label": ["" if name in _COLUMNS[-1] else titles[name] for name in names],
            "customdata": [titles[name] for name in names],
            "color": [tones[name] for name in names],
            "pad": _PAD,
            "thickness": 12,
            "line": {"width": 0},
            "hovertemplate": "%{customdata}<extra></extra>",
        },
        link={
            "source": [names.index(s.source) for s in streams],
            "target": [names.index(s.target) for s in streams],
            "value": [s.tickets for s in streams],
            "color": [_pale(tones[s.target]) for s in streams],
            "customdata": [f"{s.source} → {s.target}: {words.count(s.tickets)}" for s in streams],
            "hovertemplate": "%{customdata}<extra></extra>",
        },
    )
    last = [name for name in names if name in _COLUMNS[-1]]
    for name in last:  # beside their bands, not across them as Plotly would set them
        figure.add_annotation(
            text=titles[name],
            x=1,
            y=1 - down[names.index(name)],
            xref="paper",
            yref="paper",
            xanchor="left",
            yanchor="middle",
            xshift=6,
            showarrow=False,
            font={"size": 13, "color": colours.text},
        )
    longest = max((len(titles[name]) for name in last), default=0)
    figure.update_layout(margin={"l": 4, "r": 12 + 7 * longest, "t": 10, "b": 14})
    return figure


def _places(
    columns: Sequence[Sequence[str]], size: Mapping[str, int], height: int
) -> tuple[list[float], list[float]]:
    """Return where each place is drawn, from 0 to 1: in our order, each column in the middle.

    As tall as Plotly makes them, so that nothing has to give way and a name meets its place.
    """
    tall = min(
        (height - _PAD * (len(column) - 1)) / sum(size[name] for name in column)
        for column in columns
        if column
    )
    across, down = list[float](), list[float]()
    for x, column in zip((0.001, 0.5, 0.999), columns, strict=True):
        filled = tall * sum(size[name] for name in column) + _PAD * (len(column) - 1)
        top = (height - filled) / 2
        for name in column:
            across.append(x)
            down.append(min(0.999, max(0.001, (top + tall * size[name] / 2) / height)))
            top += tall * size[name] + _PAD
    return across, down


def _halo(paper: str) -> str:
    return ", ".join(f"{x}px {y}px 3px {paper}" for x in (-1, 1) for y in (-1, 1))


def _tickets(streams: Sequence[Stream], name: str) -> int:
    arrived = sum(s.tickets for s in streams if s.target == name)
    return arrived or sum(s.tickets for s in streams if s.source == name)


def _tone(name: str, colours: Palette) -> str:
    if name in _GOOD:
        return colours.right
    if name in _BAD:
        return colours.wrong
    return colours.ran if name in _PERSONS else colours.quiet


def _pale(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},.28)"
