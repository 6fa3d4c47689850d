"""The watcher: moves the clocks of waiting cards, tells people outside, opens check cards.

It decides nothing, holds no tool and no key that signs; a promise that no longer holds it suspends,
so that people decide. Everything it does is recorded so that it is done once, however often it is
restarted and however many of it run. Only a notification whose sender died between sending and
recording may come a second time.
"""

import logging
import os
import random
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from uuid import uuid4

from agents.addresses import Addresses
from store import alarms, notifications, promises, seeding, sla, workers
from store.engine import Store
from store.errors import ReadOnly
from store.notifications import Waiting
from store.settings import Settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
PAUSE_SECONDS = 0.05  # between batches, for others who want to write
THOROUGH_LOOKS = 60  # a week of labels is counted, and promises are weighed, at every 60th look
SEED_SECONDS = 300.0  # on average until a check card that is owed comes, so that nobody can tell
BATCH = 20


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Watch:
    """What is watched for, and the chances and the time by which it is done."""

    link: str  # of the dashboard, before a page's path
    risk_above: float = 100_000
    wrong_above: float | None = None
    seed_share: float = 0.0
    seed_chance: float = LOOK_SECONDS / SEED_SECONDS  # at each look
    rng: random.Random = field(default_factory=random.SystemRandom)
    clock: Callable[[], datetime] = _now


class Watcher:
    """Looks every few seconds until stopped."""

    def __init__(self, store: Store, addresses: Addresses, watch: Watch) -> None:
        self._store = store
        self._addresses = addresses
        self._watch = watch
        self._name = f"watcher-{os.getpid()}-{uuid4().hex[:8]}"
        self._looks = 0
        self._stop: SimpleQueue[None] = SimpleQueue()  # a signal may put into it at any moment

    def stop(self) -> None:
        """Leave after what is under way."""
        self._stop.put(None)

    def work(self, *, once: bool = False) -> None:
        """Look until stopped, or with `once` a single time."""
        self._store.transact(
            workers.start,
            worker=self._name,
            kind="watcher",
            host=socket.gethostname(),
            pid=os.getpid(),
            now=self._watch.clock(),
        )
        try:
            while not self._is_stopping:
                self._try_to_look()
                if once:
                    return
                self._pause(LOOK_SECONDS)
        finally:
            self._store.transact(workers.stop, self._name)

    def look(self) -> None:
        """Do everything that is due."""
        is_thorough = self._looks % THOROUGH_LOOKS == 0
        self._looks += 1
        self._beat()
        self._move_clocks()
        if is_thorough:
            self._guard()
        if len(self._addresses):
            self._find(is_thorough=is_thorough)
            self._send()
        else:
            self._drop()
        self._seed()

    @property
    def _is_stopping(self) -> bool:
        return not self._stop.empty()

    def _pause(self, seconds: float) -> None:
        with suppress(Empty):
            self._stop.get(timeout=seconds)
            self._stop.put(None)  # it stays said

    def _try_to_look(self) -> None:
        try:
            self.look()
        except ReadOnly as full:
            log.warning("%s", full)

    def _beat(self) -> None:
        self._store.transact(workers.beat, self._name, in_flight=0)

    def _move_clocks(self) -> None:
        """Move batch by batch: a store that was left alone for a week has thousands."""
        tells = len(self._addresses) > 0
        while not self._is_stopping:
            now = self._watch.clock()
            if not self._store.read(sla.is_late, now=now):
                return
            self._store.transact(sla.tick, now=now, tells=tells)
            self._beat()
            self._pause(PAUSE_SECONDS)

    def _guard(self) -> None:
        """Suspend what does not hold any more, whether or not anybody can be told of it."""
        broken = self._store.read(promises.found)
        if broken:
            self._store.transact(promises.suspend, broken, now=self._watch.clock())
            for one in broken:
                log.warning("a certificate no longer holds: %s", one.why)

    def _find(self, *, is_thorough: bool) -> None:
        watch, now = self._watch, self._watch.clock()
        wrong_above = watch.wrong_above if is_thorough else None
        news = self._store.read(
            alarms.found, risk_above=watch.risk_above, wrong_above=wrong_above, now=now
        )
        if news:
            self._store.transact(alarms.tell, news, now=now)

    def _send(self) -> None:
        for one in self._store.read(notifications.due, self._watch.clock(), BATCH):
            if self._is_stopping:
                return
            if self._store.transact(notifications.claim, one, self._watch.clock()):
                self._deliver(one)
                self._beat()

    def _deliver(self, one: Waiting) -> None:
        delivered = self._addresses.send(one.message, self._watch.link + one.message.path)
        if delivered.taken:
            now = self._watch.clock()
            self._store.transact(notifications.mark_sent, one.id, now, delivered.error)
        else:
            error = delivered.error or "no address took it"
            self._store.transact(notifications.mark_failed, one.id, error)
        if delivered.error:
            log.warning("notification %s: %s", one.id, delivered.error)

    def _drop(self) -> None:
        """Let nothing pile up that would all be sent once there is an address again."""
        if self._store.read(notifications.due, self._watch.clock(), 1):
            why = "GREENLIGHT_NOTIFY_URLS is empty, so nobody was told"
            self._store.transact(notifications.give_up, why)

    def _seed(self) -> None:
        watch, now = self._watch, self._watch.clock()
        if watch.seed_share <= 0 or watch.rng.random() >= watch.seed_chance:
            return
        if self._store.read(seeding.is_due, share=watch.seed_share, now=now):
            self._store.transact(seeding.seed, share=watch.seed_share, rng=watch.rng, now=now)


def watch_of(settings: Settings, *, link: str) -> Watch:
    """Return what these settings ask for; `link` is used unless they name a public address."""
    return Watch(
        link=(settings.public_url or link).rstrip("/"),
        risk_above=settings.notify_risk,
        wrong_above=settings.notify_wrong_above,
        seed_share=settings.seed_share,
    )


def run(settings: Settings, *, link: str, once: bool = False) -> None:
    """Watch in this process until SIGINT or SIGTERM, or with `once` look a single time."""
    addresses = Addresses.of(settings.notify_urls.get_secret_value())
    store = settings.open()
    watcher = Watcher(store, addresses, watch_of(settings, link=link))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: watcher.stop())
    try:
        watcher.work(once=once)
    finally:
        store.close()
