"""A payment service that fails in every way a payment service fails: an MCP server over HTTP.

`python -m bench.faults.service --ledger FILE [--rates FILE] [--port N]` prints its port; a process
that has everything loaded may fork and `serve`. Its books are honest whatever it answers.
"""

import argparse
import asyncio
import os
import socket
import sqlite3
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from bench.faults import acts, books, line
from bench.faults.booker import Booker
from bench.faults.books import Answer, Call
from bench.faults.mishaps import Mishap, Mishaps
from mcp.server import MCPServer
from mcp_types import CallToolResult, TextContent, ToolAnnotations
from pydantic import BaseModel, Field
from starlette.types import ASGIApp

Text = Annotated[str, Field(min_length=1)]
Key = Annotated[str, Field(min_length=8)]
Amount = Annotated[int, Field(gt=0, strict=True)]
_READ = ToolAnnotations(read_only_hint=True)
_WRITE = ToolAnnotations(read_only_hint=False, idempotent_hint=True)
_AGAIN = ToolAnnotations(read_only_hint=False, idempotent_hint=False)


class OrderState(BaseModel):
    order_id: str
    customer_id: str
    version: int
    refundable_minor: int


class EffectFound(BaseModel):
    found: bool
    receipt: dict[str, Any] | None


class Totals(BaseModel):
    entries: int
    amount_minor: int


class Payments:
    """The tools, over one file of books."""

    def __init__(self, ledger: Path, mishaps: Mishaps, now: Callable[[], float]) -> None:
        self._reading = books.connect(ledger)
        self._booker = Booker(books.connect(ledger))
        self._mishaps = mishaps
        self._now = now
        self._late: set[asyncio.Task[Answer]] = set()

    async def order_state(self, customer_id: Text, order_id: Text) -> CallToolResult:
        """Show an order of the customer as it is now."""
        order = books.order_state(self._reading, order_id)
        if order is None or order["customer_id"] != customer_id:
            return _result(Answer("ERROR: no such order"))
        return self._read(order_id, OrderState.model_validate(order))

    async def find_effect(self, idempotency_key: Key) -> CallToolResult:
        """Say whether anything was done under the key, and show its receipt."""
        receipt = books.find_effect(self._reading, idempotency_key)
        return self._read(idempotency_key, EffectFound(found=receipt is not None, receipt=receipt))

    async def ledger_totals(self) -> CallToolResult:
        """Count the calls that were carried out and add up the amounts they were asked for."""
        return self._read("totals", Totals.model_validate(books.totals(self._reading)))

    async def issue_refund(
        self,
        customer_id: Text,
        order_id: Text,
        amount_minor: Amount,
        expected_version: int,
        idempotency_key: Key,
    ) -> CallToolResult:
        """Pay back part of an order that is still at the expected version."""
        body = {
            "customer_id": customer_id,
            "order_id": order_id,
            "amount_minor": amount_minor,
            "expected_version": expected_version,
        }
        return await self._do(acts.issue_refund, Call("issue_refund", body, idempotency_key))

    async def reverse_refund(
        self,
        customer_id: Text,
        order_id: Text,
        refund_id: Text,
        amount_minor: Amount,
        idempotency_key: Key,
    ) -> CallToolResult:
        """Take a refund back, once; `refund_id` is its id or the key it was asked for with."""
        body = {
            "customer_id": customer_id,
            "order_id": order_id,
            "refund_id": refund_id,
            "amount_minor": amount_minor,
        }
        return await self._do(acts.reverse_refund, Call("reverse_refund", body, idempotency_key))

    async def send_reply(
        self, ticket_id: str | int, customer_id: str | None, text: Text, idempotency_key: Key
    ) -> CallToolResult:
        """Send the customer an answer."""
        body = {"ticket_id": str(ticket_id), "customer_id": customer_id or "", "text": text}
        return await self._do(acts.send_reply, Call("send_reply", body, idempotency_key))

    async def send_letter(self, customer_id: Text, order_id: Text) -> CallToolResult:
        """Post a letter about an order; there is no key, so each call posts another one."""
        body = {"customer_id": customer_id, "order_id": order_id}
        return await self._do(acts.send_letter, Call("send_letter", body, None))

    def _read(self, subject: str, found: BaseModel) -> CallToolResult:
        if self._mishaps.draws_throttled_read(subject):
            return _result(Answer("ERROR: too many requests"))
        return _result(Answer(found.model_dump()))

    async def _do(self, act: acts.Act, call: Call) -> CallToolResult:
        mishap = self._mishaps.draw(f"{call.key}:{call.text}")
        if mishap is Mishap.THROTTLE:
            return _result(Answer("ERROR: too many requests"))
        if mishap is Mishap.FAIL_BEFORE:
            return _result(Answer("ERROR: the bank cannot be reached"))
        if mishap in (Mishap.HANG, Mishap.HANG_THEN_DO):
            return _result(await self._hang(act, call, mishap))
        answer = await self._booker.book(partial(self._book, act, call, mishap))
        if mishap is Mishap.DROP:
            line.cut()
        if mishap is Mishap.FAIL_AFTER:
            return _result(Answer("ERROR: internal error"))
        return _result(answer)

    async def _hang(self, act: acts.Act, call: Call, mishap: Mishap) -> Answer:
        """Stay silent; what is still to be done is done even when the caller has gone."""

        async def later() -> Answer:
            await asyncio.sleep(self._mishaps.rates.hang_seconds)
            if mishap is Mishap.HANG:
                return Answer("ERROR: it took too long")
            return await self._booker.book(partial(self._book, act, call, None))

        task = asyncio.create_task(later())
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        return await asyncio.shield(task)

    def _book(
        self, act: acts.Act, call: Call, mishap: Mishap | None, db: sqlite3.Connection
    ) -> Answer:
        failure = Answer("ERROR: the payment failed")
        now = self._now()

        def do() -> Answer:
            return failure if mishap is Mishap.KEEP_FAILURE_BEFORE else act(db, call, now)

        def keep(answer: Answer) -> Answer:
            return failure if mishap is Mishap.KEEP_FAILURE_AFTER else answer

        forget = self._mishaps.rates.forget_seconds
        answer = books.once(db, call, now=now, forget_seconds=forget, act=do, keep=keep)
        return keep(answer) if call.key is None else answer


