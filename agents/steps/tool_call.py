"""Step 3: the intent's look-ups, one after the other, through read-only tools."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from agents.company import Company, Lookup
from agents.company.expressions import ExpressionError, is_truthy, pick
from agents.context import context_of
from agents.ports import TicketView, Tools
from agents.tools.schemas import ToolSchema
from store.outputs import IntentOutput, RetrievalOutput, ToolCallOutput, ToolCallRecord

NONE: Mapping[str, ToolSchema] = MappingProxyType({})


async def run(
    tools: Tools,
    company: Company,
    ticket: TicketView,
    intent: IntentOutput,
    retrieval: RetrievalOutput,
    schemas: Mapping[str, ToolSchema] = NONE,
) -> tuple[ToolCallOutput, None]:
    """Run the look-ups in order, so that later ones see what earlier ones found.

    A look-up whose condition is false, or which lacks an argument that its schema requires, is
    skipped; one that failed leaves its fact null and the rest go on.
    """
    rules = company.intent(intent.intent)
    lookups = rules.lookups if rules else []
    is_anonymous = bool(rules and rules.needs_customer and ticket.customer_id is None)
    calls: list[ToolCallRecord] = []
    facts: dict[str, Any] = {lookup.save_as: None for lookup in lookups}
    for lookup in lookups:
        context = context_of(ticket, intent, retrieval, facts)
        record = _skip(lookup, "the ticket names no customer") if is_anonymous else None
        record = record or await _look_up(tools, lookup, context, schemas.get(lookup.tool))
        calls.append(record)
        if record.status == "ok":
            facts[lookup.save_as] = record.result
    return ToolCallOutput(calls=calls, facts=facts, signals=_signals(calls, facts, intent)), None


async def _look_up(
    tools: Tools, lookup: Lookup, context: dict[str, Any], schema: ToolSchema | None
) -> ToolCallRecord:
    try:
        if lookup.when is not None and not is_truthy(pick(lookup.when, context)):
            return _skip(lookup, "its condition does not hold")
        args = {name: pick(path, context) for name, path in lookup.args.items()}
    except ExpressionError as error:
        return _fail(lookup, str(error))
    known = {name: value for name, value in args.items() if value is not None}
    required = schema.input_schema.get("required", ()) if schema else ()
    missing = [name for name in args if name in required and name not in known]
    if missing or (args and not known):
        return _skip(lookup, f"nothing is known for {', '.join(missing or args)}")
    return await tools.call(lookup.tool, known)


def _skip(lookup: Lookup, reason: str) -> ToolCallRecord:
    return ToolCallRecord(tool=lookup.tool, server="", status="skipped", error=reason)


def _fail(lookup: Lookup, reason: str) -> ToolCallRecord:
    return ToolCallRecord(
        tool=lookup.tool, server="", status="error", error_class="invalid_arguments", error=reason
    )


def _signals(
    calls: list[ToolCallRecord], facts: dict[str, Any], intent: IntentOutput
) -> dict[str, float]:
    """Return the share of look-ups that worked (1 if none ran), and whether all ids were found."""
    made = [call for call in calls if call.status != "skipped"]
    worked = [call for call in made if call.status == "ok"]
    known = set(_texts(facts))
    named = {one for found in intent.entities.values() for one in found if isinstance(one, str)}
    named -= set(intent.entities.get("months", ()))
    return {
        "tool_ok": len(worked) / len(made) if made else 1.0,
        "entities_matched": float(named <= known),
    }


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in parts for text in _texts(part)]
