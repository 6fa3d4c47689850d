"""Signing in at a real provider process: the whole way, and everything that must not get through."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import desk
import pytest
import signing_in
import websockets.sync.client as sockets
from signing_in import COOKIE, Browser
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Close

from store import people, sign_ins
from store.engine import Store
from store.registry import CompanyFacts, register_company
from store.settings import Settings
from store.sign_ins import Vouched
from store.transitions import Role, SignInMethod

FAULTS = (
    "nonce",
    "no_nonce",
    "audience",
    "issuer",
    "expired",
    "key",
    "none",
    "symmetric",
    "no_token",
    "denied",
)


@dataclass
class Site:
    """A dashboard behind sign-in, its provider and its store."""

    port: int
    store: Store
    issuer: str

    def browser(self, **headers: str) -> Browser:
        return Browser(self.port, **headers)

    def socket(self, token: str, **headers: str) -> sockets.ClientConnection:
        origin = f"http://127.0.0.1:{self.port}"
        given = {"origin": origin, "cookie": f"{COOKIE}={token}", **headers}
        return sockets.connect(
            f"ws://127.0.0.1:{self.port}/_stcore/stream", additional_headers=given, proxy=None
        )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home: Path = tmp_path_factory.mktemp("signing_in") / "home"
    with ExitStack() as stack:
        store = Settings(home=home, database_url=None).open(may_decide=True)
        stack.callback(store.close)
        _people(store)
        issuer = stack.enter_context(signing_in.provider())
        port = signing_in.free_port()
        stack.enter_context(signing_in.dashboard(home, port, **signing_in.oidc(issuer, port)))
        yield Site(port, store, issuer)


def _people(store: Store) -> None:
    facts = CompanyFacts(
        name="Larkspur Outfitters",
        currency="EUR",
        is_demo=False,
        people=(("Ana", Role.OPERATOR), ("Mo", Role.MANAGER), ("Ada", Role.ADMIN)),
        identities={"Ana": "ana@example.com", "Mo": "mo@example.com"},
        policy=desk.POLICY,
    )
    store.transact(register_company, facts, now=datetime.now(UTC))


def _end_of(socket: sockets.ClientConnection) -> Close:
    with pytest.raises(ConnectionClosed) as ended:
        _hear_all(socket)
    assert ended.value.rcvd is not None
    return ended.value.rcvd


def _hear_all(socket: sockets.ClientConnection) -> None:
    while True:
        socket.recv(timeout=60)


def token_of(browser: Browser) -> str:
    return str(browser.cookies[COOKIE])


def test_the_whole_sign_in_ends_on_the_page_that_was_asked_for(site: Site) -> None:
    with site.browser() as browser:
        answer = browser.sign_in("ana", page="/runs?run=7")
        assert (answer.status_code, answer.headers["location"]) == (303, "/runs?run=7")
        cookie = answer.headers["set-cookie"]
        assert all(word in cookie for word in ("HttpOnly", "SameSite=lax", "Max-Age=36000"))
        assert browser.get("/runs?run=7").status_code == 200
        assert browser.get("/auth/me").json() == {"person": "Ana", "role": "operator"}
        found = site.store.read(sign_ins.find, token_of(browser), now=datetime.now(UTC))
        assert found is not None
        assert (found.person, found.subject) == ("Ana", "ana@example.com")


def test_the_store_never_sees_the_token(site: Site) -> None:
    with site.browser() as browser:
        browser.sign_in("ana")
        assert site.store.path is not None
        token = token_of(browser).encode()
        kept = [file.read_bytes() for file in site.store.path.parent.rglob("*") if file.is_file()]
        assert not any(token in content for content in kept)
        assert any(sign_ins.digest(token.decode()).encode() in content for content in kept)


def test_the_provider_is_asked_with_state_nonce_and_pkce(site: Site) -> None:
    with site.browser() as browser:
        asked = parse_qs(urlsplit(browser.to_provider()).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [f"http://127.0.0.1:{site.port}/auth/callback"]
    assert all(len(asked[name][0]) >= 16 for name in ("state", "nonce", "code_challenge"))


@pytest.mark.parametrize("fault", FAULTS)
def test_an_answer_that_cannot_be_verified_signs_nobody_in(site: Site, fault: str) -> None:
    with site.browser() as browser:
        answer = browser.sign_in("mo", fault)
        assert answer.status_code == 403
        assert COOKIE not in browser.cookies
        assert "<h1>You are not signed in</h1>" in answer.text
        assert browser.get("/").status_code == 303


def test_a_callback_of_another_browser_signs_nobody_in(site: Site) -> None:
    with site.browser() as mine, site.browser() as theirs:
        back = mine.get(mine.to_provider() + "&as=mo").headers["location"]
        assert theirs.get(back).status_code == 403
        assert mine.get(back.replace("state=", "state=x")).status_code == 403


def test_a_code_counts_once(site: Site) -> None:
    with site.browser() as browser:
        back = browser.get(browser.to_provider() + "&as=mo").headers["location"]
        assert browser.get(back).status_code == 303
        assert browser.get(back).status_code == 403


@pytest.mark.parametrize(
    ("person", "said"),
    [
        ("zoe", "knows nobody of that name"),
        ("unverified", "has not verified"),
        ("nameless", "did not say your `email`"),
    ],
)
def test_a_stranger_is_told_why_and_whom_to_ask(site: Site, person: str, said: str) -> None:
    with site.browser() as browser:
        answer = browser.sign_in(person)
        text = answer.text.replace("&#39;", "'")
        assert answer.status_code == 403
        assert said in text
        assert re.search(r"Ask (one of its admins|whoever)|Verify it there", text)
        assert COOKIE not in browser.cookies


@pytest.mark.parametrize("path", ["//evil.example/", "https://evil.example", "/\\evil.example"])
def test_signing_in_never_leads_to_another_site(site: Site, path: str) -> None:
    with site.browser() as browser:
        to = browser.get("/auth/login", params={"next": path}).headers["location"]
        answer = browser.get(browser.get(to + "&as=ana").headers["location"])
        assert answer.headers["location"] == "/"


@pytest.mark.parametrize(
    "path",
    ["/live/queue", "/_stcore/stream", "/_stcore/message", "/media/x", "/static/js/index.js"],
)
def test_without_a_sign_in_nothing_is_served(site: Site, path: str) -> None:
    with site.browser(accept="*/*") as browser:
        assert browser.get(path).status_code == 401
        assert browser.get("/healthz").json()["ok"] is True


def test_pages_send_a_person_to_the_sign_in_and_a_program_away(site: Site) -> None:
    with site.browser() as browser:
        turned = browser.get("/gate?kind=refund")
        assert turned.headers["location"] == "/auth/login?next=/gate%3Fkind%3Drefund"
        assert browser.post("/gate").status_code == 401


def test_a_socket_opens_for_a_live_sign_in_only(site: Site) -> None:
    with site.browser() as browser:
        browser.sign_in("ana")
        with site.socket(token_of(browser)):
            pass
    for token in ("", "made-up"):
        with pytest.raises(InvalidStatus, match="403"):
            site.socket(token)


def test_signing_out_ends_pages_and_sockets_at_once(site: Site) -> None:
    with site.browser() as browser:
        browser.sign_in("ana")
        token = token_of(browser)
        origin = {"origin": f"http://127.0.0.1:{site.port}"}
        with site.socket(token) as socket:
            answer = browser.post("/auth/logout", headers=origin)
            assert answer.headers["location"] == "/auth/signed-out"
            assert COOKIE not in browser.cookies
            assert "You are signed out" in browser.get("/auth/signed-out").text
            socket.send(b"any click")
            closed = _end_of(socket)
            assert (closed.code, closed.reason) == (1008, "signed out")
        browser.cookies.set(COOKIE, token)
        assert browser.get("/").status_code == 303
        with pytest.raises(InvalidStatus, match="403"):
            site.socket(token)


def test_a_sign_in_that_ran_out_opens_nothing(site: Site) -> None:
    vouched = Vouched(SignInMethod.OIDC, "ana@example.com")
    eleven_hours_ago = datetime.now(UTC) - timedelta(hours=11)
    site.store.transact(sign_ins.start, vouched, "old", hours=10, now=eleven_hours_ago)
    with site.browser() as browser:
        browser.cookies.set(COOKIE, "old")
        assert browser.get("/").status_code == 303
        assert browser.get("/auth/me").status_code == 401
    with pytest.raises(InvalidStatus, match="403"):
        site.socket("old")


def test_a_sign_in_of_another_way_counts_for_nothing(site: Site) -> None:
    vouched = Vouched(SignInMethod.PROXY, "ana@example.com")
    site.store.transact(sign_ins.start, vouched, "proxied", hours=1, now=datetime.now(UTC))
    with site.browser() as browser:
        browser.cookies.set(COOKIE, "proxied")
        assert browser.get("/").status_code == 303


def test_somebody_shut_out_is_signed_out_everywhere(site: Site) -> None:
    now = datetime.now(UTC)
    site.store.transact(
        people.set_person, "Tim", role=Role.OPERATOR, identity="tim@x.example", by="Ada", now=now
    )
    vouched = Vouched(SignInMethod.OIDC, "tim@x.example")
    site.store.transact(sign_ins.start, vouched, "tims", hours=1, now=now)
    with site.browser() as browser:
        browser.cookies.set(COOKIE, "tims")
        assert browser.get("/auth/me").json()["person"] == "Tim"
        site.store.transact(people.set_person, "Tim", is_active=False, by="Ada", now=now)
        assert browser.get("/auth/me").status_code == 401
        assert browser.get("/").status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"host": "evil.example"},
        {"host": "evil.example", "origin": "http://evil.example"},
        {"X-Forwarded-Email": "mo@example.com"},
        {"Remote-User": "mo"},
        {"X-Auth-Request-Email": "mo@example.com"},
        {"X-Greenlight-Proxy-Secret": "guess"},
    ],
)
def test_a_foreign_or_forged_request_is_refused_even_when_signed_in(
    site: Site, headers: dict[str, str]
) -> None:
    with site.browser() as browser:
        browser.sign_in("ana")
        assert browser.get("/", headers=headers).status_code == 403
        assert browser.post("/auth/logout", headers=headers).status_code == 403
        assert browser.get("/").status_code == 200
        if "host" not in headers:  # the client of the sockets sets its own
            with pytest.raises(InvalidStatus, match="403"):
                site.socket(token_of(browser), **headers)


def test_roles_may_come_from_claims(site: Site, tmp_path: Path) -> None:
    port = signing_in.free_port()
    settings = {**signing_in.oidc(site.issuer, port), "roles_claim": "groups"}
    with closing(Settings(home=tmp_path, database_url=None).open(may_decide=True)) as store:
        _people(store)
        with signing_in.dashboard(tmp_path, port, **settings):
            who = {person: Browser(port) for person in ("mo", "eve", "zoe")}
            answers = {person: browser.sign_in(person) for person, browser in who.items()}
            assert who["mo"].get("/auth/me").json() == {"person": "Mo", "role": "manager"}
            assert who["eve"].get("/auth/me").json()["person"] == "eve@example.com", "not `Mo`"
            assert answers["zoe"].status_code == 403
            assert "none of the groups greenlight-operator" in answers["zoe"].text
            for browser in who.values():
                browser.close()


def test_a_provider_that_does_not_answer_is_said(tmp_path: Path) -> None:
    port = signing_in.free_port()
    nobody = f"http://127.0.0.1:{signing_in.free_port()}"
    served = signing_in.dashboard(tmp_path, port, **signing_in.oidc(nobody, port))
    with served, Browser(port) as browser:
        answer = browser.get("/auth/login")
    assert answer.status_code == 503
    assert f"The identity provider {nobody} does not answer" in answer.text
