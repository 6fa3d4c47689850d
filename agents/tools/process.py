"""The way to a tool server that is a process of ours, over its standard input and output."""

import asyncio
import math
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, TextIO

from anyio.streams.memory import MemoryObjectReceiveStream
from mcp import StdioServerParameters
from mcp.client.stdio import stdio_client

_TAIL_BYTES = 2_000


class ProcessWire:
    """The SDK's stdio transport, keeping hold of the incoming stream to see the process end."""

    listing_seconds = math.inf  # the process is the same until it ends

    def __init__(self, parameters: StdioServerParameters) -> None:
        self._parameters = parameters
        self._held = AsyncExitStack()
        self._tail = _Tail()
        self._incoming: MemoryObjectReceiveStream[Any] | None = None

    async def __aenter__(self) -> Any:
        async with AsyncExitStack() as held:
            errlog = await held.enter_async_context(_stderr(self._tail))
            streams = await held.enter_async_context(stdio_client(self._parameters, errlog))
            self._held = held.pop_all()
        assert isinstance(streams[0], MemoryObjectReceiveStream)  # the SDK's type promises less
        self._incoming = streams[0]
        return streams

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return await self._held.__aexit__(kind, error, trace)

    @property
    def is_broken(self) -> bool:
        """Whether the process has closed its side."""
        return self._incoming is None or self._incoming.statistics().open_send_streams == 0

    def last_words(self) -> str:
        """Return the last line the process wrote to stderr: it says why a start failed."""
        return self._tail.last_line()


class _Tail(asyncio.Protocol):
    """The end of what a server wrote to stderr."""

    _text = b""

    def data_received(self, data: bytes) -> None:
        self._text = (self._text + data)[-_TAIL_BYTES:]

    def last_line(self) -> str:
        lines = self._text.decode(errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return f" ({said[-1]})" if said else ""


@asynccontextmanager
async def _stderr(tail: _Tail) -> AsyncIterator[TextIO]:
    """A file for the server's stderr, read as it comes so that a chatty server never blocks."""
    reading, writing = os.pipe()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: tail, os.fdopen(reading, "rb", 0))
    try:
        with os.fdopen(writing, "w") as errlog:
            yield errlog
    finally:
        transport.close()
