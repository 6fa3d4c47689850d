"""An action: a side effect as data, and the digest that pins what a person saw to what runs.

Pure. An `Action` holds exactly the tool and arguments that will be called; the money, customer and
order beside them are read out of those arguments by code, never taken from a model's word.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

REPLY_ONLY = "reply_only"


def in_words(kind: str) -> str:
    """Return an action kind as it is read: `cancel order`, `replies without an action`."""
    return "replies without an action" if kind == REPLY_ONLY else kind.replace("_", " ")


class Action(BaseModel):
    """What will be done besides sending the reply; `reply_only` has no tool."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = Field(min_length=1, max_length=64)
    tool: str | None = None
    args: dict[str, Any] = Field(default_factory=dict)
    amount_minor: int | None = Field(default=None, ge=0)
    currency: str | None = None
    customer_id: str | None = None
    order_id: str | None = None
    also: tuple["Action", ...] = ()  # further side effects, judged and authorised as one

    @model_validator(mode="after")
    def _is_one_whole(self) -> Self:
        """Refuse parts that sums and checks over `parts` would miss or mix up."""
        if any(part.also for part in self.also):
            raise ValueError("a part of an action has no parts of its own")
        if any(part.customer_id != self.customer_id for part in self.also):
            raise ValueError("all parts of an action are for one customer")
        if len({part.currency for part in self.parts} - {None}) > 1:
            raise ValueError("all parts of an action are in one currency")
        return self

    @model_serializer(mode="wrap")
    def _without_empty_parts(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Write a single action as it was before there were several: its digest must not change."""
        written: dict[str, Any] = dump(self)
        return written if self.also else {k: v for k, v in written.items() if k != "also"}

    @property
    def is_reply_only(self) -> bool:
        return self.tool is None and not self.also

    @property
    def parts(self) -> tuple["Action", ...]:
        """Return every side effect, this one first, each by itself."""
        return (self.model_copy(update={"also": ()}), *self.also) if self.also else (self,)

    @property
    def total_minor(self) -> int | None:
        """Return the money that all parts move together, None if none of them moves any."""
        moved = [part.amount_minor for part in self.parts if part.amount_minor is not None]
        return sum(moved) if moved else None

    @property
    def total_currency(self) -> str | None:
        """Return the currency of `total_minor`; the first part may move no money."""
        return next((part.currency for part in self.parts if part.currency), None)


def reply_only(customer_id: str | None) -> Action:
    """Return the action that does nothing but send the reply."""
    return Action(kind=REPLY_ONLY, customer_id=customer_id)


def canonical_json(value: Mapping[str, Any]) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, no NaN (raises ValueError)."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def as_json(action: Action) -> dict[str, Any]:
    """Return the action as stored and digested; a single one as it always was."""
    return action.model_dump(mode="json")


def digest(reply: str, action: Action) -> str:
    """Return the SHA-256 (hex) over reply and action: the identity of what was shown."""
    payload = {"reply": reply, "action": as_json(action)}
    return hashlib.sha256(canonical_json(payload).encode()).hexdigest()
