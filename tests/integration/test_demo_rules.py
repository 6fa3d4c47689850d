"""Every rule of the demo company, reached and worded at least once."""

import re
from collections.abc import Iterator
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from demo_desk import ANCHOR, COMPANY, NOW, Shop, offered_by

from agents.bind import bind
from agents.company import Company, Intent, load
from agents.company.expressions import Templates, is_truthy, pick
from agents.context import context_of
from agents.demo import effects, ledger
from agents.demo.faults import Faults, FaultSettings
from agents.demo.scenarios import FACTS
from agents.demo.tool_server import DemoTools
from agents.demo.world import Story, StoryKind, World
from agents.knowledge import documents
from agents.ports import Proposal, TicketView
from agents.steps import tool_call
from store.outputs import IntentOutput, PassageHit, RetrievalOutput

FOREIGN = "LO-10002"  # the showcase's, nobody's in these tests
ADDRESSES = ("Mill Lane 7, 4020 Linz", "Park Street 9, 8010 Graz")
TEMPLATES = Templates("EUR")


@pytest.fixture(scope="module")
def company() -> Company:
    return load(COMPANY)


class Counter:
    """The demo's shop, with some stories told to their end."""

    def __init__(self, home: Path) -> None:
        self.db = ledger.connect(ledger.path_in(home))
        self.world: World = ledger.settle(self.db, seed=2026, anchor=ANCHOR)
        tools = DemoTools(self.db, Faults(FaultSettings()), lambda: NOW)
        self.schemas = offered_by(tools)
        self.shop = Shop(tools, self.schemas)
        self.asking = [next(self._of(kind)) for kind in StoryKind] + self._ended()

    def _of(self, kind: StoryKind) -> Iterator[Story]:
        return (one for one in self.world.stories if one.kind is kind and not one.is_showcase)

    def _second(self, kind: StoryKind) -> tuple[Story, dict[str, Any]]:
        story = list(self._of(kind))[1]
        return story, {"customer_id": story.customer_id, "order_id": story.order_id}

    def _ended(self) -> list[Story]:
        """Customers whose wish was granted already, and one without any order."""
        twice, refund = self._second(StoryKind.DUPLICATE_SMALL)
        amount = self.world.story_order(twice).total_minor
        left = effects.refundable_minor(self.db, **refund)
        effects.issue_refund(
            self.db, **refund, amount_minor=amount, expected_refundable_minor=left, now=NOW
        )
        cancelled, order = self._second(StoryKind.OPEN_ORDER)
        effects.cancel_order(self.db, **order)
        ending, _ = self._second(StoryKind.MEMBER_MONTHLY)
        effects.cancel_membership(self.db, customer_id=ending.customer_id)
        told = [twice, cancelled, ending]
        for kind, tool in (
            (StoryKind.LOST, "create_replacement"),
            (StoryKind.DELIVERED, "send_return_label"),
            (StoryKind.DELIVERED_MANY, "create_replacement"),
        ):
            story, body = self._second(kind)
            request = ledger.Request(f"key-{story.customer_id}", tool, body)
            ledger.exactly_once(self.db, request, now=NOW, effect=dict)
            told.append(story)
        return [*told, *self._unheard_of(), Story(StoryKind.CHARGED_ONCE, "C-999999", ANCHOR)]

    def _unheard_of(self) -> list[Story]:
        """What no story tells: two duplicates at once, and goods older than their warranty."""
        thrice = list(self._of(StoryKind.DUPLICATE_SMALL))[2]
        self.db.execute(
            "INSERT INTO charge SELECT id || '-3', customer_id, order_id, purpose, status,"
            " amount_minor, made_at, NULL FROM charge WHERE order_id = ? LIMIT 1",
            (thrice.order_id,),
        )
        ancient = list(self._of(StoryKind.OLD_ORDER))[2]
        self.db.execute(
            "UPDATE shipment SET delivered_on = '2020-01-01' WHERE order_id = ?",
            (ancient.order_id,),
        )
        return [thrice, ancient]


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    counter = Counter(tmp_path_factory.mktemp("counter"))
    with closing(counter.db):
        yield counter


def passages() -> list[PassageHit]:
    return [
        PassageHit(passage_id=at, source=one.source, title=one.title, text=one.text, score=1.0)
        for at, one in enumerate(documents.read(COMPANY / "documents").passages)
    ]


