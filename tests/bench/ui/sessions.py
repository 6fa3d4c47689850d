"""Fifty operators at once: how long a click takes to be acknowledged, and whether anything is lost.

Each is a raw WebSocket client with three seconds of thought between clicks, asking for the live
figures as a browser does. Clients and server are two processes that share the machine.
"""

import asyncio
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode, urlsplit

from bench.ui.seed import OPERATORS
from bench.ui.servers import LAUNCHER, Server, cpu_seconds, serve
from bench.ui.wire import Wire, dial
from sqlmodel import Session, col, select

from store.schema import Decision
from store.settings import Settings

THINK_SECONDS, THINK_LEAST, LIVE_SECONDS, RAMP_SECONDS = 3.0, 0.8, 3.0, 25.0
CARD, LIST, PERSON = "greenlight_card", "greenlight_queue_list", "Acting as"
REJECTED, SKIPPED = 0.25, 0.05


@dataclass(frozen=True)
class Shown:
    """A card on somebody's screen, until they clicked."""

    review_id: int
    person: str
    since: float
    until: float


@dataclass(frozen=True)
class Acknowledged:
    """A decision whose next card came."""

    review_id: int
    decision_id: str
    person: str
    verdict: str


@dataclass
class Crowd:
    """What the sessions saw, and what is wrong with it."""

    people: int
    seconds: float
    took_ms: list[float] = field(default_factory=list)
    acknowledged: list[Acknowledged] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)  # answers of the page, in its own words
    without: int = 0  # times that no card was free for somebody
    wrong: list[str] = field(default_factory=list)
    bytes_per_click: list[int] = field(default_factory=list)
    messages_per_click: list[int] = field(default_factory=list)
    server_cpu: float = 0.0  # shares of one core
    client_cpu: float = 0.0


def measure(home: Path, folder: Path, people: int = 50, seconds: float = 60.0) -> Crowd:
    """Let the operators work for so long, then look for every decision in the store."""
    crowd = Crowd(people, seconds)
    began = datetime.now(UTC) - timedelta(seconds=1)
    with serve(LAUNCHER, home, folder) as server:
        asyncio.run(_work(server, crowd))
        if server.tracebacks():
            crowd.wrong.append(f"{server.tracebacks()} tracebacks in {server.log}")
    store = Settings(home=home, database_url=None).open()
    try:
        crowd.wrong += store.read(_mistakes, crowd, began)
    finally:
        store.close()
    crowd.wrong += shared(crowd.shown)
    return crowd


async def _work(server: Server, crowd: Crowd) -> None:
    scout = await dial(server.address)
    await scout.run()
    widget, options = scout.choices[PERSON]
    await scout.socket.close()
    names = OPERATORS[: crowd.people]
    labels = {name: next(one for one in options if one.startswith(name)) for name in names}
    clock = _Clock(time.monotonic() + RAMP_SECONDS, crowd.seconds)
    operators = [
        _operator(server, crowd, name, (widget, labels[name]), clock, Random(number))
        for number, name in enumerate(names)
    ]
    measuring = asyncio.create_task(_measure_cpu(server, crowd, clock))
    for ended in await asyncio.gather(*operators, return_exceptions=True):
        if isinstance(ended, BaseException):
            crowd.wrong.append(f"a session ended: {ended!r}")
    await measuring


@dataclass(frozen=True)
class _Clock:
    begins: float  # before it the sessions only warm up
    seconds: float

    def is_over(self) -> bool:
        return time.monotonic() > self.begins + self.seconds

    def counts(self, moment: float) -> bool:
        return moment >= self.begins


async def _measure_cpu(server: Server, crowd: Crowd, clock: _Clock) -> None:
    await asyncio.sleep(max(0.0, clock.begins - time.monotonic()))
    before, mine, at = server.cpu_seconds(), cpu_seconds(), time.monotonic()
    await asyncio.sleep(clock.seconds)
    crowd.server_cpu = (server.cpu_seconds() - before) / (time.monotonic() - at)
    crowd.client_cpu = (cpu_seconds() - mine) / (time.monotonic() - at)


async def _operator(
    server: Server, crowd: Crowd, name: str, choice: tuple[str, str], clock: _Clock, rng: Random
) -> None:
    await asyncio.sleep(rng.random() * RAMP_SECONDS)
    wire = await dial(server.address)
    wire.widgets = dict([choice])
    await wire.run()
    since = time.monotonic()
    live = asyncio.create_task(_live(server, wire, name, crowd, clock))
    while not clock.is_over():
        await asyncio.sleep(max(THINK_LEAST, rng.expovariate(1 / THINK_SECONDS)))
        if CARD in wire.drawn:
            since = await _click(wire, crowd, name, clock, rng, since)
        else:  # nothing was free for this person; a browser asks again by itself
            crowd.without += 1
            await wire.run()
            since = time.monotonic()
    live.cancel()
    await wire.socket.close()
    crowd.wrong += [f"{name}: {error}" for error in wire.errors]


