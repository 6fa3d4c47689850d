"""The demo's tool server as a real process, asked through the real MCP client."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from agents.demo import faults, ledger
from agents.demo.faults import FaultSettings
from agents.demo.world import StoryKind

READ = {
    "order_state",
    "find_effect",
    "ledger_totals",
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


async def ask(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    facts: dict[str, Any] | None = answer.structured_content
    assert facts is not None
    return facts


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    answer = await client.call_tool(tool, arguments)
    assert answer.is_error
    return str(answer.content[0])


async def test_tools_say_what_they_do_and_write_tools_insist_on_a_key(home: Path) -> None:
    async with server(home) as shop:
        offered = (await shop.list_tools()).tools
    hints = {tool.name: tool.annotations for tool in offered}
    assert {name for name, hint in hints.items() if hint and hint.read_only_hint} == READ
    assert all(hint and hint.idempotent_hint for hint in hints.values())
    assert all(tool.output_schema for tool in offered)
    with_key = {t.name for t in offered if "idempotency_key" in t.input_schema.get("required", ())}
    assert with_key - READ == hints.keys() - READ


async def test_the_facts_tell_charges_apart_and_keep_to_their_customer(home: Path) -> None:
    async with server(home) as shop:
        charges = {
            customer: await ask(shop, "find_charges", customer_id=customer, month="2026-05")
            for customer in (AMBIGUOUS, SMALL, LARGE, HOLD, FEES)
        }
        theirs = (await ask(shop, "find_orders", customer_id=SMALL))["latest"]["order_id"]
        strangers = [
            await ask(shop, tool, customer_id=LARGE, order_id=theirs)
            for tool in ("find_orders", "find_shipment", "find_refunds")
        ]
        unknown = await ask(shop, "get_customer", customer_id="C-999999")
    assert charges[AMBIGUOUS]["duplicates"] == []
    assert charges[AMBIGUOUS]["possible_duplicates"][0]["amount_minor"] == 4_200
    assert charges[SMALL]["duplicates"][0]["amount_minor"] <= 10_000
    assert charges[LARGE]["duplicates"][0]["amount_minor"] > 10_000
    assert charges[HOLD]["holds"]
    assert charges[FEES]["fee_pairs"]
    assert all(found["is_unknown_order"] for found in strangers)
    assert theirs not in str(strangers)  # not even repeated
    assert not unknown["is_known"]  # a fact, not an error


async def test_two_servers_and_one_key_make_one_refund(home: Path) -> None:
    world = ledger.settled_world(home)
    story = [one for one in world.stories if one.kind is StoryKind.DUPLICATE_SMALL][1]
    refund: dict[str, Any] = {
        "customer_id": story.customer_id,
        "order_id": story.order_id,
        "amount_minor": world.story_order(story).total_minor,
        "idempotency_key": "refund-key-1",
    }
    async with server(home) as one, server(home) as two:
        order = {name: refund[name] for name in ("customer_id", "order_id")}
        state = await ask(two, "order_state", **order)
        refund["expected_refundable_minor"] = state["refundable_minor"]
        first = await ask(one, "issue_refund", **refund)
        assert await ask(two, "issue_refund", **refund) == first
        after = await ask(two, "find_charges", customer_id=story.customer_id)
        said = await refusal(one, "issue_refund", **{**refund, "amount_minor": 1})
    assert after["duplicates"] == []
    assert "used before for another request" in said
    with closing(ledger.connect(ledger.path_in(home))) as db:
        keys = [entry["idempotency_key"] for entry in ledger.entries(db)]
    assert keys.count("refund-key-1") == 1


async def test_reads_fail_on_request_and_writes_never_do(home: Path) -> None:
    reply = {"ticket_id": "t-2", "text": "Hello", "idempotency_key": "reply-key-2"}
    refund = {
        "customer_id": HOLD,
        "order_id": "LO-10000",
        "amount_minor": 100,
        "expected_refundable_minor": 100,
    }
    async with server(home, "--faults", "1") as broken:
        failed = await refusal(broken, "get_customer", customer_id=SMALL)
        sent = await ask(broken, "send_reply", **reply)
        said = await refusal(broken, "issue_refund", **refund, idempotency_key="refund-key-2")
    assert "restarting" in failed
    assert sent["details"]["sent_to"] == "the ticket's channel"
    assert "not an order of" in said


def test_faults_can_be_left_in_the_home_folder(tmp_path: Path) -> None:
    faults.save(tmp_path, FaultSettings(rate=0.25, seed=3))
    assert faults.settings_for(tmp_path, {}).rate == 0.25
    asked = faults.settings_for(tmp_path, {faults.RATE_VARIABLE: "0.5"})
    assert asked == FaultSettings(rate=0.5)
    assert faults.settings_for(tmp_path / "elsewhere", {}).rate == 0.0
