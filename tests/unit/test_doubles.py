"""The shipped doubles: they play their script in order and fail by name when it is over."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.ports import Model, ModelError, TicketView, Tools
from agents.testing import FixedClock, ScriptedModel, ScriptedTools, failing
from store.outputs import IntentOutput

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TICKET = TicketView(1, "T-1", "Where is it?", "", "C-1", NOW)
INTENT = IntentOutput(intent="where", title="Where", probability=0.9, is_out_of_scope=False)


async def test_a_scripted_model_plays_replies_and_failures_in_order() -> None:
    script = ScriptedModel(intent=[ModelError("busy", is_transient=True), INTENT])
    model: Model = script
    with pytest.raises(ModelError, match="busy"):
        await model.intent(TICKET)
    assert (await model.intent(TICKET))[0] == INTENT
    with pytest.raises(AssertionError, match="`intent`"):
        await model.intent(TICKET)
    assert script.asked == [("intent", (TICKET,))] * 3


async def test_an_endless_script_repeats_its_last_reply() -> None:
    model = ScriptedModel(intent=[INTENT], is_endless=True)
    assert [(await model.intent(TICKET))[0] for _ in range(3)] == [INTENT] * 3


async def test_scripted_tools_answer_with_records_of_the_call() -> None:
    script = ScriptedTools({"find": [{"state": "paid"}, failing("timeout")]})
    tools: Tools = script
    first, second = await tools.call("find", {"id": 1}), await tools.call("find", {"id": 2})
    assert (first.status, first.result) == ("ok", {"state": "paid"})
    assert (second.tool, second.error_class, second.args) == ("find", "timeout", {"id": 2})
    assert script.calls == [("find", {"id": 1}), ("find", {"id": 2})]
    with pytest.raises(AssertionError, match="`other`"):
        await tools.call("other", {})


def test_a_fixed_clock_moves_only_when_told() -> None:
    clock = FixedClock(NOW)
    assert clock() == clock.at(NOW - timedelta(days=1)) == NOW
    assert clock.advance(90) == clock() == NOW + timedelta(seconds=90)
