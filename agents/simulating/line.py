"""One ticket through the first four steps, without faults or with those that were drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from agents.company import Company
from agents.demo.tickets import DemoTicket
from agents.knowledge import documents, index
from agents.knowledge.retriever import HybridRetriever
from agents.models.encoder import open_encoder
from agents.models.local import LocalModel
from agents.ports import Proposal, TicketView
from agents.simulating.draws import rng_of
from agents.simulating.judging import Drafted, is_right
from agents.simulating.mixups import (
    Elsewhere,
    Misrouted,
    Other,
    Settled,
    WrongDrafts,
    another,
    blaming,
    misread,
)
from agents.simulating.shop import Shop
from agents.steps import intent, retrieval, synthesis, tool_call
from agents.steps.synthesis import Bench, Calibration
from store.engine import Store
from store.outputs import IntentOutput, RetrievalOutput, ToolCallOutput


@dataclass(frozen=True, slots=True)
class Draw:
    """The steps that go wrong in one attempt, each with the number that says how; and the seed."""

    seed: int
    faults: Mapping[str, int]

    def rng(self, ticket: str, step: str) -> Random:
        """Return the random source of how a step goes wrong."""
        return rng_of(self.seed, ticket, self.faults[step], f"{step} wrong")


class Line:
    """The demo company's first four steps, over the shop's tools and the company's passages."""

    def __init__(self, company: Company, store: Store, shop: Shop) -> None:
        encoder = open_encoder()
        passages = documents.read(company.documents).passages
        store.transact(index.mirror, passages, encoder)
        self._company = company
        self._shop = shop
        self._retriever = HybridRetriever(store, encoder)
        self._model = LocalModel(company, encoder)
        self._wrong = WrongDrafts(company)

    async def clean(self, ticket: DemoTicket) -> Other:
        """Run the steps as they are."""
        view = view_of(ticket)
        read, _ = await intent.run(self._model, view)
        found, _ = await retrieval.run(self._retriever, view, self._company.entities)
        facts, _ = await tool_call.run(
            self._shop, self._company, view, read, found, self._shop.schemas
        )
        proposal, _ = await self._model.synthesise(view, read, found, facts)
        return Other(view, await self._draft(view, (read, found, facts), proposal))

    async def faulty(
        self, ticket: DemoTicket, clean: Other, draw: Draw, pool: Sequence[Other]
    ) -> Drafted:
        """Run the steps again with the drawn ones doing the wrong thing."""
        view, made = clean.view, clean.made
        read, found, facts = made.intent, made.retrieval, made.tool_call
        if "intent" in draw.faults:
            read = await self._misread(ticket, clean, draw, pool)
        if "retrieval" in draw.faults:
            found = await self._misfound(ticket, clean)
        if "tool_call" in draw.faults:
            facts = await self._misrouted(view, read, found, draw, pool)
        elif read is not made.intent:
            facts, _ = await tool_call.run(
                self._shop, self._company, view, read, found, self._shop.schemas
            )
        steps = (read, found, facts)
        proposal, _ = await self._model.synthesise(view, *steps)
        if "synthesis" not in draw.faults:
            return await self._draft(view, steps, proposal)
        rng = draw.rng(ticket.external_id, "synthesis")
        first_name = self._shop.first_name(ticket.customer_id)
        for wrong in self._wrong.of(view, steps, proposal, pool, rng):
            drafted = await self._draft(view, steps, wrong)
            if not is_right(ticket.truth, drafted.outputs, first_name):
                return drafted
        raise AssertionError("somebody else's answer is always wrong")

    async def _misread(
        self, ticket: DemoTicket, clean: Other, draw: Draw, pool: Sequence[Other]
    ) -> IntentOutput:
        """Read the ticket as its next likeliest intent; if that is right too, as another's."""
        blamed = replace(clean.view, feedback=blaming(clean.made, "intent"))
        read, _ = await intent.run(self._model, blamed)
        if read.intent not in ticket.truth.intents:
            return read
        rng = draw.rng(ticket.external_id, "intent")
        other = another(pool, rng, lambda one: one.made.intent.intent not in ticket.truth.intents)
        return misread(read, other.made.intent) if other else read

    async def _misfound(self, ticket: DemoTicket, clean: Other) -> RetrievalOutput:
        """Search with this ticket's words, and come back without the topic that answers it."""
        found = clean.made.retrieval.passages
        topics = ticket.truth.sources or tuple(hit.source for hit in found)
        search = Elsewhere(self._retriever, tuple(one.split("#")[0] for one in topics))
        return (await retrieval.run(search, clean.view, self._company.entities))[0]

    async def _misrouted(
        self,
        view: TicketView,
        read: IntentOutput,
        found: RetrievalOutput,
        draw: Draw,
        pool: Sequence[Other],
    ) -> ToolCallOutput:
        """Look up another customer; where nothing is to be looked up, do so for another ticket."""
        rng = draw.rng(view.external_id, "tool_call")
        rules = self._company.intent(read.intent)
        looks = bool(rules and rules.lookups and view.customer_id)

        def is_other(one: Other) -> bool:
            return one.view.customer_id not in (None, view.customer_id)

        def asks_the_same(one: Other) -> bool:
            return is_other(one) and one.made.intent.intent == read.intent

        def is_looked_up(one: Other) -> bool:
            return is_other(one) and any(one.made.tool_call.facts.values())

        other = another(pool, rng, asks_the_same if looks else is_looked_up)
        other = other or another(pool, rng, is_other)
        if other is None:
            return (await tool_call.run(self._shop, self._company, view, read, found))[0]
        asked = (view, read) if looks else (other.view, other.made.intent)
        tools = Misrouted(self._shop, other) if looks else self._shop
        facts, _ = await tool_call.run(tools, self._company, *asked, found, self._shop.schemas)
        return facts

    async def _draft(
        self,
        view: TicketView,
        steps: tuple[IntentOutput, RetrievalOutput, ToolCallOutput],
        proposal: Proposal,
    ) -> Drafted:
        bench = Bench(Settled(self._model, proposal), self._company, self._shop.schemas)
        made, _ = await synthesis.run(bench, Calibration(), view, *steps, self._shop)
        return Drafted(*steps, made.output, made.gate_input)


def view_of(ticket: DemoTicket) -> TicketView:
    """Return what the steps see of a ticket."""
    return TicketView(
        id=1,
        external_id=ticket.external_id,
        text=ticket.text,
        subject=ticket.subject,
        customer_id=ticket.customer_id,
        received_at=ticket.received_at,
    )
