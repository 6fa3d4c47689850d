"""What sign-in needs of the configuration, and what a provider's claims say. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

from dashboard.guard import UnsafeConfiguration
from store.errors import NotAllowed
from store.settings import Settings, SignInWay
from store.sign_ins import Vouched
from store.transitions import Role, SignInMethod

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
SECRET_CHARACTERS = 24
ROLE_PREFIX = "greenlight-"
# how proxies and providers name a person; from anybody else such a header is a forgery
IDENTITY_HEADERS = frozenset(
    {
        "remote-user",
        "remote-email",
        "remote-groups",
        "x-remote-user",
        "x-user",
        "x-email",
        "x-authenticated-user",
        "x-forwarded-user",
        "x-forwarded-email",
        "x-forwarded-groups",
        "x-forwarded-preferred-username",
        "x-forwarded-access-token",
        "x-webauth-user",
        "x-goog-authenticated-user-email",
        "x-goog-iap-jwt-assertion",
        "x-amzn-oidc-data",
        "x-amzn-oidc-identity",
        "x-ms-client-principal",
        "x-ms-client-principal-name",
        "cf-access-authenticated-user-email",
        "cf-access-jwt-assertion",
        "tailscale-user-login",
        "tailscale-user-name",
    }
)
IDENTITY_PREFIXES = ("x-auth-request-", "x-greenlight-")
SECRET_HEADER = "x-greenlight-proxy-secret"  # noqa: S105 - a header's name


def require_safe_sign_in(settings: Settings) -> None:
    """Raise UnsafeConfiguration naming everything that would let the wrong people in."""
    wrong = [*_PROBLEMS[settings.sign_in](settings), *_url_problems(settings)]
    if wrong:
        raise UnsafeConfiguration(
            "The dashboard does not start like this, because the wrong people could get in: "
            + "; ".join(wrong)
            + "."
        )


def is_identity_header(name: str, configured: str) -> bool:
    """Return whether a header claims to say who is asking."""
    lower = name.lower()
    return (
        lower in IDENTITY_HEADERS
        or lower == configured.lower()
        or lower.startswith(IDENTITY_PREFIXES)
    )


def public(settings: Settings) -> SplitResult | None:
    """Return the parts of the address that browsers use, None in local mode."""
    if settings.sign_in is SignInWay.LOCAL or not settings.public_url:
        return None
    return urlsplit(settings.public_url)


def is_secure(settings: Settings) -> bool:
    """Return whether browsers reach the dashboard through TLS."""
    parts = public(settings)
    return parts is not None and parts.scheme == "https"


def cookie_name(settings: Settings) -> str:
    """Return the name of our cookie; with `__Host-` a browser takes it from this host alone."""
    return "__Host-greenlight" if is_secure(settings) else "greenlight"


def page_after(asked: str | None) -> str:
    """Return the page of this site to show after signing in; never another site's."""
    path = asked or "/"
    is_ours = path.startswith("/") and not path.startswith(("//", "/auth/")) and "\\" not in path
    return path if is_ours and path.isprintable() else "/"


def vouched(claims: Mapping[str, Any], *, identity_claim: str, roles_claim: str | None) -> Vouched:
    """Return whom verified claims name; raise NotAllowed if they name nobody we could let in."""
    identity = claims.get(identity_claim)
    if not isinstance(identity, str) or not identity.strip():
        raise NotAllowed(
            f"Your provider did not say your `{identity_claim}`, by which Greenlight knows people."
            " Ask whoever set up the sign-in to have it sent."
        )
    if identity_claim == "email" and claims.get("email_verified") is False:
        raise NotAllowed(
            f"Your provider has not verified that `{identity}` is your address. Verify it there;"
            " then sign in again."
        )
    name = claims.get("name")
    return Vouched(
        SignInMethod.OIDC,
        identity,
        name=name if isinstance(name, str) else "",
        role=None if roles_claim is None else _role(claims.get(roles_claim), roles_claim, identity),
    )


def _role(said: object, claim: str, identity: str) -> Role:
    values = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    given = [role for role in Role if ROLE_PREFIX + role in values]
    if not given:
        wanted = ", ".join(ROLE_PREFIX + role for role in Role)
        raise NotAllowed(
            f"Your provider puts `{identity}` into none of the groups {wanted} (claim `{claim}`)."
            " Ask whoever keeps the groups to add you to one; then sign in again."
        )
    return given[-1]  # the enum goes from the least to the most


def _local(settings: Settings) -> Iterator[str]:
    if settings.address != "127.0.0.1":
        yield (
            f"GREENLIGHT_ADDRESS={settings.address} without sign-in would let the network in;"
            " without GREENLIGHT_SIGN_IN it must be 127.0.0.1"
        )


def _oidc(settings: Settings) -> Iterator[str]:
    for name in ("oidc_issuer", "oidc_client_id", "oidc_client_secret", "public_url"):
        value = getattr(settings, name)
        if not (value.get_secret_value() if isinstance(value, SecretStr) else value):
            yield f"GREENLIGHT_{name.upper()} is missing"
    if settings.oidc_issuer and not _is_private(settings.oidc_issuer):
        yield f"GREENLIGHT_OIDC_ISSUER={settings.oidc_issuer} must begin with https://"


def _proxy(settings: Settings) -> Iterator[str]:
    secret = settings.proxy_secret.get_secret_value() if settings.proxy_secret else ""
    if len(secret) < SECRET_CHARACTERS:
        yield f"GREENLIGHT_PROXY_SECRET must have at least {SECRET_CHARACTERS} characters"
    if not settings.public_url:
        yield "GREENLIGHT_PUBLIC_URL is missing"
    if settings.proxy_user_header.lower() == SECRET_HEADER:
        yield "GREENLIGHT_PROXY_USER_HEADER cannot be the header of the secret"


_PROBLEMS = {SignInWay.LOCAL: _local, SignInWay.OIDC: _oidc, SignInWay.PROXY: _proxy}


def _url_problems(settings: Settings) -> Iterator[str]:
    url = settings.public_url
    if not url:
        return
    parts = urlsplit(url)
    if not parts.hostname or parts.path not in ("", "/") or parts.query or parts.username:
        yield f"GREENLIGHT_PUBLIC_URL={url} is not an address such as https://greenlight.example.com"
    elif not _is_private(url):
        yield f"GREENLIGHT_PUBLIC_URL={url} must begin with https://: sign-ins could be read"
    elif settings.sign_in is SignInWay.LOCAL and parts.hostname not in LOOPBACK:
        yield f"GREENLIGHT_PUBLIC_URL={url} needs sign-in: set GREENLIGHT_SIGN_IN to oidc or proxy"


def _is_private(url: str) -> bool:
    """Return whether nobody on the way can read what is sent there."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
