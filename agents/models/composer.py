"""Drafting without a language model: the company's own rules over what was looked up. Pure.

The first rule whose condition holds words the reply and proposes the action. No rule, or one that
cannot be weighed, gives a holding reply and a named concern, never a guess. A second draft takes
from the reviewer only the code of the reason: no word of theirs gets into a reply.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.company import Company, Decision, Intent
from agents.company.expressions import ExpressionError, Templates, is_truthy, pick, sentences
from agents.context import context_of
from agents.ports import Proposal, ProposedAction, TicketView
from store.actions import REPLY_ONLY
from store.outputs import IntentOutput, RetrievalOutput, ToolCallOutput

MIN_QUOTE_CHARS = 20
WRONG_ACTION, TONE, INCOMPLETE = "wrong_action", "tone", "incomplete"  # reasons it can heed
_KIND_OPENING = "Thank you for writing to us, and please excuse the trouble this has given you."
_KIND_CLOSING = "If anything is left open, just write back: we will gladly look at it again."
_REST = (
    "You also asked about something else (“{topic}”). A colleague is looking into that"
    " and will answer you separately."
)
_HOLDING = (
    "Thank you for your message. A colleague is looking into it personally"
    " and will answer you as soon as possible."
)
_WHO_ARE_YOU = (
    "Thank you for your message. To look into this we need to know which account it is about:"
    " please write to us while signed in, and a colleague will take it from there."
)


@dataclass(frozen=True, slots=True)
class _Frame:
    """What a second draft says around the rule's own words."""

    before: str = ""
    after: str = ""
    concerns: tuple[str, ...] = ()


@dataclass(slots=True)
class _Weighing:
    """What came of looking for the rule that applies."""

    decision: Decision | None = None
    concerns: list[str] = field(default_factory=list)


class Composer:
    """Drafts by a company's decision rules."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._templates = Templates(company.currency)

    def compose(
        self,
        ticket: TicketView,
        intent: IntentOutput,
        retrieval: RetrievalOutput,
        tool_call: ToolCallOutput,
        *,
        also_asked: str | None = None,
    ) -> Proposal:
        """Return the draft of the first rule that holds, or a holding reply with a concern.

        `also_asked` is the title of a second request in the message, for a second draft.
        """
        code = _heeded(ticket)
        rules = self._company.intent(intent.intent)
        if rules is None:
            return self._holding(_HOLDING, ["The request fits none of the intents"])
        is_anonymous = rules.needs_customer and ticket.customer_id is None
        context = context_of(ticket, intent, retrieval, tool_call.facts)
        weighing = self._weigh(rules, context, with_actions=code != WRONG_ACTION)
        if is_anonymous:
            weighing.concerns.append("The ticket names no customer, so no account was looked at")
        if weighing.decision is None:
            concern = f"No rule of “{rules.title}” covers what was found"
            text = _WHO_ARE_YOU if is_anonymous else _HOLDING
            return self._holding(text, [*weighing.concerns, concern])
        try:
            return self._propose(
                weighing.decision, weighing.concerns, context, _framed(code, also_asked)
            )
        except ExpressionError as error:
            return self._holding(_HOLDING, [*weighing.concerns, _sentence(error)])

    def _weigh(self, rules: Intent, context: Mapping[str, Any], *, with_actions: bool) -> _Weighing:
        """Find the first rule that holds; one that cannot be weighed is a concern, not a match.

        Without actions, a rule without a condition counts for nothing: it stands for the case that
        none of those above holds.
        """
        weighing = _Weighing()
        if not with_actions:
            weighing.concerns.append("The action was rejected, so this draft proposes none")
        for decision in rules.decisions:
            if not with_actions and (decision.action or decision.when is None):
                continue
            try:
                if decision.when is None or is_truthy(pick(decision.when, context)):
                    weighing.decision = decision
                    break
            except ExpressionError as error:
                weighing.concerns.append(f"A rule could not be weighed: {_sentence(error)}")
        return weighing

    def _propose(
        self,
        decision: Decision,
        concerns: list[str],
        context: Mapping[str, Any],
        frame: "_Frame",
    ) -> Proposal:
        doubt = self._templates.render(decision.doubt, context) if decision.doubt else ""
        body = _flow(self._templates.render(decision.reply, context))
        return Proposal(
            reply=self._letter(body, context, frame),
            kind=decision.action or REPLY_ONLY,
            args=_picked(decision.args, context),
            also=[ProposedAction(one.action, _picked(one.args, context)) for one in decision.also],
            concerns=[*concerns, *frame.concerns, *([" ".join(doubt.split())] if doubt else [])],
            sources=[one["source"] for one in context["passages"] if _is_quoted(one["text"], body)],
        )

    def _holding(self, text: str, concerns: list[str]) -> Proposal:
        letter = self._letter(text, {})
        return Proposal(reply=letter, kind=REPLY_ONLY, concerns=concerns)

    def _letter(self, body: str, context: Mapping[str, Any], frame: "_Frame | None" = None) -> str:
        before, after = (frame.before, frame.after) if frame else ("", "")
        try:
            greeting = self._templates.render(self._company.greeting, context)
        except ExpressionError:  # it names a fact that this ticket does not have
            greeting = "Hello,"
        parts = (greeting, before, body, after, self._company.signature.strip())
        return "\n\n".join(part for part in parts if part)


def _heeded(ticket: TicketView) -> str:
    """Return the reason's code, for a second draft, where there is something to be heeded."""
    said = ticket.feedback
    if said is None or (said.reason_code == WRONG_ACTION and said.action.is_reply_only):
        return ""
    return said.reason_code


def _framed(code: str, also_asked: str | None) -> _Frame:
    if code == TONE:
        return _Frame(_KIND_OPENING, _KIND_CLOSING)
    if code != INCOMPLETE:
        return _Frame()
    if also_asked is None:
        return _Frame(concerns=("No second request stands out in the message",))
    return _Frame(after=_REST.format(topic=also_asked))


def _picked(paths: Mapping[str, str], context: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: pick(path, context) for name, path in paths.items()}
    return {name: value for name, value in found.items() if value is not None}


def _flow(text: str) -> str:
    """Return the text with each paragraph on one line: rules are wrapped for whoever wrote them."""
    paragraphs = re.split(r"\n\s*\n", text)
    return "\n\n".join(re.sub(r"\s*\n(?!\s*(?:[-*•]|\d+\.) )\s*", " ", one) for one in paragraphs)


def _is_quoted(text: str, body: str) -> bool:
    """Return whether a whole sentence of the passage stands in the reply."""
    plain = " ".join(body.split())
    return any(len(one) >= MIN_QUOTE_CHARS and one in plain for one in sentences(text))


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else text[:299] + "…"
