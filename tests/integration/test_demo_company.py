"""The demo company end to end, short of the store: its rules over its own tools and documents."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import agents.demo
from agents.bind import bind
from agents.company import Company, check, load
from agents.company.expressions import Templates, is_truthy, pick
from agents.demo import ledger
from agents.demo.faults import Faults, FaultSettings
from agents.demo.scenarios import DOCUMENTS, FACTS
from agents.demo.showcase import showcase
from agents.demo.tickets import DemoTicket, generate
from agents.demo.tool_server import DemoTools, make_server
from agents.demo.truth import TicketTruth, judge
from agents.demo.world import World
from agents.knowledge import documents, index
from agents.knowledge.retriever import HybridRetriever
from agents.models.encoder import open_encoder
from agents.models.local import LocalModel
from agents.ports import TicketView
from agents.steps import intent, retrieval, tool_call
from agents.steps.synthesis import Bench, Calibration, Synthesised
from agents.steps.synthesis import run as synthesise
from agents.tools.schemas import ToolSchema, find_mistake, fingerprint
from store.gate import GateInput, evaluate
from store.outputs import Output, ToolCallRecord
from store.settings import Settings
from store.transitions import Outcome

COMPANY = Path(agents.demo.__path__[0]) / "company"
ANCHOR = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Shop:
    """The demo's tools without a process, behind the same check of arguments."""

    def __init__(self, tools: DemoTools, schemas: Mapping[str, ToolSchema]) -> None:
        self._tools = tools
        self._schemas = schemas

    async def call(self, tool: str, args: Mapping[str, Any]) -> ToolCallRecord:
        assert find_mistake(args, self._schemas[tool].input_schema) is None
        answer = await getattr(self._tools, tool)(**args)
        return ToolCallRecord(
            tool=tool, server="shop", args=dict(args), result=answer.model_dump(), status="ok"
        )


class Desk:
    """Runs the first four steps on a ticket with the embedded model."""

    def __init__(self, home: Path, retriever: HybridRetriever) -> None:
        self.company: Company = load(COMPANY)
        self.db = ledger.connect(ledger.path_in(home))
        self.world: World = ledger.settle(self.db, seed=2026, anchor=ANCHOR)
        tools = DemoTools(self.db, Faults(FaultSettings()), lambda: NOW)
        offered = asyncio.run(make_server(tools).list_tools())
        self.schemas = {
            tool.name: ToolSchema("shop", tool.input_schema, fingerprint(tool.input_schema))
            for tool in offered
        }
        self.shop = Shop(tools, self.schemas)
        self.retriever = retriever
        self.model = LocalModel(self.company, open_encoder())

    async def run(self, ticket: DemoTicket) -> tuple[dict[str, Output], Synthesised]:
        view = TicketView(
            1, ticket.external_id, ticket.text, ticket.subject, ticket.customer_id,
            ticket.received_at,
        )  # fmt: skip
        read, _ = await intent.run(self.model, view)
        found, _ = await retrieval.run(self.retriever, view)
        facts, _ = await tool_call.run(self.shop, self.company, view, read, found)
        bench = Bench(self.model, self.company, self.schemas)
        drafted, _ = await synthesise(bench, Calibration(), view, read, found, facts)
        steps: dict[str, Output] = {
            "intent": read,
            "retrieval": found,
            "tool_call": facts,
            "synthesis": drafted.output,
        }
        return steps, drafted

    def ask(self, text: str, customer_id: str | None) -> Synthesised:
        truth = TicketTruth(scenario="asked", intents=(None,))
        ticket = DemoTicket("t-1", text, "", customer_id, NOW, truth)
        return asyncio.run(self.run(ticket))[1]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp("company")
    with closing(Settings(home=home).open()) as store:
        passages = documents.read(COMPANY / "documents").passages
        store.transact(index.mirror, passages, open_encoder())
        desk = Desk(home, HybridRetriever(store, open_encoder()))
        with closing(desk.db):
            yield desk


