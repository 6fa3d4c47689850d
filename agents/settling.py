"""What an answer to a write call amounts to: sent, failed, again, stale or unknown. Pure.

A call that may have had its effect is repeated only under a key that the service still knows.
Everything else that is not certain is unknown, and a person has to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.ports import WORTH_RETRYING
from store.connectors import Connector
from store.deliveries import Due
from store.outputs import Reason, ToolCallRecord

CERTAIN = frozenset({"invalid_arguments", "schema_drift"})  # refused before anything was done


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long a delivery is repeated before a person is asked."""

    attempts: int = 10
    first_seconds: float = 0.5  # doubled by each attempt
    longest_seconds: float = 60.0

    def pause(self, attempt: int, jitter: float) -> float:
        """Return the seconds before the next attempt; `jitter` in [0, 1) spreads them."""
        full = min(self.first_seconds * 2.0 ** min(attempt - 1, 32), self.longest_seconds)
        return full * (0.5 + jitter / 2)


@dataclass(frozen=True, slots=True)
class Sent:
    """The tool confirmed it."""

    receipt: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """It certainly did not happen, and another attempt would end the same way."""

    error: str


@dataclass(frozen=True, slots=True)
class Again:
    """Repeat under the same key after a pause."""

    error: str
    delay_seconds: float
    may_have_happened: bool = True


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have happened, and repeating it could do it twice."""

    error: str


@dataclass(frozen=True, slots=True)
class Stale:
    """Nothing was done: the world is not the one that was decided on."""

    reason: Reason
    fresh: dict[str, Any]


Settled = Sent | Failed | Again | Unknown | Stale


def settle(
    record: ToolCallRecord,
    entry: Due,
    connector: Connector,
    *,
    has_key: bool,
    patience: Patience,
    jitter: float,
) -> Settled:
    """Decide what an answer means."""
    if record.status == "ok":
        return Sent(receipt_of(record.result))
    error = record.error or record.error_class or "no answer"
    is_certain = record.error_class in CERTAIN or (
        record.error_class == "tool_error" and connector.is_refusal(record.said or "")
    )
    if is_certain or not record.was_sent:
        if record.error_class == "server_died":  # it never got there: nothing is lost by waiting
            pause = patience.pause(entry.attempt, jitter)
            return Again(error, pause, may_have_happened=False)
        return Unknown(error) if entry.in_doubt else Failed(error)
    if not has_key or entry.attempt >= patience.attempts:
        return Unknown(error)
    return Again(error, patience.pause(entry.attempt, jitter))


def may_call(entry: Due, connector: Connector, *, has_key: bool) -> bool:
    """Return whether the entry may be called: it never was, or its key is surely still known."""
    if not entry.in_doubt:
        return True
    return has_key and entry.age_seconds < connector.horizon_seconds


def unseen(seen: ToolCallRecord, entry: Due, *, patience: Patience, jitter: float) -> Again | Stale:
    """Decide what to do when the world could not be looked at: wait, and in the end ask a person.

    A server that is away is waited for: nothing was sent, so nothing is lost by it.
    """
    error = seen.error or f"`{seen.tool}` did not say how things stand"
    if seen.error_class not in WORTH_RETRYING and entry.attempt >= patience.attempts:
        message = f"The state that this was decided on cannot be checked any more: {error}"
        return Stale(Reason(code="world_unknown", message=message), {})
    return Again(error, patience.pause(entry.attempt, jitter), may_have_happened=False)


def receipt_of(result: Any) -> dict[str, Any]:
    """Return a tool's answer as the receipt that is stored."""
    return result if isinstance(result, dict) else {"answer": result}


def compare(args: Mapping[str, Any], connector: Connector, found: Any) -> Stale | None:
    """Return why the world is not the one that was decided on, None if it is."""
    name = connector.expected
    if name is None or name not in args or args[name] == found:
        return None
    title = name.removeprefix("expected_").replace("_", " ")
    message = f"Changed since this was decided: {title} was {args[name]}, now it is {found}"
    return Stale(Reason(code="changed", message=message), {name: found})
