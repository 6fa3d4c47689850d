"""The demo company end to end, short of the store: its rules over its own tools and documents."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from demo_desk import COMPANY, NOW, Desk

from agents.company import check
from agents.demo.scenarios import DOCUMENTS
from agents.demo.showcase import showcase
from agents.demo.tickets import DemoTicket, generate
from agents.demo.truth import judge
from agents.knowledge import documents, index
from agents.knowledge.retriever import HybridRetriever
from agents.models.encoder import open_encoder
from agents.steps.synthesis import Synthesised
from store.gate import GateInput, evaluate
from store.outputs import Output
from store.settings import Settings
from store.transitions import Outcome

Drafted = tuple[DemoTicket, dict[str, Output], Synthesised]


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
def drafted(desk: Desk) -> list[Drafted]:
    """Some hundred tickets, drafted once for all the tests below."""
    start = NOW - timedelta(days=28)
    tickets = generate(desk.world, seed=31, count=350, start=start, end=NOW)

    async def all_of_them() -> list[Drafted]:
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


def test_every_rule_can_be_worded(desk: Desk, drafted: list[Drafted]) -> None:
    said = [concern for _, _, draft in drafted for concern in draft.output.concerns]
    assert not [one for one in said if "cannot be" in one or "could not be" in one]


def test_the_embedded_model_serves_most_tickets_right(
    drafted: list[Drafted],
) -> None:
    right = [judge(ticket.truth, steps).is_right for ticket, steps, _ in drafted]
    assert sum(right) > 0.85 * len(right)


def test_between_one_in_ten_and_one_in_five_waits_for_a_person_whatever_its_confidence(
    desk: Desk, drafted: list[Drafted]
) -> None:
    outcomes = [gated(draft.gate_input, desk)[0] for _, _, draft in drafted]
    assert 1 / 10 < 1 - outcomes.count(Outcome.PASS) / len(outcomes) < 1 / 5


def test_nothing_is_ever_blocked(
    drafted: list[Drafted],
) -> None:
    assert [draft.gate_input.blocks for _, _, draft in drafted if draft.gate_input.blocks] == []


def test_a_hostile_ticket_moves_nothing(
    drafted: list[Drafted],
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
