"""The routes that the queue page asks past any script run: what is true now, and claims alone."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import desk
import gated
import pages
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard import live, session
from store import claims, undoing
from store.engine import Store
from store.reports.desk import Pace
from store.reports.queue import QueueTiles, queue_page
from store.transitions import Verdict


@pytest.fixture
def clock(now: datetime, monkeypatch: pytest.MonkeyPatch) -> pages.Clock:
    found = pages.Clock(now)
    monkeypatch.setattr(session, "now", found)
    return found


@pytest.fixture
def queue(store: Store, clock: pages.Clock) -> list[int]:
    desk.fill(store, now=clock.at)
    return [item.review_id for item in store.read(queue_page, now=clock.at).items]


@pytest.fixture
def client(queue: list[int]) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=live.routes())) as found:
        yield found


def asked(client: TestClient, **query: str | int) -> dict[str, Any]:
    answer = client.get(live.PATH, params={"person": "Ana", **query})
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def figures(found: dict[str, Any]) -> dict[str, str]:
    return {tile["label"]: tile["value"] for tile in found["tiles"]}


def test_it_tells_who_is_on_what_and_what_closed(
    client: TestClient, store: Store, queue: list[int], clock: pages.Clock
) -> None:
    store.transact(claims.take, queue[1], "Ben", now=clock.at)
    desk.decide(store, queue[2], Verdict.APPROVE, at=clock.at)
    found = asked(client, listed=".".join(str(one) for one in queue))
    assert found["claims"] == {str(queue[1]): "Ben"}
    assert found["closed"] == {str(queue[2]): "Ben"}
    assert asked(client, listed=str(queue[0]))["closed"] == {}
    assert asked(client, listed="x.-1..9999999999")["claims"] == {}
    assert figures(found)["waiting"] == str(len(queue) - 1)


def test_what_closed_long_ago_is_no_news(
    client: TestClient, store: Store, queue: list[int], clock: pages.Clock
) -> None:
    desk.decide(store, queue[2], Verdict.APPROVE, at=clock.at)
    clock.pass_seconds(301)
    assert asked(client, listed=str(queue[2]))["closed"] == {}


def test_only_what_came_after_the_list_is_new(
    client: TestClient, store: Store, queue: list[int], clock: pages.Clock
) -> None:
    newest = max(queue)
    assert asked(client, after=newest)["arrived"] == {"escalations": 0, "audits": 0}
    desk.run(store, desk.Case("T-NEW", "Another.", confidence=0.2), at=clock.at)
    assert asked(client, after=newest - 2)["tiles"]
    assert asked(client, after=newest - 1)["arrived"]["escalations"] == 2


def test_the_pace_is_that_of_the_person_and_said_from_five_cards_on(
    client: TestClient, store: Store, queue: list[int], clock: pages.Clock
) -> None:
    for number, review_id in enumerate(queue, start=1):
        desk.decide(store, review_id, Verdict.REJECT, at=clock.at, person="Ana", reason_code="tone")
        if number == 4:
            early = figures(asked(client, midnight=int(clock.at.timestamp()) - 60))
    assert (early["decided by you today"], early["your cards/h"]) == ("4", "–")
    late = figures(asked(client, midnight=int(clock.at.timestamp()) - 3600))
    assert (late["decided by you today"], late["your cards/h"]) == ("5", "5")
    other = figures(asked(client, person="Ben"))
    assert other["decided by you today"] == "0"


@pytest.mark.parametrize(
    ("approved", "decided", "said"),
    [
        (0, 0, ("–", "in 24 h")),
        (0, 2, ("0 of 2", "in 24 h")),
        (29, 29, ("29 of 29", "in 24 h")),
        (24, 30, ("80 %", "of 30 in 24 h")),
    ],
)
def test_few_decisions_are_counted_and_only_many_make_a_share(
    approved: int, decided: int, said: tuple[str, str]
) -> None:
    found = QueueTiles(
        waiting=0,
        waiting_audits=0,
        overdue=0,
        oldest_s=None,
        decided_24h=decided,
        approved_unchanged=approved,
        edited=0,
        rejected=decided - approved,
        audited_24h=0,
    )
    tile = live.queue_tiles(found, Pace(today=0, last_hour=0))[-1]
    assert (tile.value, tile.hint) == said


def test_an_undone_decision_does_not_count(
    client: TestClient, store: Store, queue: list[int], clock: pages.Clock
) -> None:
    desk.decide(store, queue[0], Verdict.APPROVE, at=clock.at, person="Ana")
    decision = f"desk-{queue[0]}-Ana"
    store.transact(undoing.undo, decision, "Ana", now=clock.at + timedelta(seconds=1))
    assert figures(asked(client))["decided by you today"] == "0"


@pytest.mark.parametrize(
    "query", [{"after": "x"}, {"after": "-1"}, {"midnight": "9" * 40}, {"midnight": "0"}]
)
def test_questions_that_mean_nothing_are_answered_all_the_same(
    client: TestClient, query: dict[str, str]
) -> None:
    assert asked(client, **query)["claims"] == {}


def test_a_claim_is_prolonged_and_given_back(
    client: TestClient, store: Store, queue: list[int], clock: pages.Clock
) -> None:
    store.transact(claims.take, queue[0], "Ana", now=clock.at)
    clock.pass_seconds(200)
    said = {"review": queue[0], "person": "Ana"}
    assert client.post(live.CLAIM_PATH, json=said).status_code == 204
    clock.pass_seconds(200)
    assert store.read(claims.held, now=clock.at) == {queue[0]: "Ana"}
    assert client.post(live.RELEASE_PATH, json=said).status_code == 204
    assert store.read(claims.held, now=clock.at) == {}


def test_nobody_gives_back_or_takes_what_somebody_else_holds(
    client: TestClient, store: Store, queue: list[int], clock: pages.Clock
) -> None:
    store.transact(claims.take, queue[0], "Ben", now=clock.at)
    said = {"review": queue[0], "person": "Ana"}
    client.post(live.RELEASE_PATH, json=said)
    client.post(live.CLAIM_PATH, json=said)
    assert store.read(claims.held, now=clock.at) == {queue[0]: "Ben"}


@pytest.mark.parametrize("path", [live.CLAIM_PATH, live.RELEASE_PATH])
@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"review": "1"}', b'{"review": true}', b"x" * 5_000, b"\xff"]
)
def test_a_body_that_is_not_understood_changes_nothing(
    client: TestClient, store: Store, clock: pages.Clock, path: str, body: bytes
) -> None:
    assert client.post(path, content=body).status_code == 400
    assert store.read(claims.held, now=clock.at) == {}


@pytest.mark.parametrize(
    "said", [{"review": 999_999, "person": "Ana"}, {"review": 1, "person": ""}]
)
def test_a_claim_that_cannot_be_is_refused(client: TestClient, said: dict[str, object]) -> None:
    assert client.post(live.CLAIM_PATH, json=said).status_code == 409


def test_nothing_is_ever_decided_by_these_routes(
    client: TestClient, store: Store, queue: list[int]
) -> None:
    for path in (live.CLAIM_PATH, live.RELEASE_PATH):
        assert client.get(path).status_code == 405
        client.post(path, json={"review": queue[0], "person": "Ana", "verdict": "approve"})
    assert gated.count(store, "decision") == 0
