"""Without sign-in: this machine only, and nobody may say who they are. Insecure set-ups do not start."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import signing_in
import websockets.sync.client as sockets
from websockets.exceptions import InvalidStatus


@pytest.fixture(scope="module")
def port(migrated_home: Path) -> Iterator[int]:
    found = signing_in.free_port()
    with signing_in.dashboard(migrated_home, found):
        yield found


def test_whoever_sits_at_this_machine_comes_in(port: int) -> None:
    assert httpx2.get(f"http://127.0.0.1:{port}/", timeout=30).status_code == 200
    with sockets.connect(f"ws://127.0.0.1:{port}/_stcore/stream", proxy=None):
        pass
    assert httpx2.get(f"http://127.0.0.1:{port}/auth/login", timeout=30).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-user": "mo"},
        {"x-forwarded-email": "mo@example.com"},
        {"x-auth-request-user": "mo"},
        {"remote-user": "mo"},
        {"x-greenlight-proxy-secret": "a guess"},
        {"x-forwarded-for": "10.0.0.1"},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:1"},
        {"host": "evil.example"},
    ],
)
def test_forged_foreign_and_rebound_requests_are_refused(
    port: int, headers: dict[str, str]
) -> None:
    address = f"http://127.0.0.1:{port}"
    for path in ("/", "/healthz", "/live/queue"):
        assert httpx2.get(address + path, headers=headers, timeout=30).status_code == 403
    name = headers.get("host", f"127.0.0.1:{port}")
    rest = {name: value for name, value in headers.items() if name != "host"}
    with pytest.raises(InvalidStatus, match="403"):
        sockets.connect(
            f"ws://{name}/_stcore/stream",
            sock=signing_in.connected(port),
            additional_headers=rest,
            proxy=None,
        )


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"address": "0.0.0.0"}, "would let the network in"),
        ({"public_url": "https://greenlight.example.com"}, "needs sign-in"),
        ({"sign_in": "oidc"}, "GREENLIGHT_OIDC_CLIENT_SECRET is missing"),
        ({"sign_in": "proxy", "public_url": "https://x.example"}, "GREENLIGHT_PROXY_SECRET"),
        ({"sign_in": "anybody"}, "GREENLIGHT_SIGN_IN cannot be used"),
    ],
)
def test_an_insecure_set_up_does_not_start(tmp_path: Path, own: dict[str, str], said: str) -> None:
    given = {f"GREENLIGHT_{name.upper()}": value for name, value in own.items()}
    environment = {**os.environ, "GREENLIGHT_HOME": str(tmp_path / "home"), **given}
    found = subprocess.run(
        [sys.executable, "-m", "dashboard.server", "--port", "0"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (found.returncode, found.stdout) == (1, "")
    assert said in found.stderr
    assert "Traceback" not in found.stderr
