"""Figures, holds and claims as the browser asks for them every few seconds, past any script run.

A second timed fragment beside the card is not used: in Streamlit 1.67 two fragment runs that
overlap can leave the previous card's elements on the page (6 of 60 card changes at 0.4 s). What is
written here is claims alone: nothing is ever decided by these routes.
"""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dashboard import context_feed, session, words
from dashboard.components.tiles import Tile, as_data
from dashboard.signin.rules import cookie_name
from store import certificates, claims, holds, settings, sign_ins
from store.errors import GreenlightError
from store.reports import desk
from store.reports.queue import QueueTiles, tiles
from store.settings import SignInWay

PATH = "/live/queue"
HOLD_PATH = "/live/hold"
CLAIM_PATH = "/live/claim"
RELEASE_PATH = "/live/release"
KEEP_SECONDS = 1.0
DRAWN_SECONDS = 4.0  # for what is drawn with a card: nobody waits for a count
MAX_BODY = 500
MOST_LISTED = 200
MIN_PACE = 5  # cards of an hour below which a pace says nothing
CLOSED_FOR = timedelta(minutes=5)
LONGEST_DAY = timedelta(hours=36)
NO_STORE = {"cache-control": "no-store"}


def queue_tiles(found: QueueTiles, pace: desk.Pace) -> tuple[Tile, ...]:
    """Return the figures over the queue. Pure."""
    return (
        Tile("waiting", words.count(found.waiting)),
        Tile("oldest", words.age(found.oldest_s)),
        Tile("overdue", words.count(found.overdue), tone="bad" if found.overdue else ""),
        Tile("decided by you today", words.count(pace.today)),
        Tile("your cards/h", str(pace.last_hour) if pace.last_hour >= MIN_PACE else "–"),
        Tile("approved unchanged", *_unchanged(found.approved_unchanged, found.decided_24h)),
    )


def _unchanged(good: int, decided: int) -> tuple[str, str]:
    if decided < words.FEW:
        return (f"{good} of {decided}" if decided else "–"), "in 24 h"
    return words.percent(good / decided, 0), f"of {words.count(decided)} in 24 h"


class Kept:
    """What was answered a moment ago: many sessions ask for the same."""

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._found: dict[object, tuple[float, Any]] = {}

    def get(self, key: object, ask: Callable[[], Any], *, seconds: float = KEEP_SECONDS) -> Any:
        """Return the answer to `key`, at most so many seconds old."""
        since, found = self._found.get(key, (None, None))
        if since is None or time.monotonic() - since >= seconds:
            found = ask()
            if len(self._found) >= self._most:
                self._found.clear()
            self._found[key] = (time.monotonic(), found)
        return found


_KEPT = Kept()


def figures(person: str, midnight: datetime, now: datetime) -> tuple[Tile, ...]:
    """Return the figures over the queue, at most a second old."""
    pace = _KEPT.get(
        (settings.current().url, person, midnight),
        lambda: session.read(desk.pace, person, midnight=midnight, now=now),
    )
    return queue_tiles(_tiles(), pace)


def waiting() -> dict[str, int]:
    """Return how many cards of each tab wait; an open page has asked for it meanwhile."""
    found = _tiles(seconds=DRAWN_SECONDS)
    return {"escalations": found.waiting, "audits": found.waiting_audits}


def _tiles(seconds: float = KEEP_SECONDS) -> QueueTiles:
    found: QueueTiles = _KEPT.get(
        ("tiles", settings.current().url),
        lambda: session.read(tiles, now=session.now()),
        seconds=seconds,
    )
    return found


class QueueFigures:
    """The route that keeps the queue page true: figures, claims, what closed, what is new."""

    def __init__(self) -> None:
        self._kept = Kept()

    def __call__(self, request: Request) -> JSONResponse:
        """Answer for the person who asks, about the reviews `listed` on their page.

        `after` is the newest review that they know.
        """
        now, asked = session.now(), request.query_params
        person = person_of(request, asked.get("person", ""))
        midnight = _moment(asked.get("midnight", ""), now)
        after = int(asked["after"]) if asked.get("after", "").isdecimal() else 0
        listed = asked.get("listed", "").split(".")[:MOST_LISTED]
        held = self._kept.get("claims", lambda: session.read(claims.held, now=now))
        closed = self._kept.get("closed", lambda: session.read(desk.closed, since=now - CLOSED_FOR))
        arrived = self._kept.get(("new", after), lambda: session.read(desk.arrived, after=after))
        answer = {
            "tiles": as_data(figures(person, midnight, now)),
            "waiting": {name: words.count(count) for name, count in waiting().items()},
            "claims": _of(listed, held),
            "closed": _of(listed, closed),
            "arrived": {"escalations": arrived[False], "audits": arrived[True]},
        }
        return JSONResponse(answer, headers=NO_STORE)


