"""What an action is conditional on is seen by code at drafting, never said by a model."""

from pathlib import Path
from typing import Any

import pytest
import small_company as small
import two_actions

from agents.bind import bind
from agents.company import Company
from agents.conditions import Conditioned, condition
from agents.ports import Proposal, ProposedAction
from agents.steps import synthesis
from agents.steps.synthesis import Bench, Calibration, Synthesised
from agents.testing import ScriptedModel, ScriptedTools, failing
from store.actions import Action, reply_only
from store.outputs import Critique, IntentOutput, RetrievalOutput, ToolCallOutput

TICKET = small.ticket("I was charged twice for TK-1111")
FACTS = {"charges": {"customer_id": "C-1", "duplicates": [{"order_id": "TK-1111"}]}}
ARGS = {"order_id": "TK-1111", "amount_minor": 4_200}
CANCEL = ProposedAction("cancel", {"order_id": "TK-1111"})


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    folder: Path = tmp_path_factory.mktemp("company")
    return two_actions.two_actions(folder)


def proposal(**args: Any) -> Proposal:
    return Proposal(reply="€42.00 goes back.", kind="refund", args={**ARGS, **args}, also=[CANCEL])


def bound(company: Company, proposed: Proposal) -> Action:
    action, blocks = bind(company, two_actions.schemas(), TICKET, proposed, FACTS)
    assert blocks == []
    return action


async def conditioned(company: Company, tools: ScriptedTools, action: Action) -> Conditioned:
    return await condition(tools, company, two_actions.schemas(), action)


def seeing(*answers: Any) -> ScriptedTools:
    return ScriptedTools({"order_state": answers})


async def test_the_state_of_the_world_is_filled_in_where_it_is_asked_for(company: Company) -> None:
    tools = seeing({"refundable_minor": 8_500, "order_id": "TK-9999"})
    made = await conditioned(company, tools, bound(company, proposal()))
    assert tools.calls == [("order_state", {"order_id": "TK-1111"})]
    refund, cancel = made.action.parts
    assert refund.args == {**ARGS, "customer_id": "C-1", "expected_minor": 8_500}
    assert cancel.args == {"order_id": "TK-1111", "customer_id": "C-1"}
    assert (made.blocks, made.trouble) == ((), None)


async def test_a_model_never_chooses_what_the_world_is_expected_to_be(company: Company) -> None:
    action = bound(company, proposal(expected_minor=1))
    assert "expected_minor" not in action.args
    made = await conditioned(company, seeing({"refundable_minor": 8_500}), action)
    assert made.action.args["expected_minor"] == 8_500


async def test_zero_is_a_state_and_nothing_is_not(company: Company) -> None:
    action = bound(company, proposal())
    made = await conditioned(company, seeing({"refundable_minor": 0}), action)
    assert (made.action.args["expected_minor"], made.blocks) == (0, ())
    silent: tuple[Any, ...] = ({"refundable_minor": None}, {}, [], "none", None)
    for answer in silent:
        made = await conditioned(company, seeing(answer), action)
        assert [reason.code for reason in made.blocks] == ["world_unknown"]
        assert "`order_state` did not say" in made.blocks[0].message
        assert "expected_minor" not in made.action.args
        assert made.trouble is None, "asking again would not help"


@pytest.mark.parametrize("error_class", ["timeout", "server_died"])
async def test_a_look_that_failed_blocks_and_is_worth_another_try(
    company: Company, error_class: Any
) -> None:
    tools = seeing(failing(error_class, "no answer"))
    made = await conditioned(company, tools, bound(company, proposal()))
    assert [reason.code for reason in made.blocks] == ["world_unknown"]
    assert made.trouble == "no answer"


async def test_a_look_that_was_refused_blocks_and_is_not_tried_again(company: Company) -> None:
    tools = seeing(failing("tool_error", "no such order " + "x" * 500))
    made = await conditioned(company, tools, bound(company, proposal()))
    assert made.trouble is None
    assert len(made.blocks[0].message) < 300


@pytest.mark.parametrize("state", ["8500", 85.5, -1, [8_500], {"minor": 1}, float("nan")])
async def test_a_state_that_the_tool_would_refuse_blocks(company: Company, state: object) -> None:
    tools = seeing({"refundable_minor": state})
    made = await conditioned(company, tools, bound(company, proposal()))
    assert [reason.code for reason in made.blocks] == ["invalid_arguments"]
    assert "expected_minor" not in made.action.args


async def test_what_is_not_conditional_is_not_looked_at(company: Company) -> None:
    made = await conditioned(company, ScriptedTools({}), reply_only("C-1"))
    assert made == Conditioned(reply_only("C-1"))


async def drafted(company: Company, proposed: Proposal, tools: ScriptedTools) -> Synthesised:
    model = ScriptedModel(synthesise=[proposed], critique=[Critique(agrees=True)])
    found = IntentOutput(
        intent="double_charge", title="Charged twice", probability=0.9, is_out_of_scope=False
    )
    made, _ = await synthesis.run(
        Bench(model, company, two_actions.schemas()),
        Calibration(),
        TICKET,
        found,
        RetrievalOutput(query="q"),
        ToolCallOutput(facts=FACTS),
        tools,
    )
    return made


async def test_the_gate_weighs_exactly_the_action_that_was_drafted(company: Company) -> None:
    made = await drafted(company, proposal(), seeing({"refundable_minor": 8_500}))
    assert made.output.action.args["expected_minor"] == 8_500
    assert made.gate_input.action == made.output.action
    assert len(made.gate_input.action.parts) == 2


async def test_an_unseen_world_reaches_the_gate_as_a_block(company: Company) -> None:
    made = await drafted(company, proposal(), seeing(failing("timeout", "no answer")))
    assert [reason.code for reason in made.gate_input.blocks] == ["world_unknown"]
    assert made.trouble == "no answer"


async def test_no_world_is_looked_at_for_what_is_blocked_already(company: Company) -> None:
    made = await drafted(company, proposal(order_id="TK-9999"), ScriptedTools({}))
    assert [reason.code for reason in made.gate_input.blocks] == ["unknown_order"]
    assert made.trouble is None
