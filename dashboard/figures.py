"""What all our Plotly figures share: colours, axes and bands. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import plotly.graph_objects as go

REFERENCE_RATES = (0.97, 0.98)
STEPS = 6
_FEW_DAYS = 3
FONT = "'Source Sans', 'Helvetica Neue', Arial, sans-serif"


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of one appearance."""

    right: str
    band: str
    ran: str
    wrong: str
    quiet: str
    grid: str
    text: str
    paper: str


LIGHT = Palette(
    right="#0b6b4f", band="rgba(11,107,79,.13)", ran="#2a66b1", wrong="#bf3139",
    quiet="#66716b", grid="#e6ebe6", text="#16211c", paper="#ffffff",
)  # fmt: skip
DARK = Palette(
    right="#3fbf92", band="rgba(63,191,146,.20)", ran="#71a8ec", wrong="#f0747a",
    quiet="#93a09a", grid="#25302b", text="#e4ebe6", paper="#0d1411",
)  # fmt: skip


def palette(appearance: str | None) -> Palette:
    """Return the colours for `light` or `dark`."""
    return DARK if appearance == "dark" else LIGHT


def empty(colours: Palette, *, height: int) -> go.Figure:
    """Return a figure with our axes and nothing on them."""
    figure = go.Figure()
    figure.update_layout(
        height=height,
        margin={"l": 4, "r": 10, "t": 6, "b": 4},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 12, "color": colours.text},
        showlegend=False,
        hovermode="closest",
        dragmode=False,
    )
    figure.update_xaxes(
        showgrid=False, fixedrange=True, automargin=True, tickformat="%-d %b", ticklabelstandoff=4
    )
    figure.update_yaxes(
        gridcolor=colours.grid, zeroline=False, fixedrange=True, tickformat=".0%", automargin=True
    )
    return figure


def say(figure: go.Figure, text: str) -> None:
    """Put a sentence where there is nothing to draw."""
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.add_annotation(x=0.5, y=0.5, xref="paper", yref="paper", text=text, showarrow=False)


def band(
    figure: go.Figure,
    days: Sequence[object],
    low: Sequence[float | None],
    high: Sequence[float | None],
    colours: Palette,
) -> None:
    """Draw a range over time."""
    figure.add_scatter(
        x=[*days, *reversed(days)],
        y=[*high, *reversed(low)],
        fill="toself",
        fillcolor=colours.band,
        mode="lines",
        line={"width": 0},
        hoverinfo="skip",
        name="95 % range",
    )


def name_days(figure: go.Figure, days: Sequence[date]) -> None:
    """Name few days once each: Plotly would write one at its noon and its midnight."""
    if len(days) <= _FEW_DAYS:
        figure.update_xaxes(tickvals=list(days))
