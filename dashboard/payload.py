"""What the card sends, and what it was drawn from: the one is checked against the other. Pure.

Nothing in a payload is believed that the store does not verify itself: arguments that nobody may
edit are taken from the draft, and what had to be typed is worked out here once more.
"""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from store.actions import Action
from store.money import Money
from store.reports.card import Card
from store.transitions import Verdict


class Said(BaseModel):
    """One press on the card, with everything that it says."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    act: str
    nonce: str = Field(max_length=64)
    review_id: int
    revision: int
    digest: str
    decision_id: str
    reply: str | None = None
    args: dict[str, Any] | None = None
    is_answer_only: bool = False
    reason: str | None = None
    step: str | None = None
    note: str = ""
    confirmation: str | None = None
    hours: float | None = None
    to: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """What was on screen when the card was drawn."""

    card: Card
    person: str
    decision_id: str
    editable: frozenset[str]  # arguments of the action that a person may change
    way_back: tuple[str, str] | None = None  # a delivered action to take back, and its button

    @property
    def place(self) -> tuple[int, int]:
        """The review and revision."""
        return self.card.review_id, self.card.draft.revision

    def fits(self, said: Said, person: str) -> bool:
        """Return whether this person made the press on this card."""
        seen = (*self.place, self.card.draft.digest, self.decision_id, self.person)
        return seen == (said.review_id, said.revision, said.digest, said.decision_id, person)


def edited_args(shown: Shown, said: Said) -> dict[str, Any] | None:
    """Return the action's arguments with what was typed, None where nothing differs."""
    args = shown.card.draft.action.args
    typed = {name: value for name, value in (said.args or {}).items() if name in shown.editable}
    found = {**args, **typed}
    return found if found != args else None


def wanted(shown: Shown, said: Said) -> str | None:
    """Return what has to be typed before this counts; an edit asks for its own amount.

    An edit that others must approve sends nothing yet, so they are the ones who are asked.
    """
    asked = shown.card.confirmation
    if said.act == Verdict.APPROVE:
        return asked
    sends_now = said.act == Verdict.EDIT and not said.is_answer_only
    if asked is None or not sends_now or shown.card.people.needed > 1:
        return None
    action = shown.card.draft.action
    name = money_argument(action)
    amount = (edited_args(shown, said) or action.args).get(name) if name else None
    if not isinstance(amount, int) or action.total_minor is None or action.amount_minor is None:
        return asked
    total = action.total_minor - action.amount_minor + amount
    return Money(total, action.total_currency or "").decimal()


def money_argument(action: Action) -> str | None:
    """Return the argument that says how much the action moves, None if none does."""
    if action.amount_minor is None:
        return None
    whole = [name for name, value in action.args.items() if value == action.amount_minor]
    return min(whole, key=lambda name: "amount" not in name, default=None)
