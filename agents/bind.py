"""From a model's proposal to an action that code vouches for. Pure.

The model names a kind and arguments; everything that says who and whose is put in or checked here:
the customer is the ticket's own, the order must have been looked up, the money is read out of the
very arguments that will be sent. Whatever does not fit becomes a block, never a correction.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agents.company import Company, WriteTool
from agents.ports import Proposal, ProposedAction, TicketView
from agents.tools.schemas import ToolSchema
from store.actions import REPLY_ONLY, Action, canonical_json, reply_only
from store.arguments import find_mistake, without
from store.outputs import Reason

MAX_SHOWN = 200  # characters of a hostile value in a reason


def bind(
    company: Company,
    schemas: Mapping[str, ToolSchema],
    ticket: TicketView,
    proposal: Proposal,
    facts: Mapping[str, Any],
) -> tuple[Action, list[Reason]]:
    """Return the action to be weighed, and every reason why it may not be carried out."""
    if proposal.kind == REPLY_ONLY:
        extra = [_unexpected(name) for name in (*proposal.args, *(p.kind for p in proposal.also))]
        return reply_only(ticket.customer_id), extra
    bound = [
        _part(company, schemas, ticket, part, facts)
        for part in (ProposedAction(proposal.kind, proposal.args), *proposal.also)
    ]
    first, *further = (action for action, _ in bound)
    blocks = [reason for _, reasons in bound for reason in reasons]
    blocks += _repeated([action for action, _ in bound])
    return first.model_copy(update={"also": tuple(further)}), blocks


def _part(
    company: Company,
    schemas: Mapping[str, ToolSchema],
    ticket: TicketView,
    part: ProposedAction,
    facts: Mapping[str, Any],
) -> tuple[Action, list[Reason]]:
    customer = ticket.customer_id
    tool = company.write_tool(part.kind)
    if tool is None:
        message = f"No tool carries out `{_shown(part.kind)}`"
        return _nothing(part.kind, customer), [Reason(code="unknown_action", message=message)]
    args = {**_plain(part, tool), **_filled_by_code(tool, ticket)}
    action = Action(
        kind=part.kind,
        tool=tool.name,
        args=args,
        amount_minor=_amount(tool, args),
        currency=company.currency if tool.amount else None,
        customer_id=customer,
        order_id=_order(tool, args),
    )
    blocks = [
        *_wrong_recipient(tool, ticket, part),
        *_wrong_arguments(tool, schemas.get(tool.name), args),
        *_wrong_amount(tool, args),
        *_wrong_order(tool, ticket, args, facts),
    ]
    return action, blocks


def _repeated(parts: Sequence[Action]) -> Iterator[Reason]:
    """Yield each part that would do, word for word, what another one does already."""
    known: set[tuple[str | None, str]] = set()
    for part in parts:
        call = (part.tool, canonical_json(part.args))
        if part.tool is not None and call in known:
            message = f"The draft would call `{part.tool}` twice with the same arguments"
            yield Reason(code="repeated_action", message=message)
        known.add(call)


def _nothing(kind: str, customer: str | None) -> Action:
    return Action(kind=kind[:64] or "unknown", customer_id=customer)


def _plain(part: ProposedAction, tool: WriteTool) -> dict[str, Any]:
    """Return the model's arguments without any recipient; none at all if they are not JSON."""
    by_code = (tool.customer, tool.expected)
    args = {name: value for name, value in part.args.items() if name not in by_code}
    try:
        canonical_json(args).encode()
    except (ValueError, TypeError, RecursionError):
        return {}
    return args


def _filled_by_code(tool: WriteTool, ticket: TicketView) -> dict[str, Any]:
    filled: dict[str, Any] = {}
    if tool.customer and ticket.customer_id is not None:
        filled[tool.customer] = ticket.customer_id
    if tool.ticket:
        filled[tool.ticket] = ticket.external_id
    return filled


def _wrong_recipient(tool: WriteTool, ticket: TicketView, part: ProposedAction) -> Iterator[Reason]:
    if ticket.customer_id is None:
        message = "The ticket names no customer, so nothing may be done to an account"
        yield Reason(code="no_customer", message=message)
    proposed = part.args.get(tool.customer) if tool.customer else None
    if proposed is not None and proposed != ticket.customer_id:
        message = f"The draft would act on customer `{_shown(proposed)}`, not the ticket's"
        yield Reason(code="recipient_mismatch", message=message)


def _wrong_arguments(
    tool: WriteTool, schema: ToolSchema | None, args: Mapping[str, Any]
) -> Iterator[Reason]:
    if schema is None:
        message = f"The tool `{tool.name}` is not offered by any server"
        yield Reason(code="unknown_tool", message=message)
        return
    if tool.key and tool.key in args:
        yield _unexpected(tool.key)
    mistake = find_mistake(args, without(without(schema.input_schema, tool.key), tool.expected))
    if mistake:
        message = f"The arguments do not fit `{tool.name}`: {_shown(mistake)}"
        yield Reason(code="invalid_arguments", message=message)


def _wrong_amount(tool: WriteTool, args: Mapping[str, Any]) -> Iterator[Reason]:
    if tool.amount and _amount(tool, args) is None:
        value = _shown(args.get(tool.amount))
        message = f"`{tool.amount}` must be whole minor units, not `{value}`"
        yield Reason(code="invalid_amount", message=message)


def _wrong_order(
    tool: WriteTool, ticket: TicketView, args: Mapping[str, Any], facts: Mapping[str, Any]
) -> Iterator[Reason]:
    if not tool.order or tool.order not in args:
        return
    order = args[tool.order]
    owners = list(_owners(facts, order, tool.customer, None))
    if not isinstance(order, str) or not owners:
        message = f"Order `{_shown(order)}` is in nothing that was looked up"
        yield Reason(code="unknown_order", message=message)
    elif all(owner not in (None, ticket.customer_id) for owner in owners):
        message = f"Order `{_shown(order)}` belongs to another customer"
        yield Reason(code="foreign_order", message=message)


def _owners(value: Any, order: Any, field: str | None, owner: Any) -> Iterator[Any]:
    """Yield, for each place the order stands in the facts, the customer named nearest to it."""
    if isinstance(value, Mapping):
        owner = value.get(field, owner) if field else owner
        for part in value.values():
            yield from _owners(part, order, field, owner)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _owners(part, order, field, owner)
    elif isinstance(value, str) and value == order:
        yield owner


def _amount(tool: WriteTool, args: Mapping[str, Any]) -> int | None:
    value = args.get(tool.amount) if tool.amount else None
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and 0 <= value < 1 << 53 else None  # type: ignore[operator]


def _order(tool: WriteTool, args: Mapping[str, Any]) -> str | None:
    value = args.get(tool.order) if tool.order else None
    return value if isinstance(value, str) else None


def _unexpected(name: str) -> Reason:
    message = f"`{_shown(name)}` is no argument that a draft may choose"
    return Reason(code="unexpected_argument", message=message)


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
