"""Plotly figures from read models. Pure: values in, a figure out.

"It ran" and "it was right" are always two series with two looks. A rate of fewer than 30 labels is
left out of a line, so that a chart never shows a rate the text beside it refuses to state.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from store.evidence.compounding import end_to_end
from store.reports.reliability import ReliabilityReport, TrendPoint

REFERENCE_RATES = (0.97, 0.98)
FONT = "'Source Sans', 'Helvetica Neue', Arial, sans-serif"


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of one appearance."""

    right: str
    band: str
    ran: str
    quiet: str
    grid: str
    text: str


LIGHT = Palette("#0b6b4f", "rgba(11,107,79,.14)", "#2a66b1", "#8a958f", "#e6ebe6", "#16211c")
DARK = Palette("#3fbf92", "rgba(63,191,146,.20)", "#71a8ec", "#7d8a84", "#25302b", "#e4ebe6")


def palette(appearance: str | None) -> Palette:
    """Return the colours for `light` or `dark`."""
    return DARK if appearance == "dark" else LIGHT


def end_to_end_trend(trend: Sequence[TrendPoint], colours: Palette) -> go.Figure:
    """Return measured end-to-end reliability over time with its range, and the share sent alone."""
    figure = _empty(colours, height=230)
    days = [point.start for point in trend]
    right = [point.end_to_end for point in trend]
    known = [(day, rate) for day, rate in zip(days, right, strict=True) if rate.has_enough]
    _band(
        figure,
        [day for day, _ in known],
        [rate.low for _, rate in known],
        [rate.high for _, rate in known],
        colours,
    )
    figure.add_scatter(
        x=[day for day, _ in known],
        y=[rate.rate for _, rate in known],
        customdata=[[rate.low, rate.high, rate.labelled] for _, rate in known],
        name="Right, end to end",
        mode="lines+markers",
        marker={"size": 5},
        line={"color": colours.right, "width": 2.5},
        hovertemplate="%{x|%d %b}: right %{y:.1%} (%{customdata[0]:.1%}–%{customdata[1]:.1%},"
        " n = %{customdata[2]})<extra></extra>",
    )
    figure.add_scatter(
        x=days,
        y=[point.auto_rate for point in trend],
        customdata=[point.gated for point in trend],
        name="Sent alone",
        mode="lines",
        line={"color": colours.quiet, "width": 1.5, "dash": "dot"},
        hovertemplate="%{x|%d %b}: %{y:.1%} of %{customdata} sent alone<extra></extra>",
    )
    figure.update_layout(showlegend=True)  # also while there is one line only
    _percent_axis(figure, [rate.low for _, rate in known] + [p.auto_rate for p in trend])
    return figure


def step_trend(name: str, trend: Sequence[TrendPoint], colours: Palette, floor: float) -> go.Figure:
    """Return one step's two series over time: ran (health) and right (reliability) with range."""
    figure = _empty(colours, height=128)
    points = [(point.start, point.steps[name]) for point in trend if name in point.steps]
    known = [(day, step.right) for day, step in points if step.right.has_enough]
    days = [day for day, _ in known]
    _band(figure, days, [r.low for _, r in known], [r.high for _, r in known], colours)
    figure.add_scatter(
        x=[day for day, _ in points],
        y=[step.ok_rate for _, step in points],
        customdata=[step.runs for _, step in points],
        name="ran",
        mode="lines",
        line={"color": colours.ran, "width": 1.5, "dash": "dot"},
        hovertemplate="%{x|%d %b}: ran %{y:.1%} (n = %{customdata})<extra></extra>",
    )
    figure.add_scatter(
        x=days,
        y=[rate.rate for _, rate in known],
        customdata=[[rate.low, rate.high, rate.labelled] for _, rate in known],
        name="right",
        mode="lines+markers" if len(known) < 3 else "lines",
        line={"color": colours.right, "width": 2.2},
        hovertemplate="%{x|%d %b}: right %{y:.1%} (%{customdata[0]:.1%}–%{customdata[1]:.1%},"
        " n = %{customdata[2]})<extra></extra>",
    )
    figure.update_layout(showlegend=False, margin={"l": 4, "r": 8, "t": 6, "b": 4})
    figure.update_yaxes(range=[floor, 1.02], tickformat=".0%", nticks=4)
    figure.update_xaxes(nticks=4)
    if not points:
        figure.update_xaxes(visible=False)
        figure.add_annotation(
            x=0.5, y=0.5, xref="paper", yref="paper", text="has not run yet", showarrow=False
        )
    return figure


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


