"""Plotly figures of the Details: flow, chain, blame, drift, early signs, confidence. Pure."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import plotly.graph_objects as go

from dashboard import words
from dashboard.figures import REFERENCE_RATES, Palette, empty, mark, say
from store.evidence.calibration_quality import Quality
from store.evidence.compounding import end_to_end
from store.evidence.sampling import ENOUGH
from store.reports import flow as way
from store.reports.blame import Blame
from store.reports.drifting import Drift
from store.reports.flow import Stream
from store.reports.reliability import ReliabilityReport
from store.reports.signs import BINS, Escalated, Shape, Unlike
from store.reports.versions import Change

_GOOD = {way.SENT, way.RIGHT, way.APPROVED}
_BAD = {way.WRONG, way.COMPLAINT, way.REJECTED, way.BLOCKED, way.FAILED}
_PERSONS = {way.PERSON, way.EDITED, way.WAITING}
SMALL = 150


def sankey(streams: Sequence[Stream], colours: Palette) -> go.Figure:
    """Return the way of tickets, from arrival to what became of them."""
    figure = empty(colours, height=300)
    if not streams:
        say(figure, "nothing has arrived")
        return figure
    names = list(dict.fromkeys(name for s in streams for name in (s.source, s.target)))
    size = {name: _tickets(streams, name) for name in names}
    tones = {name: _tone(name, colours) for name in names}
    figure.add_sankey(
        arrangement="snap",
        textfont={"size": 13, "color": colours.text, "shadow": _halo(colours.paper)},
        node={
            "label": [f"{name} · {words.count(size[name])}" for name in names],
            "color": [tones[name] for name in names],
            "pad": 20,
            "thickness": 12,
            "line": {"width": 0},
            "hovertemplate": "%{label}<extra></extra>",
        },
        link={
            "source": [names.index(s.source) for s in streams],
            "target": [names.index(s.target) for s in streams],
            "value": [s.tickets for s in streams],
            "color": [_pale(tones[s.target]) for s in streams],
            "customdata": [words.count(s.tickets) for s in streams],
            "hovertemplate": "%{source.label} → %{target.label}: %{customdata}<extra></extra>",
        },
    )
    figure.update_layout(margin={"l": 4, "r": 4, "t": 10, "b": 14})
    return figure


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
    left: list[float | None] = [1.0]
    for blamed in report.blame.steps[: len(report.steps)]:
        before = left[-1]
        known = before is not None and blamed.passes is not None and report.end_to_end.has_enough
        left.append(before * blamed.passes if known and before and blamed.passes else None)
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
    lows = [end_to_end(REFERENCE_RATES[0], len(titles) - 1), whole.low]
    known_lows = [low for low in [*lows, *left] if low is not None]
    figure.update_yaxes(range=[max(0.0, min(known_lows) - 0.03), 1.01])
    figure.update_layout(margin={"l": 4, "r": 56, "t": 6, "b": 4})
    return figure


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
    figure.update_yaxes(autorange="reversed", gridcolor="rgba(0,0,0,0)", tickformat="")
    figure.update_xaxes(tickformat=".0%" if shares else "d", showgrid=True, gridcolor=colours.grid)
    figure.update_layout(bargap=0.35)
    return figure


def cusum(found: Drift | None, changes: Sequence[Change], colours: Palette) -> go.Figure:
    """Return suspicion day by day, with the level at which it alarms."""
    figure = empty(colours, height=260)
    if found is None:
        say(figure, "too few audits to know what is usual")
        return figure
    days = [one.day for one in found.days]
    figure.add_scatter(
        x=days,
        y=[one.level for one in found.days],
        customdata=[[one.wrong, one.audited] for one in found.days],
        mode="lines+markers",
        fill="tozeroy",
        fillcolor=colours.band,
        line={"color": colours.right, "width": 2},
        marker={
            "size": [5 + 3 * one.wrong for one in found.days],
            "color": [colours.wrong if one.wrong else colours.right for one in found.days],
        },
        hovertemplate="%{x|%-d %b}: %{customdata[0]} wrong of %{customdata[1]} audited"
        "<extra></extra>",
    )
    figure.add_hline(y=1, line={"color": colours.wrong, "width": 1.4, "dash": "dash"})
    figure.add_annotation(
        x=0, y=1, xref="paper", xanchor="left", yanchor="bottom", text="alarm", showarrow=False,
        font={"size": 11, "color": colours.wrong},
    )  # fmt: skip
    top = max([1.0, *(one.level for one in found.days)])
    figure.update_yaxes(range=[0, 1.15 * top], tickformat=".0%", nticks=4)
    _changed(figure, days, [one for one in changes if one.at.date() >= days[0]], colours)
    return figure


def escalations(
    days: Sequence[Escalated], border: datetime, changes: Sequence[Change], colours: Palette
) -> go.Figure:
    """Return the share of drafts that went to a person, day by day."""
    figure = empty(colours, height=SMALL)
    known = [one for one in days if one.gated >= ENOUGH]
    if not known:
        say(figure, f"no day with {ENOUGH} drafts")
        return figure
    figure.add_scatter(
        x=[one.day for one in known],
        y=[one.escalated / one.gated for one in known],
        customdata=[[one.escalated, words.count(one.gated)] for one in known],
        mode="lines+markers",
        line={"color": colours.ran, "width": 2},
        marker={"size": 4},
        hovertemplate="%{x|%-d %b}: %{y:.1%} (%{customdata[0]} of %{customdata[1]})<extra></extra>",
    )
    _lately(figure, border, known[-1].day, colours)
    _changed(figure, [one.day for one in known], changes, colours)
    figure.update_yaxes(rangemode="tozero", nticks=4)
    return figure


def confidence_shape(found: Shape, colours: Palette) -> go.Figure:
    """Return how confidence is spread lately, over how it was before."""
    figure = empty(colours, height=SMALL)
    middles = [(place + 0.5) / BINS for place in range(BINS)]
    pairs = (("before", found.before, colours.quiet), ("lately", found.recent, colours.ran))
    for name, counts, colour in pairs:
        total = sum(counts)
        if total < ENOUGH:
            continue
        figure.add_scatter(
            x=middles,
            y=[count / total for count in counts],
            customdata=[words.count(count) for count in counts],
            name=name,
            mode="lines",
            line={"color": colour, "width": 2, "shape": "hvh",
                  "dash": "dot" if name == "before" else "solid"},
            hovertemplate=f"{name}, confidence about %{{x:.2f}}: %{{y:.1%}} (%{{customdata}})"
            "<extra></extra>",
        )  # fmt: skip
    if not figure.data:
        say(figure, f"fewer than {ENOUGH} drafts")
    figure.update_xaxes(tickformat=".1f", range=[0, 1])
    figure.update_yaxes(rangemode="tozero", nticks=4)
    return figure


def unlike_trend(
    found: Unlike | None, border: datetime, changes: Sequence[Change], colours: Palette
) -> go.Figure:
    """Return the share of drafts unlike anything known, day by day."""
    figure = empty(colours, height=SMALL)
    known = [one for one in found.days if one.drafts >= ENOUGH] if found else []
    if found is None or not known:
        say(figure, "not measured, or too few drafts")
        return figure
    figure.add_scatter(
        x=[one.day for one in known],
        y=[one.low / one.drafts for one in known],
        customdata=[[one.low, words.count(one.drafts)] for one in known],
        mode="lines+markers",
        line={"color": colours.ran, "width": 2},
        marker={"size": 4},
        hovertemplate="%{x|%-d %b}: %{y:.1%} (%{customdata[0]} of %{customdata[1]})<extra></extra>",
    )
    if found.shift is not None:
        limit = found.shift.limit
        figure.add_hline(y=limit, line={"color": colours.wrong, "width": 1.2, "dash": "dash"})
    _lately(figure, border, known[-1].day, colours)
    _changed(figure, [one.day for one in known], changes, colours)
    figure.update_yaxes(rangemode="tozero", nticks=4)
    return figure


def _changed(
    figure: go.Figure, days: Sequence[date], changes: Sequence[Change], colours: Palette
) -> None:
    first, last = (datetime.combine(day, time()) for day in (days[0], days[-1]))
    mark(figure, changes, first, last + timedelta(days=1), colours, size=10)


def _lately(figure: go.Figure, border: datetime, last: date, colours: Palette) -> None:
    """Shade the recent days."""
    first = datetime.combine(border.date(), time()) - timedelta(hours=12)
    end = datetime.combine(last, time()) + timedelta(hours=12)
    figure.add_vrect(x0=first, x1=end, fillcolor=colours.grid, opacity=0.55, line_width=0,
                     layer="below")  # fmt: skip


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
