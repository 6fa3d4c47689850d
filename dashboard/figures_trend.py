"""The trends of the Reliability page's first screen. Pure: values in, a figure out.

"It ran" and "it was right" are always two series with two looks. A rate of fewer than 30 labels is
left out of a line, so that a chart never shows a rate the text beside it refuses to state.
"""

from collections.abc import Sequence
from datetime import datetime, time, timedelta

import plotly.graph_objects as go

from dashboard import words
from dashboard.figures import REFERENCE_RATES, STEPS, Palette, band, empty, say
from dashboard.figures_marks import mark
from store.evidence.compounding import end_to_end
from store.evidence.sampling import ENOUGH, Estimate
from store.reports.series import TrendPoint
from store.reports.versions import Change

_NAMED = 6  # points whose days are written below them
_STEP_ROOM = 170  # pixels across one step's chart


def end_to_end_trend(
    trend: Sequence[TrendPoint], changes: Sequence[Change], colours: Palette
) -> go.Figure:
    """Return measured end-to-end reliability: closed periods, the live one, and what six steps of
    97 % and 98 % would make."""
    figure = empty(colours, height=262)
    known = [(point, point.end_to_end) for point in trend if point.end_to_end.has_enough]
    known = [(point, found) for point, found in known if found.rate is not None]
    lows = [found.low for _, found in known if found.low is not None]
    floor = max(0.0, min([0.8, *lows]) - 0.03)
    if not known:
        say(figure, f"no {_size(trend)} with {ENOUGH} labels")
        return figure
    figure.update_layout(margin={"r": 104})
    _references(figure, trend, colours)
    _name_points(figure, trend)
    _rates(figure, known, colours, size=9)
    mark(figure, changes, *extent(trend), colours)
    figure.update_yaxes(range=[floor, 1.01])
    return figure


def _size(trend: Sequence[TrendPoint]) -> str:
    return "day" if trend and (trend[0].end - trend[0].start).days == 1 else "week"


def _references(figure: go.Figure, trend: Sequence[TrendPoint], colours: Palette) -> None:
    first, last = extent(trend)
    for rate in REFERENCE_RATES:
        level = end_to_end(rate, STEPS)
        figure.add_scatter(
            x=[first, last],
            y=[level, level],
            mode="lines",
            line={"color": colours.quiet, "width": 1.2, "dash": "dot"},
            hoverinfo="skip",
        )
        figure.add_annotation(
            x=last,
            y=level,
            xanchor="left",
            xshift=6,
            text=f"6 × {rate:.0%}: {level:.1%}".replace("%", " %"),
            showarrow=False,
            font={"size": 11, "color": colours.quiet},
        )


def _name_points(figure: go.Figure, trend: Sequence[TrendPoint]) -> None:
    """Write under each point which days it is, while there is room."""
    if len(trend) <= _NAMED:
        ticks = [middle(point) for point in trend]
        figure.update_xaxes(tickvals=ticks, ticktext=[when(point) for point in trend])
    figure.update_xaxes(range=list(extent(trend)))


def step_trend(
    name: str,
    trend: Sequence[TrendPoint],
    changes: Sequence[Change],
    colours: Palette,
    floor: float,
) -> go.Figure:
    """Return one step's two series over time: ran (health) and right (reliability) with range."""
    figure = empty(colours, height=196)
    figure.update_layout(margin={"l": 2, "r": 4, "t": 4, "b": 2}, font={"size": 11})
    points = [(point, point.steps[name]) for point in trend if name in point.steps]
    if not points:
        say(figure, "has not run yet")
        return figure
    known = [(point, step.right) for point, step in points if step.right.has_enough]
    _rates(figure, known, colours, size=6)
    figure.add_scatter(
        x=[middle(point) for point, _ in points],
        y=[step.ok_rate for _, step in points],
        customdata=[
            [when(point), words.percent(step.ok_rate), words.count(step.runs)]
            for point, step in points
        ],
        name="ran",
        mode="lines",
        line={"color": colours.ran, "width": 1.5, "dash": "dot"},
        hovertemplate="%{customdata[0]}: ran %{customdata[1]} (n = %{customdata[2]})"
        "<extra></extra>",
    )
    figure.update_yaxes(range=[floor, 1.02], nticks=3)
    if len(trend) == 1:
        _name_points(figure, trend)
    else:
        figure.update_xaxes(nticks=3)
    mark(figure, changes, *extent(trend), colours, size=10, room=_STEP_ROOM)
    return figure


