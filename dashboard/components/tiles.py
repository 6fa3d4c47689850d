"""A row of figures as one element."""

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


def as_data(figures: Sequence[Tile]) -> list[dict[str, str]]:
    """Return the figures as plain JSON."""
    return [asdict(figure) for figure in figures]


def tiles(figures: Sequence[Tile], *, key: str) -> None:
    """Draw the figures side by side."""
    _TILES(key=key, data={"tiles": as_data(figures)})
