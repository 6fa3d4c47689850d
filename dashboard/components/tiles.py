"""A row of figures as one element; it can keep itself fresh without a script run."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from dashboard.components.custom import register

_TILES = register("tiles")


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure with its label; `tone` is "", "warn" or "bad"."""

    label: str
    value: str
    hint: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Live:
    """Where to ask for fresh figures, and the list that they are compared with."""

    path: str
    tab: str
    listed: int  # cards that the list on screen stands for
    is_filtered: bool  # then more waiting cards say nothing about this list


def as_data(figures: Sequence[Tile]) -> list[dict[str, str]]:
    """Return the figures as plain JSON."""
    return [asdict(figure) for figure in figures]


def tiles(figures: Sequence[Tile], *, key: str, live: Live | None = None) -> None:
    """Draw the figures side by side; a live row offers new cards and reruns when they are taken."""
    data = {"tiles": as_data(figures), "live": asdict(live) if live else None}
    _TILES(key=key, data=data, on_refresh_change=_rerun)


def _rerun() -> None:
    """Let the page draw its list anew; nothing else is needed."""
