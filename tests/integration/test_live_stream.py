"""The demo's visitors: they come at their rate, hold back under load and survive a refusal."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

from agents.cli.live_stream import MAX_WAITING, LiveStream
from store import queue
from store.engine import Store
from store.queue import NewTicket
from store.settings import Settings
from store.transitions import RunStatus

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def numbered(seen: list[int], done: threading.Event, most: int) -> Iterator[NewTicket]:
    for number in range(1_000):
        seen.append(number)
        if number == most:
            done.set()
        yield NewTicket(text="" if number == 1 else "Hello", external_id=f"L-{number}")


def stream_of(store: Store, tickets: Iterator[NewTicket], said: list[str]) -> LiveStream:
    return LiveStream(
        store, tickets, per_minute=60_000, clock=lambda: NOW, say=lambda line: said.append(line)
    )


def queued(store: Store) -> int:
    return store.read(queue.counts).get(RunStatus.QUEUED, 0)


def test_tickets_are_handed_in_and_a_refused_one_stops_no_other(
    settings: Settings, store: Store
) -> None:
    seen: list[int] = []
    said: list[str] = []
    done = threading.Event()
    with stream_of(settings.open(), numbered(seen, done, 5), said):
        assert done.wait(20)
    assert queued(store) >= 4
    assert said == [
        "A live ticket could not be handed in: The text is empty. A ticket needs something to read."
    ]


def test_leaving_stops_the_stream(settings: Settings, store: Store) -> None:
    seen: list[int] = []
    done = threading.Event()
    with stream_of(settings.open(), numbered(seen, done, 2), []):
        assert done.wait(20)
    before = len(seen)
    assert not any(thread.name == "live-tickets" for thread in threading.enumerate())
    assert len(seen) == before


def test_while_many_wait_nobody_new_comes(settings: Settings, store: Store) -> None:
    crowd = [NewTicket(text="x", external_id=str(number)) for number in range(MAX_WAITING)]
    store.transact(queue.submit, crowd, now=NOW)
    seen: list[int] = []
    stream = stream_of(store, numbered(seen, threading.Event(), 9), [])
    assert stream.hand_in() is False
    assert stream.hand_in() is False
    assert seen == [0], "the one at the door is kept, nobody else is called"
    store.transact(queue.claim, "w", limit=2, in_flight=0, lease_seconds=60)
    assert stream.hand_in() is True
    assert store.transact(queue.submit, [NewTicket("Hello", "L-0")], now=NOW)[0].is_duplicate
