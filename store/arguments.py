"""Arguments checked against a tool's own input schema: by agents before they call, and by the store
before it accepts a person's edit. Pure; no reference in a schema is ever fetched.

MCP servers drop arguments they do not know without a word, so what a person approved and what
happened could differ: extra arguments are refused here, at every depth.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

from store.actions import canonical_json

_SAYS_SO_ITSELF = ("additionalProperties", "unevaluatedProperties", "patternProperties")


def without(input_schema: Mapping[str, Any], field: str | None) -> dict[str, Any]:
    """Return the schema without a field that code fills in, such as the idempotency key."""
    kept = {
        name: part for name, part in input_schema.get("properties", {}).items() if name != field
    }
    required = [name for name in input_schema.get("required", ()) if name != field]
    return {**input_schema, "properties": kept, "required": required}


def is_plain_json(value: Mapping[str, Any]) -> bool:
    """Return whether JSON can carry the value: a NaN or lone surrogate would end a session."""
    try:
        canonical_json(value).encode()
    except (ValueError, TypeError, RecursionError):
        return False
    return True


def find_mistake(args: Mapping[str, Any], input_schema: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the arguments, or None if the tool may be called with them."""
    if not is_plain_json(args):
        return "the arguments are not plain JSON"
    try:
        error = best_match(_validator(canonical_json(input_schema)).iter_errors(dict(args)))
    except (SchemaError, Unresolvable, RecursionError):
        return "its own schema cannot be used to check the arguments"
    if error is None:
        return None
    place = ".".join(str(part) for part in error.absolute_path)
    return f"{place}: {error.message}" if place else error.message


@lru_cache(maxsize=256)
def _validator(schema_json: str) -> Draft202012Validator:
    """The checker of one schema; its registry is empty, so that no reference is ever fetched."""
    schema = _closed(json.loads(schema_json))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, registry=Registry())


def _closed(schema: Any) -> Any:
    """Return the schema with every object that left the question open refusing extras."""
    if not isinstance(schema, Mapping):
        return schema
    closed = dict(schema)
    for group in ("properties", "$defs"):
        if isinstance(schema.get(group), Mapping):
            closed[group] = {name: _closed(part) for name, part in schema[group].items()}
    if "items" in schema:
        closed["items"] = _closed(schema["items"])
    is_object = schema.get("type") == "object" or "properties" in schema
    if is_object and not any(word in schema for word in _SAYS_SO_ITSELF):
        closed["unevaluatedProperties"] = False
    return closed
