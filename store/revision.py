"""What a person's edit makes of a draft. Pure: a draft's action in, the revised action out.

The tool stays the same; its customer stays the same; the money beside the arguments is read out of
the edited arguments again. Arguments are checked against the tool's own schema first.
"""

from typing import Any

from store.actions import REPLY_ONLY, Action
from store.arguments import find_mistake, without
from store.connectors import Connector
from store.errors import BadInput
from store.schema import Tool


def answer_only(action: Action) -> Action:
    """Return the action that only answers the customer, for the same customer."""
    return Action(kind=REPLY_ONLY, customer_id=action.customer_id)


def with_args(action: Action, args: dict[str, Any], tool: Tool) -> Action:
    """Return the action with edited arguments; raise BadInput naming what the schema refuses."""
    if tool.customer_field and args.get(tool.customer_field) != action.args.get(
        tool.customer_field
    ):
        raise BadInput("The customer of an action cannot be edited. Reject the draft instead.")
    expected = Connector.model_validate(tool.connector).expected
    if expected and args.get(expected) != action.args.get(expected):
        raise BadInput(
            f"`{expected}` is the state of the world that was seen; it is filled in by code."
        )
    mistake = find_mistake(args, without(tool.input_schema, tool.key_field))
    if mistake:
        raise BadInput(f"The tool would refuse this: {mistake}")
    amount = args.get(tool.amount_field) if tool.amount_field else None
    if tool.amount_field and not _is_whole_money(amount):
        raise BadInput(f"`{tool.amount_field}` must be whole minor units, not `{amount}`.")
    return action.model_copy(
        update={
            "args": args,
            "amount_minor": amount,
            "order_id": args.get(tool.order_field) if tool.order_field else action.order_id,
        }
    )


def _is_whole_money(amount: object) -> bool:
    """A JSON schema's integer may be `4250.0`, whose digest would not be that of `4250`."""
    return isinstance(amount, int) and not isinstance(amount, bool) and amount >= 0
