"""A draft with two actions: gated as one, delivered in a safe order, taken back if one fails."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gated
import pytest
import small_company as small
import small_shop
import two_actions
from builders import NOW
from cli_runner import document, greenlight
from sqlmodel import Session

from agents.calibrating import CalibrationSource
from agents.company import Company, facts, load
from agents.executor import Executor, Manner
from agents.faults import Faults
from agents.foreground import result_of
from agents.journal import Visit
from agents.kit import Kit
from agents.pipeline import build
from agents.ports import Proposal, ProposedAction
from agents.settling import Patience
from agents.steps.synthesis import Bench
from agents.testing import FixedClock, ScriptedTools, failing
from agents.worker import ticket_view
from store import holds, queue, registry
from store.engine import Store
from store.queue import NewTicket
from store.transitions import OutboxStatus, Outcome, RunStatus
from store.writer import GroupWriter

ORDER = {"order_id": "TK-1111"}
CHARGES = {"duplicates": [{**ORDER, "amount_minor": 4_200}], "customer_id": "C-1"}
REPLY = "Order TK-1111 is cancelled and €42.00 goes back to you."
CANCEL_AND_REFUND = Proposal(
    reply=REPLY,
    kind="cancel",
    args=ORDER,
    also=[ProposedAction("refund", {**ORDER, "amount_minor": 4_200})],
    signals={"sure": 1.0},
)
OK = {
    "issue_refund": [{"refund_id": "re_1"}],
    "cancel_order": [{"status": "cancelled"}],
    "send_reply": [{"message_id": "m_1"}],
}
SENT, FAILED, CANCELLED = OutboxStatus.SENT, OutboxStatus.FAILED, OutboxStatus.CANCELLED


@pytest.fixture
def company(tmp_path: Path) -> Company:
    demo = ('currency = "EUR"', 'currency = "EUR"\ndemo = true')  # as its calibrator is
    return load(small.write(tmp_path / "company", two_actions.toml(demo)))


@pytest.fixture
async def writer(store: Store, company: Company) -> AsyncIterator[GroupWriter]:
    def open_shop(session: Session) -> None:
        registered = facts(company, two_actions.schemas())
        registry.register_company(session, registered, now=NOW)
        small_shop.open_shop(session)  # the calibrator of the scripted model

    store.transact(open_shop)
    opened = GroupWriter(store)
    yield opened
    opened.close()


async def drafted(
    store: Store,
    writer: GroupWriter,
    company: Company,
    proposal: Proposal = CANCEL_AND_REFUND,
    reading: ScriptedTools | None = None,
) -> int:
    """Take one ticket through the whole graph; return its run."""
    scripted = small_shop.model(
        intent=[small_shop.INTENT.model_copy(update={"intent": "double_charge"})],
        synthesise=[proposal],
    )
    kit = Kit(
        bench=Bench(scripted, company, two_actions.schemas()),
        retriever=small_shop.OnePassage(),
        tools=reading or looks({"refundable_minor": 4_200}),
        calibration=CalibrationSource(store, scripted.name),
        clock=FixedClock(NOW),
        faults=Faults(rate=0.0),
    )
    ticket = NewTicket("Charged twice, cancel TK-1111", "T-1", "C-1", received_at=NOW)
    claim = store.transact(queue.submit_claimed, ticket, "w", lease_seconds=60, now=NOW)
    graph = build(kit.work(), kit.journal(writer, retry_seconds=0.0))
    await graph.ainvoke({}, context=Visit(claim, ticket_view(claim.ticket)))
    return claim.run_id


def looks(*states: Any) -> ScriptedTools:
    answers: dict[str, Any] = {
        "find_charges": [CHARGES],
        "get_order": [ORDER],
        "order_state": states,
    }
    return ScriptedTools(answers, is_endless=True)


async def deliver(
    store: Store,
    writer: GroupWriter,
    tools: ScriptedTools,
    state: Any = 4_200,
) -> list[str]:
    """Let an executor deliver what is due; return the tools it called, in order."""
    reading = ScriptedTools({"order_state": [{"refundable_minor": state}]}, is_endless=True)
    how = Manner(
        lease_seconds=30.0,
        drain=True,
        patience=Patience(first_seconds=0.01),
        clock=FixedClock(NOW),
    )
    await Executor(store, writer, tools, reading, how).work()
    return [name for name, _ in tools.calls]


def statuses(store: Store, run_id: int) -> dict[str, OutboxStatus]:
    return {entry.tool: entry.status for entry in gated.entries(store, run_id)}


async def test_both_actions_pass_the_gate_as_one_and_go_out_in_a_safe_order(
    store: Store, writer: GroupWriter, company: Company
) -> None:
    run_id = await drafted(store, writer, company)
    run = gated.run(store, run_id)
    assert (run.outcome, run.status) == (Outcome.PASS, RunStatus.COMMITTING)
    assert (run.action_kind, run.amount_minor) == ("cancel", 4_200)
    tools = ScriptedTools(OK)
    assert await deliver(store, writer, tools) == ["issue_refund", "cancel_order", "send_reply"], (
        "what can be taken back is first although it was named second, the reply last"
    )
    entries = gated.entries(store, run_id)
    keys = [args["idempotency_key"] for _, args in tools.calls]
    assert keys == [entry.id for entry in entries]
    assert len(set(keys)) == 3
    assert [(one.kind, one.amount_minor, one.customer_id) for one in entries] == [
        ("refund", 4_200, "C-1"),
        ("cancel", None, "C-1"),
        ("reply", None, "C-1"),
    ]
    assert tools.calls[0][1]["expected_minor"] == 4_200
    assert gated.status(store, run_id) is RunStatus.DONE
    assert await deliver(store, writer, tools) == ["issue_refund", "cancel_order", "send_reply"]


async def test_when_the_second_fails_the_first_is_taken_back_and_nothing_is_said(
    store: Store, writer: GroupWriter, company: Company
) -> None:
    run_id = await drafted(store, writer, company)
    refused = failing("tool_error", "Refused: it has left", said="Refused: it has left")
    tools = ScriptedTools({**OK, "cancel_order": [refused], "reverse_refund": [{"ok": True}]})
    assert await deliver(store, writer, tools) == ["issue_refund", "cancel_order", "reverse_refund"]
    refund, _, reversal = (args for _, args in tools.calls)
    assert reversal == {
        "customer_id": "C-1",
        "order_id": "TK-1111",
        "amount_minor": 4_200,
        "refund_key": refund["idempotency_key"],
        "idempotency_key": reversal["idempotency_key"],
    }
    assert statuses(store, run_id) == {
        "issue_refund": SENT,
        "cancel_order": FAILED,
        "send_reply": CANCELLED,
        "reverse_refund": SENT,
    }
    assert gated.status(store, run_id) not in (RunStatus.DONE, RunStatus.COMMITTING)


async def test_when_the_first_fails_the_second_is_never_tried(
    store: Store, writer: GroupWriter, company: Company
) -> None:
    run_id = await drafted(store, writer, company)
    tools = ScriptedTools({**OK, "issue_refund": [failing("invalid_arguments", "no")]})
    assert await deliver(store, writer, tools) == ["issue_refund"]
    assert statuses(store, run_id) == {
        "issue_refund": FAILED,
        "cancel_order": CANCELLED,
        "send_reply": CANCELLED,
    }


async def test_a_moved_world_stops_all_of_it_and_comes_back_with_the_fresh_state(
    store: Store, writer: GroupWriter, company: Company
) -> None:
    run_id = await drafted(store, writer, company)
    assert await deliver(store, writer, ScriptedTools(OK), state=1_000) == []
    assert set(statuses(store, run_id).values()) == {CANCELLED}
    assert gated.status(store, run_id) is RunStatus.AWAITING_REVIEW
    newest = gated.drafts(store, run_id)[-1]
    (refund,) = newest.action["also"]
    assert (newest.revision, refund["args"]["expected_minor"]) == (2, 1_000)
    assert newest.action["kind"] == "cancel"


async def test_a_hold_over_any_part_stops_all_of_it_until_it_is_released(
    store: Store, writer: GroupWriter, company: Company
) -> None:
    await drafted(store, writer, company)
    by_mo: dict[str, Any] = {
        "person": "Mo",
        "kind": "refund",
        "now": NOW,
    }  # the run's own kind is `cancel`
    store.transact(holds.set_hold, is_held=True, **by_mo)
    assert await deliver(store, writer, ScriptedTools({})) == []
    store.transact(holds.set_hold, is_held=False, **by_mo)
    assert len(await deliver(store, writer, ScriptedTools(OK))) == 3


@pytest.mark.parametrize(
    ("further", "outcome", "code"),
    [
        ([ProposedAction("refund", {**ORDER, "amount_minor": 5_801})], "escalate", "refund_over"),
        ([ProposedAction("refund", {**ORDER, "amount_minor": 4_200})], "block", "repeated"),
        ([ProposedAction("refund", {**ORDER})], "block", "invalid_amount"),
        ([ProposedAction("cancel", {"order_id": "TK-9"})], "block", "unknown_order"),
    ],
)
async def test_no_part_slips_past_the_gate(
    store: Store,
    writer: GroupWriter,
    company: Company,
    further: list[ProposedAction],
    outcome: str,
    code: str,
) -> None:
    first = replace(
        CANCEL_AND_REFUND, kind="refund", args={**ORDER, "amount_minor": 4_200}, also=further
    )
    run_id = await drafted(store, writer, company, first)
    result = store.read(result_of, run_id)
    assert gated.run(store, run_id).outcome == Outcome(outcome)
    assert any(reason.code.startswith(code) for reason in result.reasons), result.reasons
    assert await deliver(store, writer, ScriptedTools({})) == []


async def test_a_world_that_could_not_be_seen_is_looked_at_again(
    store: Store, writer: GroupWriter, company: Company
) -> None:
    reading = looks(failing("timeout"), {"refundable_minor": 4_200})
    run_id = await drafted(store, writer, company, reading=reading)
    assert gated.run(store, run_id).outcome is Outcome.PASS
    assert gated.count(store, "step_record WHERE name = 'synthesis' AND status = 'error'") == 1


async def test_asking_shows_every_action_and_a_single_one_as_always(
    store: Store, writer: GroupWriter, company: Company
) -> None:
    both = store.read(result_of, await drafted(store, writer, company)).as_json()
    assert [part["kind"] for part in both["action"]["also"]] == ["refund"]
    assert (both["action"]["kind"], both["action"]["args"]["order_id"]) == ("cancel", "TK-1111")


async def test_a_single_action_has_no_further_ones_in_json(
    store: Store, writer: GroupWriter, company: Company
) -> None:
    single = replace(CANCEL_AND_REFUND, also=())
    shown = store.read(result_of, await drafted(store, writer, company, single)).as_json()
    (made,) = (step["output"] for step in shown["steps"] if step["name"] == "synthesis")
    for action in (shown["action"], made["action"]):
        assert "also" not in action
        assert action["kind"] == "cancel"


@pytest.mark.usefixtures("settings")
async def test_the_queue_names_each_action_and_their_total(
    store: Store, writer: GroupWriter, company: Company
) -> None:
    unsure = replace(CANCEL_AND_REFUND, signals={"sure": 0.5})
    run_id = await drafted(store, writer, company, unsure)
    (review,) = document("queue")["reviews"]
    assert review["run_id"] == run_id
    shown = greenlight("queue").stdout
    assert all(words in shown for words in ("(cancel", "+ refund)", "€42.00")), shown
