"""The toolbox against real server processes: our own that misbehaves, and one from a registry."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from mcp import StdioServerParameters

from agents.company import Company, ToolServer, WriteTool
from agents.tools import Toolbox
from agents.tools.session import ServerDown, ServerSession
from store.gate import PolicyBody

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = Path(__file__).with_name("shop_server.py")
READ = [
    "find_order",
    "say",
    "dawdle",
    "freeze",
    "refuse",
    "die",
    "whoami",
    "move",
    "mumble",
    "ghost",
]


def shop(ledger: Path, *, schema: str = "1", timeout_seconds: float = 20) -> ToolServer:
    return ToolServer(
        name="shop",
        command=["{python}", str(SHOP)],
        env={"SHOP_LEDGER": str(ledger), "SHOP_SCHEMA": schema},
        timeout_seconds=timeout_seconds,
        read=READ,
        write=[WriteTool(name="pay", action="payment", amount="amount_minor", order="order_id")],
    )


def read_box(server: ToolServer, folder: Path) -> Toolbox:
    return Toolbox(dict.fromkeys(server.read, server), folder=folder, home=folder)


def company_of(server: ToolServer, folder: Path) -> Company:
    return Company(
        name="Shop",
        currency="EUR",
        is_demo=True,
        folder=folder,
        documents=folder / "documents",
        greeting="",
        signature="",
        people={},
        policy=PolicyBody(),
        reject_reasons=[],
        entities={},
        out_of_scope_examples=[],
        servers=[server],
        intents=[],
    )


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tools(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Toolbox]:
    folder = tmp_path_factory.mktemp("company")
    async with read_box(shop(folder / "ledger", timeout_seconds=20), folder) as box:
        yield box


async def test_a_listed_tool_answers_with_its_structured_content(tools: Toolbox) -> None:
    record = await tools.call("find_order", {"order_id": "A-1"})
    assert (record.status, record.server) == ("ok", "shop")
    assert record.result == {"order_id": "A-1", "state": "paid"}
    assert record.latency_ms > 0


@pytest.mark.parametrize(
    ("said", "result"), [("hello", "hello"), ('{"n": 1}', {"n": 1}), ("[1, 2]", [1, 2])]
)
async def test_an_answer_in_text_is_parsed_when_it_is_json(
    tools: Toolbox, said: str, result: object
) -> None:
    assert (await tools.call("say", {"text": said})).result == result


async def test_an_answer_that_cannot_be_stored_is_a_tool_error(tools: Toolbox) -> None:
    record = await tools.call("say", {"text": '{"n": NaN}'})
    assert (record.error_class, record.result) == ("tool_error", None)
    record = await tools.call("say", {"text": "x" * 600_000})
    assert record.error_class == "tool_error"


async def test_an_answer_that_breaks_its_own_schema_is_a_tool_error(tools: Toolbox) -> None:
    assert (await tools.call("mumble", {})).error_class == "tool_error"


async def test_many_calls_share_one_session(tools: Toolbox) -> None:
    records = await asyncio.gather(*(tools.call("whoami", {}) for _ in range(20)))
    assert len({record.result["pid"] for record in records}) == 1


async def test_a_tool_that_fails_is_a_tool_error_with_its_words(tools: Toolbox) -> None:
    record = await tools.call("refuse", {})
    assert (record.status, record.error_class) == ("error", "tool_error")
    assert "no such order" in (record.error or "")


async def test_a_tool_that_its_server_does_not_offer_is_a_tool_error(tools: Toolbox) -> None:
    record = await tools.call("ghost", {})
    assert record.error_class == "tool_error"
    assert "does not offer" in (record.error or "")


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"order_id": 7},
        {"order_id": "A-1", "amount_minor": 100},
        {"order_id": float("nan")},
        {"order_id": "\ud800"},
        {"order_id": {"$ref": object()}},
    ],
)
async def test_arguments_that_do_not_fit_never_leave(
    tools: Toolbox, args: dict[str, object]
) -> None:
    record = await tools.call("find_order", args)
    assert record.error_class == "invalid_arguments"
    assert (await tools.call("find_order", {"order_id": "A-2"})).status == "ok"


async def test_extra_arguments_are_refused_inside_objects_too(tools: Toolbox) -> None:
    fits = await tools.call("move", {"order_id": "A-1", "address": {"city": "Graz"}})
    assert fits.result == {"order_id": "A-1", "city": "Graz"}
    record = await tools.call("move", {"order_id": "A-1", "address": {"city": "Graz", "x": 1}})
    assert record.error_class == "invalid_arguments"


async def test_a_server_that_dies_in_a_call_is_there_again_for_the_next(tools: Toolbox) -> None:
    record = await tools.call("die", {})
    assert (record.status, record.error_class) == ("error", "server_died")
    assert (await tools.call("find_order", {"order_id": "A-3"})).status == "ok"


async def test_a_server_that_died_between_calls_is_restarted_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    parameters = StdioServerParameters(command=sys.executable, args=[str(SHOP)])
    session = ServerSession("shop", parameters)
    first = await session.connection()
    answer = await session.call(first, "whoami", {}, seconds=20)
    assert answer.structured_content is not None
    os.kill(answer.structured_content["pid"], signal.SIGKILL)
    while not first.is_broken:  # the kernel tells in its own time
        await asyncio.sleep(0)
    again = await asyncio.gather(*(session.connection() for _ in range(5)))
    assert len(set(map(id, again))) == 1
    assert not again[0].is_broken
    await session.close()


async def test_a_server_that_went_deaf_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.tools.session.PROBE_SECONDS", 0.2)
    async with read_box(shop(tmp_path / "ledger", timeout_seconds=0.5), tmp_path) as box:
        assert (await box.call("freeze", {})).error_class == "timeout"
        assert (await box.call("find_order", {"order_id": "A-1"})).status == "ok"


async def test_a_caller_who_gives_up_leaves_the_session_usable(tools: Toolbox) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await tools.call("dawdle", {"seconds": 30})
    assert (await tools.call("find_order", {"order_id": "A-1"})).status == "ok"


async def test_the_server_sees_no_key_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    async with read_box(shop(tmp_path / "ledger"), tmp_path) as box:
        seen = (await box.call("whoami", {})).result["environment"]
    assert "ANTHROPIC_API_KEY" not in seen
    assert {"PATH", "SHOP_LEDGER"} <= set(seen)


async def test_a_timeout_is_classed_and_the_session_stays_usable(tmp_path: Path) -> None:
    async with read_box(shop(tmp_path / "ledger", timeout_seconds=0.5), tmp_path) as box:
        pid = (await box.call("whoami", {})).result["pid"]
        record = await box.call("dawdle", {"seconds": 30})
        assert (record.status, record.error_class) == ("error", "timeout")
        assert (await box.call("whoami", {})).result["pid"] == pid


async def test_closing_ends_the_process_even_while_a_call_is_under_way(tmp_path: Path) -> None:
    async with read_box(shop(tmp_path / "ledger"), tmp_path) as box:
        pid = (await box.call("whoami", {})).result["pid"]
        call = asyncio.create_task(box.call("dawdle", {"seconds": 30}))
        await box.call("whoami", {})
    assert (await call).error_class == "server_died"
    assert not is_running(pid)
    assert (await box.call("whoami", {})).error_class == "server_died"


async def test_a_changed_schema_switches_the_tool_off_until_it_is_approved(tmp_path: Path) -> None:
    async with read_box(shop(tmp_path / "ledger"), tmp_path) as box:
        approved = {tool: schema.fingerprint for tool, schema in box.schemas().items()}
    async with read_box(shop(tmp_path / "ledger", schema="2"), tmp_path) as box:
        box.expect(approved)
        args = {"order_id": "A-1", "shop": "Graz"}
        assert (await box.call("find_order", args)).error_class == "schema_drift"
        assert (await box.call("say", {"text": "hi"})).status == "ok"
        box.expect({"find_order": box.schemas()["find_order"].fingerprint})
        assert (await box.call("find_order", args)).status == "ok"


async def test_a_box_reaches_only_tools_of_its_own_effect(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    company = company_of(shop(ledger), tmp_path)
    payment = {"order_id": "A-1", "amount_minor": 990}
    async with Toolbox.read_only(company, home=tmp_path) as box:
        assert "pay" not in box.schemas()
        assert (await box.call("pay", payment)).error_class == "invalid_arguments"
    assert not ledger.exists()
    async with Toolbox.write(company, home=tmp_path) as box:
        assert set(box.schemas()) == {"pay"}
        assert (await box.call("find_order", {"order_id": "A"})).error_class == "invalid_arguments"
        assert (await box.call("pay", payment)).status == "ok"
    assert ledger.read_text() == "A-1 990\n"


async def test_a_write_whose_answer_cannot_be_read_counts_as_unanswered(tmp_path: Path) -> None:
    server = shop(tmp_path / "ledger")
    box = Toolbox({"say": server}, folder=tmp_path, home=tmp_path, has_effects=True)
    async with box:
        record = await box.call("say", {"text": '{"n": NaN}'})
    assert (record.status, record.error_class) == ("error", "timeout")
    assert "not plain JSON" in (record.error or "")


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["greenlight-no-such-command"], "greenlight-no-such-command"),
        (["{python}", "-c", "raise SystemExit('the shop is not configured')"], "not configured"),
    ],
)
async def test_a_server_that_does_not_start_is_named_with_the_reason(
    tmp_path: Path, command: list[str], says: str
) -> None:
    server = ToolServer(name="shop", command=command, timeout_seconds=5, read=["find_order"])
    async with read_box(server, tmp_path) as box:
        assert box.schemas() == {}
        records = [await box.call("find_order", {"order_id": "A"}) for _ in range(2)]
    assert {record.error_class for record in records} == {"server_died"}
    assert says in (records[0].error or "")
    assert "next try in" in (records[1].error or "")


async def test_a_server_that_hangs_at_the_start_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agents.tools.session.CONNECT_SECONDS", 0.5)
    parameters = StdioServerParameters(
        command=sys.executable, args=["-c", "import time; time.sleep(60)"]
    )
    with pytest.raises(ServerDown, match="did not start within"):
        await ServerSession("shop", parameters).connection()


async def test_a_third_party_server_from_the_package_registry_works(tmp_path: Path) -> None:
    server = ToolServer(
        name="time",
        command=["{python}", "-m", "mcp_server_time", "--local-timezone", "UTC"],
        timeout_seconds=20,
        read=["convert_time"],
    )
    async with read_box(server, tmp_path) as box:
        assert set(box.schemas()) == {"convert_time"}
        args = {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}
        record = await box.call("convert_time", args)
        wrong = await box.call("convert_time", args | {"time": "25:99"})
    assert record.result["time_difference"] == "+9.0h"
    assert wrong.error_class == "tool_error"
