"""The door in front of the pages, asked directly: who is let through, and for how long."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.types import Message, Receive, Scope, Send

from dashboard.signin.door import Door
from store.settings import Settings, SignInWay
from store.sign_ins import SignedIn
from store.transitions import Role, SignInMethod

COOKIE = {"cookie": "greenlight=token"}


class Desk:
    """The pages behind a door, and a store whose one sign-in can end."""

    def __init__(self, way: SignInWay, **more: Any) -> None:
        self.heard: list[Message] = []
        self.looks = 0
        self.live: SignedIn | None = None
        if way is not SignInWay.LOCAL:
            then = datetime(2026, 11, 20, tzinfo=UTC)
            self.live = SignedIn("Ana", Role.OPERATOR, SignInMethod(way.value), "ana@x.org", then)
        self.now = 0.0
        self._door = Door(
            self._pages,
            settings=Settings(sign_in=way, **more),
            look=self._look,
            sign_in=None if way is SignInWay.LOCAL else self._sign_in,
            clock=lambda: self.now,
        )

    def _look(self, token: str) -> SignedIn | None:
        self.looks += 1
        return self.live if token == "token" else None

    async def _pages(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            return
        while self.heard[-1:] != [{"type": "websocket.disconnect", "code": 1008}]:
            self.heard.append(await receive())
            await send({"type": "websocket.send", "text": "answer"})

    async def _sign_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 299, "headers": []})

    async def ask(self, path: str, kind: str = "http", **headers: str) -> list[Message]:
        """Send one request, over a socket two messages; end the sign-in between them."""
        sent: list[Message] = []
        said = [{"type": f"{kind}.receive", "text": text} for text in ("one", "two")]

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            message = said.pop(0)
            if message["text"] == "two":
                self.live = None
                self.now += 1.0
            return message

        raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": kind, "path": path, "headers": raw, "method": "GET", "query_string": b""}
        await self._door(scope, receive, send)
        return sent

    async def status(self, path: str, **headers: str) -> int:
        return int((await self.ask(path, **headers))[0]["status"])


@pytest.fixture(autouse=True)
def _settings(settings: Settings) -> None:
    """No setting of the machine reaches these tests."""


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        (COOKIE, 200),
        ({"remote_user": "mo"}, 403),
        ({"x_forwarded_email": "mo@x.org"}, 403),
        ({"x_forwarded_for": "10.0.0.1"}, 403),
        ({"forwarded": "for=10.0.0.1"}, 403),
    ],
)
async def test_locally_nobody_is_asked_and_no_header_names_anybody(
    headers: dict[str, str], status: int
) -> None:
    desk = Desk(SignInWay.LOCAL)
    assert await desk.status("/", **headers) == status
    assert await desk.status("/auth/login", **headers) == (404 if status == 200 else 403)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", COOKIE, 200),
        ("/", {"cookie": "greenlight=other"}, 401),
        ("/", {"accept": "text/html"}, 303),
        ("/", {}, 401),
        ("/healthz", {}, 200),
        ("/_stcore/health", {}, 200),
        ("/_stcore/health", {"remote_user": "mo"}, 403),
        ("/_stcore/health/x", {}, 401),
        ("/healthz/../gate", {}, 401),
        ("/auth/login", {}, 299),
        ("/authority", {}, 401),
        ("/", {**COOKIE, "x_forwarded_email": "mo@x.org"}, 403),
        ("/healthz", {"x_forwarded_email": "mo@x.org"}, 403),
        ("/", {**COOKIE, "x_forwarded_for": "10.0.0.1"}, 200),
    ],
)
async def test_only_a_live_sign_in_reaches_a_page(
    path: str, headers: dict[str, str], status: int
) -> None:
    assert await Desk(SignInWay.OIDC).status(path, **headers) == status


async def test_a_configured_header_is_refused_without_its_proxy() -> None:
    desk = Desk(SignInWay.OIDC, proxy_user_header="X-Our-User")
    assert await desk.status("/", **COOKIE, x_our_user="mo") == 403


async def test_many_requests_of_one_page_are_one_look_at_the_store() -> None:
    desk = Desk(SignInWay.OIDC)
    for _ in range(20):
        assert await desk.status("/", **COOKIE) == 200
    assert desk.looks == 1
    desk.live, desk.now = None, 0.99
    assert await desk.status("/", **COOKIE) == 200
    desk.now = 1.0
    assert await desk.status("/", **COOKIE) == 401


async def test_whatever_happens_at_the_sign_in_is_seen_at_once() -> None:
    desk = Desk(SignInWay.OIDC)
    assert await desk.status("/", **COOKIE) == 200
    desk.live = None
    assert await desk.status("/auth/logout", **COOKIE) == 299
    assert await desk.status("/", **COOKIE) == 401


async def test_the_message_after_the_sign_in_ended_reaches_no_script() -> None:
    desk = Desk(SignInWay.OIDC)
    sent = await desk.ask("/_stcore/stream", "websocket", **COOKIE)
    assert [one["type"] for one in desk.heard] == ["websocket.receive", "websocket.disconnect"]
    assert desk.heard[0]["text"] == "one"
    assert [one["type"] for one in sent] == ["websocket.send", "websocket.close"]


@pytest.mark.parametrize("path", ["/_stcore/stream", "/auth/login", "/anything"])
async def test_a_socket_without_a_sign_in_is_closed_before_it_opens(path: str) -> None:
    desk = Desk(SignInWay.OIDC)
    (only,) = await desk.ask(path, "websocket")
    assert only["type"] == "websocket.close"
    assert desk.heard == []


async def test_a_proxy_without_a_secret_is_never_believed() -> None:
    desk = Desk(SignInWay.PROXY, proxy_secret=SecretStr(""))
    named = {"x_forwarded_email": "ana@x.org", "x_greenlight_proxy_secret": ""}
    assert await desk.status("/", **COOKIE, **named) == 403


async def test_each_request_must_name_the_person_who_signed_in() -> None:
    desk = Desk(SignInWay.PROXY, proxy_secret=SecretStr("known to us alone, and the proxy"))
    known = {**COOKIE, "x_greenlight_proxy_secret": "known to us alone, and the proxy"}
    assert await desk.status("/", **known, x_forwarded_email=" ANA@x.org") == 200
    assert await desk.status("/", **known, x_forwarded_email="mo@x.org") == 401
    assert await desk.status("/", **known) == 403