def compounding(report: ReliabilityReport, colours: Palette) -> go.Figure:
    """Return how rightness shrinks step by step: measured steps, two references, end to end."""
    figure = _empty(colours, height=230)
    titles = ["start", *(step.title for step in report.steps)]
    for reference, dash in zip(REFERENCE_RATES, ("dot", "dash"), strict=True):
        chain = [end_to_end(reference, done) for done in range(len(titles))]
        figure.add_scatter(
            x=titles,
            y=chain,
            name=f"every step {reference:.0%}",
            mode="lines",
            line={"color": colours.quiet, "width": 1.4, "dash": dash},
            hovertemplate=f"every step {reference:.0%}: %{{y:.1%}} after %{{x}}<extra></extra>",
        )
        figure.add_annotation(
            x=titles[-1],
            y=chain[-1],
            text=f"{chain[-1]:.1%}",
            showarrow=False,
            xshift=26,
            font={"size": 12, "color": colours.quiet},
        )
    left: list[float | None] = [1.0]
    for step in report.steps:
        before, rate = left[-1], step.right.rate
        left.append(None if before is None or rate is None else before * rate)
    figure.add_scatter(
        x=titles,
        y=left,
        name="your steps, multiplied",
        mode="lines+markers",
        line={"color": colours.right, "width": 2.5},
        hovertemplate="%{y:.1%} still right after %{x}<extra></extra>",
    )
    whole = report.end_to_end
    if whole.has_enough and whole.rate is not None and whole.low is not None and whole.high:
        figure.add_scatter(
            x=[titles[-1]],
            y=[whole.rate],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [whole.high - whole.rate],
                "arrayminus": [whole.rate - whole.low],
                "color": colours.text,
                "thickness": 1.5,
            },
            name="measured end to end",
            mode="markers",
            marker={"color": colours.text, "size": 9, "symbol": "diamond"},
            hovertemplate="measured end to end: %{y:.1%}<extra></extra>",
        )
    _percent_axis(figure, [end_to_end(REFERENCE_RATES[0], 6), whole.low, left[-1]])
    figure.update_layout(showlegend=False, margin={"l": 4, "r": 52, "t": 6, "b": 4})
    return figure


def _empty(colours: Palette, *, height: int) -> go.Figure:
    figure = go.Figure()
    figure.update_layout(
        height=height,
        margin={"l": 4, "r": 10, "t": 6, "b": 4},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 13, "color": colours.text},
        legend={"orientation": "h", "y": 1.16, "x": 0, "font": {"size": 13}},
        hovermode="closest",
        dragmode=False,
    )
    figure.update_xaxes(showgrid=False, fixedrange=True, automargin=True, tickformat="%-d %b")
    figure.update_yaxes(
        gridcolor=colours.grid, zeroline=False, fixedrange=True, tickformat=".0%", automargin=True
    )
    return figure


def _band(
    figure: go.Figure,
    days: Sequence[object],
    low: Sequence[float | None],
    high: Sequence[float | None],
    colours: Palette,
) -> None:
    figure.add_scatter(
        x=[*days, *reversed(days)],
        y=[*high, *reversed(low)],
        fill="toself",
        fillcolor=colours.band,
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
        name="95 % range",
    )


def _percent_axis(figure: go.Figure, values: Sequence[float | None]) -> None:
    known = [value for value in values if value is not None]
    floor = min([0.8, *known]) - 0.03
    figure.update_yaxes(range=[max(0.0, floor), 1.01])
