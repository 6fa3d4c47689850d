"""What a session asks of the way to its server, be it a process of ours or a URL."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from mcp.client import Transport


class Wire(Transport, Protocol):
    """One connection for the SDK's client, entered and left with it."""

    listing_seconds: float  # how long the server may be believed to offer what it offered

    @property
    def is_broken(self) -> bool:
        """Whether nothing can be sent any more; known before anything is sent."""

    def last_words(self) -> str:
        """Return what the server said at its end, in brackets, if it can be known."""


@dataclass(slots=True)
class Attempt:
    """One call on its way; a wire that knows how far it came says so here."""

    has_left: bool = False
    never_left: bool = False


current_attempt: ContextVar[Attempt] = ContextVar("current_attempt")
