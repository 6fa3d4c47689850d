"""Steps 1 to 4: what each makes of its ports' answers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import small_company as small

from agents.company import Company, load
from agents.ports import ModelError, Proposal, TicketView, Usage
from agents.query import query_of
from agents.steps import intent, retrieval, synthesis, tool_call
from agents.steps.synthesis import Bench, Calibration, Synthesised
from agents.testing import ScriptedModel, ScriptedTools, failing
from store.evidence.calibration import Stack
from store.gate import PolicyBody, evaluate
from store.outputs import (
    Critique,
    IntentOutput,
    PassageHit,
    RetrievalOutput,
    ToolCallOutput,
)
from store.transitions import Outcome

TICKET = small.ticket("I was charged twice for TK-1111")
CHARGED = IntentOutput(
    intent="double_charge",
    title="Charged twice",
    probability=0.9,
    is_out_of_scope=False,
    entities={"order_ids": ["TK-1111"], "months": ["2026-05"], "amounts_minor": []},
    signals={"intent_margin": 0.4},
)
NOTHING = RetrievalOutput(query="q", signals={"retrieval_similarity": 0.2})
DUPLICATE = {"duplicates": [{"order_id": "TK-1111", "amount_minor": 4_200}]}
FACTS = {"charges": DUPLICATE}
REFUND = Proposal(
    reply="We are refunding €42.00 for order TK-1111.",
    kind="refund",
    args={"order_id": "TK-1111", "amount_minor": 4_200},
    signals={"said": 0.99, "consistency": 1.0},
)
STACK = Stack(
    signals=("consistency", "critic"),
    means=(0.5, 0.5),
    scales=(1.0, 1.0),
    weights=(4.0, 4.0),
    intercept=0.0,
    platt=(1.0, 0.0),
)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    folder: Path = tmp_path_factory.mktemp("company")
    return small.small_company(folder)


class Passages:
    """A retriever with fixed hits that notes what it was asked."""

    def __init__(self, *hits: PassageHit) -> None:
        self.hits = list(hits)
        self.asked: list[tuple[str, int]] = []

    def search(self, text: str, k: int) -> list[PassageHit]:
        self.asked.append((text, k))
        return self.hits


def hit(
    number: int, similarity: float | None, words: int | None, meaning: int | None
) -> PassageHit:
    return PassageHit(
        passage_id=number,
        source=f"a.md#{number}",
        title="T",
        text="x",
        score=1 / number,
        similarity=similarity,
        bm25_rank=words,
        vector_rank=meaning,
    )


async def test_the_intent_step_hands_on_what_the_model_says() -> None:
    usage = Usage(model="scripted", input_tokens=3)
    output, spent = await intent.run(ScriptedModel(intent=[CHARGED], usage=usage), TICKET)
    assert (output, spent) == (CHARGED, usage)
    broken = ScriptedModel(intent=[ModelError("down", is_transient=True)])
    with pytest.raises(ModelError):
        await intent.run(broken, TICKET)


async def test_retrieval_reports_how_near_and_how_agreed_the_passages_are() -> None:
    retriever = Passages(hit(1, 0.7, 1, 2), hit(2, 0.9, None, 1), hit(3, None, 2, None))
    output, _ = await retrieval.run(retriever, TICKET, {"order_ids": r"TK-\d{4}"}, k=3)
    assert output.signals == {
        "retrieval_similarity": 0.9,
        "retrieval_agreement": pytest.approx(1 / 3),
    }
    assert retriever.asked == [("I was charged twice for order", 3)]
    empty, _ = await retrieval.run(Passages(), TICKET)
    assert empty.signals == {"retrieval_similarity": 0.0, "retrieval_agreement": 0.0}


def test_the_query_names_ids_by_what_they_are() -> None:
    ticket = replace(TICKET, subject="TK-1111", text="Where is TK-2222?")
    assert query_of(ticket, {"order_ids": r"\bTK-\d{4}\b"}) == "order\nWhere is order?"


async def look(
    company: Company, tools: ScriptedTools, ticket: TicketView = TICKET, found: Any = CHARGED
) -> ToolCallOutput:
    output, _ = await tool_call.run(tools, company, ticket, found, NOTHING, small.schemas())
    return output


async def test_later_look_ups_see_what_earlier_ones_found(company: Company) -> None:
    tools = ScriptedTools({"find_charges": [DUPLICATE], "get_order": [{"id": "TK-1111"}]})
    output = await look(company, tools)
    assert tools.calls == [
        ("find_charges", {"customer_id": "C-1"}),
        ("get_order", {"order_id": "TK-1111"}),
    ]
    assert output.facts == {"charges": DUPLICATE, "order": {"id": "TK-1111"}}
    assert output.signals == {"tool_ok": 1.0, "entities_matched": 1.0}


async def test_a_look_up_whose_condition_fails_is_skipped(company: Company) -> None:
    output = await look(company, ScriptedTools({"find_charges": [{"duplicates": []}]}))
    assert [call.status for call in output.calls] == ["ok", "skipped"]
    assert output.facts["order"] is None
    assert output.signals == {"tool_ok": 1.0, "entities_matched": 0.0}


async def test_a_failed_look_up_leaves_a_gap_and_lowers_the_signal(company: Company) -> None:
    output = await look(company, ScriptedTools({"find_charges": [failing("timeout")]}))
    assert [call.status for call in output.calls] == ["error", "skipped"]
    assert output.signals["tool_ok"] == 0.0


async def test_nothing_is_looked_up_for_a_stranger_or_out_of_scope(company: Company) -> None:
    stranger = replace(TICKET, customer_id=None)
    output = await look(company, ScriptedTools({}), stranger)
    assert {call.status for call in output.calls} == {"skipped"}
    foreign = CHARGED.model_copy(update={"intent": None, "is_out_of_scope": True, "entities": {}})
    assert (await look(company, ScriptedTools({}), TICKET, foreign)).calls == []


async def test_a_missing_argument_skips_only_where_the_tool_requires_it(tmp_path: Path) -> None:
    toml = small.TOML.replace(
        'args = { customer_id = "ticket.customer_id" }',
        'args = { customer_id = "ticket.customer_id", month = "entities.nothing" }',
    )
    company = load(small.write(tmp_path, toml))
    tools = ScriptedTools({"find_charges": [{"duplicates": []}]})
    await look(company, tools)
    assert tools.calls == [("find_charges", {"customer_id": "C-1"})]
    needed = small.TOML.replace('"ticket.customer_id" }', '"entities.nothing" }')
    output = await look(load(small.write(tmp_path, needed)), ScriptedTools({}))
    assert output.calls[0].error == "nothing is known for customer_id"


async def test_a_look_up_that_cannot_be_weighed_fails_alone(tmp_path: Path) -> None:
    toml = small.TOML.replace('"ticket.customer_id" }', '"length(entities.nothing)" }')
    output = await look(load(small.write(tmp_path, toml)), ScriptedTools({}))
    assert output.calls[0].error_class == "invalid_arguments"


async def draft(
    company: Company,
    proposal: Proposal = REFUND,
    critique: Critique | None = None,
    stack: Stack | None = STACK,
    calls: ToolCallOutput | None = None,
    found: IntentOutput = CHARGED,
) -> Synthesised:
    usage = Usage(model="scripted", input_tokens=2, cost_microusd=5)
    model = ScriptedModel(
        synthesise=[proposal], critique=[critique or Critique(agrees=True)], usage=usage
    )
    made, spent = await synthesis.run(
        Bench(model, company, small.schemas()),
        Calibration(stack, "v1", "37 of 200 labels"),
        TICKET,
        found,
        NOTHING,
        calls or ToolCallOutput(facts=FACTS, signals={"tool_ok": 1.0}),
        ScriptedTools({}),
    )
    assert (spent.input_tokens, spent.cost_microusd) == (4, 10)
    return made


async def test_a_sound_draft_has_a_confidence_and_passes(company: Company) -> None:
    made = await draft(company)
    assert made.output.confidence == pytest.approx(0.982, abs=0.001)
    assert made.output.calibrator_version == "v1"
    assert made.output.signals == {
        "model_said": 0.99,
        "model_consistency": 1.0,
        "intent_margin": 0.4,
        "retrieval_similarity": 0.2,
        "tool_ok": 1.0,
        "consistency": 1.0,
        "critic": 1.0,
    }
    assert made.gate_input.action == made.output.action
    assert evaluate(made.gate_input, PolicyBody()).outcome is Outcome.PASS


async def test_an_uncalibrated_draft_goes_to_a_person_with_the_count(company: Company) -> None:
    made = await draft(company, stack=None)
    assert (made.output.confidence, made.output.calibrator_version) == (None, None)
    assert made.gate_input.calibration_note == "37 of 200 labels"
    assert evaluate(made.gate_input, PolicyBody()).outcome is Outcome.ESCALATE


async def test_a_model_cannot_raise_its_own_confidence(company: Company) -> None:
    boast = replace(REFUND, concerns=["two orders"], signals={"consistency": 1e9, "critic": 1e9})
    made = await draft(company, boast, Critique(agrees=False))
    assert made.output.signals["consistency"] == 0.0
    assert made.output.signals["critic"] == 0.0
    assert made.output.confidence == pytest.approx(0.018, abs=0.001)
    assert made.gate_input.objections == ("The critic disagrees without saying why",)


async def test_signals_that_are_no_numbers_are_dropped(company: Company) -> None:
    odd = replace(REFUND, signals={"a": float("nan"), "b": float("inf")})
    made = await draft(company, odd)
    assert not {"model_a", "model_b"} & set(made.output.signals)


async def test_a_failed_look_up_is_a_concern_whatever_the_model_says(company: Company) -> None:
    call = await ScriptedTools({"get_order": [failing("timeout")]}).call("get_order", {})
    made = await draft(company, calls=ToolCallOutput(facts=FACTS, calls=[call]))
    assert made.output.concerns == ["The look-up `get_order` failed (timeout)"]
    assert evaluate(made.gate_input, PolicyBody()).outcome is Outcome.ESCALATE


async def test_facts_about_another_customer_are_a_concern(company: Company) -> None:
    theirs = {"charges": {"duplicates": [{**DUPLICATE["duplicates"][0], "customer_id": "C-9"}]}}
    made = await draft(company, calls=ToolCallOutput(facts=theirs))
    assert made.output.concerns == ["The look-up `charges` answered about another customer"]
    assert evaluate(made.gate_input, PolicyBody()).outcome is not Outcome.PASS
    own = {"charges": {"duplicates": [{**DUPLICATE["duplicates"][0], "customer_id": "C-1"}]}}
    assert (await draft(company, calls=ToolCallOutput(facts=own))).output.concerns == []


async def test_what_does_not_bind_blocks(company: Company) -> None:
    made = await draft(company, replace(REFUND, args={**REFUND.args, "customer_id": "C-9"}))
    result = evaluate(made.gate_input, PolicyBody())
    assert result.outcome is Outcome.BLOCK
    assert made.output.action.customer_id == "C-1"


async def test_out_of_scope_reaches_the_gate(company: Company) -> None:
    foreign = CHARGED.model_copy(update={"intent": None, "is_out_of_scope": True})
    reply = Proposal(reply="A colleague will answer you soon.", kind="reply_only")
    made = await draft(company, reply, found=foreign)
    assert made.gate_input.is_out_of_scope
