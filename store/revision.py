"""What a person's edit makes of a draft. Pure: a draft's action in, the revised action out.

The tool stays the same; its customer stays the same; the money beside the arguments is read out of
the edited arguments again. Arguments are checked against the tool's own schema first.
"""

from typing import Any

import jsonschema

from store.actions import REPLY_ONLY, Action
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
    problems = argument_problems(args, tool.input_schema, filled_by_code=tool.key_field)
    if problems:
        raise BadInput("The tool would refuse this: " + "; ".join(problems))
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


def argument_problems(
    args: dict[str, Any], input_schema: dict[str, Any], *, filled_by_code: str | None
) -> list[str]:
    """Return what is wrong with the arguments, in words; extras are refused, servers ignore them.

    `filled_by_code` is the idempotency key's field, which only delivery fills.
    """
    schema = {**input_schema, "additionalProperties": False}
    properties = dict(schema.get("properties", {}))
    if filled_by_code:
        properties.pop(filled_by_code, None)
        schema["required"] = [n for n in schema.get("required", []) if n != filled_by_code]
    schema["properties"] = properties
    validator = jsonschema.Draft202012Validator(schema)
    return [
        f"`{'.'.join(str(part) for part in error.absolute_path) or 'arguments'}`: {error.message}"
        for error in sorted(validator.iter_errors(args), key=lambda error: error.json_path)
    ]
