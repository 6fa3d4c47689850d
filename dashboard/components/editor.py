"""What a person may change of a draft besides its words: typed fields by the tool's schema. Pure.

Nobody chooses another recipient, nor the state of the world, nor a key: those are not offered.
"""

from typing import Any

from dashboard.payload import money_argument
from store.money import Money, decimals
from store.reports.card import Card

_TYPES = {"string", "integer", "number", "boolean"}
_LIMITS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength")


def editable(card: Card) -> frozenset[str]:
    """Return the names of the arguments that a person may change."""
    action = card.draft.action
    if card.is_blocked or action.tool is None:
        return frozenset()
    return frozenset(
        name
        for name, value in action.args.items()
        if value != action.customer_id
        and name not in card.filled_by_code
        and _type(_property(card, name)) in _TYPES
    )


def editor(card: Card) -> dict[str, Any]:
    """Return the fields, and how dropping the action is offered or forced."""
    action = card.draft.action
    further = len(action.also)
    names = editable(card)
    drop = (
        f"Only reply, drop all {further + 1} actions" if further else "Only reply, drop the action"
    )
    return {
        "drop": "" if action.is_reply_only or card.is_blocked else drop,
        "forced": "Your edit sends the reply alone: the blocked action is dropped."
        if card.is_blocked and not action.is_reply_only
        else "",
        "tool": action.tool or "",
        "fields": [_field(card, name) for name in action.args if name in names],
    }


def _field(card: Card, name: str) -> dict[str, Any]:
    schema = _property(card, name)
    action = card.draft.action
    required = (card.tool_schema or {}).get("required", ())
    field = {
        "name": name,
        "type": _type(schema),
        "value": action.args[name],
        "choices": list(schema.get("enum", ())),
        "pattern": str(schema.get("pattern", "")),
        "isRequired": name in required,
        "limits": {limit: schema[limit] for limit in _LIMITS if limit in schema},
        "money": None,
    }
    is_money = name == money_argument(action) or name.endswith("_minor")
    if is_money and action.total_currency is not None:
        field["money"] = _money(action.total_currency)
    return field


def _money(currency: str) -> dict[str, Any]:
    """Return how an amount in minor units reads: what stands before, between and after."""
    before, _, after = str(Money(0, currency)).partition(Money(0, currency).decimal())
    return {"before": before, "after": after, "digits": decimals(currency)}


def _property(card: Card, name: str) -> dict[str, Any]:
    found = (card.tool_schema or {}).get("properties", {}).get(name)
    return found if isinstance(found, dict) else {}


def _type(schema: dict[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):  # such as ["string", "null"]
        kind = next((one for one in kind if one != "null"), None)
    return str(kind)
