"""A small but real OpenID Connect provider: `python oidc_provider.py` prints its address.

Discovery, authorise with PKCE, token by code, keys. Whoever drives the browser picks the person on
the authorise page, or adds `as=` and, for what shall be wrong, `fault=` to its address.
"""

import base64
import hashlib
import json
import secrets
import socket
import sys
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT_ID = "greenlight"
CLIENT_SECRET = "a secret of the two"
PEOPLE: dict[str, dict[str, Any]] = {
    "ana": {"email": "Ana@Example.com", "name": "Ana", "groups": ["greenlight-operator"]},
    "mo": {"email": "mo@example.com", "name": "Mo", "groups": ["staff", "greenlight-manager"]},
    "eve": {"email": "eve@example.com", "name": "Mo", "groups": ["greenlight-operator"]},
    "zoe": {"email": "zoe@elsewhere.example", "name": "Zoe", "groups": ["staff"]},
    "unverified": {"email": "ana@example.com", "email_verified": False, "name": "Ana"},
    "nameless": {"name": "Nobody"},
}


@dataclass
class Grant:
    """What a code stands for."""

    person: str
    fault: str
    nonce: str
    challenge: str
    redirect_uri: str


@dataclass
class Provider:
    """The state of one provider process."""

    issuer: str
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    foreign: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    grants: dict[str, Grant] = field(default_factory=dict)

    async def discovery(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": self.issuer + "/authorize",
                "token_endpoint": self.issuer + "/token",
                "jwks_uri": self.issuer + "/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                # as loose as providers get: the client must be stricter
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def authorize(self, request: Request) -> Response:
        asked = request.query_params
        is_proper = (
            asked["client_id"] == CLIENT_ID
            and asked["response_type"] == "code"
            and asked["code_challenge_method"] == "S256"
            and "openid" in asked["scope"].split()
            and len(asked["nonce"]) >= 16
            and len(asked["state"]) >= 16
        )
        if not is_proper:
            return JSONResponse({"error": "invalid_request"}, status_code=400)
        if "as" not in asked:
            links = "".join(f'<p><a href="?{asked}&as={who}">{who}</a></p>' for who in PEOPLE)
            return HTMLResponse(f"<!doctype html><title>Who are you?</title>{links}")
        fault = asked.get("fault", "")
        answer = {"state": asked["state"]}
        if fault == "denied":
            answer["error"] = "access_denied"
        else:
            answer["code"] = secrets.token_urlsafe(16)
            self.grants[answer["code"]] = Grant(
                asked["as"], fault, asked["nonce"], asked["code_challenge"], asked["redirect_uri"]
            )
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", status_code=302)

    async def token(self, request: Request) -> Response:
        form = await request.form()
        grant = self.grants.pop(str(form.get("code")), None)
        digest = hashlib.sha256(str(form.get("code_verifier")).encode()).digest()
        proof = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        login = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        is_proper = (
            grant is not None
            and form.get("grant_type") == "authorization_code"
            and form.get("redirect_uri") == grant.redirect_uri
            and secrets.compare_digest(proof, grant.challenge)
            and request.headers.get("authorization") == f"Basic {login}"
        )
        if grant is None or not is_proper:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        answer = {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer"}
        if grant.fault != "no_token":
            answer["id_token"] = self._id_token(grant)
        return JSONResponse(answer)

    def _id_token(self, grant: Grant) -> str:
        now, fault = int(time.time()), grant.fault
        claims = {
            "iss": "https://evil.example" if fault == "issuer" else self.issuer,
            "sub": grant.person,
            "aud": "another-client" if fault == "audience" else CLIENT_ID,
            "iat": now - 7200 if fault == "expired" else now,
            "exp": now - 3600 if fault == "expired" else now + 300,
            "nonce": "replayed" if fault == "nonce" else grant.nonce,
            **PEOPLE[grant.person],
        }
        if fault == "no_nonce":
            del claims["nonce"]
        if fault == "none":
            parts = ({"alg": "none"}, claims)
            return ".".join(_segment(part) for part in parts) + "."
        if fault == "symmetric":  # signed with what everybody can read: the public key
            public = json.dumps(self.key.as_dict(private=False)).encode()
            return jwt.encode({"alg": "HS256", "kid": "one"}, claims, OctKey.import_key(public))
        key = self.foreign if fault == "key" else self.key
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, key)

    async def jwks(self, _request: Request) -> Response:
        return JSONResponse(KeySet([self.key]).as_dict(private=False))


def _segment(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def main() -> None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    provider = Provider(f"http://127.0.0.1:{listener.getsockname()[1]}")
    app = Starlette(
        routes=[
            Route("/.well-known/openid-configuration", provider.discovery),
            Route("/authorize", provider.authorize),
            Route("/token", provider.token, methods=["POST"]),
            Route("/jwks", provider.jwks),
        ]
    )
    sys.stdout.write(provider.issuer + "\n")
    sys.stdout.flush()
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    main()