def _of(listed: list[str], found: dict[int, str]) -> dict[str, str]:
    """Return what is known of the listed reviews: of a busy hour everybody's would be a book."""
    numbers = (one for one in listed if one.isdecimal())
    return {one: found[int(one)] for one in numbers if int(one) in found}


class HoldLine:
    """The route that keeps the line about holds true on pages that nobody touches."""

    def __init__(self) -> None:
        self._kept = Kept()

    def __call__(self, _request: Request) -> JSONResponse:
        """Answer with the lines, empty while everything may go out alone."""
        return JSONResponse({"text": self._kept.get("hold", hold_line)}, headers=NO_STORE)


def hold_line() -> str:
    """Return what stops automatic sending: the holds in force and the suspended promises."""
    now, made = session.now(), session.read(certificates.certificates)
    lines = [words.on_hold(session.read(holds.in_force), now)]
    lines += [words.stopped(one, now) for one in made if one.is_suspended]
    return "\n".join(line for line in lines if line)


async def keep_claim(request: Request) -> Response:
    """Prolong the claim of somebody who is still at their card."""
    return await _about_claim(request, _keep)


async def leave_card(request: Request) -> Response:
    """Give a card back whose page was left."""
    return await _about_claim(request, lambda _now: claims.release)


def _keep(now: datetime) -> Callable[..., Any]:
    def keep(open_session: Any, review_id: int, person: str) -> str:
        return claims.take(open_session, review_id, person, now=now)

    return keep


async def _about_claim(
    request: Request, verb: Callable[[datetime], Callable[..., Any]]
) -> Response:
    said = await _said(request)
    if said is None:
        return JSONResponse({"error": "not understood"}, status_code=400, headers=NO_STORE)
    now = session.now()
    person = await run_in_threadpool(person_of, request, str(said.get("person", "")))
    try:
        await run_in_threadpool(_write, request, verb(now), int(said["review"]), person, now)
    except GreenlightError as error:
        return JSONResponse({"error": str(error)}, status_code=409, headers=NO_STORE)
    return Response(status_code=204, headers=NO_STORE)


async def _said(request: Request) -> dict[str, Any] | None:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            return None
    try:
        said = json.loads(body)
    except ValueError:
        return None
    is_fit = isinstance(said, dict) and type(said.get("review")) is int
    return said if is_fit else None


def _write(
    request: Request, verb: Callable[..., Any], review_id: int, person: str, now: datetime
) -> None:
    if settings.current().sign_in is SignInWay.LOCAL:
        session.store().transact(verb, review_id, person)
    else:
        session.store().transact(sign_ins.acting, _token(request), now, verb, review_id, person)


def person_of(request: Request, said: str) -> str:
    """Return who asks: in local mode whom the page says, otherwise whose sign-in it is."""
    if settings.current().sign_in is SignInWay.LOCAL:
        return said
    found = session.read(sign_ins.find, _token(request), now=session.now())
    return found.person if found else ""


def _token(request: Request) -> str:
    return request.cookies.get(cookie_name(settings.current()), "")


def _moment(said: str, now: datetime) -> datetime:
    """Return the midnight that the browser names, if it can be today's anywhere."""
    if said.isdecimal() and len(said) <= 11:
        named = datetime.fromtimestamp(int(said), UTC)
        if now - LONGEST_DAY <= named <= now:
            return named
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def routes() -> list[Route]:
    """Return the routes of this module."""
    return [
        Route(PATH, QueueFigures().__call__),
        Route(HOLD_PATH, HoldLine().__call__),
        Route(CLAIM_PATH, keep_claim, methods=["POST"]),
        Route(RELEASE_PATH, leave_card, methods=["POST"]),
        Route(context_feed.PATH, context_feed.context),
    ]
