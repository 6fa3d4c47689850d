"""Figures and holds as the browser asks for them, every few seconds, past any script run.

A second timed fragment beside the card is not used: in Streamlit 1.67 two fragment runs that
overlap can leave the previous card's elements on the page (6 of 60 card changes at 0.4 s).
"""

import time

from starlette.requests import Request
from starlette.responses import JSONResponse

from dashboard import session, words
from dashboard.components.tiles import Tile, as_data
from store import holds
from store.reports.queue import QueueTiles, tiles

PATH = "/live/queue"
HOLD_PATH = "/live/hold"
KEEP_SECONDS = 1.0


def queue_tiles(found: QueueTiles) -> tuple[Tile, ...]:
    """Return the tiles above the queue. Pure."""
    decided = found.decided_24h
    return (
        Tile("Waiting for a decision", words.count(found.waiting)),
        Tile("Oldest", words.age(found.oldest_s)),
        Tile("Decided, last 24 h", words.count(decided)),
        Tile(
            "Approved unchanged",
            words.count(found.approved_unchanged),
            _share(found.approved_unchanged, decided),
        ),
        Tile(
            "Edited · rejected",
            f"{words.count(found.edited)} · {words.count(found.rejected)}",
            f"{_share(found.edited, decided)} · {_share(found.rejected, decided)}"
            if decided
            else "",
        ),
    )


class QueueFigures:
    """The route's handler; sessions that ask within a second share one query."""

    def __init__(self) -> None:
        self._answer: dict[str, object] = {}
        self._until = 0.0

    def __call__(self, _request: Request) -> JSONResponse:
        """Answer with the tiles and how many cards of each tab wait."""
        if time.monotonic() >= self._until:
            found = session.read(tiles, now=session.now())
            waiting = {"Escalations": found.waiting, "Audits": found.waiting_audits}
            self._answer = {"tiles": as_data(queue_tiles(found)), "waiting": waiting}
            self._until = time.monotonic() + KEEP_SECONDS
        return JSONResponse(self._answer, headers={"cache-control": "no-store"})


class HoldLine:
    """The route that keeps the line about holds true on pages that nobody touches."""

    def __init__(self) -> None:
        self._line = ""
        self._until = 0.0

    def __call__(self, _request: Request) -> JSONResponse:
        """Answer with the line, empty while nothing is held."""
        if time.monotonic() >= self._until:
            self._line = hold_line()
            self._until = time.monotonic() + KEEP_SECONDS
        return JSONResponse({"text": self._line}, headers={"cache-control": "no-store"})


def hold_line() -> str:
    """Return the line about the holds in force."""
    return words.on_hold(session.read(holds.in_force), session.now())


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else ""
