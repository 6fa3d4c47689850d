"""The identity provider: sending a browser there, and believing what it comes back with.

Authlib does the protocol: discovery, state, nonce, PKCE, the signature by the provider's keys. Here
is what we insist on beyond its defaults: the issuer we were told, asymmetric signatures only, our
own id as the audience.
"""

from typing import Any

import httpx2
from authlib.integrations.starlette_client import OAuth, OAuthError
from joserfc.errors import JoseError
from starlette.requests import Request
from starlette.responses import Response

from store.errors import GreenlightError

_SIGNATURES = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
_CLOCK_SKEW_SECONDS = 60
_TIMEOUT_SECONDS = 10.0


class SignInFailed(GreenlightError):
    """The provider did not vouch for anybody; nobody was signed in."""


class Provider:
    """One OpenID Connect provider, as configured."""

    def __init__(
        self, *, issuer: str, client_id: str, client_secret: str, scopes: str, callback: str
    ) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._callback = callback
        self._client: Any = OAuth().register(
            name="provider",
            client_id=client_id,
            client_secret=client_secret,
            server_metadata_url=issuer.rstrip("/") + "/.well-known/openid-configuration",
            client_kwargs={
                "scope": scopes,
                "code_challenge_method": "S256",
                "timeout": _TIMEOUT_SECONDS,
            },
        )

    async def begin(self, request: Request) -> Response:
        """Return the redirect to the provider; raise SignInFailed if it cannot be used."""
        try:
            await self._check_metadata()
            answer: Response = await self._client.authorize_redirect(request, self._callback)
        except (httpx2.HTTPError, ValueError, RuntimeError) as error:
            raise SignInFailed(
                f"The identity provider {self._issuer} does not answer as it should. Try again in"
                " a minute; if it stays like this, tell whoever set up the sign-in."
            ) from error
        return answer

    async def finish(self, request: Request) -> dict[str, Any]:
        """Return the verified claims of whom the provider sent back; raise SignInFailed."""
        options = {
            "iss": {"essential": True, "values": [self._issuer]},
            "aud": {"essential": True, "values": [self._client_id]},
        }
        try:
            await self._check_metadata()
            token = await self._client.authorize_access_token(
                request, claims_options=options, leeway=_CLOCK_SKEW_SECONDS
            )
        except (OAuthError, JoseError, httpx2.HTTPError, ValueError, RuntimeError) as error:
            raise SignInFailed(
                "The sign-in was not completed: it took too long, was called off, or the provider's"
                " answer could not be verified. Start again."
            ) from error
        claims = token.get("userinfo")
        if not claims:
            raise SignInFailed(
                f"The identity provider {self._issuer} sent no ID token, so it vouches for nobody."
                " Tell whoever set up the sign-in: the scopes must contain `openid`."
            )
        return dict(claims)

    async def _check_metadata(self) -> None:
        metadata = await self._client.load_server_metadata()
        if metadata.get("issuer") != self._issuer:
            raise ValueError("the discovery document names another issuer")
        offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        allowed = [name for name in offered if name in _SIGNATURES]
        if not allowed:
            raise ValueError("the provider offers no signature we accept")
        metadata["id_token_signing_alg_values_supported"] = allowed
