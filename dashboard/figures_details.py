"""Plotly figures of the Details: flow, chain, blame and confidence. Pure."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from dashboard import words
from dashboard.figures import REFERENCE_RATES, Palette, empty, say
from store.evidence.calibration_quality import Quality
from store.evidence.compounding import end_to_end
from store.evidence.sampling import ENOUGH
from store.reports import flow as way
from store.reports.blame import Blame
from store.reports.flow import Stream
from store.reports.reliability import ReliabilityReport

_COLUMNS = (
    (way.ARRIVED,),
    (way.SENT, way.PERSON, way.BLOCKED, way.UNDER_WAY, way.FAILED, way.CANCELLED),
    (way.RIGHT, way.WRONG, way.COMPLAINT, way.UNKNOWN, way.APPROVED, way.EDITED, way.REJECTED,
     way.WAITING, way.GIVEN_UP),
)  # fmt: skip
_FLOW_HEIGHT, _PAD = 270, 20  # pixels: of the plot, and between two places of a column
_GOOD = {way.SENT, way.RIGHT, way.APPROVED}
_BAD = {way.WRONG, way.COMPLAINT, way.REJECTED, way.BLOCKED, way.FAILED}
_PERSONS = {way.PERSON, way.EDITED, way.WAITING}


def sankey(streams: Sequence[Stream], colours: Palette) -> go.Figure:
    """Return the way of tickets, from arrival to what became of them."""
    figure = empty(colours, height=_FLOW_HEIGHT + 24)
    if not streams:
        say(figure, "nothing has arrived")
        return figure
    used = {name for s in streams for name in (s.source, s.target)}
    names = [name for column in _COLUMNS for name in column if name in used]
    size = {name: _tickets(streams, name) for name in names}
    across, down = _places(size)
    titles = {name: f"{name} · {words.count(size[name])}" for name in names}
    tones = {name: _tone(name, colours) for name in names}
    figure.add_sankey(
        arrangement="fixed",
        textfont={"size": 13, "color": colours.text, "shadow": _halo(colours.paper)},
        node={
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
    ends = [name for name in names if name in _COLUMNS[-1]]
    for name in ends:  # beside their bands, not across them as Plotly would set them
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
    longest = max((len(titles[name]) for name in ends), default=0)
    figure.update_layout(margin={"l": 4, "r": 12 + 7 * longest, "t": 10, "b": 14})
    return figure


def _places(size: Mapping[str, int]) -> tuple[list[float], list[float]]:
    """Return where each place is drawn, from 0 to 1: columns in our order, from the top down.

    As tall as Plotly makes them, so that nothing has to give way and a name meets its place.
    """
    columns = [[name for name in column if name in size] for column in _COLUMNS]
    tall = min(
        (_FLOW_HEIGHT - _PAD * (len(column) - 1)) / sum(size[name] for name in column)
        for column in columns
        if column
    )
    across, down = list[float](), list[float]()
    for x, column in zip((0.001, 0.5, 0.999), columns, strict=True):
        top = 0.0
        for name in column:
            height = tall * size[name]
            across.append(x)
            down.append(min(0.999, max(0.001, (top + height / 2) / _FLOW_HEIGHT)))
            top += height + _PAD
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


def chain(report: ReliabilityReport, colours: Palette) -> go.Figure:
    """Return how rightness shrinks step by step: measured first failures and two references."""
    figure = empty(colours, height=230)
    titles = ["start", *(step.title for step in report.steps)]
    _references(figure, titles, colours)
    left = _left(report)
    figure.add_scatter(
        x=titles,
        y=left,
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
                "type": "data", "symmetric": False, "color": colours.text, "thickness": 1.3,
                "array": [whole.high - whole.rate], "arrayminus": [whole.rate - whole.low],
            },
            mode="markers",
            marker={"color": colours.text, "size": 8, "symbol": "diamond"},
            hovertemplate="measured end to end: %{y:.1%}<extra></extra>",
        )  # fmt: skip
    lows = [end_to_end(REFERENCE_RATES[0], len(titles) - 1), whole.low, *left]
    figure.update_yaxes(range=[max(0.0, min(low for low in lows if low is not None) - 0.03), 1.01])
    figure.update_layout(margin={"l": 4, "r": 56, "t": 6, "b": 4})
    return figure


def _references(figure: go.Figure, titles: Sequence[str], colours: Palette) -> None:
    for reference, dash in zip(REFERENCE_RATES, ("dot", "dash"), strict=True):
        line = [end_to_end(reference, done) for done in range(len(titles))]
        figure.add_scatter(
            x=titles,
            y=line,
            mode="lines",
            line={"color": colours.quiet, "width": 1.4, "dash": dash},
            hovertemplate=f"every step {reference:.0%}: %{{y:.1%}} after %{{x}}<extra></extra>",
        )
        figure.add_annotation(
            x=titles[-1], y=line[-1], text=f"{line[-1]:.1%}".replace("%", " %"),
            showarrow=False, xshift=28, font={"size": 11, "color": colours.quiet},
        )  # fmt: skip


def _left(report: ReliabilityReport) -> list[float | None]:
    """Return the share still right after each step; unknown under 30 labels."""
    left: list[float | None] = [1.0]
    for blamed in report.blame.steps[: len(report.steps)]:
        before, passes = left[-1], blamed.passes
        if before is None or passes is None or not report.end_to_end.has_enough:
            left.append(None)
        else:
            left.append(before * passes)
    return left


def blame_bars(found: Blame, colours: Palette) -> go.Figure:
    """Return whose failures they were: a bar a step with its range, then what no step explains."""
    figure = empty(colours, height=230)
    if not found.failures:
        say(figure, "nobody was blamed for anything")
        return figure
    shares = found.failures >= ENOUGH
    rows = [step for step in found.steps if step.failures or step.name is not None]
    values = [(step.share or 0.0) if shares else float(step.failures) for step in rows]
    texts = [f"{step.share:.0%}".replace("%", " %") if shares and step.share is not None
             else str(step.failures) for step in rows]  # fmt: skip
    bars = {
        "type": "data", "symmetric": False, "color": colours.text, "thickness": 1, "width": 3,
        "visible": shares,
        "array": [(step.high or 0) - (step.share or 0) for step in rows],
        "arrayminus": [(step.share or 0) - (step.low or 0) for step in rows],
    }  # fmt: skip
    figure.add_bar(
        x=values,
        y=[step.title for step in rows],
        orientation="h",
        error_x=bars,
        customdata=[[step.failures, text] for step, text in zip(rows, texts, strict=True)],
        marker={"color": [colours.wrong if step.name else colours.quiet for step in rows]},
        hovertemplate="%{y}: failed first in %{customdata[0]} drafts<extra></extra>",
    )
    figure.update_yaxes(
        autorange="reversed", gridcolor="rgba(0,0,0,0)", tickformat="", ticklabelstandoff=6
    )
    figure.update_xaxes(tickformat=".0%" if shares else "d", showgrid=True, gridcolor=colours.grid)
    figure.update_layout(bargap=0.35)
    return figure


def reliability_diagram(found: Quality, colours: Palette) -> go.Figure:
    """Return what came true against what was said: a point a bin, with its range."""
    figure = empty(colours, height=260)
    if found.labels < ENOUGH:
        say(figure, f"{found.labels} of {ENOUGH} drawn drafts judged")
        return figure
    floor = min(0.5, *(min(one.mean, one.interval.low) for one in found.bins)) - 0.03
    floor = max(0.0, floor)
    figure.add_scatter(
        x=[floor, 1], y=[floor, 1], mode="lines", hoverinfo="skip",
        line={"color": colours.quiet, "width": 1.2, "dash": "dot"},
    )  # fmt: skip
    figure.add_scatter(
        x=[one.mean for one in found.bins],
        y=[one.rate for one in found.bins],
        error_y={
            "type": "data", "symmetric": False, "color": colours.right, "thickness": 1.2,
            "width": 3,
            "array": [one.interval.high - one.rate for one in found.bins],
            "arrayminus": [one.rate - one.interval.low for one in found.bins],
        },
        customdata=[[one.interval.low, one.interval.high, one.n] for one in found.bins],
        mode="markers",
        marker={"size": 8, "color": colours.right},
        hovertemplate="said %{x:.1%}, right %{y:.1%} (%{customdata[0]:.0%}–%{customdata[1]:.0%},"
        " n = %{customdata[2]})<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(range=[floor, 1.01], tickformat=".0%", title={"text": "the agent says",
                        "font": {"size": 11}})  # fmt: skip
    figure.update_yaxes(range=[floor, 1.01], title={"text": "it is right", "font": {"size": 11}})
    return figure