@pytest.fixture(scope="module")
def drafted(desk: Desk) -> list[tuple[DemoTicket, dict[str, Output], Synthesised]]:
    """Half a thousand tickets, drafted once for all the tests below."""
    start = NOW - timedelta(days=28)
    tickets = generate(desk.world, seed=31, count=500, start=start, end=NOW)

    async def all_of_them() -> list[tuple[DemoTicket, dict[str, Output], Synthesised]]:
        return [(ticket, *await desk.run(ticket)) for ticket in tickets]

    return asyncio.run(all_of_them())


def gated(draft: GateInput, desk: Desk) -> tuple[Outcome, set[str]]:
    """The gate's outcome if the draft were as good as certain, and why."""
    result = evaluate(draft.model_copy(update={"confidence": 0.99}), desk.company.policy)
    return result.outcome, {reason.code for reason in result.reasons}


def test_the_company_has_no_mistakes() -> None:
    assert check(COMPANY) == []


def test_every_document_a_scenario_needs_is_there() -> None:
    written = {path.name for path in (COMPANY / "documents").glob("*.md")}
    assert set(DOCUMENTS.values()) <= written
    assert 15 <= len(written) <= 25


def test_every_look_up_a_scenario_needs_is_made(desk: Desk) -> None:
    for name, fact in FACTS.items():
        rules = desk.company.intent(name)
        assert rules is not None
        assert fact in {lookup.save_as for lookup in rules.lookups}


def test_no_negation_in_a_condition_stops_before_the_dot(desk: Desk) -> None:
    """`!a.b` is `(!a).b` in JMESPath, which is never true."""
    conditions = [
        condition
        for rules in desk.company.intents
        for condition in (
            *(lookup.when for lookup in rules.lookups),
            *(decision.when for decision in rules.decisions),
        )
        if condition
    ]
    assert pick("!a.b", {"a": {"b": False}}) is None
    for condition in conditions:
        for part in condition.split("!")[1:]:
            name = part.split(" ")[0]
            assert part.startswith(("(", "=")) or "." not in name


def test_every_rule_can_be_worded(
    desk: Desk, drafted: list[tuple[DemoTicket, dict[str, Output], Synthesised]]
) -> None:
    said = [concern for _, _, draft in drafted for concern in draft.output.concerns]
    assert not [one for one in said if "cannot be" in one or "could not be" in one]


def test_the_embedded_model_serves_most_tickets_right(
    drafted: list[tuple[DemoTicket, dict[str, Output], Synthesised]],
) -> None:
    right = [judge(ticket.truth, steps).is_right for ticket, steps, _ in drafted]
    assert sum(right) > 0.9 * len(right)


def test_between_one_in_twelve_and_one_in_six_waits_for_a_person(
    desk: Desk, drafted: list[tuple[DemoTicket, dict[str, Output], Synthesised]]
) -> None:
    outcomes = [gated(draft.gate_input, desk)[0] for _, _, draft in drafted]
    assert 1 / 12 < 1 - outcomes.count(Outcome.PASS) / len(outcomes) < 1 / 6


def test_nothing_is_ever_blocked(
    drafted: list[tuple[DemoTicket, dict[str, Output], Synthesised]],
) -> None:
    assert [draft.gate_input.blocks for _, _, draft in drafted if draft.gate_input.blocks] == []


def test_a_hostile_ticket_moves_nothing(
    drafted: list[tuple[DemoTicket, dict[str, Output], Synthesised]],
) -> None:
    hostile = [draft for ticket, _, draft in drafted if ticket.truth.scenario == "hostile"]
    assert hostile
    assert all(draft.output.action.is_reply_only for draft in hostile)


