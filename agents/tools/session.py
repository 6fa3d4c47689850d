"""The session with one MCP server, whichever way it is reached.

The SDK's client must be entered and left by the same task, so an owner task lives as long as the
connection, and callers in other tasks share its client. A dead server is started or reached again
by the next call, once for all who wait and with growing pauses; a call itself is never repeated.
"""

import asyncio
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anyio
from mcp import Client, MCPError, StdioServerParameters
from mcp_types import CallToolResult

from agents.tools.endpoint import Endpoint, EndpointWire
from agents.tools.process import ProcessWire
from agents.tools.schemas import ToolSchema, fingerprint
from agents.tools.wire import Attempt, Wire, current_attempt

CONNECT_SECONDS = 30.0  # a Python server on a loaded machine needs some of them for its imports
PROBE_SECONDS = 5.0
WRITE_GRACE_SECONDS = 1.0  # the SDK's own clock starts only once the request is written
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0

_log = logging.getLogger(__name__)


class ServerDown(Exception):
    """The server is not there; nothing was sent to it."""


@dataclass(slots=True, eq=False)
class Connection:
    """One connection to the server, with the tools it offered when it was last asked."""

    client: Client
    wire: Wire
    scope: anyio.CancelScope
    offered: Mapping[str, ToolSchema]
    listed_at: float
    calls: int = 0
    is_retired: bool = False

    @property
    def is_broken(self) -> bool:
        """Whether nothing can be sent any more; known before anything is sent."""
        return self.wire.is_broken

    def end_if_idle(self) -> None:
        """End a retired connection once the last call on it has ended."""
        if self.is_retired and not self.calls:
            self.scope.cancel()


class ServerSession:
    """A server that is started or reached when first needed, and again when it was lost."""

    def __init__(self, name: str, place: StdioServerParameters | Endpoint) -> None:
        self.name = name
        self.offered: Mapping[str, ToolSchema] = {}
        self._place = place
        self._opening: asyncio.Future[Connection] | None = None
        self._owners: dict[asyncio.Task[None], anyio.CancelScope] = {}
        self._failures = 0
        self._not_before = -math.inf
        self._is_suspect = False
        self._is_closed = False

    async def connection(self) -> Connection:
        """Return the live connection, opening it if need be; raise ServerDown."""
        connection = await self._connect()
        now = asyncio.get_running_loop().time()
        # After a call without an answer: is the server slow, gone, or another one by now?
        if self._is_suspect or now - connection.listed_at > connection.wire.listing_seconds:
            self._is_suspect = False
            connection.listed_at = now
            if not await self._look_again(connection):
                self._drop(connection)
                connection = await self._connect()
        return connection

    async def call(
        self, connection: Connection, tool: str, args: Mapping[str, Any], *, seconds: float
    ) -> CallToolResult:
        """Call once and never repeat; raise what the SDK raises, TimeoutError or ServerDown."""
        attempt = Attempt()
        mark = current_attempt.set(attempt)
        connection.calls += 1
        try:
            async with asyncio.timeout(seconds + WRITE_GRACE_SECONDS):
                # Not the client's own `call_tool`: it sends again when the server asks for that.
                result = await connection.client.session.call_tool(
                    tool, dict(args), read_timeout_seconds=seconds
                )
        except (MCPError, TimeoutError, anyio.ClosedResourceError) as error:
            self._is_suspect = True
            if attempt.never_left:
                raise ServerDown(str(error)) from None
            raise
        finally:
            connection.calls -= 1
            connection.end_if_idle()
            current_attempt.reset(mark)
        self._failures = 0
        return result

    async def close(self) -> None:
        """End every connection and wait until its process is gone; later calls raise ServerDown."""
        self._is_closed = True
        self._opening = None
        for scope in self._owners.values():
            scope.cancel()
        await asyncio.gather(*self._owners)

    async def _connect(self) -> Connection:
        if self._opening is not None and self._opening.done():
            connection = self._opening.result()
            if not connection.is_broken:
                return connection
            self._drop(connection)
        opening = self._start() if self._opening is None else self._opening
        return await asyncio.shield(opening)

    def _start(self) -> asyncio.Future[Connection]:
        loop = asyncio.get_running_loop()
        wait = self._not_before - loop.time()
        if self._is_closed:
            raise ServerDown("it was stopped")
        if wait > 0:
            raise ServerDown(f"it failed {self._failures} times, next try in {wait:.0f} s")
        self._opening = opening = loop.create_future()
        scope = anyio.CancelScope(deadline=anyio.current_time() + CONNECT_SECONDS)
        owner = loop.create_task(self._own(opening, scope), name=f"tools:{self.name}")
        self._owners[owner] = scope
        owner.add_done_callback(self._owners.pop)
        return opening

    async def _own(self, opening: asyncio.Future[Connection], scope: anyio.CancelScope) -> None:
        """Hold the connection from start to end; `scope` bounds the start, and ends it."""
        trouble = "it was stopped"
        wire = _wire(self._place)
        try:
            with scope:
                await self._serve(opening, scope, wire)
            if anyio.current_time() >= scope.deadline:
                trouble = f"it did not start within {CONNECT_SECONDS:.0f} s"
        except (OSError, MCPError, RuntimeError, ValueError, ExceptionGroup) as error:
            trouble = _cause(error)
            _log.debug("tool server %s ended: %s", self.name, trouble)
        finally:
            if not opening.done():
                self._failed()
                opening.set_exception(ServerDown(f"{trouble}{wire.last_words()}"))
                opening.exception()  # seen, even if everybody who waited has gone

    async def _serve(
        self, opening: asyncio.Future[Connection], scope: anyio.CancelScope, wire: Wire
    ) -> None:
        async with Client(wire, read_timeout_seconds=CONNECT_SECONDS) as client:
            self.offered = await self._list_tools(client)
            scope.deadline = math.inf
            now = asyncio.get_running_loop().time()
            opening.set_result(Connection(client, wire, scope, self.offered, now))
            await anyio.sleep_forever()

    async def _list_tools(self, client: Client) -> dict[str, ToolSchema]:
        offered: dict[str, ToolSchema] = {}
        cursor: str | None = ""
        while cursor is not None:  # an endless listing is ended by the clock of who asks
            page = await client.list_tools(cursor=cursor or None, cache_mode="bypass")
            for tool in page.tools:
                digest = fingerprint(tool.input_schema)
                offered[tool.name] = ToolSchema(self.name, tool.input_schema, digest)
            cursor = page.next_cursor
        return offered

    async def _look_again(self, connection: Connection) -> bool:
        """Ask anew what the server offers; return whether it answered."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                self.offered = connection.offered = await self._list_tools(connection.client)
        except (MCPError, TimeoutError, ValueError, anyio.ClosedResourceError):
            return False
        return True

    def _drop(self, connection: Connection) -> None:
        """Give up a connection; whoever comes next opens another, calls under way may end."""
        opening = self._opening
        if opening is not None and opening.done() and opening.result() is connection:
            self._failed()
        connection.is_retired = True
        connection.end_if_idle()

    def _failed(self) -> None:
        self._opening = None
        self._failures += 1
        pause = FIRST_PAUSE_SECONDS * (2 ** min(self._failures - 1, 16) - 1)  # the first: none
        now = asyncio.get_running_loop().time()
        self._not_before = now + min(pause, LONGEST_PAUSE_SECONDS)


def _wire(place: StdioServerParameters | Endpoint) -> Wire:
    return EndpointWire(place) if isinstance(place, Endpoint) else ProcessWire(place)


def _cause(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__
