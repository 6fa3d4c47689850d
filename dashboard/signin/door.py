"""The door: nobody reaches a page, a figure or the socket without a live sign-in.

A pure ASGI layer behind the guard and before any script. It answers `/auth/` itself. A header that
claims to say who is asking is refused unless the proxy proves itself by the shared secret. A socket
is looked at again with every message, so it ends with its sign-in.
"""

import hmac
import time
from collections.abc import Callable
from functools import partial
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.signin.rules import SECRET_HEADER, cookie_name, is_identity_header
from store.registry import identity_of
from store.settings import Settings, SignInWay
from store.sign_ins import SignedIn

HEALTH = "/healthz"
SIGN_IN = "/auth/"
# They tell nothing. A page whose sign-in ended asks them before it connects again: refused there,
# Streamlit would put an error over the words that one can sign in again.
RECONNECTING = frozenset({"/_stcore/health", "/_stcore/host-config"})
KEEP_SECONDS = 1.0  # how long a look at the store counts
_PROXIED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
_MOST_KEPT = 4096

Look = Callable[[str], SignedIn | None]


class Door:
    """Lets in who is signed in; in local mode everybody on this machine, and nobody else."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: Settings,
        look: Look,
        sign_in: ASGIApp | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._clock = clock
        self._way = settings.sign_in
        self._user_header = settings.proxy_user_header.lower()
        secret = settings.proxy_secret
        self._secret = secret.get_secret_value().encode() if secret else b""
        self._cookie = cookie_name(settings)
        self._look = look
        self._sign_in = sign_in
        self._seen: dict[str, tuple[float, SignedIn]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        answering = await self._answering(scope)
        if scope["type"] == "websocket" and isinstance(answering, Response):
            await send({"type": "websocket.close", "code": 1008})  # before accepting: 403
            return
        await answering(scope, receive, send)

    async def _answering(self, scope: Scope) -> ASGIApp:
        """Return what answers this request: the pages, the sign-in, or a refusal."""
        headers, path = Headers(scope=scope), scope["path"]
        if path == HEALTH and self._way is SignInWay.PROXY:
            return self._app  # asked past the proxy
        forged = self._forged(headers)
        if forged:
            return PlainTextResponse(forged, status_code=403)
        if path.startswith(SIGN_IN):
            is_page = self._sign_in is not None and scope["type"] == "http"
            return self._signing_in if is_page else _not_found()
        if self._way is SignInWay.LOCAL or path == HEALTH or path in RECONNECTING:
            return self._app
        token = HTTPConnection(scope).cookies.get(self._cookie, "")
        found = await self._live(token)
        if found is None or not self._is_same(found, headers):
            return _turned_away(scope, headers)
        return partial(self._watched, token) if scope["type"] == "websocket" else self._app

    def _forged(self, headers: Headers) -> str:
        """Return why nothing these headers say of the person can be believed, else nothing."""
        if self._way is SignInWay.PROXY:
            secrets, users = headers.getlist(SECRET_HEADER), headers.getlist(self._user_header)
            given = secrets[0].encode() if len(secrets) == 1 else b""
            if not hmac.compare_digest(given, self._secret) or not self._secret:
                return "This address is for the proxy in front of Greenlight only.\n"
            return "" if len(users) == 1 else "The proxy must name exactly one person.\n"
        if any(is_identity_header(name, self._user_header) for name in headers):
            return (
                "Greenlight takes nobody's word for who is asking: a header here names a person.\n"
            )
        if self._way is SignInWay.LOCAL and any(name in headers for name in _PROXIED):
            return (
                "Without sign-in Greenlight serves this machine only, and this request came through"
                " a proxy. Set GREENLIGHT_SIGN_IN first.\n"
            )
        return ""

    def _is_same(self, found: SignedIn, headers: Headers) -> bool:
        """Return whether they signed in this way, and the proxy still names the same person."""
        if found.method.value != self._way.value:
            return False
        is_proxy = self._way is SignInWay.PROXY
        return not is_proxy or identity_of(headers[self._user_header]) == found.subject

    async def _live(self, token: str) -> SignedIn | None:
        if not token:
            return None
        until, found = self._seen.get(token, (0.0, None))
        if found is not None and self._clock() < until:
            return found
        found = await run_in_threadpool(self._look, token)
        self._seen.pop(token, None)
        if found is not None:
            if len(self._seen) >= _MOST_KEPT:
                self._seen.clear()
            self._seen[token] = (self._clock() + KEEP_SECONDS, found)
        return found

    async def _signing_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._sign_in is not None
        await self._sign_in(scope, receive, send)
        self._seen.pop(HTTPConnection(scope).cookies.get(self._cookie, ""), None)

    async def _watched(self, token: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a socket until its sign-in ends: the message after that reaches no script."""
        is_over = False

        async def hear() -> Message:
            nonlocal is_over
            message = await receive()
            if message["type"] == "websocket.receive" and await self._live(token) is None:
                is_over = True
                await send({"type": "websocket.close", "code": 1008, "reason": "signed out"})
                return {"type": "websocket.disconnect", "code": 1008}
            return message

        async def say(message: Message) -> None:
            if not is_over:
                await send(message)

        await self._app(scope, hear, say)


def _not_found() -> Response:
    return PlainTextResponse("Not found.\n", status_code=404)


def _turned_away(scope: Scope, headers: Headers) -> Response:
    """Send a person to the sign-in and back to this page; tell a program that it may not."""
    if scope.get("method") == "GET" and "text/html" in headers.get("accept", ""):
        query = scope.get("query_string", b"").decode("latin-1")
        wanted = scope["path"] + (f"?{query}" if query else "")
        return RedirectResponse(
            f"{SIGN_IN}login?next={quote(wanted, safe='/')}",
            status_code=303,
            headers={"cache-control": "no-store"},
        )
    return PlainTextResponse("Sign in first.\n", status_code=401)
