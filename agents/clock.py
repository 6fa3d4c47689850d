"""What time it is for a piece of work: the real clock, or a back-dated one for demo history."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the moment for work that began with a ticket received at `began`."""

    def at(self, began: datetime) -> datetime: ...


class RealClock:
    """Now, whatever began when."""

    def at(self, began: datetime) -> datetime:  # noqa: ARG002 - the port's signature
        return datetime.now(UTC)


class BackdatedClock:
    """Runs beside the real clock from the moment the ticket was received.

    The demo's history is really executed; only its dates are set back.
    """

    def __init__(self) -> None:
        self._offsets: dict[datetime, float] = {}

    def at(self, began: datetime) -> datetime:
        first = self._offsets.setdefault(began, time.monotonic())
        return began + timedelta(seconds=time.monotonic() - first)
