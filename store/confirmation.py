"""What a person has to type before an approval counts: the guard against a press by habit. Pure.

Asked where an action cannot be taken back (its tool declares no reversal) and where it moves more
than one person may approve. Other actions and replies are approved by one key and can be undone.
"""

from collections.abc import Collection

from store.actions import Action
from store.gate import PolicyBody
from store.money import Money


def required(action: Action, policy: PolicyBody, reversible: Collection[str]) -> str | None:
    """Return the text to type, such as `1240.00` or `cancel order`; None if one key is enough.

    `reversible` names the tools that declare how to take an action back.
    """
    tools = [part.tool for part in action.parts if part.tool is not None]
    if all(tool in reversible for tool in tools) and not policy.is_two_person(action):
        return None
    if action.total_minor is not None and action.total_currency is not None:
        return Money(action.total_minor, action.total_currency).decimal()
    return action.kind.replace("_", " ")


def is_given(typed: str | None, wanted: str | None) -> bool:
    """Return whether what was typed is what was asked for, whatever its case and outer spaces."""
    return wanted is None or (typed or "").strip().casefold() == wanted.casefold()