def _rates(
    figure: go.Figure,
    known: Sequence[tuple[TrendPoint, Estimate]],
    colours: Palette,
    *,
    size: int,
) -> None:
    """Draw closed periods as a line in its band, and the live one as a hollow point with its own
    range: the two kinds of range are never joined into one."""
    closed = [(point, found) for point, found in known if point.is_closed]
    band(
        figure,
        [middle(point) for point, _ in closed],
        [found.low for _, found in closed],
        [found.high for _, found in closed],
        colours,
    )
    figure.add_scatter(
        x=[middle(point) for point, _ in known],
        y=[found.rate for _, found in known],
        mode="lines",
        line={"color": colours.right, "width": 2},
        hoverinfo="skip",
    )
    for is_closed in (True, False):
        chosen = [(point, found) for point, found in known if point.is_closed is is_closed]
        figure.add_scatter(
            x=[middle(point) for point, _ in chosen],
            y=[found.rate for _, found in chosen],
            customdata=[_told(point, found) for point, found in chosen],
            name="closed" if is_closed else "live",
            mode="markers",
            marker={
                "size": size if is_closed else size + 2,
                "color": colours.right if is_closed else colours.paper,
                "line": {"color": colours.right, "width": 2},
            },
            error_y=_bars(chosen, colours, is_shown=not is_closed or len(closed) == 1),
            hovertemplate="%{customdata[0]}, %{customdata[1]}: right %{customdata[2]}"
            " (%{customdata[3]}, n = %{customdata[4]})<extra></extra>",
        )


def _bars(
    chosen: Sequence[tuple[TrendPoint, Estimate]], colours: Palette, *, is_shown: bool
) -> dict[str, object]:
    above = [(found.high or 0.0) - (found.rate or 0.0) for _, found in chosen]
    below = [(found.rate or 0.0) - (found.low or 0.0) for _, found in chosen]
    return {
        "type": "data",
        "visible": is_shown,
        "symmetric": False,
        "array": above,
        "arrayminus": below,
        "color": colours.right,
        "thickness": 1.2,
        "width": 3,
    }


def _told(point: TrendPoint, found: Estimate) -> list[str]:
    rate, spread = words.percent(found.rate), words.span(found.low, found.high)
    return [when(point), found.look, rate, spread, words.count(found.labelled)]


def step_floor(trend: Sequence[TrendPoint]) -> float:
    """Return the common lower end of the steps' axes, so that the six can be compared."""
    lows = [
        step.right.low
        for point in trend
        for step in point.steps.values()
        if step.right.has_enough and step.right.low is not None
    ]
    lows += [step.ok_rate for point in trend for step in point.steps.values() if step.ok_rate]
    return max(0.0, min([0.9, *lows]) - 0.02)


def when(point: TrendPoint) -> str:
    """Return the days of a point: `9–15 Nov`, `9 Nov`."""
    return words.days(point.start, point.end - timedelta(days=1))


def middle(point: TrendPoint) -> datetime:
    """Return the middle of a point's time."""
    start = datetime.combine(point.start, time())
    return start + (datetime.combine(point.end, time()) - start) / 2


def extent(trend: Sequence[TrendPoint]) -> tuple[datetime, datetime]:
    """Return from when to when a trend reaches; raises IndexError if it has no point."""
    return middle(trend[0]) - _half(trend[0]), middle(trend[-1]) + _half(trend[-1])


def _half(point: TrendPoint) -> timedelta:
    return (point.end - point.start) / 2
