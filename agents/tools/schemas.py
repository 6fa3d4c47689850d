"""Input schemas of tools: their fingerprint, and arguments checked against them. Pure.

MCP servers drop arguments they do not know without a word, so what a person approved and what
happened could differ: extra arguments are refused here, at every depth.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

from store.actions import canonical_json

_SAYS_SO_ITSELF = ("additionalProperties", "unevaluatedProperties", "patternProperties")


class ToolSchema(NamedTuple):
    """A tool as its server offers it."""

    server: str
    input_schema: dict[str, Any]
    fingerprint: str


def fingerprint(input_schema: Mapping[str, Any]) -> str:
    """Return the SHA-256 (hex) of the schema's canonical JSON."""
    return hashlib.sha256(canonical_json(input_schema).encode()).hexdigest()


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
