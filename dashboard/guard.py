"""The guard in front of every request: allowed hosts, same origin, strict CSP, no agent API.

A pure ASGI layer that runs before any Streamlit code, for HTTP and for the WebSocket alike.
Refuses to be built on a configuration with a guard switched off (`require_safe`).
"""

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import streamlit
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from store.errors import GreenlightError

CLOSED_PATHS = (
    "/_stcore/agent",
    "/_stcore/metrics",
    "/_stcore/upload_file",
    "/oauth2callback",  # Streamlit's own sign-in is not used
)
HEALTH = "/healthz"
_HERE = frozenset({"127.0.0.1", "localhost"})
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)

# option, the only value we start with, what goes wrong otherwise
_REQUIRED: tuple[tuple[str, object, str], ...] = (
    ("server.enableAgentApi", False, "programs could drive the pages past the guard"),
    ("server.enableCORS", True, "any web page could open the socket"),
    ("server.enableXsrfProtection", True, "forged requests would be accepted"),
    ("server.enableStaticServing", False, "files beside the app would be public"),
    ("server.trustedUserHeaders", None, "a caller could name itself in a header"),
    ("client.showErrorDetails", "none", "internals would be shown to readers"),
    ("browser.gatherUsageStats", False, "browsers would call an outside host"),
)


class UnsafeConfiguration(GreenlightError):
    """A guard was switched off in the configuration; the dashboard does not start."""


def require_safe(option: Callable[[str], object]) -> None:
    """Raise UnsafeConfiguration naming every guard that `option` says is off."""
    wrong = [
        f"{name} must be {wanted!r}: otherwise {why}"
        for name, wanted, why in _REQUIRED
        if (option(name) or None) != (wanted or None)
    ]
    if not option("server.allowedHosts"):
        wrong.append("server.allowedHosts must name hosts: otherwise a rebound name is accepted")
    if wrong:
        raise UnsafeConfiguration(
            "The dashboard does not start with a guard switched off. Remove from the Streamlit"
            " configuration: " + "; ".join(wrong) + "."
        )


def index_html() -> str:
    """Return the page shell of the installed Streamlit."""
    return (Path(streamlit.__file__).parent / "static" / "index.html").read_text("utf-8")


def content_policy(page: str) -> str:
    """Return the Content-Security-Policy that lets this page run its own scripts and no others."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"
        for code in _INLINE_SCRIPT.findall(page)
    )
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' blob: {hashes}".rstrip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "frame-ancestors 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "object-src 'none'",
        )
    )


class Guard:
    """Refuses foreign hosts, foreign origins and closed paths; adds the security headers.

    `origin` is the only one whose scripts may ask; None means that of the host which is asked.
    """

    def __init__(
        self, app: ASGIApp, *, hosts: Sequence[str], policy: str, origin: str | None = None
    ) -> None:
        self._app = app
        self._origin = origin
        self._hosts = frozenset(host.lower() for host in hosts)
        self._headers = {
            "content-security-policy": policy,
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            "referrer-policy": "no-referrer",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            if refusal:  # closing before accepting answers 403
                await send({"type": "websocket.close", "code": 1008})
                return
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await (refusal or self._app)(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name = _hostname(host)
        is_probe = scope["path"] == HEALTH and name in _HERE
        if name not in self._hosts and not is_probe:
            return PlainTextResponse("This host name is not served here.\n", status_code=403)
        origin = headers.get("origin")
        if origin is not None and not self._is_ours(origin, host):
            return PlainTextResponse("Requests from other sites are refused.\n", status_code=403)
        if scope["path"].startswith(CLOSED_PATHS):
            return PlainTextResponse("Not found.\n", status_code=404)
        return None

    def _is_ours(self, origin: str, host: str) -> bool:
        if self._origin is not None:
            return origin == self._origin
        return _netloc(origin) == host


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
