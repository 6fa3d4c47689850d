"""Input schemas of tools and their fingerprint. Pure."""

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from store.actions import canonical_json


class ToolSchema(NamedTuple):
    """A tool as its server offers it."""

    server: str
    input_schema: dict[str, Any]
    fingerprint: str


def fingerprint(input_schema: Mapping[str, Any]) -> str:
    """Return the SHA-256 (hex) of the schema's canonical JSON."""
    return hashlib.sha256(canonical_json(input_schema).encode()).hexdigest()
