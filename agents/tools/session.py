"""One MCP server process and the session with it.

The SDK's client must be entered and left by the same task, so an owner task lives as long as the
process, and callers in other tasks share its client. A dead server is started again by the next
call, once for all who wait and with growing pauses; a call itself is never repeated here.
"""

import asyncio
import logging
import math
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TextIO

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp_types import CallToolResult

from agents.tools.answers import is_closed, is_timeout
from agents.tools.schemas import ToolSchema, fingerprint

CONNECT_SECONDS = 30.0  # a Python server on a loaded machine needs some of them for its imports
PROBE_SECONDS = 5.0
WRITE_GRACE_SECONDS = 1.0  # the SDK's own clock starts only once the request is written
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
_TAIL_BYTES = 2_000

_log = logging.getLogger(__name__)


class ServerDown(Exception):
    """The server is not there; nothing was sent to it."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One life of the server process, with the tools it offered when it began."""

    client: Client
    offered: Mapping[str, ToolSchema]
    incoming: MemoryObjectReceiveStream[Any]
    scope: anyio.CancelScope

    @property
    def is_broken(self) -> bool:
        """Whether the process has closed its side; known before anything is sent."""
        return self.incoming.statistics().open_send_streams == 0


class ServerSession:
    """A server that is started when first needed and started again when it died."""

    def __init__(self, name: str, parameters: StdioServerParameters) -> None:
        self.name = name
        self.offered: Mapping[str, ToolSchema] = {}
        self._parameters = parameters
        self._opening: asyncio.Future[Connection] | None = None
        self._scope: anyio.CancelScope | None = None
        self._owners: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._not_before = -math.inf
        self._is_suspect = False
        self._is_closed = False

    async def connection(self) -> Connection:
        """Return the live connection, starting the server if need be; raise ServerDown."""
        connection = await self._connect()
        if self._is_suspect:  # the last call timed out: is the server slow, or gone deaf?
            self._is_suspect = False
            if not await _answers(connection):
                self._drop(connection)
                connection = await self._connect()
        return connection

    async def call(
        self, connection: Connection, tool: str, args: Mapping[str, Any], *, seconds: float
    ) -> CallToolResult:
        """Call once; raise what the SDK raises, or TimeoutError, and never repeat."""
        try:
            async with asyncio.timeout(seconds + WRITE_GRACE_SECONDS):
                result = await connection.client.call_tool(
                    tool, dict(args), read_timeout_seconds=seconds
                )
        except (MCPError, TimeoutError, anyio.ClosedResourceError) as error:
            if is_timeout(error):
                self._is_suspect = True
            elif is_closed(error):
                self._drop(connection)
            raise
        self._failures = 0
        return result

    async def close(self) -> None:
        """End the process and wait until it is gone; later calls raise ServerDown."""
        self._is_closed = True
        self._opening = None
        if self._scope is not None:
            self._scope.cancel()
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
            raise ServerDown(f"it failed {self._failures} times, next start in {wait:.0f} s")
        self._opening = opening = loop.create_future()
        self._scope = anyio.CancelScope(deadline=anyio.current_time() + CONNECT_SECONDS)
        owner = loop.create_task(self._own(opening, self._scope), name=f"tools:{self.name}")
        self._owners.add(owner)
        owner.add_done_callback(self._owners.discard)
        return opening

    async def _own(self, opening: asyncio.Future[Connection], scope: anyio.CancelScope) -> None:
        """Hold the process from start to end; `scope` bounds the start, and ends it."""
        trouble = "it was stopped"
        async with _stderr() as (errlog, tail):
            try:
                with scope:
                    await self._serve(opening, scope, errlog)
                if anyio.current_time() >= scope.deadline:
                    trouble = f"it did not start within {CONNECT_SECONDS:.0f} s"
            except (OSError, MCPError, RuntimeError, ValueError, ExceptionGroup) as error:
                trouble = _cause(error)
                _log.debug("tool server %s ended: %s", self.name, trouble)
            finally:
                if not opening.done():
                    self._failed()
                    opening.set_exception(ServerDown(f"{trouble}{tail.last_line()}"))
                    opening.exception()  # seen, even if everybody who waited has gone

    async def _serve(
        self, opening: asyncio.Future[Connection], scope: anyio.CancelScope, errlog: TextIO
    ) -> None:
        transport = _Transport(stdio_client(self._parameters, errlog))
        async with Client(transport, read_timeout_seconds=CONNECT_SECONDS) as client:
            self.offered = await self._list_tools(client)
            scope.deadline = math.inf
            opening.set_result(Connection(client, self.offered, transport.incoming, scope))
            await anyio.sleep_forever()

    async def _list_tools(self, client: Client) -> dict[str, ToolSchema]:
        offered: dict[str, ToolSchema] = {}
        cursor: str | None = ""
        while cursor is not None:  # an endless listing is ended by the scope of the start
            page = await client.list_tools(cursor=cursor or None)
            for tool in page.tools:
                digest = fingerprint(tool.input_schema)
                offered[tool.name] = ToolSchema(self.name, tool.input_schema, digest)
            cursor = page.next_cursor
        return offered

    def _drop(self, connection: Connection) -> None:
        """Give up a connection; whoever comes next starts the server again."""
        opening = self._opening
        if opening is not None and opening.done() and opening.result() is connection:
            self._failed()
        connection.scope.cancel()

    def _failed(self) -> None:
        self._opening = None
        self._failures += 1
        pause = FIRST_PAUSE_SECONDS * (2 ** min(self._failures - 1, 16) - 1)  # the first: none
        now = asyncio.get_running_loop().time()
        self._not_before = now + min(pause, LONGEST_PAUSE_SECONDS)


async def _answers(connection: Connection) -> bool:
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            await connection.client.list_tools(cache_mode="bypass")
    except (MCPError, TimeoutError, anyio.ClosedResourceError):
        return False
    return True


def _cause(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__


class _Transport:
    """The SDK's stdio transport, keeping hold of the incoming stream to see the process end."""

    incoming: MemoryObjectReceiveStream[Any]

    def __init__(self, stdio: AbstractAsyncContextManager[Any]) -> None:
        self._stdio = stdio

    async def __aenter__(self) -> Any:
        streams = await self._stdio.__aenter__()
        assert isinstance(streams[0], MemoryObjectReceiveStream)  # the SDK's type promises less
        self.incoming = streams[0]
        return streams

    async def __aexit__(self, *problem: Any) -> bool | None:
        return await self._stdio.__aexit__(*problem)


class _Tail(asyncio.Protocol):
    """The end of what a server wrote to stderr: it says why a start failed."""

    _text = b""

    def data_received(self, data: bytes) -> None:
        self._text = (self._text + data)[-_TAIL_BYTES:]

    def last_line(self) -> str:
        lines = self._text.decode(errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return f" ({said[-1]})" if said else ""


@asynccontextmanager
async def _stderr() -> AsyncIterator[tuple[TextIO, _Tail]]:
    """A file for the server's stderr, read as it comes so that a chatty server never blocks."""
    reading, writing = os.pipe()
    loop = asyncio.get_running_loop()
    transport, tail = await loop.connect_read_pipe(_Tail, os.fdopen(reading, "rb", 0))
    try:
        with os.fdopen(writing, "w") as errlog:
            yield errlog, tail
    finally:
        transport.close()
