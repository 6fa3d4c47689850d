"""The shapes a language model must answer in, built from the company: pydantic models whose JSON
schema goes out with the question and which check what comes back.

An action's fields are those of its tool, minus what code fills in (customer, idempotency key,
ticket): the model can name neither a recipient nor a key. Sizes are bounded, extras refused.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, create_model, model_validator

from agents.company import WriteTool
from agents.models.schema_types import Answer, Text, Unaskable, type_for
from agents.ports import Proposal
from agents.tools.schemas import ToolSchema
from store.arguments import find_mistake

_log = logging.getLogger(__name__)

Unit = Annotated[float, Field(ge=0, le=1)]
Sentence = Annotated[Text, Field(min_length=1, max_length=400)]
Source = Annotated[Text, Field(max_length=200)]


class ReplyOnly(Answer):
    """Nothing is to be done besides sending the reply."""

    kind: Literal["reply_only"]

    def arguments(self) -> dict[str, Any]:
        """Return no arguments."""
        return {}


class Draft(Answer):
    """A proposed reply; `proposal_shape` adds the company's actions."""

    reply: Text = Field(min_length=1, max_length=6_000)
    concerns: list[Sentence] = Field(max_length=5)
    sources: list[Source] = Field(max_length=10)
    stated_certainty: Unit
    action: Any

    def proposal(self, known_sources: Iterable[str]) -> Proposal:
        """Return it as a proposal; sources that were never shown to the model are left out."""
        known = set(known_sources)
        return Proposal(
            reply=self.reply,
            kind=self.action.kind,
            args=self.action.arguments(),
            concerns=tuple(self.concerns),
            signals={"model_stated": self.stated_certainty},
            sources=tuple(source for source in self.sources if source in known),
        )


class Objections(Answer):
    """The critic's answer: no objection is agreement."""

    objections: list[Sentence] = Field(max_length=5)


class RankedIntent(Answer):
    """One reading of the ticket; `intent_shape` narrows the name to the company's intents."""

    intent: str
    likelihood: Unit


class Ranking(Answer):
    """Readings of the ticket, likeliest first."""

    candidates: list[RankedIntent] = Field(min_length=1, max_length=5)

    def likelihoods(self) -> dict[str, float]:
        """Return each intent's likelihood, best first, scaled down where they exceed 1 in sum."""
        stated: dict[str, float] = {}
        for one in self.candidates:
            stated[one.intent] = max(one.likelihood, stated.get(one.intent, 0.0))
        total = max(1.0, sum(stated.values()))
        ranked = sorted(stated.items(), key=lambda pair: -pair[1])
        return {intent: likelihood / total for intent, likelihood in ranked}


def intent_shape(names: Sequence[str]) -> type[Ranking]:
    """Return the shape of an intent answer over exactly these names."""
    name: Any = Literal[tuple(names)]
    one: Any = create_model("OneIntent", __base__=RankedIntent, intent=(name, ...))
    candidates = (list[one], Field(min_length=1, max_length=5))
    return create_model("Intents", __base__=Ranking, candidates=candidates)


def proposal_shape(tools: Iterable[WriteTool], schemas: Mapping[str, ToolSchema]) -> type[Draft]:
    """Return the shape of a draft: reply only, or one action kind per write tool.

    A tool with a required argument that cannot be asked for (a free-form object) is left out: a
    person or a rule may still propose its action, a language model cannot.
    """
    arms: list[Any] = [ReplyOnly]
    for tool in tools:
        if tool.action is not None and tool.name in schemas:
            arms += _action_shapes(tool, tool.action, schemas[tool.name].input_schema)
    choice: Any = ReplyOnly
    if arms[1:]:
        choice = Annotated[reduce(or_, arms), Field(discriminator="kind")]
    return create_model("ProposedDraft", __base__=Draft, action=(choice, ...))


class _ToolAction(Answer):
    """An action with the arguments of its tool, checked against the tool's own schema too."""

    asked_for: ClassVar[dict[str, Any]] = {}
    kind: str
    args: Any

    def arguments(self) -> dict[str, Any]:
        """Return the arguments under the tool's own names."""
        said: dict[str, Any] = self.args.model_dump(by_alias=True, exclude_unset=True)
        return said

    @model_validator(mode="after")
    def _fits_the_tool(self) -> Self:
        if mistake := find_mistake(self.arguments(), self.asked_for):
            raise ValueError(mistake)
        return self


def _action_shapes(
    tool: WriteTool, kind: str, schema: Mapping[str, Any]
) -> list[type[_ToolAction]]:
    filled_by_code = {tool.customer, tool.key, tool.ticket, tool.expected}
    properties = schema.get("properties", {})
    asked_for = {
        **schema,
        "properties": {key: part for key, part in properties.items() if key not in filled_by_code},
        "required": [key for key in schema.get("required", ()) if key not in filled_by_code],
    }
    try:
        args = type_for(asked_for, name=f"{kind}_args")
    except Unaskable as unaskable:
        _log.warning("no model may propose %s: %s of its tool has no shape", kind, unaskable)
        return []
    constant: Any = Literal[kind]
    shape = create_model(
        f"{kind}_action", __base__=_ToolAction, kind=(constant, ...), args=(args, ...)
    )
    shape.asked_for = asked_for
    return [shape]
