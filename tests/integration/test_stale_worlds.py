"""A world that moved between decision and delivery: nothing is done, a person sees it as it is."""

import json
from collections.abc import Mapping
from typing import Any

import gated
import pytest
from builders import NOW, refund
from delivering import (
    Books,
    answer,
    cancel_order,
    claim,
    decide,
    deliver_all,
    execute,
    promise,
    said,
    send_next,
    shop,
    statuses,
    together,
    tools_of,
    waiting,
)

from agents.testing import failing
from store import authorisation, deliveries, undoing
from store.actions import Action
from store.engine import Store
from store.errors import BadInput
from store.outputs import Reason, ToolCallRecord
from store.transitions import OutboxStatus, ReviewKind, RunStatus, Verdict

EXPECTED = "expected_refunded_minor"
LOOK = {"tool": "get_order", "args": {"order_id": "order_id"}, "value": "refunded_minor"}
MOVED = Reason(code="changed", message="Changed since this was decided")


def conditional(
    order_id: str = "O-1", refunded_minor: int = 0, amount_minor: int = 4_250
) -> Action:
    plain = refund(amount_minor)
    args = {**plain.args, "order_id": order_id, EXPECTED: refunded_minor}
    return plain.model_copy(update={"args": args, "order_id": order_id})


class Orders:
    """The read-only side of a shop: how much of each order was refunded."""

    def __init__(self, **refunded_minor: int) -> None:
        self.refunded = {name.replace("_", "-"): value for name, value in refunded_minor.items()}
        self.is_down = False

    async def call(self, tool: str, args: Mapping[str, Any]) -> ToolCallRecord:
        if self.is_down:
            return failing("server_died", was_sent=False)
        answer = {"refunded_minor": self.refunded.get(args["order_id"], 0)}
        return ToolCallRecord(tool=tool, server="s", result=answer, status="ok")


@pytest.fixture
def conditional_shop(store: Store) -> None:
    shop(store)
    promise(store, "issue_refund", expected=EXPECTED, precondition=LOOK)
    gated.execute(
        store,
        f"UPDATE tool SET input_schema = json_set(input_schema, '$.properties.{EXPECTED}',"
        " json_object()) WHERE name = 'issue_refund'",
    )


@pytest.mark.usefixtures("conditional_shop")
async def test_a_moved_world_is_not_acted_on_and_approving_what_it_is_now_delivers(
    store: Store,
) -> None:
    case = gated.passed(store, action=conditional())
    tools, orders = Books({}), Orders(O_1=1_000)
    await execute(store, tools, orders)
    assert tools.calls == []
    review = waiting(store, case.run_id)
    assert review.kind is ReviewKind.STALE
    assert review.reasons[0]["message"].endswith("refunded minor was 0, now it is 1000")
    assert gated.status(store, case.run_id) is RunStatus.AWAITING_REVIEW
    assert {status for _, status in statuses(store, case.run_id)} == {"cancelled"}
    _, updated = gated.drafts(store, case.run_id)
    assert (updated.revision, updated.author, updated.id) == (2, "executor", review.draft_id)
    assert updated.action["args"][EXPECTED] == 1_000
    answer(store, case.run_id, Verdict.APPROVE)
    await execute(store, tools, orders)
    assert tools.called == ["issue_refund", "send_reply"]
    assert tools.calls[0][1][EXPECTED] == 1_000
    assert gated.status(store, case.run_id) is RunStatus.DONE


@pytest.mark.usefixtures("conditional_shop")
async def test_a_world_that_cannot_be_seen_is_waited_for(store: Store) -> None:
    case = gated.passed(store, action=conditional())
    (due,) = claim(store)
    store.transact(deliveries.postpone, due, None, delay_seconds=0.0, may_have_happened=False)
    tools, orders = Books({}), Orders()
    orders.is_down = True

    class Wakes(Orders):
        async def call(self, tool: str, args: Mapping[str, Any]) -> ToolCallRecord:
            answer = await orders.call(tool, args)
            orders.is_down = False
            return answer

    await execute(store, tools, Wakes())
    assert tools.called == ["issue_refund", "send_reply"]
    assert gated.status(store, case.run_id) is RunStatus.DONE


@pytest.mark.usefixtures("conditional_shop")
async def test_a_conditional_write_that_lost_the_race_comes_back_as_stale(store: Store) -> None:
    promise(
        store, "issue_refund", expected=EXPECTED, precondition=LOOK, refusal="^already refunded"
    )
    case = gated.passed(store, action=conditional())
    orders = Orders()

    class Refuses(Books):
        async def call(self, tool: str, args: Mapping[str, Any]) -> ToolCallRecord:
            orders.refunded["O-1"] = 4_250  # somebody else was faster
            return await super().call(tool, args)

    tools = Refuses({"issue_refund": [failing("tool_error", said="already refunded")]})
    await execute(store, tools, orders)
    assert waiting(store, case.run_id).kind is ReviewKind.STALE
    assert gated.status(store, case.run_id) is RunStatus.AWAITING_REVIEW


