"""The watcher with a real Apprise and a service on localhost that takes what it sends."""

import json
import mailbox
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from mailbox import Mailbox
from typing import Any

import audited
import builders
import certifiable
import gated
import pytest
from sqlmodel import select

from agents.addresses import Addresses
from agents.watcher import Watch, Watcher, watch_of
from store import certificates, notifications, policies, reviews
from store.engine import Store
from store.gate import PolicyBody, Promise
from store.schema import Notification, Worker
from store.settings import Settings
from store.transitions import ReviewKind, SlaStage

LINK = "https://desk.example.test"
OVERDUE = timedelta(hours=25)
# Apprise loads `imghdr`, which Python 3.13 no longer has, for a service we do not use
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
PROCESS = (sys.executable, "-m", "agents.cli", "watch", "--once", "--port", "8765")


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox.opened() as opened:
        yield opened


def look(store: Store, urls: str, now: datetime, **values: Any) -> None:
    """Have a watcher of its own look once at this time."""
    watch = Watch(link=LINK, clock=lambda: now, **values)
    Watcher(store, Addresses.of(urls), watch).work(once=True)


def told(store: Store) -> list[Notification]:
    wanted = select(Notification).order_by("id")
    return store.read(lambda session: list(session.exec(wanted)))


def test_an_overdue_card_is_told_in_plain_text_with_a_link_to_it(
    store: Store, box: Mailbox, now: datetime
) -> None:
    case = gated.case(store)
    look(store, box.address, now + OVERDUE)
    look(store, box.address, now + OVERDUE + timedelta(hours=1))
    (letter,) = box.got
    assert letter["title"] == "Card 1 is overdue: Charged twice"
    assert letter["message"].split("\n") == [
        "€42.50 · confidence below threshold",
        f"{LINK}/?review={case.review_id}",
    ]
    (sent,) = told(store)
    assert (sent.sent_at, sent.error, sent.attempt) == (now + OVERDUE, None, 1)


def test_nothing_a_customer_or_a_model_wrote_leaves_but_a_harmless_title(
    store: Store, box: Mailbox, now: datetime
) -> None:
    case = gated.case(store, concerns=["[pay here](http://evil.test) Ana Ruiz"])
    hostile = "x](http://evil.test)\r\nBcc: a@b.test <!channel> \u202e\x1b[31m"
    gated.execute(
        store, "UPDATE review SET title = :title WHERE id = :id", title=hostile, id=case.review_id
    )
    look(store, box.address, now + OVERDUE)
    (letter,) = box.got
    assert letter["title"] == "Card 1 is overdue: x http: evil. test Bcc: a b. test channel 31m"
    shown = json.dumps(letter, ensure_ascii=False)
    for secret in ("Ruiz", "pay here", gated.REPLY[:20], "C-1", "O-1"):
        assert secret not in shown


def test_a_service_that_refuses_is_tried_again_later(
    store: Store, box: Mailbox, now: datetime
) -> None:
    gated.case(store)
    box.status, late = 500, now + OVERDUE
    look(store, box.address, late)
    look(store, box.address, late + timedelta(seconds=20))
    (waiting,) = told(store)
    assert (len(box.got), waiting.attempt, waiting.sent_at) == (1, 1, None)
    assert waiting.error == "1 of 1 addresses did not take it (JSON)"
    box.status = 200
    look(store, box.address, late + timedelta(seconds=31))
    assert len(box.got) == 2
    assert told(store)[0].error is None
    assert store.read(notifications.unsent, now=late).waiting == 0


def test_one_address_that_fails_does_not_make_the_others_repeat_it(
    store: Store, box: Mailbox, now: datetime
) -> None:
    gated.case(store)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"json://127.0.0.1:{closed.getsockname()[1]}/"
        closed.close()
        look(store, f"{box.address} {nobody}", now + OVERDUE)
        look(store, f"{box.address} {nobody}", now + OVERDUE + timedelta(hours=1))
    assert len(box.got) == 1
    (sent,) = told(store)
    assert sent.sent_at is not None
    assert sent.error == "1 of 2 addresses did not take it (JSON)"


