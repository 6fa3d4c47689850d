"""The wrong thing that each of the first four steps does, injected at its port.

The code of the steps, of binding, critic and signals is untouched and says of a wrong thing what it
would say of it on any day. Intent and search come to their next best answer, as they do when a
person blames them; the tools look up another customer; the draft gets amount, branch or section
wrong without a doubt.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from agents.company import Company, Decision
from agents.models.composer import Composer
from agents.ports import (
    Model,
    Proposal,
    ProposedAction,
    Retriever,
    TicketView,
    Tools,
    Usage,
)
from agents.simulating.judging import Drafted
from store.money import Money
from store.outputs import (
    IntentOutput,
    PassageHit,
    RetrievalOutput,
    ToolCallOutput,
    ToolCallRecord,
)
from store.redrafts import Feedback

ALL_PASSAGES = 1_000
TRIES = 400  # picks of another ticket before there is none that would be wrong here
SMALLEST_MINOR = 100  # of the numbers among the facts that can be mistaken for the amount


@dataclass(frozen=True, slots=True)
class Other:
    """Another ticket with what its fault-free run made."""

    view: TicketView
    made: Drafted


def another(pool: Sequence[Other], rng: Random, is_fit: Callable[[Other], bool]) -> Other | None:
    """Return some other ticket that fits, None if none turned up."""
    picks = (rng.choice(pool) for _ in range(TRIES))
    return next((one for one in picks if is_fit(one)), None)


def misread(own: IntentOutput, other: IntentOutput) -> IntentOutput:
    """Return the other ticket's reading, with what this ticket itself names."""
    return other.model_copy(update={"entities": own.entities})


def blaming(made: Drafted, step: str) -> Feedback:
    """Return what sends a step to its next best answer: the way in which a person does it too."""
    return Feedback(
        person="",
        reason_code="",
        title="",
        note="",
        blamed_step=step,
        step=step,
        intent=made.intent.intent,
        reply=made.synthesis.reply,
        action=made.synthesis.action,
        sources=(),
    )


class Elsewhere:
    """A retriever that finds nothing of some topics."""

    def __init__(self, retriever: Retriever, topics: tuple[str, ...]) -> None:
        self._retriever = retriever
        self._topics = topics

    def search(self, text: str, k: int) -> list[PassageHit]:
        """Return the `k` best passages of other topics."""
        found = self._retriever.search(text, ALL_PASSAGES)
        return [hit for hit in found if not hit.source.startswith(self._topics)][:k]


class Misrouted:
    """Tools that look up another customer, and the order which that one asked about."""

    def __init__(self, tools: Tools, other: Other) -> None:
        self._tools = tools
        orders = other.made.intent.entities.get("order_ids") or [None]
        self._swapped = {"customer_id": other.view.customer_id, "order_id": orders[0] or ""}

    async def call(self, tool: str, args: Mapping[str, Any]) -> ToolCallRecord:
        """Look up with the other ticket's numbers."""
        own = {name: value for name, value in self._swapped.items() if name in args}
        return await self._tools.call(tool, {**args, **own})


class Settled:
    """A model whose proposal is given; intent and critique are the real model's."""

    def __init__(self, model: Model, proposal: Proposal) -> None:
        self.name = model.name
        self.intent = model.intent
        self.critique = model.critique
        self._proposal = proposal

    async def synthesise(self, *_: object) -> tuple[Proposal, Usage]:
        """Return the given proposal."""
        return self._proposal, Usage(model=self.name)


class WrongDrafts:
    """Drafts that are wrong in the ways of a model: amount, branch, section, somebody's answer."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._composer = Composer(company)
        self._by_rule: dict[tuple[str, int], Composer] = {}

    def of(
        self,
        view: TicketView,
        made: tuple[IntentOutput, RetrievalOutput, ToolCallOutput],
        proposal: Proposal,
        pool: Sequence[Other],
        rng: Random,
    ) -> Iterator[Proposal]:
        """Yield wrong drafts in random order, none of which says that it is doubtful."""
        intent, retrieval, facts = made
        found = [
            *self._amounts(proposal, facts, rng),
            *self._branches(view, intent, retrieval, facts),
            *self._sections(view, intent, facts, pool, rng),
        ]
        rng.shuffle(found)
        yield from (one for one in found if not one.concerns)
        yield from self._answers_of_others(pool, rng)

    def _amounts(
        self, proposal: Proposal, facts: ToolCallOutput, rng: Random
    ) -> Iterator[Proposal]:
        tool = self._company.write_tool(proposal.kind)
        amount = proposal.args.get(tool.amount) if tool and tool.amount else None
        if tool is None or tool.amount is None or not isinstance(amount, int):
            return
        seen = sorted({n for n in _numbers(facts.facts) if n >= SMALLEST_MINOR and n != amount})
        slips = [amount * 10, amount + 1_000, max(1, amount // 2)]
        for wrong in (rng.choice(seen or slips), rng.choice(slips)):
            said, meant = (str(Money(n, self._company.currency)) for n in (wrong, amount))
            yield replace(
                proposal,
                args={**proposal.args, tool.amount: wrong},
                reply=proposal.reply.replace(meant, said),
            )

    def _branches(
        self,
        view: TicketView,
        intent: IntentOutput,
        retrieval: RetrievalOutput,
        facts: ToolCallOutput,
    ) -> Iterator[Proposal]:
        rules = self._company.intent(intent.intent)
        for at, decision in enumerate(rules.decisions if rules else ()):
            composer = self._composer_of(intent.intent or "", at, decision)
            yield composer.compose(view, intent, retrieval, facts)

    def _sections(
        self,
        view: TicketView,
        intent: IntentOutput,
        facts: ToolCallOutput,
        pool: Sequence[Other],
        rng: Random,
    ) -> Iterator[Proposal]:
        other = another(pool, rng, lambda one: one.made.intent.intent == intent.intent)
        if other is not None:
            yield self._composer.compose(view, intent, other.made.retrieval, facts)

    def _answers_of_others(self, pool: Sequence[Other], rng: Random) -> Iterator[Proposal]:
        for other in (rng.choice(pool) for _ in range(TRIES)):
            draft = other.made.synthesis
            if not draft.concerns:
                parts = [ProposedAction(one.kind, one.args) for one in draft.action.also]
                yield Proposal(draft.reply, draft.action.kind, draft.action.args, also=parts)

    def _composer_of(self, name: str, at: int, decision: Decision) -> Composer:
        if (name, at) not in self._by_rule:
            rules = self._company.intent(name)
            assert rules is not None
            always = decision.model_copy(update={"when": None})
            only = rules.model_copy(update={"decisions": [always]})
            company = self._company.model_copy(update={"intents": [only]})
            self._by_rule[name, at] = Composer(company)
        return self._by_rule[name, at]


def _numbers(value: Any) -> Iterator[int]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _numbers(part)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield value