@pytest.mark.usefixtures("conditional_shop")
def test_only_the_part_that_moved_is_brought_up_to_date(store: Store) -> None:
    """Both parts are calls of one tool; the other order's state is its own."""
    action = together(conditional("O-1"), conditional("O-2", refunded_minor=7))
    case = gated.passed(store, action=action)
    (first,) = claim(store)
    store.transact(deliveries.mark_stale, first, MOVED, {EXPECTED: 1_000}, now=NOW)
    parts = Action.model_validate(gated.drafts(store, case.run_id)[-1].action).parts
    assert [(one.order_id, one.args[EXPECTED]) for one in parts] == [("O-1", 1_000), ("O-2", 7)]


@pytest.mark.usefixtures("conditional_shop")
def test_what_was_delivered_before_is_no_part_of_what_comes_back(store: Store) -> None:
    case = gated.passed(store, action=together(cancel_order(), conditional()))
    send_next(store, "cancel_order")
    (due,) = claim(store)
    store.transact(deliveries.mark_stale, due, MOVED, {EXPECTED: 9}, now=NOW)
    left = Action.model_validate(gated.drafts(store, case.run_id)[-1].action)
    assert [one.tool for one in left.parts] == ["issue_refund"]
    answer(store, case.run_id, Verdict.APPROVE)
    (again,) = claim(store)
    assert store.read(authorisation.objection, again) is None
    assert json.loads(again.body)[EXPECTED] == 9
    store.transact(deliveries.mark_sent, again, {}, latency_ms=1.0, now=NOW)
    assert tools_of(deliver_all(store)) == ["send_reply"]
    assert gated.status(store, case.run_id) is RunStatus.DONE
    assert [tool for tool, status in statuses(store, case.run_id) if status == "sent"].count(
        "cancel_order"
    ) == 1


@pytest.mark.usefixtures("conditional_shop")
def test_of_two_equal_parts_the_one_that_is_left_comes_back(store: Store) -> None:
    case = gated.passed(store, action=together(conditional(), conditional()))
    send_next(store, "issue_refund")
    (due,) = claim(store)
    store.transact(deliveries.mark_stale, due, MOVED, {EXPECTED: 4_250}, now=NOW)
    left = Action.model_validate(gated.drafts(store, case.run_id)[-1].action)
    assert [(one.tool, one.args[EXPECTED]) for one in left.parts] == [("issue_refund", 4_250)]


def test_it_comes_back_as_it_was_approved_not_as_an_edit_that_was_undone(store: Store) -> None:
    shop(store)
    case = gated.case(store)
    edit = decide(store, case.edit("Ana", reply="Other words"), undo_seconds=10)
    store.transact(undoing.undo, edit.decision_id, "Ana", now=NOW)
    answer(store, case.run_id, Verdict.APPROVE, "Ben")
    (due,) = claim(store)
    store.transact(deliveries.mark_stale, due, MOVED, {}, now=NOW)
    assert waiting(store, case.run_id).payload_digest == case.digest


@pytest.mark.usefixtures("conditional_shop")
def test_the_state_that_was_seen_is_filled_in_by_code_alone(store: Store) -> None:
    case = gated.case(store, action=conditional())
    for value in (1, None):
        args = {**conditional().args, EXPECTED: value}
        with pytest.raises(BadInput, match="filled in by code"):
            decide(store, case.edit(args=args))


@pytest.mark.usefixtures("conditional_shop")
def test_whoever_wrote_what_is_brought_up_to_date_may_not_approve_it(store: Store) -> None:
    case = gated.case(store, action=conditional())
    decide(store, case.edit("Ana", args={**conditional().args, "amount_minor": 100}))
    (due,) = claim(store)
    store.transact(deliveries.mark_stale, due, MOVED, {EXPECTED: 5}, now=NOW)
    with pytest.raises(Exception, match="somebody else"):
        answer(store, case.run_id, Verdict.APPROVE, "Ana")
    answer(store, case.run_id, Verdict.APPROVE, "Ben")
    (again,) = claim(store)
    assert store.read(authorisation.objection, again) is None
    assert (
        again.body.count('"amount_minor":100'),
        gated.entries(store, case.run_id)[0].status,
    ) == (
        1,
        OutboxStatus.CANCELLED,
    )


def test_a_rejected_rest_does_not_say_that_nothing_was_delivered(store: Store) -> None:
    shop(store)
    case = gated.passed(store, action=together(cancel_order(), refund()))
    send_next(store, "cancel_order")
    (due,) = claim(store)
    moved = Reason(code="changed", message="moved")
    store.transact(deliveries.mark_stale, due, moved, {}, now=NOW)
    decide(store, said(waiting(store, case.run_id), Verdict.REJECT))
    run = gated.run(store, case.run_id)
    assert (run.status, run.error) == (
        RunStatus.FAILED,
        "cancel_order stays; the rest was rejected",
    )


def test_a_stale_review_can_be_rejected_and_then_nothing_more_is_done(store: Store) -> None:
    shop(store)
    case = gated.passed(store)
    (due,) = claim(store)
    store.transact(deliveries.mark_stale, due, MOVED, {}, now=NOW)
    decide(store, said(waiting(store, case.run_id), Verdict.REJECT))
    assert gated.status(store, case.run_id) is RunStatus.REJECTED
    assert deliver_all(store) == []
