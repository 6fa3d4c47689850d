"""The embedded model: real decisions from the company's own examples and rules, no key, no network.

Ticket text steers nothing but which intent and entities are found; what is said and done comes from
the company's rules over looked-up facts.
"""

from dataclasses import replace

from agents.company import Company
from agents.models.composer import Composer
from agents.models.critic import criticise
from agents.models.encoder import Encoder
from agents.models.entities import find_entities
from agents.models.intent_classifier import IntentClassifier, Reading
from agents.models.topics import other_topic
from agents.ports import Proposal, TicketView, Usage
from agents.query import MAX_CHARS, name_ids, query_of
from store.outputs import (
    Critique,
    IntentCandidate,
    IntentOutput,
    RetrievalOutput,
    ToolCallOutput,
)

NAME = "local-1"
MAX_CANDIDATES = 5


class LocalModel:
    """Implements `agents.ports.Model`; learns the company when it is made."""

    name = NAME

    def __init__(self, company: Company, encoder: Encoder | None) -> None:
        self._company = company
        self._classifier = IntentClassifier(
            [
                (name_ids(text, company.entities), intent.name)
                for intent in company.intents
                for text in intent.examples
            ],
            [name_ids(text, company.entities) for text in company.out_of_scope_examples],
            encoder,
        )
        self._composer = Composer(company)
        self._usage = Usage(model=NAME)

    async def intent(self, ticket: TicketView) -> tuple[IntentOutput, Usage]:
        """Name the intent, the next likeliest ones and what the ticket names."""
        company = self._company
        reading = self._read(ticket)
        text = f"{ticket.subject}\n{ticket.text}"
        entities = find_entities(text, company.entities, ticket.received_at, company.currency)
        return self._output(reading, entities), self._usage

    async def synthesise(
        self,
        ticket: TicketView,
        intent: IntentOutput,
        retrieval: RetrievalOutput,
        tool_call: ToolCallOutput,
    ) -> tuple[Proposal, Usage]:
        """Draft by the first rule of the intent that holds."""
        also = self._also_asked(ticket, intent.intent) if ticket.feedback else None
        draft = self._composer.compose(ticket, intent, retrieval, tool_call, also_asked=also)
        return draft, self._usage

    async def critique(
        self,
        ticket: TicketView,
        proposal: Proposal,
        retrieval: RetrievalOutput,
        tool_call: ToolCallOutput,
    ) -> tuple[Critique, Usage]:
        """Hold the draft against what was looked up and found, and against all that was asked."""
        critique = criticise(self._company, ticket, proposal, retrieval, tool_call)
        also = self._also_asked(ticket)
        if also and also not in proposal.reply:
            objection = f"The message also seems to be about “{also}”, which the draft leaves out"
            critique = Critique(agrees=False, objections=[*critique.objections, objection])
        return critique, self._usage

    def _also_asked(self, ticket: TicketView, beside: str | None = None) -> str | None:
        """Return the title of a second request in the message, if one stands out.

        `beside` is what the message was taken for; else it is read here.
        """
        patterns = self._company.entities
        reading = self._read(ticket)
        if reading.is_out_of_scope:
            return None
        text = ticket.text[:MAX_CHARS]
        other = other_topic(self._classifier, text, beside or reading.label, patterns)
        said = ticket.feedback
        is_refused = said is not None and said.step == "intent" and said.intent == other
        return self._title(other) if other and not is_refused else None

    def _read(self, ticket: TicketView) -> Reading:
        """Read the request; where a reviewer blamed the reading before, come to another one."""
        query = query_of(ticket, self._company.entities)
        said = ticket.feedback
        if said is None or said.step != "intent":
            return self._classifier.read(query)
        if said.intent is None:
            return _in_scope(self._classifier.read(query))
        return self._classifier.read(query, without=said.intent)

    def _output(self, reading: Reading, entities: dict[str, list[object]]) -> IntentOutput:
        candidates = [
            IntentCandidate(intent=name, title=self._title(name), probability=min(share, 1.0))
            for name, share in reading.ranked[:MAX_CANDIDATES]
        ]
        is_out = reading.is_out_of_scope
        return IntentOutput(
            intent=None if is_out else reading.label,
            title="Out of scope" if is_out else self._title(reading.label),
            probability=min(max(reading.probability, 0.0), 1.0),
            is_out_of_scope=is_out,
            candidates=candidates,
            entities=entities,
            signals=reading.signals,
        )

    def _title(self, name: str) -> str:
        intent = self._company.intent(name)
        return intent.title if intent else name


def _in_scope(reading: Reading) -> Reading:
    """Return the likeliest intent of a request that a reviewer says is one of the company's."""
    share = dict(reading.ranked)[reading.label]
    return replace(reading, is_out_of_scope=False, probability=share)
