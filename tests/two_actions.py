"""The small company with a second action: an order is cancelled and, with it, money goes back."""

from pathlib import Path
from typing import Any

import small_company as small

from agents.company import Company, load
from agents.tools.schemas import ToolSchema, fingerprint

REFUND = 'tool = "issue_refund"\naction = "refund"\n'
PROMISES = """
[servers.write.precondition]
tool = "order_state"
args = { order_id = "order_id" }
value = "refundable_minor"

[servers.write.reversal]
tool = "reverse_refund"
args = { customer_id = "args.customer_id", order_id = "args.order_id", amount_minor = "args.amount_minor", refund_key = "key" }

[[servers.write]]
tool = "reverse_refund"
customer = "customer_id"
order = "order_id"
amount = "amount_minor"
key = "idempotency_key"

[[servers.write]]
tool = "cancel_order"
action = "cancel"
customer = "customer_id"
order = "order_id"
key = "idempotency_key"
refusal = "^Refused"
"""
FIRST_INTENT = '\n[[intents]]\nname = "double_charge"'
RULE = 'action = "refund"\nargs = { order_id'
ALSO = 'also = [{ action = "cancel", args = { order_id = "charges.duplicates[0].order_id" } }]'
CHANGES = (
    ('read = ["get_order", "find_charges"]', 'read = ["get_order", "find_charges", "order_state"]'),
    (REFUND, f'{REFUND}expected = "expected_minor"\n'),
    (FIRST_INTENT, f"{PROMISES}{FIRST_INTENT}"),
    (RULE, f"{ALSO}\n{RULE}"),
)


def toml(*changes: tuple[str, str]) -> str:
    """Return the company's file, with further changes to its first match."""
    text = small.TOML
    for old, new in (*CHANGES, *changes):
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def two_actions(folder: Path) -> Company:
    """Return the company, written and loaded."""
    return load(small.write(folder, toml()))


def schemas() -> dict[str, ToolSchema]:
    """Return what the company's server would offer."""
    text, number = {"type": "string"}, {"type": "integer", "minimum": 0}
    whose = dict.fromkeys(("customer_id", "order_id", "idempotency_key"), text)
    return {
        **small.schemas(),
        "order_state": _offered({"order_id": text}),
        "cancel_order": _offered(whose),
        "issue_refund": _offered({**whose, "amount_minor": number, "expected_minor": number}),
        "reverse_refund": _offered({**whose, "amount_minor": number, "refund_key": text}),
    }


def _offered(properties: dict[str, Any]) -> ToolSchema:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return ToolSchema("shop", schema, fingerprint(schema))
