"""What the world looked like when an action was drafted, written into the action's own arguments.

A write tool may declare an argument that makes it conditional. Code fills it from a read-only tool
at drafting time, never the model; the executor compares it again just before the call.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agents.company import Company
from agents.ports import WORTH_RETRYING, Tools
from agents.tools.schemas import ToolSchema
from store.actions import Action
from store.arguments import find_mistake, without
from store.connectors import arguments, pick
from store.outputs import Reason

MAX_SHOWN = 200  # characters of a tool's words in a reason


@dataclass(frozen=True, slots=True)
class Conditioned:
    """The action with its conditions; `trouble` is a look that failed and may be tried again."""

    action: Action
    blocks: tuple[Reason, ...] = ()
    trouble: str | None = None


async def condition(
    tools: Tools, company: Company, schemas: Mapping[str, ToolSchema], action: Action
) -> Conditioned:
    """Fill in the state of the world for every conditional part of an action that was bound.

    What cannot be seen becomes a block: nothing is done to a world nobody looked at.
    """
    parts: list[Action] = []
    blocks: list[Reason] = []
    trouble: str | None = None
    for part in action.parts:
        filled = await _part(tools, company, schemas, part)
        parts.append(filled.action)
        blocks.extend(filled.blocks)
        trouble = trouble or filled.trouble
    whole = parts[0].model_copy(update={"also": tuple(parts[1:])})
    return Conditioned(whole, tuple(blocks), trouble)


async def _part(
    tools: Tools, company: Company, schemas: Mapping[str, ToolSchema], part: Action
) -> Conditioned:
    write = company.write_tool(part.kind)
    if part.tool is None or write is None or write.expected is None:
        return Conditioned(part)
    look = write.precondition
    assert look is not None  # the company's checks ask for it beside `expected`
    seen = await tools.call(look.tool, arguments(look.args, part.args))
    value = pick(look.value, seen.result) if seen.status == "ok" else None
    if value is None:
        words = _shown(seen.error or f"`{look.tool}` did not say")
        message = f"The state to act on is not known: {words}"
        trouble = words if seen.error_class in WORTH_RETRYING else None
        return Conditioned(part, (Reason(code="world_unknown", message=message),), trouble)
    args = {**part.args, write.expected: value}
    mistake = find_mistake(args, without(schemas[write.name].input_schema, write.key))
    if mistake:
        message = f"The arguments do not fit `{write.name}`: {_shown(mistake)}"
        return Conditioned(part, (Reason(code="invalid_arguments", message=message),))
    return Conditioned(part.model_copy(update={"args": args}))


def _shown(words: str) -> str:
    return words if len(words) <= MAX_SHOWN else words[: MAX_SHOWN - 1] + "…"
