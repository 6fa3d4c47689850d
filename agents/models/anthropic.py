"""Claude behind the model port: intent, draft and critique through the official SDK.

The ticket, passages and tool results go in as JSON blocks that their own text cannot close. What
comes back is checked against closed shapes; the customer is never named by the model, and its own
certainty is one signal (`model_stated`) among others.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Any

from anthropic import AsyncAnthropic
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from agents.company import Company
from agents.models.asking import A, Asker, Question
from agents.models.entities import find_entities
from agents.models.prices import Tokens, cost_microusd
from agents.models.proposals import (
    Draft,
    Objections,
    Ranking,
    intent_shape,
    proposal_shape,
)
from agents.ports import Proposal, TicketView, Usage
from agents.tools.schemas import ToolSchema
from store.actions import Action
from store.outputs import (
    Critique,
    IntentCandidate,
    IntentOutput,
    RetrievalOutput,
    ToolCallOutput,
)
from store.redrafts import Feedback

OUT_OF_SCOPE = "out_of_scope"
PROMPT_VERSION = "v1"
_PROMPTS = Path(__file__).with_name("prompts")
_LONGEST_BLOCK = 60_000  # characters of JSON; a longer one is cut where it stands
_EXAMPLES = 6


def _utc_now() -> datetime:
    return datetime.now(UTC)


class ClaudeSettings(BaseSettings):
    """Which models answer, and how long they may take; `GREENLIGHT_CLAUDE_*`."""

    model_config = SettingsConfigDict(env_prefix="GREENLIGHT_CLAUDE_", extra="ignore")

    api_key: SecretStr = Field(validation_alias="ANTHROPIC_API_KEY")
    base_url: str | None = Field(default=None, validation_alias="ANTHROPIC_BASE_URL")
    intent_model: str = "claude-haiku-5-5"
    synthesis_model: str = "claude-sonnet-5-5"
    critic_model: str = "claude-haiku-5-5"
    seconds: float = Field(default=60.0, gt=0)  # a whole call, thinking included


class AnthropicModel:
    """Implements `agents.ports.Model`; the labels of one name never calibrate another.

    Raises BadInput for a model whose price is not known. Close it when done.
    """

    def __init__(
        self,
        company: Company,
        schemas: Mapping[str, ToolSchema],
        *,
        settings: ClaudeSettings | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        settings = settings or ClaudeSettings()
        models = (settings.intent_model, settings.synthesis_model, settings.critic_model)
        for model in models:
            cost_microusd(model, Tokens(), now())
        self.name = "/".join(("anthropic", *dict.fromkeys(models), PROMPT_VERSION))
        self._company = company
        self._titles = {intent.name: intent.title for intent in company.intents}
        self._client = AsyncAnthropic(
            api_key=settings.api_key.get_secret_value(),
            base_url=settings.base_url,
            max_retries=0,
            timeout=settings.seconds,
        )
        self._asker = Asker(self._client, now, settings.seconds)
        self._intent = Question[Ranking](
            model=settings.intent_model,
            instructions=_instructions("intent", company),
            shape=intent_shape([*self._titles, OUT_OF_SCOPE]),
            effort="low",
            max_tokens=4_000,
        )
        self._synthesis = Question[Draft](
            model=settings.synthesis_model,
            instructions=_instructions("synthesis", company),
            shape=proposal_shape(
                (tool for server in company.servers for tool in server.write), schemas
            ),
            effort="medium",
            max_tokens=12_000,
        )
        self._second = _instructions("second_draft", company)
        self._critic = Question[Objections](
            model=settings.critic_model,
            instructions=_instructions("critic", company),
            shape=Objections,
            effort="medium",
            max_tokens=6_000,
        )

    async def intent(self, ticket: TicketView) -> tuple[IntentOutput, Usage]:
        """Rank the company's intents, and out of scope, for the ticket."""
        ranking, usage = await self._ask(self._intent, ticket, "")
        likelihoods = ranking.likelihoods()
        (best, first), *rest = likelihoods.items()
        is_out = best == OUT_OF_SCOPE
        return IntentOutput(
            intent=None if is_out else best,
            title=self._title(best),
            probability=first,
            is_out_of_scope=is_out,
            candidates=[
                IntentCandidate(intent=name, title=self._title(name), probability=likelihood)
                for name, likelihood in likelihoods.items()
            ],
            entities=find_entities(
                f"{ticket.subject}\n{ticket.text}",
                self._company.entities,
                ticket.received_at,
                self._company.currency,
            ),
            signals={
                "model_intent_stated": first,
                "model_intent_margin": first - (rest[0][1] if rest else 0.0),
            },
        ), usage

    async def synthesise(
        self,
        ticket: TicketView,
        intent: IntentOutput,
        retrieval: RetrievalOutput,
        tool_call: ToolCallOutput,
    ) -> tuple[Proposal, Usage]:
        """Draft a reply and an action from the passages and tool results."""
        taken_for = {"name": intent.intent or OUT_OF_SCOPE, "title": intent.title}
        material = _block("intent", taken_for) + _evidence(retrieval, tool_call)
        draft, usage = await self._ask(self._synthesis, ticket, material)
        proposal = draft.proposal(hit.source for hit in retrieval.passages)
        return replace(proposal, prompt_version=PROMPT_VERSION), usage

    async def critique(
        self,
        ticket: TicketView,
        proposal: Proposal,
        retrieval: RetrievalOutput,
        tool_call: ToolCallOutput,
    ) -> tuple[Critique, Usage]:
        """Look for reasons against the draft."""
        action = {"kind": proposal.kind, "args": dict(proposal.args)}
        drafted = _block("draft", {"reply": proposal.reply, "action": action})
        material = _evidence(retrieval, tool_call) + drafted
        answer, usage = await self._ask(self._critic, ticket, material)
        objections = list(answer.objections)
        return Critique(agrees=not objections, objections=objections), usage

    async def _ask(self, question: Question[A], ticket: TicketView, rest: str) -> tuple[A, Usage]:
        """Ask about a ticket, for a second draft with what was said of the first one."""
        material = _block("ticket", _ticket(ticket))
        if ticket.feedback is not None:
            question = replace(question, instructions=question.instructions + self._second)
            material += _block("feedback", self._feedback(ticket.feedback))
        return await self._asker.ask(question, material + rest)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _feedback(self, said: Feedback) -> dict[str, Any]:
        actions = [{"kind": part.kind, "args": self._chosen(part)} for part in said.action.parts]
        return {
            "reason": said.title,
            "note": said.note,
            "blamed_step": said.blamed_step,
            "taken_for": said.intent or OUT_OF_SCOPE,
            "rejected_draft": {"reply": said.reply, "actions": actions},
        }

    def _chosen(self, part: Action) -> dict[str, Any]:
        """Leave out what code filled in: who the customer is, is none of the model's business."""
        tool = self._company.write_tool(part.kind)
        filled = {tool.customer, tool.key, tool.ticket, tool.expected} if tool else set()
        return {name: value for name, value in part.args.items() if name not in filled}

    def _title(self, intent: str) -> str:
        return self._titles.get(intent, "Out of scope")


