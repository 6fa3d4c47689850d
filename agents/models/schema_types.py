"""Python types for the JSON schemas of tools, as far as a language model can be asked for them.

Only the shape is taken over, bounded in size; patterns, limits and formats stay with the tool's own
schema, which checks the answer as well.
"""

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

LONGEST_TEXT = 2_000
LONGEST_LIST = 50
_DEEPEST = 6
Text = Annotated[str, Field(pattern=r"^[^\x00]*$")]  # databases refuse a NUL
_PLAIN: Mapping[str, Any] = {
    "string": Annotated[Text, Field(max_length=LONGEST_TEXT)],
    "integer": int,
    "number": int | float,
    "boolean": bool,
    "null": None,
}


class Answer(BaseModel):
    """Base of all that a model may say: nothing beside the fields, no loose types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Unaskable(Exception):
    """The schema allows what cannot be put into a closed shape."""


def type_for(schema: Mapping[str, Any], *, name: str) -> Any:
    """Return the type of the schema's values; raise Unaskable where it leaves the shape open."""
    return _Reader(schema.get("$defs", {})).read(schema, name, 0)


class _Reader:
    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions

    def read(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        if depth > _DEEPEST:
            raise Unaskable(name)
        if "$ref" in schema:
            target = self._definitions.get(str(schema["$ref"]).removeprefix("#/$defs/"))
            return self.read(target or {}, name, depth + 1)
        if "const" in schema or "enum" in schema:
            return Literal[tuple(schema.get("enum", [schema.get("const")]))]
        options = schema.get("anyOf") or schema.get("oneOf")
        if options is None and isinstance(schema.get("type"), list):
            options = [{**schema, "type": kind} for kind in schema["type"]]
        if options is not None:
            return reduce(or_, (self.read(option, name, depth + 1) for option in options))
        return self._one(schema, name, depth)

    def _one(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        kind = str(schema.get("type"))
        if kind == "array" and "items" in schema:
            item = self.read(schema["items"], f"{name}_item", depth + 1)
            return Annotated[list[item], Field(max_length=LONGEST_LIST)]  # type: ignore[valid-type]
        if kind == "object" and "properties" in schema:
            return self._object(schema, name, depth)
        if kind not in _PLAIN:
            raise Unaskable(name)
        return _PLAIN[kind]

    def _object(self, schema: Mapping[str, Any], name: str, depth: int) -> type[Answer]:
        """A model whose fields are known by their place, as a tool's names may be any text."""
        required = schema.get("required", ())
        fields: dict[str, Any] = {}
        for number, (key, part) in enumerate(schema["properties"].items()):
            try:
                kind = self.read(part, f"{name}_{key}", depth + 1)
            except Unaskable:
                if key in required:
                    raise
                continue
            about = part.get("description")
            default = ... if key in required else None
            fields[f"f{number}"] = (
                kind,
                Field(default, alias=key, title=key, description=about and str(about)[:400]),
            )
        return create_model(name, __base__=Answer, **fields)
