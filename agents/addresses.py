"""Where notifications go: the addresses of `GREENLIGHT_NOTIFY_URLS`, sent to by Apprise.

An address is a secret: it carries tokens and passwords. Nothing here ever says or logs one, only
its number and the name of its service.
"""

import logging
import re
from dataclasses import dataclass
from typing import Self

from apprise import Apprise, AppriseAsset, NotifyFormat, PersistentStoreMode
from apprise.plugins import NotifyBase

from store.notifications import Message

TIMEOUT_SECONDS = 8.0  # for all addresses together
_NEXT = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*:/)|\s+")  # a comma may be part of an address
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=:/)")


@dataclass(frozen=True, slots=True)
class Delivered:
    """How many addresses took a message, and in words which did not."""

    taken: int
    error: str | None


class Addresses:
    """The addresses that can be used, and in words those that cannot."""

    def __init__(self, usable: list[NotifyBase], mistakes: tuple[str, ...]) -> None:
        self._usable = usable
        self.mistakes = mistakes

    @classmethod
    def of(cls, urls: str) -> Self:
        """Read addresses separated by commas or spaces; what is none becomes a mistake."""
        for name in ("apprise", "urllib3"):  # both name hosts and paths
            logging.getLogger(name).disabled = True
        asset = AppriseAsset(storage_mode=PersistentStoreMode.MEMORY, http_redirects=False)
        usable: list[NotifyBase] = []
        mistakes = []
        parts = (part.strip(",") for part in _NEXT.split(urls.strip()))
        for number, url in enumerate((part for part in parts if part), start=1):
            plugin = Apprise.instantiate(url, asset=asset)
            if isinstance(plugin, NotifyBase):
                usable.append(plugin)
            else:
                mistakes.append(_mistake(number, url))
        return cls(usable, tuple(mistakes))

    def __len__(self) -> int:
        return len(self._usable)

    def send(self, message: Message, link: str) -> Delivered:
        """Send to every address, as plain text with the link below."""
        sender = Apprise()
        for plugin in self._usable:
            sender.add(plugin)
        result = sender.notify(
            title=message.title,
            body="\n".join(part for part in (message.body, link) if part),
            body_format=NotifyFormat.TEXT,
            timeout=TIMEOUT_SECONDS,
        )
        refused = [one.name for one in result if not one]
        taken = sum(1 for one in result if one)
        if taken == len(self._usable):
            return Delivered(taken, None)
        which = ", ".join(sorted(str(name) for name in refused)) or "no answer"
        missed = f"{len(self._usable) - taken} of {len(self._usable)} addresses"
        return Delivered(taken, f"{missed} did not take it ({which})")


def _mistake(number: int, url: str) -> str:
    scheme = _SCHEME.match(url)
    begins = f", which begins with `{scheme.group()[:20]}:`," if scheme else ""
    return (
        f"Address {number} of GREENLIGHT_NOTIFY_URLS{begins} is none that Apprise can notify, so"
        " nothing is sent there. See its list of services for how each is written."
    )