def _instructions(prompt: str, company: Company) -> str:
    text = (_PROMPTS / f"{prompt}.{PROMPT_VERSION}.md").read_text(encoding="utf-8")
    intents = "\n".join(
        f"- `{intent.name}` ({intent.title}): {' | '.join(intent.examples[:_EXAMPLES])}"
        for intent in company.intents
    )
    return Template(text).substitute(
        company=company.name,
        currency=company.currency,
        signature=company.signature or company.name,
        intents=intents,
    )


def _ticket(ticket: TicketView) -> dict[str, Any]:
    return {
        "subject": ticket.subject,
        "text": ticket.text,
        "received_at": ticket.received_at.isoformat(),
        "is_known_customer": ticket.customer_id is not None,
    }


def _evidence(retrieval: RetrievalOutput, tool_call: ToolCallOutput) -> str:
    passages = [hit.model_dump(include={"source", "title", "text"}) for hit in retrieval.passages]
    failed = [
        {"tool": call.tool, "problem": call.error_class}
        for call in tool_call.calls
        if call.status == "error"
    ]
    results = {"facts": tool_call.facts, "failed": failed}
    return _block("passages", passages) + _block("tool_results", results)


def _block(name: str, value: Any) -> str:
    """One delimited block; its JSON holds no `<`, so that nothing inside can end it."""
    text = json.dumps(value, ensure_ascii=False, default=str).replace("<", "\\u003c")
    if len(text) > _LONGEST_BLOCK:
        text = text[:_LONGEST_BLOCK] + " … (cut, the rest is missing)"
    return f"<{name}>\n{text}\n</{name}>\n\n"
