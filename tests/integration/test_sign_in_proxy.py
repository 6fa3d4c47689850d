"""Behind a reverse proxy that vouches: a real server, asked as the proxy asks and as a forger would."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import desk
import httpx2
import pytest
import signing_in
import websockets.sync.client as sockets
from websockets.exceptions import InvalidStatus

from store.registry import CompanyFacts, register_company
from store.settings import Settings
from store.transitions import Role

HOST = "greenlight.example.com"
SECRET = "known to the proxy and to us alone"
COOKIE = "__Host-greenlight"
ANA = {"x-forwarded-email": "ana@example.com", "x-greenlight-proxy-secret": SECRET}
MO = {**ANA, "x-forwarded-email": "mo@example.com"}


class Site:
    """A dashboard that believes its proxy."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, path: str, headers: Any, token: str = "", method: str = "GET") -> httpx2.Response:
        cookie = [("cookie", f"{COOKIE}={token}")] if token else []
        given = [("host", HOST), ("accept", "text/html"), *dict_or_list(headers), *cookie]
        return httpx2.request(
            method, f"http://127.0.0.1:{self.port}{path}", headers=given, timeout=30
        )

    def sign_in(self, headers: Any) -> str:
        """Sign in as the proxy says; return the token."""
        answer = self.ask("/auth/login?next=/runs", headers)
        assert (answer.status_code, answer.headers["location"]) == (303, "/runs")
        cookie: str = answer.headers["set-cookie"]
        assert all(flag in cookie for flag in ("Secure", "HttpOnly", "Path=/", "SameSite=lax"))
        return cookie.removeprefix(f"{COOKIE}=").split(";")[0]

    def socket(self, headers: dict[str, str], token: str) -> sockets.ClientConnection:
        given = {"origin": f"https://{HOST}", "cookie": f"{COOKIE}={token}", **headers}
        return sockets.connect(
            f"ws://{HOST}/_stcore/stream",
            sock=signing_in.connected(self.port),
            additional_headers=given,
            proxy=None,
        )


def dict_or_list(headers: Any) -> list[tuple[str, str]]:
    return list(headers.items()) if isinstance(headers, dict) else list(headers)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home: Path = tmp_path_factory.mktemp("proxied") / "home"
    facts = CompanyFacts(
        name="Larkspur Outfitters",
        currency="EUR",
        is_demo=False,
        people=(("Ana", Role.OPERATOR), ("Mo", Role.MANAGER)),
        identities={"Ana": "ana@example.com", "Mo": "mo@example.com"},
        policy=desk.POLICY,
    )
    with ExitStack() as stack:
        store = Settings(home=home, database_url=None).open(may_decide=True)
        stack.callback(store.close)
        store.transact(register_company, facts, now=datetime.now(UTC))
        port = signing_in.free_port()
        own = {"sign_in": "proxy", "proxy_secret": SECRET, "public_url": f"https://{HOST}"}
        stack.enter_context(signing_in.dashboard(home, port, **own))
        yield Site(port)


def test_whom_the_proxy_names_is_signed_in(site: Site) -> None:
    token = site.sign_in(ANA)
    assert site.ask("/", ANA, token).status_code == 200
    assert site.ask("/auth/me", ANA, token).json() == {"person": "Ana", "role": "operator"}
    with site.socket(ANA, token):
        pass
    assert site.ask("/healthz", {}).status_code == 200
    assert site.ask("/healthz", {}).json()["ok"] is True


@pytest.mark.parametrize(
    "forged",
    [
        {},
        {"x-forwarded-email": "mo@example.com"},
        {**MO, "x-greenlight-proxy-secret": "a guess"},
        {**MO, "x-greenlight-proxy-secret": ""},
        {"x-greenlight-proxy-secret": SECRET},
        [*MO.items(), ("x-forwarded-email", "ana@example.com")],
        [*MO.items(), ("x-greenlight-proxy-secret", "another")],
    ],
)
def test_without_the_secret_and_one_name_everything_is_refused(site: Site, forged: Any) -> None:
    token = site.sign_in(ANA)
    for path in ("/", "/auth/login", "/auth/me", "/static/js/index.js", "/live/queue"):
        assert site.ask(path, forged, token).status_code == 403
    if isinstance(forged, dict):
        with pytest.raises(InvalidStatus, match="403"):
            site.socket(forged, token)


def test_a_session_of_one_person_is_of_no_use_to_another(site: Site) -> None:
    token = site.sign_in(ANA)
    assert site.ask("/", MO, token).status_code == 303
    with pytest.raises(InvalidStatus, match="403"):
        site.socket(MO, token)


def test_somebody_whom_nobody_knows_is_told_so(site: Site) -> None:
    answer = site.ask("/auth/login", {**ANA, "x-forwarded-email": "<b>eve</b>@example.com"})
    assert answer.status_code == 403
    assert "&lt;b&gt;eve&lt;/b&gt;@example.com" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": f"http://{HOST}"},
        {"host": "evil.example"},
        {"host": "127.0.0.1"},
    ],
)
def test_another_site_and_another_name_are_refused(site: Site, headers: dict[str, str]) -> None:
    token = site.sign_in(ANA)
    if "host" in headers:
        cookie = {"cookie": f"{COOKIE}={token}"}
        own = {**ANA, **headers, **cookie}
        assert httpx2.get(f"http://127.0.0.1:{site.port}/", headers=own).status_code == 403
    else:
        assert site.ask("/", {**ANA, **headers}, token).status_code == 403
        assert site.ask("/auth/logout", {**ANA, **headers}, token, "POST").status_code == 403
        with pytest.raises(InvalidStatus, match="403"):
            site.socket({**ANA, **headers}, token)
