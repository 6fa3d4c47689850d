"""The way to a tool server that is reached by its URL, over MCP's streamable HTTP.

It goes straight to that URL's origin: no proxy, no stored login and no cookie of our environment is
used, and no redirect leaves the origin. What goes wrong with one request stays with that request.
"""

import os
import re
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import httpx2
from mcp.client.streamable_http import MCP_SESSION_ID, streamable_http_client
from mcp_types import CONNECTION_CLOSED, INTERNAL_ERROR

from agents.tools.wire import Attempt, current_attempt

LISTING_SECONDS = 2.0  # another version of the server may have come up behind the same URL
REACH_SECONDS = 5.0
LONGEST_BODY = 4_000_000  # bytes; an answer of the longest kind, twice over and escaped
# An idle connection is left before the server leaves it (after 5 s, as many do): a call that meets
# the server's goodbye would be in doubt for nothing.
_LIMITS = httpx2.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=2.0)
_REFERENCE = re.compile(r"\{env:([A-Za-z_][A-Za-z0-9_]*)\}")
_NEVER_LEFT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server is, and what every request to it carries."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


class EndpointWire:
    """The SDK's HTTP transport over a client that is this server's alone."""

    listing_seconds = LISTING_SECONDS

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._held = AsyncExitStack()
        self.is_broken = True

    async def __aenter__(self) -> Any:
        async with AsyncExitStack() as held:
            client = httpx2.AsyncClient(
                headers={"accept-encoding": "identity", **_filled(self._endpoint.headers)},
                transport=_Requests(httpx2.AsyncHTTPTransport(limits=_LIMITS)),
                trust_env=False,
                timeout=httpx2.Timeout(None, connect=REACH_SECONDS),  # a call has its own clock
            )
            await held.enter_async_context(client)
            streams = await held.enter_async_context(
                streamable_http_client(
                    self._endpoint.url, http_client=client, max_sse_event_size=LONGEST_BODY
                )
            )
            self._held = held.pop_all()
        self.is_broken = False
        return streams

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        self.is_broken = True
        return await self._held.__aexit__(kind, error, trace)

    def last_words(self) -> str:
        """Return nothing: a server at a URL writes its log elsewhere."""
        return ""


class _Requests(httpx2.AsyncBaseTransport):
    """Answers for a request that failed, as the SDK would let it end the whole connection."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        attempt = current_attempt.get(None) or Attempt()
        try:
            response = await self._inner.handle_async_request(request)
            attempt.has_left = True  # what follows it, as a redirect, cannot unsend it
            if _media_type(response) == "text/event-stream":
                return response  # read by the SDK, which bears its breaking off
            return _checked(request, response, await _body(response))
        except _NEVER_LEFT as error:
            attempt.never_left = not attempt.has_left
            return _failed(f"it cannot be reached: {error or type(error).__name__}")
        except httpx2.TransportError as error:
            return _failed(f"the connection to its server ended: {error or type(error).__name__}")

    async def aclose(self) -> None:
        await self._inner.aclose()


async def _body(response: httpx2.Response) -> bytes:
    """Read the whole answer; raise a TransportError if it breaks off or does not end."""
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    body = bytearray()
    try:
        async for part in response.stream:
            body += part
            if len(body) > LONGEST_BODY:
                raise httpx2.ReadError(f"its answer is over {LONGEST_BODY} bytes")
    finally:
        await response.aclose()
    return bytes(body)


def _checked(request: httpx2.Request, response: httpx2.Response, body: bytes) -> httpx2.Response:
    """Return the answer with its body, or an error that says what is wrong with it."""
    if response.status_code == 404 and MCP_SESSION_ID in request.headers:
        return _failed("its server was started anew and has forgotten this session")
    if response.headers.get("content-encoding", "identity") != "identity":
        return _failed("its answer is packed, which was not asked for")
    if response.status_code >= 400 and _media_type(response) != "application/json":
        said = f"{response.status_code} {response.reason_phrase}".strip()
        return _failed(f"its server answered {said}", INTERNAL_ERROR)
    return httpx2.Response(
        response.status_code,
        headers=response.headers,
        stream=httpx2.ByteStream(body),
        extensions=response.extensions,
    )


def _failed(message: str, code: int = CONNECTION_CLOSED) -> httpx2.Response:
    """An answer that the SDK hands to the one call that waits for it, as an MCPError."""
    error = {"code": code, "message": message}
    return httpx2.Response(502, json={"jsonrpc": "2.0", "id": None, "error": error})


def _media_type(response: httpx2.Response) -> str:
    kind: str = response.headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower()


def _filled(headers: Mapping[str, str]) -> dict[str, str]:
    """Put in what the environment holds; raise ValueError, which never shows a value."""

    def value(reference: re.Match[str]) -> str:
        name = reference[1]
        if name not in os.environ:
            raise ValueError(f"the environment variable {name} is not set")
        found = os.environ[name].strip()
        if not (found.isascii() and found.isprintable()):
            raise ValueError(f"the environment variable {name} cannot stand in a header")
        return found

    return {name: _REFERENCE.sub(value, text) for name, text in headers.items()}