def test_without_addresses_clocks_run_and_nothing_piles_up(store: Store, now: datetime) -> None:
    case = gated.case(store)
    store.transact(notifications.tell, "old", "From when there was one", "", "/", now)
    look(store, "", now + OVERDUE)
    assert gated.review(store, case.review_id).sla_stage is SlaStage.REROUTED
    (old,) = told(store)
    assert old.error == "GREENLIGHT_NOTIFY_URLS is empty, so nobody was told"
    assert store.read(notifications.due, now + timedelta(days=9), 10) == ()


def test_a_dear_card_an_overdue_one_and_a_check_card_in_one_look(
    store: Store, box: Mailbox, now: datetime
) -> None:
    store.transact(builders.company, is_demo=True)
    past = gated.case(store, at=now - timedelta(days=9))
    request = past.reject("Ben", blamed_step="retrieval")
    store.transact(reviews.decide, request, now=now - timedelta(days=9))
    gated.case(store, at=now - OVERDUE)
    gated.case(store, at=now)
    luck = {"seed_share": 0.5, "seed_chance": 1.0, "rng": random.Random(1)}
    look(store, box.address, now, risk_above=1_000.0, **luck)
    assert sorted(box.titles) == [
        "Card 2 is overdue: Charged twice",
        "Card 3 needs a person: Charged twice",
    ]
    assert gated.count(store, f"review WHERE kind = '{ReviewKind.SEEDED}'") == 1
    look(store, box.address, now, risk_above=0.0, **luck)
    assert len(box.got) == 2, "nobody is told of a check card"


def test_drafts_that_are_wrong_too_often_raise_an_alarm(
    store: Store, box: Mailbox, now: datetime
) -> None:
    audited.judged(store, now, wrong=30, right=0)
    look(store, box.address, now)
    assert box.titles == [], "off unless a share is set"
    look(store, box.address, now, wrong_above=0.2)
    assert box.titles == ["Drafts that went out alone are wrong too often"]


def test_two_watchers_at_once_send_each_notification_once(
    store: Store, settings: Settings, box: Mailbox, now: datetime
) -> None:
    for number in range(15):
        store.transact(notifications.tell, f"k{number}", f"Number {number}", "", "/", now)
    stores = [settings.open() for _ in range(2)]
    start = threading.Barrier(2)

    def watch(one: Store) -> None:
        start.wait()
        look(one, box.address, now)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(watch, stores))
    for one in stores:
        one.close()
    assert sorted(box.titles) == sorted(f"Number {number}" for number in range(15))


def environment(box: Mailbox, extra: str = "") -> dict[str, str]:
    return os.environ | {"GREENLIGHT_NOTIFY_URLS": f"{box.address} {extra}".strip()}