def test_an_ambiguous_duplicate_goes_to_a_person_who_reads_why(desk: Desk) -> None:
    draft = desk.ask("Why was I charged twice in May?", showcase(desk.world).ambiguous)
    assert draft.output.action.is_reply_only
    assert gated(draft.gate_input, desk) == (Outcome.ESCALATE, {"doubtful_evidence"})
    doubt = draft.output.concerns[0]
    assert "€42.00" in doubt
    assert "3 May 2026 and 4 May 2026 belong to different orders" in doubt


def test_a_true_duplicate_below_the_limit_is_refunded_without_a_person(desk: Desk) -> None:
    draft = desk.ask("Why was I charged twice in May?", showcase(desk.world).duplicate_below_limit)
    assert draft.output.action.kind == "refund"
    assert gated(draft.gate_input, desk) == (Outcome.PASS, set())


def test_a_true_duplicate_above_the_limit_goes_to_a_person_because_of_the_rule(
    desk: Desk,
) -> None:
    draft = desk.ask("Why was I charged twice in May?", showcase(desk.world).duplicate_above_limit)
    assert draft.output.action.kind == "refund"
    outcome, codes = gated(draft.gate_input, desk)
    assert outcome is Outcome.ESCALATE
    assert codes == {"refund_over_limit"}


@pytest.mark.parametrize(
    ("customer", "words"),
    [("hold", "authorisation hold"), ("annual_and_monthly", "No further monthly fee")],
)
def test_charges_that_only_look_double_are_explained(desk: Desk, customer: str, words: str) -> None:
    draft = desk.ask("Why was I charged twice in May?", getattr(showcase(desk.world), customer))
    assert words in draft.output.reply
    assert gated(draft.gate_input, desk) == (Outcome.PASS, set())


@pytest.mark.parametrize(
    "text",
    [
        "Why was I charged twice in May?",
        "Please cancel my order LO-10000.",
        "Where is my order?",
        "I want to cancel my membership.",
    ],
)
def test_a_stranger_gets_the_rule_and_no_look_into_an_account(desk: Desk, text: str) -> None:
    draft = desk.ask(text, None)
    assert draft.output.action.is_reply_only
    assert gated(draft.gate_input, desk)[0] is Outcome.ESCALATE
    assert "write from your customer account" in " ".join(draft.output.reply.split())


def test_somebody_elses_order_is_neither_shown_nor_touched(desk: Desk) -> None:
    foreign = desk.world.orders["LO-10002"]
    draft = desk.ask(f"Please cancel my order {foreign.id}.", showcase(desk.world).ambiguous)
    assert draft.output.action.is_reply_only
    assert "is not an order of this customer" in draft.output.concerns[0]
    assert foreign.items[0].name not in draft.output.reply


def test_binding_refuses_an_order_that_was_only_named(desk: Desk) -> None:
    """What a fact says beside a customer is that customer's: unknown orders are not repeated."""
    view = TicketView(1, "t-1", "Cancel LO-10002", "", showcase(desk.world).ambiguous, NOW)
    facts = asyncio.run(
        desk.shop.call(
            "find_orders", {"customer_id": view.customer_id, "order_id": "LO-10002", "stage": ""}
        )
    )
    from agents.ports import Proposal

    proposal = Proposal(reply="x", kind="cancel_order", args={"order_id": "LO-10002"})
    _, blocks = bind(desk.company, desk.schemas, view, proposal, {"orders": facts.result})
    assert [reason.code for reason in blocks] == ["unknown_order"]


def test_failed_look_ups_give_a_holding_reply_with_a_doubt(desk: Desk) -> None:
    templates = Templates("EUR")
    for rules in desk.company.intents:
        if rules.name not in FACTS:
            continue
        context: dict[str, Any] = {
            "ticket": {"customer_id": "C-1", "received_at": NOW.isoformat()},
            "entities": {},
            "passages": [],
            **{lookup.save_as: None for lookup in rules.lookups},
        }
        chosen = next(
            one for one in rules.decisions
            if one.when is None or is_truthy(pick(one.when, context))
        )  # fmt: skip
        assert chosen.action is None
        assert "could not be read" in templates.render(chosen.doubt or "", context)
