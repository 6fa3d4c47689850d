"""The demo's tool server as a real process, asked through the real MCP client."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from mcp import Client, StdioServerParameters

from agents.demo import faults, ledger
from agents.demo.faults import FaultSettings

pytestmark = pytest.mark.asyncio(loop_scope="module")

READ = {
    *("get_customer", "find_orders", "find_shipment"),
    *("find_charges", "find_refunds", "get_membership"),
}
AMBIGUOUS, SMALL, LARGE, HOLD, FEES = "C-1000", "C-1001", "C-1002", "C-1003", "C-1004"


@asynccontextmanager
async def server(home: Path, *arguments: str) -> AsyncIterator[Client]:
    command = ["-m", "agents.demo.tool_server", "--home", str(home), *arguments]
    parameters = StdioServerParameters(command=sys.executable, args=command)
    async with Client(parameters, read_timeout_seconds=30) as client:
        yield client


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("demo")
    ledger.settled_world(home, anchor=date(2026, 11, 22))
    return home


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shop(home: Path) -> AsyncIterator[Client]:
    async with server(home) as client:
        yield client


async def ask(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    assert answer.structured_content is not None
    return answer.structured_content


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    answer = await client.call_tool(tool, arguments)
    assert answer.is_error
    return str(answer.content[0])


async def test_tools_say_which_of_them_only_read(shop: Client) -> None:
    offered = (await shop.list_tools()).tools
    hints = {tool.name: tool.annotations for tool in offered}
    assert {name for name, hint in hints.items() if hint and hint.read_only_hint} == READ
    assert all(hint and hint.idempotent_hint for hint in hints.values())
    assert all(tool.output_schema for tool in offered)


async def test_write_tools_insist_on_an_idempotency_key(shop: Client) -> None:
    for tool in (await shop.list_tools()).tools:
        needs_key = "idempotency_key" in tool.input_schema.get("required", ())
        assert needs_key is (tool.name not in READ)


async def test_the_may_charges_of_the_showcase_are_told_apart(shop: Client) -> None:
    async def charges(customer_id: str) -> dict[str, Any]:
        return await ask(shop, "find_charges", customer_id=customer_id, month="2026-05")

    ambiguous = await charges(AMBIGUOUS)
    assert ambiguous["duplicates"] == []
    assert ambiguous["possible_duplicates"][0]["amount_minor"] == 4_200
    assert (await charges(SMALL))["duplicates"][0]["amount_minor"] <= 10_000
    assert (await charges(LARGE))["duplicates"][0]["amount_minor"] > 10_000
    assert (await charges(HOLD))["holds"]
    assert (await charges(FEES))["fee_pairs"]


async def test_an_order_of_somebody_else_is_not_even_repeated(shop: Client) -> None:
    theirs = (await ask(shop, "find_orders", customer_id=SMALL))["latest"]["order_id"]
    for tool in ("find_orders", "find_shipment", "find_refunds"):
        found = await ask(shop, tool, customer_id=LARGE, order_id=theirs)
        assert found["is_unknown_order"]
        assert theirs not in str(found)


async def test_an_unknown_customer_is_a_fact_not_an_error(shop: Client) -> None:
    assert not (await ask(shop, "get_customer", customer_id="C-999999"))["is_known"]
    assert (await ask(shop, "find_orders", customer_id="C-999999"))["latest"] is None


async def test_two_servers_and_one_key_make_one_refund(shop: Client, home: Path) -> None:
    found = (await ask(shop, "find_charges", customer_id=SMALL))["duplicates"][0]
    refund = {
        "customer_id": SMALL,
        "order_id": found["order_id"],
        "amount_minor": found["amount_minor"],
        "idempotency_key": "refund-key-1",
    }
    first = await ask(shop, "issue_refund", **refund)
    async with server(home) as second:
        assert await ask(second, "issue_refund", **refund) == first
        after = await ask(second, "find_charges", customer_id=SMALL)
    assert after["duplicates"] == []
    with closing(ledger.connect(ledger.path_in(home))) as db:
        keys = [entry["idempotency_key"] for entry in ledger.entries(db)]
    assert keys.count("refund-key-1") == 1
    said = await refusal(shop, "issue_refund", **{**refund, "amount_minor": 1})
    assert "used before for another request" in said


async def test_a_refusal_says_why(shop: Client) -> None:
    said = await refusal(
        shop,
        "issue_refund",
        customer_id=HOLD,
        order_id="LO-10000",
        amount_minor=100,
        idempotency_key="refund-key-2",
    )
    assert "not an order of" in said


async def test_an_answer_without_a_customer_goes_back_where_it_came_from(shop: Client) -> None:
    sent = await ask(
        shop, "send_reply", ticket_id="t-1", text="Hello", idempotency_key="reply-key-1"
    )
    assert sent["details"]["sent_to"] == "the ticket's channel"


async def test_reads_fail_on_request_and_writes_never_do(home: Path) -> None:
    async with server(home, "--faults", "1") as broken:
        failed = await refusal(broken, "get_customer", customer_id=SMALL)
        assert "restarting" in failed
        reply = {"ticket_id": "t-2", "text": "Hello", "idempotency_key": "reply-key-2"}
        assert await ask(broken, "send_reply", **reply)


async def test_faults_can_be_left_in_the_home_folder(tmp_path: Path) -> None:
    faults.save(tmp_path, FaultSettings(rate=0.25, seed=3))
    assert faults.settings_for(tmp_path, {}).rate == 0.25
    asked = faults.settings_for(tmp_path, {faults.RATE_VARIABLE: "0.5"})
    assert asked == FaultSettings(rate=0.5)
    assert faults.settings_for(tmp_path / "elsewhere", {}).rate == 0.0