def test_a_process_looks_once_says_it_was_there_and_gives_no_secret_away(
    store: Store, box: Mailbox
) -> None:
    case = gated.case(store, at=datetime.now(UTC) - OVERDUE)
    ended = subprocess.run(
        PROCESS,
        env=environment(box, "slak://s3cret-w0rd/t0ken-path"),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    (letter,) = box.got
    assert letter["message"].endswith(f"http://127.0.0.1:8765/?review={case.review_id}")
    assert "Address 2 of GREENLIGHT_NOTIFY_URLS, which begins with `slak:`" in ended.stderr
    for secret in ("s3cret", "t0ken"):
        assert secret not in ended.stdout + ended.stderr
    (worker,) = store.read(lambda session: list(session.exec(select(Worker))))
    assert worker.kind == "watcher"
    assert worker.stopped_at is not None


def test_a_process_killed_between_sending_and_recording_repeats_that_one_and_loses_none(
    store: Store, box: Mailbox
) -> None:
    began = datetime.now(UTC)
    for number in range(2):
        store.transact(notifications.tell, f"k{number}", f"Number {number}", "", "/", began)
    box.gate.clear()
    process = subprocess.Popen(PROCESS, env=environment(box))
    try:
        box.arrivals.get(timeout=60)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    box.gate.set()
    first, _ = told(store)
    assert (first.attempt, first.sent_at) == (1, None)
    assert first.error == "an attempt began, and it is not known how it ended"
    look(store, box.address, datetime.now(UTC))
    assert box.titles == ["Number 0", "Number 1"], "the other did not wait for it"
    look(store, box.address, datetime.now(UTC) + timedelta(minutes=2))
    look(store, box.address, datetime.now(UTC) + timedelta(minutes=9))
    assert box.titles == ["Number 0", "Number 1", "Number 0"]
    assert all(one.sent_at for one in told(store))


def test_a_watcher_stops_when_it_is_told_to(store: Store, box: Mailbox, now: datetime) -> None:
    for number in range(3):
        store.transact(notifications.tell, f"k{number}", f"Number {number}", "", "/", now)
    watcher = Watcher(store, Addresses.of(box.address), Watch(link=LINK, clock=lambda: now))
    box.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(watcher.work)
        box.arrivals.get(timeout=30)
        watcher.stop()
        box.gate.set()
        working.result(timeout=30)
    assert box.titles == ["Number 0"]
    assert told(store)[0].sent_at == now, "what was under way is recorded"


def test_it_holds_no_key_that_signs(store: Store, settings: Settings) -> None:
    opened = settings.open()
    assert opened.keys.signing is None
    opened.close()
    public = settings.model_copy(update={"public_url": "https://desk.example.test/"})
    assert watch_of(public, link="http://127.0.0.1:1").link == "https://desk.example.test"
    assert watch_of(settings, link="http://127.0.0.1:1").link == "http://127.0.0.1:1"
    assert watch_of(settings, link="").seed_share == 0, "off unless it is set"


def promised(store: Store, now: datetime) -> None:
    """Certify at most two in a hundred wrong, then let the audits since say otherwise."""
    store.transact(certifiable.drafts, [0.97] * 300)
    store.transact(certifiable.drafts, [0.97] * 300, is_drawn=False, is_judged=False)
    body = PolicyBody(threshold=0.9, promises={"*": Promise(max_error=0.02)})
    store.transact(policies.publish, body, author="Mo", note="", now=now)
    store.transact(certifiable.drafts, [0.97] * 60, wrong=15, at=now)


def is_suspended(store: Store) -> bool:
    (one,) = store.read(certificates.certificates)
    return one.is_suspended


def test_a_broken_promise_is_suspended_and_told(store: Store, box: Mailbox, now: datetime) -> None:
    promised(store, now)
    look(store, box.address, now + timedelta(days=2))
    look(store, box.address, now + timedelta(days=3))
    assert is_suspended(store)
    (letter,) = box.got
    assert letter["title"].endswith("no longer holds")
    assert f"{LINK}/gate" in letter["message"]


def test_a_broken_promise_is_suspended_where_nobody_can_be_told(
    store: Store, now: datetime
) -> None:
    promised(store, now)
    look(store, "", now + timedelta(days=2))
    assert is_suspended(store)
    (kept,) = told(store)
    assert "GREENLIGHT_NOTIFY_URLS is empty" in (kept.error or "")


def test_promises_are_weighed_at_the_first_look_and_then_at_every_sixtieth(
    store: Store, now: datetime
) -> None:
    watch = Watch(link=LINK, clock=lambda: now + timedelta(days=2))
    watcher = Watcher(store, Addresses.of(""), watch)
    watcher.work(once=True)
    promised(store, now)
    for _ in range(59):
        watcher.look()
    assert not is_suspended(store)
    watcher.look()
    assert is_suspended(store)
