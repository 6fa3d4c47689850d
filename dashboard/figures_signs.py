"""Plotly figures of what changes with time in the Details: drift and early signs. Pure."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import plotly.graph_objects as go

from dashboard import words
from dashboard.figures import Palette, empty, name_days, say
from dashboard.figures_marks import mark
from store.evidence.sampling import ENOUGH
from store.reports.drifting import Drift
from store.reports.signs import BINS, Escalated, Shape, Unlike
from store.reports.versions import Change

SMALL = 150
_SHARE_OF_DAY = (
    "%{x|%-d %b}: %{customdata[0]} (%{customdata[1]} of %{customdata[2]})<extra></extra>"
)


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
        customdata=[[words.percent(one.level, 0), one.wrong, one.audited] for one in found.days],
        mode="lines+markers",
        fill="tozeroy",
        fillcolor=colours.band,
        line={"color": colours.right, "width": 2},
        marker={
            "size": [5 + 3 * one.wrong for one in found.days],
            "color": [colours.wrong if one.wrong else colours.right for one in found.days],
        },
        hovertemplate="%{x|%-d %b}: %{customdata[0]} of the alarm level;"
        " %{customdata[1]} wrong of %{customdata[2]} audited<extra></extra>",
    )
    figure.add_hline(y=1, line={"color": colours.wrong, "width": 1.4, "dash": "dash"})
    figure.add_annotation(
        x=0, y=1, xref="paper", xanchor="left", yanchor="bottom", text="alarm", showarrow=False,
        font={"size": 11, "color": colours.wrong},
    )  # fmt: skip
    top = max([1.0, *(one.level for one in found.days)])
    title = {"text": "of the alarm level", "font": {"size": 11}}
    figure.update_yaxes(range=[0, 1.15 * top], tickformat=".0%", nticks=4, title=title)
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
        customdata=[
            [words.percent(one.escalated / one.gated), one.escalated, words.count(one.gated)]
            for one in known
        ],
        mode="lines+markers",
        line={"color": colours.ran, "width": 2},
        marker={"size": 4},
        hovertemplate=_SHARE_OF_DAY,
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
            customdata=[[words.percent(each / total), words.count(each)] for each in counts],
            name=name,
            mode="lines",
            line={"color": colour, "width": 2, "shape": "hvh",
                  "dash": "dot" if name == "before" else "solid"},
            hovertemplate=f"{name}, confidence about %{{x:.2f}}: %{{customdata[0]}}"
            " (%{customdata[1]})<extra></extra>",
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
        customdata=[
            [words.percent(one.low / one.drafts), one.low, words.count(one.drafts)] for one in known
        ],
        mode="lines+markers",
        line={"color": colours.ran, "width": 2},
        marker={"size": 4},
        hovertemplate=_SHARE_OF_DAY,
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
    name_days(figure, days)


def _lately(figure: go.Figure, border: datetime, last: date, colours: Palette) -> None:
    """Shade the recent days."""
    first = datetime.combine(border.date(), time()) - timedelta(hours=12)
    end = datetime.combine(last, time()) + timedelta(hours=12)
    figure.add_vrect(x0=first, x1=end, fillcolor=colours.grid, opacity=0.55, line_width=0,
                     layer="below")  # fmt: skip