def make_app(ledger: Path, mishaps: Mishaps, now: Callable[[], float]) -> ASGIApp:
    """Return the service as an application that can hang up instead of answering."""
    payments = Payments(ledger, mishaps, now)
    server = MCPServer("payments", version="1.0", log_level="CRITICAL")
    groups: list[tuple[ToolAnnotations, list[Callable[..., Awaitable[CallToolResult]]]]] = [
        (_READ, [payments.order_state, payments.find_effect, payments.ledger_totals]),
        (_WRITE, [payments.issue_refund, payments.reverse_refund, payments.send_reply]),
        (_AGAIN, [payments.send_letter]),
    ]
    for hints, tools in groups:
        for tool in tools:
            server.tool(annotations=hints)(tool)
    app = server.streamable_http_app(json_response=True, stateless_http=True)
    return partial(line.serve, app)


def _result(answer: Answer) -> CallToolResult:
    """A refusal or error goes out in its own words, which begin with REFUSED or ERROR."""
    if isinstance(answer.body, str):
        return CallToolResult(content=[TextContent(text=answer.body)], is_error=True)
    return CallToolResult(content=[], structured_content=answer.body)


def listen(port: int = 0) -> socket.socket:
    """Return a socket that takes calls from now on; they wait until somebody serves it."""
    # Named as TCP, which `create_server` does not: only then asyncio sends small answers at once.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(512)
    return listener


def serve(listener: socket.socket, ledger: Path, rates: Path | None = None) -> None:
    """Serve on the socket until SIGTERM."""
    app = make_app(ledger, Mishaps(rates), time.time)
    config = uvicorn.Config(
        app,
        interface="asgi3",
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[listener])


def main() -> None:
    """Print the port and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--rates", type=Path, help="a JSON file of rates, taken up when it changes")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    listener = listen(given.port)
    os.write(1, f"{listener.getsockname()[1]}\n".encode())
    serve(listener, given.ledger, given.rates)


if __name__ == "__main__":
    main()
