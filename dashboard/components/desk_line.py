"""The line of figures over the queue; it keeps itself and the claim fresh past any script run."""

from collections.abc import Sequence

from dashboard.components.custom import register
from dashboard.components.tiles import Tile, as_data

_LINE = register("desk_line")


def desk_line(figures: Sequence[Tile], paths: dict[str, str]) -> None:
    """Draw the figures; `paths` say where to ask for fresh ones, and to keep or leave a card."""
    _LINE(key="desk_line", data={"tiles": as_data(figures), "paths": paths})