async def _click(
    wire: Wire, crowd: Crowd, name: str, clock: _Clock, rng: Random, since: float
) -> float:
    """Decide the card on screen and wait for the next; return when that came."""
    card = wire.components[CARD].data
    act = _choose(card, rng)
    value = _payload(card, act, rng)
    clicked = time.monotonic()
    await wire.run({"event": "act", "value": value}, of=CARD)
    came, following = time.monotonic(), wire.components[CARD].data
    crowd.shown.append(Shown(card["id"], name, since, clicked))
    if following["id"] == card["id"] and CARD in wire.drawn:
        crowd.refused[following["answer"]["problem"] or "nothing was said"] += 1
        return came
    if act != "skip":
        crowd.acknowledged.append(Acknowledged(card["id"], card["decisionId"], name, act))
    if clock.counts(clicked):
        crowd.took_ms.append((came - clicked) * 1000)
        crowd.bytes_per_click.append(wire.received)
        crowd.messages_per_click.append(wire.messages)
    return came


def _choose(card: dict[str, Any], rng: Random) -> str:
    can, luck = card["can"], rng.random()
    if luck < SKIPPED or not (can["approve"] or can["reject"]):
        return "skip"
    return "approve" if can["approve"] and luck > REJECTED else "reject"


def _payload(card: dict[str, Any], act: str, rng: Random) -> dict[str, Any]:
    said: dict[str, Any] = {
        "act": act,
        "nonce": f"{rng.random():.15f}",
        "review_id": card["id"],
        "revision": card["revision"],
        "digest": card["digest"],
        "decision_id": card["decisionId"],
    }
    if act == "approve" and card["confirm"] is not None:
        said["confirmation"] = card["confirm"]
    if act == "reject":
        said |= {"reason": card["reasons"][0]["code"], "step": None, "note": ""}
    return said


async def _live(server: Server, wire: Wire, name: str, crowd: Crowd, clock: _Clock) -> None:
    """Ask for the live figures every three seconds, over one connection."""
    place = urlsplit(server.address)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        while not clock.is_over():
            await asyncio.sleep(LIVE_SECONDS)
            shown = wire.components[LIST].data
            listed = ".".join(str(item["id"]) for item in shown["items"])
            newest = shown["desk"]["newest"]
            query = urlencode({"listed": listed, "after": newest, "midnight": int(time.time()) // 86400 * 86400,
                               "person": name})  # fmt: skip
            writer.write(
                f"GET /live/queue?{query} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head.split(b"\r\n")[0]:
                crowd.wrong.append(f"live figures: {head[:60]!r}")
            length = next(line for line in head.lower().split(b"\r\n") if b"content-length" in line)
            await reader.readexactly(int(length.partition(b":")[2]))
    finally:
        writer.close()


def _mistakes(session: Session, crowd: Crowd, began: datetime) -> list[str]:
    """Return every acknowledged decision that is not there once, and every review decided twice."""
    rows = session.exec(select(Decision).where(col(Decision.decided_at) >= began)).all()
    stored = {row.id: (row.review_id, row.person, str(row.verdict)) for row in rows}
    wrong = [
        f"acknowledged, but not in the store: {one}"
        for one in crowd.acknowledged
        if stored.get(one.decision_id) != (one.review_id, one.person, one.verdict)
    ]
    said = Counter((row.review_id, row.person) for row in rows)
    final = Counter(row.review_id for row in rows if row.is_final)
    wrong += [f"decided twice: {key}" for key, count in (said | final).items() if count > 1]
    unknown = len(stored) - len({one.decision_id for one in crowd.acknowledged} & stored.keys())
    if unknown > crowd.refused.total():
        wrong.append(f"{unknown} decisions in the store that nobody was told of")
    return wrong


def shared(shown: list[Shown]) -> list[str]:
    """Return the cards that were on two people's screens at the same time."""
    by_review: defaultdict[int, list[Shown]] = defaultdict(list)
    for one in sorted(shown, key=lambda one: one.since):
        by_review[one.review_id].append(one)
    return [
        f"review {first.review_id} was given to {first.person} and {second.person}"
        for several in by_review.values()
        for first, second in pairwise(several)
        if first.person != second.person and second.since < first.until
    ]
