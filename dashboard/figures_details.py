"""Plotly figures of the Details: chain, blame and confidence. Pure."""

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard import words
from dashboard.figures import REFERENCE_RATES, Palette, empty, say
from store.evidence.calibration_quality import Quality
from store.evidence.compounding import end_to_end
from store.evidence.sampling import ENOUGH
from store.reports.blame import Blame, Blamed
from store.reports.reliability import ReliabilityReport

_TICKS = 6  # of an axis that counts drafts, at most


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
        customdata=[words.percent(each) for each in left],
        hovertemplate="%{customdata} still right after %{x}<extra></extra>",
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
            hovertemplate=f"measured end to end: {words.percent(whole.rate)}<extra></extra>",
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
            customdata=[words.percent(each) for each in line],
            hovertemplate=f"every step {words.percent(reference, 0)}: %{{customdata}} after %{{x}}"
            "<extra></extra>",
        )
        figure.add_annotation(
            x=titles[-1], y=line[-1], text=words.percent(line[-1]),
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
        customdata=[_blamed(step, with_share=shares) for step in rows],
        marker={"color": [colours.wrong if step.name else colours.quiet for step in rows]},
        hovertemplate="%{y}: failed first in %{customdata}<extra></extra>",
    )
    figure.update_yaxes(
        autorange="reversed", gridcolor="rgba(0,0,0,0)", tickformat="", ticklabelstandoff=6
    )
    figure.update_xaxes(showgrid=True, gridcolor=colours.grid, tickformat=".0%" if shares else "d")
    if not shares:
        figure.update_xaxes(dtick=1 + int(max(values)) // _TICKS, rangemode="tozero")
    figure.update_layout(bargap=0.35)
    return figure


def _blamed(step: Blamed, *, with_share: bool) -> str:
    drafts = "1 draft" if step.failures == 1 else f"{words.count(step.failures)} drafts"
    if not with_share or step.share is None:
        return drafts
    return f"{drafts}: {words.percent(step.share, 0)} ({words.span(step.low, step.high)})"


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
        customdata=[
            [
                words.percent(one.mean),
                words.percent(one.rate),
                words.span(one.interval.low, one.interval.high),
                one.n,
            ]
            for one in found.bins
        ],
        mode="markers",
        marker={"size": 8, "color": colours.right},
        hovertemplate="said %{customdata[0]}, right %{customdata[1]} (%{customdata[2]},"
        " n = %{customdata[3]})<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(range=[floor, 1.01], tickformat=".0%", title={"text": "the agent says",
                        "font": {"size": 11}})  # fmt: skip
    figure.update_yaxes(range=[floor, 1.01], title={"text": "it is right", "font": {"size": 11}})
    return figure
