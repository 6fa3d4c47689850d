"""Processes for tests of signing in: a provider, a dashboard that trusts it, and a browser's part."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2
from integration import oidc_provider as told

COOKIE = "greenlight"


@contextmanager
def provider() -> Iterator[str]:
    """Run the provider; give its issuer."""
    command = [sys.executable, str(Path(told.__file__))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait(timeout=60)


@contextmanager
def dashboard(home: Path, port: int, **own: str) -> Iterator[None]:
    """Run a dashboard on this port with these `GREENLIGHT_*` settings."""
    given = {f"GREENLIGHT_{name.upper()}": value for name, value in own.items()}
    environment = {**os.environ, "GREENLIGHT_HOME": str(home), **given}
    command = [sys.executable, "-m", "dashboard.server", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("Greenlight dashboard: ")
            yield
        finally:
            process.terminate()
            process.wait(timeout=60)


def oidc(issuer: str, port: int) -> Mapping[str, str]:
    """Return the settings of a dashboard that trusts this provider."""
    return {
        "sign_in": "oidc",
        "oidc_issuer": issuer,
        "oidc_client_id": told.CLIENT_ID,
        "oidc_client_secret": told.CLIENT_SECRET,
        "public_url": f"http://127.0.0.1:{port}",
    }


def free_port() -> int:
    """Return a port that nobody uses now: a public address has to be known before the start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def connected(port: int) -> socket.socket:
    """Return a connection to this port, for clients that would look a name up."""
    return socket.create_connection(("127.0.0.1", port), timeout=60)


class Browser(httpx2.Client):
    """A browser without a screen: it keeps cookies and follows nothing by itself."""

    def __init__(self, port: int, **headers: str) -> None:
        super().__init__(
            base_url=f"http://127.0.0.1:{port}",
            headers={"accept": "text/html", **headers},
            timeout=60,
        )

    def sign_in(self, person: str, fault: str = "", page: str = "/") -> httpx2.Response:
        """Go through the whole sign-in as this person; return what the callback answered."""
        back = self.to_provider(page) + f"&as={person}&fault={fault}"
        return self.get(self.get(back).headers["location"])

    def to_provider(self, page: str = "/") -> str:
        """Ask for a page; return where at the provider one is sent."""
        turned = self.get(page)
        assert turned.status_code == 303, turned.text
        return str(self.get(turned.headers["location"]).headers["location"])
