"""The launcher: the pages behind guard and door, on our own uvicorn, by default for this machine.

`python -m dashboard.server --port 8600`. Streamlit's own runner is not used: it listens without
TCP_NODELAY and collects garbage after every rerun, which costs most of a page's response time.
"""

import argparse
import gc
import importlib
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

import streamlit as st
import uvicorn
from pydantic import ValidationError
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from streamlit import config

from dashboard import live
from dashboard.guard import HEALTH, Guard, content_policy, index_html, require_safe
from dashboard.signin import rules
from dashboard.signin.door import Door
from dashboard.signin.routes import look, sign_in_app
from store.errors import BadInput, GreenlightError
from store.settings import Settings, SignInWay

HERE = ("127.0.0.1", "localhost")
APP = Path(__file__).with_name("app.py")
PAGES = ("queue", "reliability", "gate", "reviewers", "runs", "audit", "health")


class PortInUse(GreenlightError):
    """Another program listens there."""


async def healthz(_request: Request) -> JSONResponse:
    """Answer that the server is up, with its version."""
    return JSONResponse({"ok": True, "version": version("greenlight")})


@asynccontextmanager
async def warm(_app: st.App) -> AsyncGenerator[None]:
    """Import what the pages need, then take it all out of the garbage collector's sight."""
    for page in PAGES:
        importlib.import_module(f"dashboard.app_pages.{page}")
    importlib.import_module("pandas")  # else Streamlit imports it with the first component drawn
    gc.collect()
    gc.freeze()
    yield


def build() -> st.App:
    """Return the guarded application; raise UnsafeConfiguration if a guard is switched off."""
    settings = _settings()
    rules.require_safe_sign_in(settings)
    url = rules.public(settings)
    hosts = HERE if url is None else (str(url.hostname),)
    layers = [
        Middleware(
            Guard,
            hosts=hosts,
            policy=content_policy(index_html()),
            origin=None if url is None else f"{url.scheme}://{url.netloc}",
        ),
        Middleware(Door, settings=settings, look=look, sign_in=sign_in_app(settings)),
    ]
    routes = [Route(HEALTH, healthz), *live.routes()]
    app = st.App(APP, routes=routes, middleware=layers, lifespan=warm)
    config.set_option("server.allowedHosts", list(hosts))
    require_safe(config.get_option)
    return app


def bind(port: int, address: str = "127.0.0.1") -> socket.socket:
    """Return a listening socket, on this machine only by default; raise PortInUse with advice."""
    # The explicit protocol makes asyncio set TCP_NODELAY on every accepted connection.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen(1024)  # now: until somebody listens, a second program could bind it too
    except OSError as error:
        listener.close()
        raise PortInUse(
            f"Port {port} cannot be used ({error.strerror}). Stop what listens there, or choose"
            " another port with --port (make: PORT=8765)."
        ) from error
    return listener


def serve(port: int) -> None:
    """Serve the dashboard until interrupted."""
    settings = _settings()
    app = build()
    listener = bind(port, settings.address)
    settings.open().close()  # an unusable store is said here, in one line, not on a page
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
        )
    )
    own = f"http://127.0.0.1:{listener.getsockname()[1]}"
    is_local = settings.sign_in is SignInWay.LOCAL
    sys.stdout.write(f"Greenlight dashboard: {own if is_local else settings.public_url}\n")
    sys.stdout.flush()
    server.run(sockets=[listener])


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        wrong = error.errors()[0]
        name = "GREENLIGHT_" + "_".join(str(part) for part in wrong["loc"]).upper()
        raise BadInput(f"{name} cannot be used: {wrong['msg']}.") from None


def main(arguments: list[str] | None = None) -> int:
    """Run the launcher; return the exit code (1 with one line when it cannot start)."""
    parser = argparse.ArgumentParser(prog="python -m dashboard.server", description=__doc__)
    parser.add_argument("--port", type=int, default=8600, help="TCP port, 0 for any free one")
    port = parser.parse_args(arguments).port
    try:
        serve(port)
    except GreenlightError as error:
        sys.stderr.write(f"greenlight dashboard: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