async def context(
    counter: Counter,
    company: Company,
    rules: Intent,
    customer_id: str | None,
    entities: dict[str, Any],
    found: list[PassageHit],
) -> dict[str, Any]:
    """What the rules of an intent see, after its look-ups were really made."""
    view = TicketView(1, "t-1", "", "", customer_id, NOW)
    read = IntentOutput(
        intent=rules.name, title="", probability=1, is_out_of_scope=False, entities=entities
    )
    retrieved = RetrievalOutput(query="", passages=found)
    facts, _ = await tool_call.run(counter.shop, company, view, read, retrieved)
    return context_of(view, read, retrieved, facts.facts)


def first_match(rules: Intent, known: dict[str, Any]) -> int:
    return next(
        at
        for at, one in enumerate(rules.decisions)
        if one.when is None or is_truthy(pick(one.when, known))
    )


def worded(rules: Intent, at: int, known: dict[str, Any]) -> None:
    """Fill in everything the rule says and does; raises when a value is missing."""
    chosen = rules.decisions[at]
    assert TEMPLATES.render(chosen.reply, known)
    if chosen.doubt:
        assert TEMPLATES.render(chosen.doubt, known)
    for path in chosen.args.values():
        assert pick(path, known) is not None


def situations(rules: Intent, story: Story) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """The customer or a stranger, naming no order, their own or a foreign one, and addresses."""
    numbers = range(3) if rules.name == "change_address" else range(1)
    for order, number in product((None, story.order_id, FOREIGN), numbers):
        named = {"order_ids": [order] if order else [], "addresses": list(ADDRESSES[:number])}
        yield story.customer_id, {**named, "months": []}
    yield None, {"order_ids": [], "addresses": [], "months": []}


async def test_every_rule_is_reached_and_worded(counter: Counter, company: Company) -> None:
    everything = passages()
    missed = []
    for rules in company.intents:
        reached = set()
        for story in counter.asking:
            for customer_id, entities in situations(rules, story):
                for found in (everything, [])[: 2 if story is counter.asking[0] else 1]:
                    known = await context(counter, company, rules, customer_id, entities, found)
                    down = {**known, **{lookup.save_as: None for lookup in rules.lookups}}
                    for seen in (known, down):
                        at = first_match(rules, seen)
                        if at not in reached:
                            worded(rules, at, seen)
                            reached.add(at)
        missed += [(rules.name, one.when) for at, one in enumerate(rules.decisions)
                   if at not in reached]  # fmt: skip
    assert missed == []


def test_no_negation_stops_before_the_dot(company: Company) -> None:
    """`!a.b` is `(!a).b` in JMESPath, which is never true."""
    assert pick("!a.b", {"a": {"b": False}}) is None
    conditions = [one.when or "" for rules in company.intents for one in rules.lookups]
    conditions += [one.when or "" for rules in company.intents for one in rules.decisions]
    assert [one for one in conditions if re.search(r"![a-z_]+[.\[]", one)] == []


def test_a_failed_look_up_gives_a_holding_reply_with_a_doubt(company: Company) -> None:
    for rules in (one for one in company.intents if one.name in FACTS):
        known: dict[str, Any] = {
            "ticket": {"customer_id": "C-1", "received_at": NOW.isoformat()},
            "entities": {},
            "passages": [],
            **{lookup.save_as: None for lookup in rules.lookups},
        }
        chosen = rules.decisions[first_match(rules, known)]
        assert chosen.action is None
        assert "could not be read" in TEMPLATES.render(chosen.doubt or "", known)


def test_every_look_up_a_scenario_needs_is_made(company: Company) -> None:
    for name, fact in FACTS.items():
        rules = company.intent(name)
        assert rules is not None
        assert fact in {lookup.save_as for lookup in rules.lookups}


async def test_an_order_that_was_only_named_cannot_be_acted_on(
    counter: Counter, company: Company
) -> None:
    view = TicketView(1, "t-1", "Cancel it", "", "C-1000", NOW)
    asked = {"customer_id": "C-1000", "order_id": FOREIGN, "stage": ""}
    found = await counter.shop.call("find_orders", asked)
    proposal = Proposal(reply="x", kind="cancel_order", args={"order_id": FOREIGN})
    _, blocks = bind(company, counter.schemas, view, proposal, {"orders": found.result})
    assert [reason.code for reason in blocks] == ["unknown_order"]
