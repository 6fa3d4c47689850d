"""What sign-in needs before it starts, what claims are worth, and where one is sent afterwards."""

import re
from typing import Any

import pytest
from pydantic import SecretStr

from dashboard.guard import UnsafeConfiguration
from dashboard.signin import rules
from store.errors import NotAllowed
from store.settings import Settings, SignInWay
from store.transitions import Role, SignInMethod

OIDC: dict[str, Any] = {
    "sign_in": SignInWay.OIDC,
    "oidc_issuer": "https://login.example.com",
    "oidc_client_id": "greenlight",
    "oidc_client_secret": SecretStr("s"),
    "public_url": "https://greenlight.example.com",
}
PROXY: dict[str, Any] = {
    "sign_in": SignInWay.PROXY,
    "proxy_secret": SecretStr("x" * 24),
    "public_url": "https://greenlight.example.com",
}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"public_url": "http://127.0.0.1:8600"},
        OIDC,
        PROXY,
        {**PROXY, "address": "0.0.0.0"},
        {**OIDC, "oidc_issuer": "http://localhost:9000", "public_url": "http://localhost:8600"},
    ],
)
def test_a_safe_sign_in_starts(settings: Settings, given: dict[str, Any]) -> None:
    rules.require_safe_sign_in(Settings(**given))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"address": "0.0.0.0"}, "GREENLIGHT_ADDRESS"),
        ({"address": "::"}, "GREENLIGHT_ADDRESS"),
        ({"public_url": "https://greenlight.example.com"}, "needs sign-in"),
        ({**OIDC, "oidc_client_secret": None}, "OIDC_CLIENT_SECRET is missing"),
        ({**OIDC, "oidc_client_secret": SecretStr("")}, "OIDC_CLIENT_SECRET is missing"),
        ({**OIDC, "oidc_client_id": None}, "OIDC_CLIENT_ID is missing"),
        ({**OIDC, "public_url": None}, "PUBLIC_URL is missing"),
        ({**OIDC, "oidc_issuer": None}, "OIDC_ISSUER is missing"),
        ({**OIDC, "oidc_issuer": "http://login.example.com"}, "OIDC_ISSUER"),
        ({**OIDC, "public_url": "http://greenlight.example.com"}, "must begin with https"),
        ({**OIDC, "public_url": "http://127.0.0.1.evil.example"}, "must begin with https"),
        ({**OIDC, "public_url": "https://greenlight.example.com/app"}, "not an address"),
        ({**OIDC, "public_url": "greenlight.example.com"}, "not an address"),
        ({**OIDC, "public_url": "ftp://greenlight.example.com"}, "must begin with https"),
        ({**PROXY, "proxy_secret": None}, "PROXY_SECRET"),
        ({**PROXY, "proxy_secret": SecretStr("x" * 23)}, "at least 24"),
        ({**PROXY, "public_url": None}, "PUBLIC_URL is missing"),
        ({**PROXY, "proxy_user_header": "X-Greenlight-Proxy-Secret"}, "PROXY_USER_HEADER"),
    ],
)
def test_what_would_let_the_wrong_people_in_is_named(
    settings: Settings, given: dict[str, Any], named: str
) -> None:
    with pytest.raises(UnsafeConfiguration, match=named):
        rules.require_safe_sign_in(Settings(**given))


def test_everything_that_is_wrong_is_named_at_once(settings: Settings) -> None:
    with pytest.raises(UnsafeConfiguration) as raised:
        rules.require_safe_sign_in(Settings(sign_in=SignInWay.OIDC))
    assert len(re.findall(r"is missing", str(raised.value))) == 4


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("/runs?run=7", "/runs?run=7"),
        (None, "/"),
        ("", "/"),
        ("runs", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\r\nset-cookie: x", "/"),
        ("/auth/logout", "/"),
    ],
)
def test_after_signing_in_one_stays_on_this_site(asked: str | None, given: str) -> None:
    assert rules.page_after(asked) == given


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        (["greenlight-operator"], Role.OPERATOR),
        (["staff", "greenlight-manager", "greenlight-operator"], Role.MANAGER),
        ("greenlight-admin", Role.ADMIN),
    ],
)
def test_the_highest_role_among_the_groups_counts(claims: Any, role: Role) -> None:
    found = rules.vouched(
        {"email": "a@x.org", "groups": claims, "name": "A"},
        identity_claim="email",
        roles_claim="groups",
    )
    assert (found.role, found.name, found.method) == (role, "A", SignInMethod.OIDC)


@pytest.mark.parametrize(
    "groups", [None, [], ["admin"], "greenlight-admins", {"greenlight-admin": 1}, [["x"]], 7]
)
def test_other_groups_are_no_role(groups: Any) -> None:
    with pytest.raises(NotAllowed, match="none of the groups"):
        rules.vouched(
            {"email": "a@x.org", "groups": groups}, identity_claim="email", roles_claim="groups"
        )


def test_without_a_roles_claim_the_table_says_the_role() -> None:
    claims = {"sub": "42", "groups": ["greenlight-admin"], "name": ["no", "text"]}
    found = rules.vouched(claims, identity_claim="sub", roles_claim=None)
    assert (found.identity, found.role, found.name) == ("42", None, "")


@pytest.mark.parametrize("value", [None, "", " ", 7, ["a@x.org"]])
def test_claims_without_an_identity_name_nobody(value: Any) -> None:
    with pytest.raises(NotAllowed, match="did not say"):
        rules.vouched({"email": value}, identity_claim="email", roles_claim=None)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("X-Forwarded-Email", True),
        ("Remote-User", True),
        ("X-Auth-Request-Anything", True),
        ("x-greenlight-proxy-secret", True),
        ("X-Our-User", True),
        ("x-forwarded-for", False),
        ("cookie", False),
        ("authorization", False),
    ],
)
def test_headers_that_claim_to_name_somebody_are_known(name: str, is_one: bool) -> None:
    assert rules.is_identity_header(name, "X-Our-User") is is_one
