"""A relay between a client and a tool server that spoils the requests it is told to spoil."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HANG_UP = b""


def http(status: str, body: bytes = b"", *, headers: str = "Content-Type: text/plain") -> bytes:
    head = f"HTTP/1.1 {status}\r\n{headers}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@dataclass
class Relay:
    """Forwards to `upstream`; a request that holds a key of `answers` gets that answer instead.

    A request that holds `last` is answered, but no connection is taken after it.
    """

    upstream: int
    answers: dict[bytes, bytes] = field(default_factory=dict)
    seen: list[bytes] = field(default_factory=list)
    last: bytes | None = None
    port: int = 0
    listener: asyncio.Server | None = None

    def count(self, text: bytes) -> int:
        return sum(text in request for request in self.seen)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = await _message(reader)
                self.seen.append(request)
                if self.listener and self.last and self.last in request:
                    self.listener.close()
                answer = self._canned(request)
                if answer is None:
                    answer = await self._forward(request)
                if answer == HANG_UP:
                    return
                writer.write(answer)
                await writer.drain()
                if b"Connection: close" in answer:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone, or the server behind
        finally:
            writer.close()

    def _canned(self, request: bytes) -> bytes | None:
        return next((answer for text, answer in self.answers.items() if text in request), None)

    async def _forward(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        try:
            writer.write(request)
            return await _message(reader)
        finally:
            writer.close()


@asynccontextmanager
async def relay(upstream: int) -> AsyncIterator[Relay]:
    """Listen on a free port for as long as the context lasts."""
    made = Relay(upstream)
    made.listener = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = made.listener.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        made.listener.close()


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return head + await reader.readexactly(length)
