"""The guard in front of the pages: hosts, origins, closed paths, headers, safe configuration."""

import base64
import hashlib
import re
from typing import Any

import pytest

from dashboard.guard import (
    Guard,
    UnsafeConfiguration,
    content_policy,
    index_html,
    require_safe,
)

SAFE: dict[str, object] = {
    "server.enableAgentApi": False,
    "server.enableCORS": True,
    "server.enableXsrfProtection": True,
    "server.enableStaticServing": False,
    "server.trustedUserHeaders": None,
    "client.showErrorDetails": "none",
    "browser.gatherUsageStats": False,
    "server.allowedHosts": ["127.0.0.1"],
}


async def ask(
    kind: str,
    path: str,
    headers: dict[str, str],
    served: tuple[tuple[str, ...], str | None] = (("127.0.0.1", "localhost"), None),
) -> list[dict[str, Any]]:
    """Send one request through the guard; an inner 200 means it was let through."""
    hosts, own_origin = served
    sent: list[dict[str, Any]] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": f"{kind}.disconnect"}

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": kind, "path": path, "headers": raw, "method": "GET"}
    guard = Guard(inner, hosts=hosts, policy="default-src 'self'", origin=own_origin)
    await guard(scope, receive, send)
    return sent


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {"host": "127.0.0.1:8600"}, 200),
        ("/", {"host": "localhost:8600", "origin": "http://localhost:8600"}, 200),
        ("/", {"host": "evil.test"}, 403),
        ("/", {"host": "127.0.0.1.evil.test:8600"}, 403),
        ("/", {}, 403),
        ("/", {"host": "127.0.0.1:8600", "origin": "http://127.0.0.1:9999"}, 403),
        ("/", {"host": "127.0.0.1:8600", "origin": "null"}, 403),
        ("/_stcore/agent/openapi.json", {"host": "localhost"}, 404),
        ("/_stcore/metrics", {"host": "localhost"}, 404),
        ("/oauth2callback", {"host": "localhost"}, 404),
        ("/", {"host": "[half"}, 403),
        ("/", {"host": "localhost", "origin": "http://[half"}, 403),
        ("/_stcore/health", {"host": "localhost"}, 200),
    ],
)
async def test_only_our_own_pages_may_ask(path: str, headers: dict[str, str], status: int) -> None:
    first = (await ask("http", path, headers))[0]
    assert first["status"] == status
    assert (b"content-security-policy", b"default-src 'self'") in first["headers"]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {"host": "gl.test"}, 200),
        ("/", {"host": "gl.test", "origin": "https://gl.test"}, 200),
        ("/", {"host": "gl.test", "origin": "http://gl.test"}, 403),
        ("/", {"host": "gl.test:8443", "origin": "https://gl.test:8443"}, 403),
        ("/", {"host": "gl.test", "origin": "https://[half"}, 403),
        ("/", {"host": "127.0.0.1:8600"}, 403),
        ("/healthz", {"host": "127.0.0.1:8600"}, 200),
        ("/healthz", {"host": "evil.test"}, 403),
    ],
)
async def test_a_public_address_is_the_only_one(
    path: str, headers: dict[str, str], status: int
) -> None:
    served = (("gl.test",), "https://gl.test")
    assert (await ask("http", path, headers, served))[0]["status"] == status


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.test", "origin": "http://evil.test"},
        {"host": "127.0.0.1:8600", "origin": "http://localhost:9999"},
    ],
)
async def test_a_foreign_socket_is_closed_before_it_opens(headers: dict[str, str]) -> None:
    (only,) = await ask("websocket", "/_stcore/stream", headers)
    assert only["type"] == "websocket.close"


def test_the_policy_allows_exactly_the_installed_inline_scripts() -> None:
    page = index_html()
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert scripts
    policy = content_policy(page)
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe-eval" not in policy
    assert "frame-ancestors 'none'" in policy


def test_a_safe_configuration_is_accepted() -> None:
    require_safe(SAFE.__getitem__)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("server.enableAgentApi", True),
        ("server.enableCORS", False),
        ("server.enableXsrfProtection", False),
        ("server.trustedUserHeaders", {"X-Email": "email"}),
        ("client.showErrorDetails", "full"),
        ("browser.gatherUsageStats", True),
        ("server.allowedHosts", []),
    ],
)
def test_a_guard_that_is_off_is_named(name: str, value: object) -> None:
    with pytest.raises(UnsafeConfiguration, match=re.escape(name)):
        require_safe({**SAFE, name: value}.__getitem__)
