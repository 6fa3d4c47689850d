"""The line to whoever calls the service: it can be cut after the work is done."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass
class _Exchange:
    is_cut: bool = False


_exchange: ContextVar[_Exchange] = ContextVar("exchange")


def cut() -> None:
    """Close the connection of the request that is being served, instead of answering it."""
    _exchange.get().is_cut = True


async def serve(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one request; no byte of its answer goes out once the line is cut."""
    exchange = _Exchange()
    _exchange.set(exchange)

    async def answer(message: Message) -> None:
        if not exchange.is_cut:
            await send(message)
            return
        cycle: Any = send.__self__  # type: ignore[attr-defined] # uvicorn's: it alone holds the line
        cycle.transport.abort()

    await app(scope, receive, answer)
