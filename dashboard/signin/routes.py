"""What `/auth/` answers: signing in at the provider or by the proxy's word, and signing out."""

import logging
import secrets
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from dashboard import session
from dashboard.signin.provider import Provider, SignInFailed
from dashboard.signin.rules import cookie_name, is_secure, page_after, vouched
from dashboard.signin.screens import screen
from store import sign_ins
from store.errors import GreenlightError
from store.settings import Settings, SignInWay
from store.sign_ins import SignedIn, Vouched
from store.transitions import SignInMethod

log = logging.getLogger(__name__)

LOGIN_SECONDS = 600  # at the provider, before one has to start again
_NEXT = "next"


def sign_in_app(settings: Settings) -> Starlette | None:
    """Return what answers below `/auth/`, None in local mode: there is nothing to sign in to."""
    if settings.sign_in is SignInWay.LOCAL:
        return None
    entrance = Entrance(settings)
    keep = Middleware(
        SessionMiddleware,
        secret_key=secrets.token_hex(32),  # a restart only interrupts who is signing in just now
        session_cookie="greenlight_login",
        max_age=LOGIN_SECONDS,
        path="/auth",
        same_site="lax",
        https_only=is_secure(settings),
    )
    return Starlette(
        routes=[
            Route("/auth/login", entrance.login),
            Route("/auth/callback", entrance.callback),
            Route("/auth/logout", entrance.logout, methods=["POST"]),
            Route("/auth/signed-out", entrance.signed_out),
            Route("/auth/me", entrance.me),
        ],
        middleware=[keep],
    )


def look(token: str) -> SignedIn | None:
    """Return the live sign-in behind a token of this process's way of signing in."""
    return session.read(sign_ins.find, token, now=session.now())


class Entrance:
    """The handlers below `/auth/`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cookie = cookie_name(settings)
        self._provider = _provider(settings) if settings.sign_in is SignInWay.OIDC else None

    async def login(self, request: Request) -> Response:
        """Send the browser to the provider; behind a proxy, sign it in by the proxy's word."""
        wanted = page_after(request.query_params.get("next"))
        if self._provider is None:
            named = request.headers[self._settings.proxy_user_header]
            return await self._admit(request, Vouched(SignInMethod.PROXY, named), wanted)
        try:
            answer = await self._provider.begin(request)
        except SignInFailed as error:
            log.warning("sign-in could not begin: %r", error.__cause__)
            return screen("Sign-in is not possible now", str(error), button="Try again", status=503)
        request.session[_NEXT] = wanted
        return answer

    async def callback(self, request: Request) -> Response:
        """Take the provider's answer, check it, and sign the browser in."""
        if self._provider is None:
            return RedirectResponse("/auth/login", status_code=303)
        wanted = page_after(request.session.pop(_NEXT, None))
        try:
            claims = await self._provider.finish(request)
            person = vouched(
                claims,
                identity_claim=self._settings.identity_claim,
                roles_claim=self._settings.roles_claim,
            )
        except SignInFailed as error:
            log.warning("a sign-in was refused: %r", error.__cause__ or error)
            return screen("You are not signed in", str(error), button="Start again", status=403)
        except GreenlightError as error:
            return _stranger(error)
        return await self._admit(request, person, wanted)

    async def logout(self, request: Request) -> Response:
        """End the sign-in of this browser in every tab."""
        token = request.cookies.get(self._cookie, "")
        await run_in_threadpool(session.store().transact, sign_ins.end, token, now=session.now())
        answer = RedirectResponse("/auth/signed-out", status_code=303)
        answer.delete_cookie(self._cookie, **self._flags())
        return answer

    async def signed_out(self, _request: Request) -> Response:
        """Say that it is done, and that the provider may still know the browser."""
        text = (
            "Nothing more can be decided from this browser. Your identity provider may still know"
            " you: on a shared machine, sign out there too."
        )
        return screen("You are signed out", text, button="Sign in again", status=200)

    async def me(self, request: Request) -> Response:
        """Answer who is signed in, 401 if nobody is: an open page asks this now and then."""
        token = request.cookies.get(self._cookie, "")
        found = await run_in_threadpool(look, token)
        if found is None:
            return JSONResponse({}, status_code=401)
        return JSONResponse(
            {"person": found.person, "role": found.role}, headers={"cache-control": "no-store"}
        )

    async def _admit(self, request: Request, person: Vouched, wanted: str) -> Response:
        token, now = secrets.token_urlsafe(32), session.now()
        hours = self._settings.session_hours
        store = session.store()
        try:
            await run_in_threadpool(
                store.transact, sign_ins.start, person, token, hours=hours, now=now
            )
            before = request.cookies.get(self._cookie, "")
            await run_in_threadpool(store.transact, sign_ins.end, before, now=now)
        except GreenlightError as error:
            return _stranger(error)
        answer = RedirectResponse(wanted, status_code=303, headers={"cache-control": "no-store"})
        answer.set_cookie(self._cookie, token, max_age=int(hours * 3600), **self._flags())
        return answer

    def _flags(self) -> dict[str, Any]:
        secure = is_secure(self._settings)
        return {"path": "/", "httponly": True, "secure": secure, "samesite": "lax"}


def _provider(settings: Settings) -> Provider:
    assert settings.oidc_issuer
    assert settings.oidc_client_id
    assert settings.oidc_client_secret
    assert settings.public_url
    return Provider(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret.get_secret_value(),
        scopes=settings.oidc_scopes,
        callback=settings.public_url.rstrip("/") + "/auth/callback",
    )


def _stranger(error: GreenlightError) -> Response:
    return screen("You cannot come in", str(error), button="Sign in as somebody else", status=403)
