"""The toolbox against tool servers that are reached by URL: real ones, killed, started anew, absent."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from integration.relay import HANG_UP, Relay, http, relay

from agents.company import ToolServer
from agents.tools import Toolbox
from agents.tools.endpoint import EndpointWire
from store.outputs import ToolCallRecord

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = Path(__file__).with_name("shop_server.py")
READ = ["find_order", "say", "dawdle", "refuse", "decline", "die", "whoami", "who_asks", "mumble"]
JSON = "Content-Type: application/json"
NO_DISCOVERY = {"jsonrpc": "2.0", "id": None, "error": {"code": -32601, "message": "no"}}


class Shop:
    """The shop's server as a process on a port of its own, which it keeps when started anew."""

    def __init__(self, ledger: Path, *, json_only: bool = False) -> None:
        self._ledger = ledger
        self._json = {"SHOP_JSON": "1"} if json_only else {}
        self.port = 0
        self.start()

    def start(self, schema: str = "1") -> None:
        own = {"SHOP_LEDGER": str(self._ledger), "SHOP_SCHEMA": schema, "SHOP_PORT": str(self.port)}
        self._process = subprocess.Popen(
            [sys.executable, str(SHOP)], env=os.environ | own | self._json, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def box_at(
    port: int,
    folder: Path,
    *,
    seconds: float = 20,
    headers: dict[str, str] | None = None,
    has_effects: bool = False,
) -> Toolbox:
    server = ToolServer(
        name="shop",
        url=f"http://127.0.0.1:{port}/mcp",
        headers=headers or {},
        timeout_seconds=seconds,
        read=READ,
    )
    tools = dict.fromkeys([*READ, "pay"], server)
    return Toolbox(tools, folder=folder, home=folder, has_effects=has_effects)


def outcome(record: ToolCallRecord) -> tuple[str | None, bool]:
    return record.error_class, record.was_sent


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    running = Shop(tmp_path / "ledger")
    yield running
    running.kill()


@pytest.fixture(scope="module")
def calm_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop that no test ends."""
    running = Shop(tmp_path_factory.mktemp("shop") / "ledger", json_only=True)
    yield running
    running.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def between(calm_shop: Shop) -> AsyncIterator[Relay]:
    async with relay(calm_shop.port) as made:
        yield made


@pytest.fixture(autouse=True)
def _clean(between: Relay) -> None:
    between.answers.clear()
    between.seen.clear()


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.tools.session.FIRST_PAUSE_SECONDS", 0.0)


async def test_calls_by_url_are_answered_refused_and_classed(
    calm_shop: Shop, tmp_path: Path
) -> None:
    async with box_at(calm_shop.port, tmp_path) as box:
        good = await box.call("find_order", {"order_id": "A-1"})
        assert (good.status, good.result) == ("ok", {"order_id": "A-1", "state": "paid"})
        assert good.was_sent
        assert good.latency_ms > 0
        refused = await box.call("refuse", {})
        assert outcome(refused) == ("tool_error", True)
        assert (refused.said or "").endswith("no such order")
        declined = await box.call("decline", {})
        assert outcome(declined) == ("invalid_arguments", True)
        assert declined.said is None
        assert outcome(await box.call("mumble", {})) == ("tool_error", True)


async def test_what_is_refused_here_is_known_never_to_have_left(
    between: Relay, tmp_path: Path
) -> None:
    async with box_at(between.port, tmp_path) as box:
        box.expect({"say": "another schema"})
        records = [
            await box.call("find_order", {"order_id": 7}),
            await box.call("nothing", {}),
            await box.call("say", {"text": "hello"}),
        ]
    assert [outcome(record) for record in records] == [
        ("invalid_arguments", False),
        ("invalid_arguments", False),
        ("schema_drift", False),
    ]
    assert between.count(b'"tools/call"') == 0


async def test_many_calls_at_once_share_one_listing(between: Relay, tmp_path: Path) -> None:
    async with box_at(between.port, tmp_path) as box:
        records = await asyncio.gather(*(box.call("say", {"text": f'"{n}"'}) for n in range(20)))
    assert [record.result for record in records] == [str(n) for n in range(20)]
    assert between.count(b'"tools/list"') == 1


async def test_a_server_killed_in_a_call_is_reached_again_by_the_next(
    shop: Shop, tmp_path: Path, no_pauses: None
) -> None:
    async with box_at(shop.port, tmp_path) as box:
        under_way = asyncio.create_task(box.call("dawdle", {"seconds": 60}))
        assert (await box.call("whoami", {})).status == "ok"
        shop.kill()
        assert outcome(await under_way) == ("server_died", True)
        absent = await box.call("find_order", {"order_id": "A-1"})
        assert outcome(absent) == ("server_died", False)
        assert "is not there" in (absent.error or "")
        shop.start()
        assert (await box.call("find_order", {"order_id": "A-1"})).status == "ok"


async def test_a_server_that_went_between_calls_is_known_not_to_have_been_asked(
    shop: Shop, tmp_path: Path
) -> None:
    async with box_at(shop.port, tmp_path) as box:
        assert (await box.call("say", {"text": "hello"})).status == "ok"
        shop.kill()
        records = [await box.call("say", {"text": "hello"}) for _ in range(3)]
        assert [outcome(record) for record in records] == [("server_died", False)] * 3
        assert "cannot be reached" in (records[0].error or "")
        assert "next try in" in (records[2].error or "")


async def test_an_absent_server_is_tried_again_with_growing_pauses(
    shop: Shop, tmp_path: Path
) -> None:
    shop.kill()
    async with box_at(shop.port, tmp_path) as box:
        assert box.schemas() == {}
        records = [await box.call("say", {"text": "hello"}) for _ in range(2)]
    assert {outcome(record) for record in records} == {("server_died", False)}
    assert "next try in" in (records[1].error or "")


async def test_a_hang_past_the_timeout_is_classed_and_the_next_call_works(
    shop: Shop, tmp_path: Path
) -> None:
    async with box_at(shop.port, tmp_path, seconds=0.5) as box:
        pid = (await box.call("whoami", {})).result["pid"]
        assert outcome(await box.call("dawdle", {"seconds": 60})) == ("timeout", True)
        assert (await box.call("whoami", {})).result["pid"] == pid


async def test_a_stopped_server_is_given_up_and_found_again(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_pauses: None
) -> None:
    monkeypatch.setattr("agents.tools.session.PROBE_SECONDS", 0.2)
    monkeypatch.setattr("agents.tools.session.CONNECT_SECONDS", 0.5)
    async with box_at(shop.port, tmp_path, seconds=0.5) as box:
        pid = (await box.call("whoami", {})).result["pid"]
        os.kill(pid, signal.SIGSTOP)
        assert outcome(await box.call("say", {"text": "hello"})) == ("timeout", True)
        assert outcome(await box.call("say", {"text": "hello"})) == ("server_died", False)
        os.kill(pid, signal.SIGCONT)
        monkeypatch.setattr("agents.tools.session.CONNECT_SECONDS", 20.0)
        assert (await box.call("whoami", {})).result["pid"] == pid


async def test_a_call_that_was_broken_off_leaves_its_neighbours_alone(
    between: Relay, tmp_path: Path
) -> None:
    between.answers[b'"hang up"'] = HANG_UP
    async with box_at(between.port, tmp_path) as box:
        slow = asyncio.create_task(box.call("dawdle", {"seconds": 0.3}))
        broken = await asyncio.gather(*(box.call("say", {"text": "hang up"}) for _ in range(5)))
        assert {outcome(record) for record in broken} == {("server_died", True)}
        assert (await slow).status == "ok"
    assert between.count(b'"hang up"') == 5


async def test_another_server_behind_the_same_url_is_noticed(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EndpointWire, "listing_seconds", 0.0)
    async with box_at(shop.port, tmp_path) as box:
        assert (await box.call("find_order", {"order_id": "A-1"})).status == "ok"
        shop.kill()
        shop.start(schema="2")
        record = await box.call("find_order", {"order_id": "A-1", "shop": "Graz"})
        assert outcome(record) == ("schema_drift", False)


@pytest.mark.parametrize(
    ("answer", "error_class", "says"),
    [
        (http("502 Bad Gateway", b"<h1>sorry</h1>"), "tool_error", "502 Bad Gateway"),
        (http("401 Unauthorized"), "tool_error", "401"),
        (http("200 OK", b"hello"), "tool_error", "content type"),
        (http("200 OK", b"[]", headers=JSON), "tool_error", "parse"),
        (
            http(
                "200 OK",
                b"?",
                headers=f"{JSON}\r\nContent-Encoding: gzip",
            ),
            "server_died",
            "packed",
        ),
        (
            http("200 OK", b"[] ", headers="Connection: close\r\n" + JSON)[:-2],
            "server_died",
            "ended",
        ),
        (
            http(
                "200 OK",
                b": still there\r\n\r\n",
                headers="Content-Type: text/event-stream\r\nConnection: close",
            ),
            "server_died",
            "ended without a response",
        ),
        (
            http("307 Moved", headers="Location: http://localhost.evil.example/mcp"),
            "tool_error",
            "not followed",
        ),
    ],
)
async def test_an_odd_answer_fails_that_call_alone_and_is_never_asked_again(
    between: Relay, tmp_path: Path, answer: bytes, error_class: str, says: str
) -> None:
    between.answers[b'"strange"'] = answer
    async with box_at(between.port, tmp_path) as box:
        record = await box.call("say", {"text": "strange"})
        assert outcome(record) == (error_class, True)
        assert says in (record.error or "")
        assert (await box.call("say", {"text": "hello"})).result == "hello"
    assert between.count(b'"strange"') == 1


async def test_a_redirect_within_the_origin_cannot_make_a_call_unsent(
    calm_shop: Shop, tmp_path: Path
) -> None:
    async with relay(calm_shop.port) as moving, box_at(moving.port, tmp_path) as box:
        place = f"Location: http://127.0.0.1:{moving.port}/other\r\nConnection: close"
        moving.answers = {b'"strange"': http("307 Moved", headers=place)}
        moving.last = b'"strange"'
        record = await box.call("say", {"text": "strange"})
        assert outcome(record) == ("server_died", True)
        assert "cannot be reached" in (record.error or "")


async def test_a_server_that_takes_no_more_calls_may_finish_the_one_it_has(
    between: Relay, tmp_path: Path
) -> None:
    between.answers[b'"hang up"'] = HANG_UP
    async with box_at(between.port, tmp_path) as box:
        slow = asyncio.create_task(box.call("dawdle", {"seconds": 0.5}))
        assert outcome(await box.call("say", {"text": "hang up"})) == ("server_died", True)
        between.answers[b"tools/list"] = http("503 Service Unavailable")
        assert outcome(await box.call("say", {"text": "hello"})) == ("server_died", False)
        assert (await slow).status == "ok"


async def test_a_server_that_asks_for_the_call_again_does_not_get_it(
    between: Relay, tmp_path: Path
) -> None:
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32020, "message": "headers"}}
    between.answers[b'"pay"'] = http("400 Bad Request", json.dumps(error).encode(), headers=JSON)
    async with box_at(between.port, tmp_path, has_effects=True) as box:
        record = await box.call("pay", {"order_id": "A-1", "amount_minor": 100})
    assert outcome(record) == ("schema_drift", True)
    assert between.count(b'"tools/call"') == 1


async def test_a_server_of_the_older_kind_that_forgot_the_session_is_greeted_again(
    tmp_path: Path, no_pauses: None
) -> None:
    shop = Shop(tmp_path / "ledger", json_only=True)
    async with relay(shop.port) as old:
        old.answers = {
            b"server/discover": http(
                "404 Not Found",
                json.dumps(NO_DISCOVERY).encode(),
                headers=JSON,
            ),
            b"GET ": http("405 Method Not Allowed"),
        }
        async with box_at(old.port, tmp_path) as box:
            assert (await box.call("say", {"text": "hello"})).result == "hello"
            shop.kill()
            shop.start()
            record = await box.call("say", {"text": "hello"})
            assert outcome(record) == ("server_died", True)
            assert "forgotten this session" in (record.error or "")
            assert (await box.call("say", {"text": "hello"})).result == "hello"
        assert old.count(b'"initialize"') == 2
    shop.kill()


async def test_headers_take_their_secrets_from_the_environment(
    calm_shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"X-Shop-Token": "Bearer {env:SHOP_SECRET}"}
    monkeypatch.setenv("SHOP_SECRET", "s3cret\n")
    async with box_at(calm_shop.port, tmp_path, headers=headers) as box:
        assert (await box.call("who_asks", {})).result["token"] == "Bearer s3cret"
    monkeypatch.setenv("SHOP_SECRET", "two\nlines-of-it")
    async with box_at(calm_shop.port, tmp_path, headers=headers) as box:
        record = await box.call("say", {"text": "hello"})
        assert outcome(record) == ("server_died", False)
        assert "SHOP_SECRET cannot stand in a header" in (record.error or "")
        assert "lines-of-it" not in (record.error or "")
    monkeypatch.delenv("SHOP_SECRET")
    async with box_at(calm_shop.port, tmp_path, headers=headers) as box:
        record = await box.call("say", {"text": "hello"})
        assert "SHOP_SECRET is not set" in (record.error or "")


async def test_no_proxy_of_the_environment_is_used(
    calm_shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with box_at(calm_shop.port, tmp_path) as box:
        assert (await box.call("say", {"text": "hello"})).status == "ok"


async def test_closing_ends_a_call_that_is_under_way(calm_shop: Shop, tmp_path: Path) -> None:
    async with box_at(calm_shop.port, tmp_path) as box:
        under_way = asyncio.create_task(box.call("dawdle", {"seconds": 60}))
        await box.call("whoami", {})
    assert outcome(await under_way) == ("server_died", True)
    assert outcome(await box.call("whoami", {})) == ("server_died", False)
