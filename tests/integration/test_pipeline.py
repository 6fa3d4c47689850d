"""The graph with scripted ports: what is recorded is not run again, what fails is told."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import gated
import pytest
import small_shop
from builders import NOW
from small_shop import model, proposal, tools
from sqlmodel import Session, select

from agents.journal import Visit
from agents.pipeline import MAX_ATTEMPTS, StepFailedError, build
from agents.ports import ModelError, Usage
from agents.testing import ScriptedModel, ScriptedTools, failing
from agents.worker import ticket_view
from store import queue
from store.engine import Store
from store.errors import LeaseLost
from store.gate import PolicyBody
from store.outputs import Critique, ToolCallOutput
from store.queue import Claim
from store.schema import StepRecord
from store.transitions import OutboxStatus, Outcome, ReviewKind, ReviewStatus, RunStatus, StepStatus
from store.writer import GroupWriter

STEPS = ["intent", "retrieval", "tool_call", "synthesis", "gate"]
BUSY = ModelError("overloaded", is_transient=True, usage=Usage("local", input_tokens=7))


@pytest.fixture
async def writer(store: Store) -> AsyncIterator[GroupWriter]:
    store.transact(small_shop.open_shop)
    opened = GroupWriter(store)
    yield opened
    opened.close()


def claim(store: Store) -> Claim:
    (one,) = store.transact(queue.claim, "w", limit=1, in_flight=0, lease_seconds=60)
    return one


async def visit(
    store: Store,
    writer: GroupWriter,
    claimed: Claim,
    scripted: ScriptedModel,
    reading: ScriptedTools,
    seen: list[Any] | None = None,
) -> None:
    kit = small_shop.kit(store, scripted, reading)
    graph = build(kit.work(), kit.journal(writer, retry_seconds=0.0))
    watch = None if seen is None else lambda *told: seen.append(told[:2])
    await graph.ainvoke({}, context=Visit(claimed, ticket_view(claimed.ticket), watch))


async def run_one(
    store: Store,
    writer: GroupWriter,
    scripted: ScriptedModel | None = None,
    reading: ScriptedTools | None = None,
) -> int:
    (run_id,) = store.transact(small_shop.tickets)
    await visit(store, writer, claim(store), scripted or model(), reading or tools())
    return run_id


def records(store: Store, name: str | None = None) -> Sequence[StepRecord]:
    def query(session: Session) -> Sequence[StepRecord]:
        wanted = select(StepRecord).order_by(StepRecord.id)  # type: ignore[arg-type]
        return session.exec(wanted.where(StepRecord.name == name) if name else wanted).all()

    return store.read(query)


async def test_a_sure_draft_passes_into_the_outbox(store: Store, writer: GroupWriter) -> None:
    run_id = await run_one(store, writer)
    run = gated.run(store, run_id)
    assert (run.status, run.outcome) == (RunStatus.COMMITTING, Outcome.PASS)
    assert (run.intent, run.action_kind, run.amount_minor) == ("duplicate_charge", "refund", 4_250)
    assert run.confidence == pytest.approx(0.982, abs=0.001)
    action, reply = gated.entries(store, run_id)
    assert (action.amount_minor, action.customer_id) == (4_250, "C-0")
    assert {action.status, reply.status} == {OutboxStatus.PENDING}
    assert [(r.name, r.status) for r in records(store)] == [(s, StepStatus.OK) for s in STEPS]


async def test_a_doubtful_draft_waits_for_a_person_with_its_reasons(
    store: Store, writer: GroupWriter
) -> None:
    doubtful = model(
        synthesise=[proposal(sure=0.6, concerns=["It may be an authorisation hold"])],
        critique=[Critique(agrees=False, objections=["It names no date"])],
    )
    run_id = await run_one(store, writer, doubtful)
    assert gated.status(store, run_id) is RunStatus.AWAITING_REVIEW
    review = gated.review(store, 1)
    assert [reason["code"] for reason in review.reasons] == [
        "critic_objects",
        "doubtful_evidence",
        "confidence_below_threshold",
    ]
    draft = gated.drafts(store, run_id)[0]
    assert (review.draft_id, review.payload_digest) == (draft.id, draft.digest)
    assert not gated.entries(store, run_id)


async def test_a_recipient_from_the_model_blocks(store: Store, writer: GroupWriter) -> None:
    thief = proposal(args={"order_id": "O-1", "amount_minor": 1, "customer_id": "C-666"})
    run_id = await run_one(store, writer, model(synthesise=[thief]))
    assert gated.review(store, 1).is_blocked
    action = gated.drafts(store, run_id)[0].action
    assert action["args"]["customer_id"] == action["customer_id"] == "C-0"


async def test_the_audit_coin_opens_a_blind_review_beside_the_delivery(store: Store) -> None:
    store.transact(small_shop.open_shop, policy=PolicyBody(audit_rate=1.0))
    writer = GroupWriter(store)
    run_id = await run_one(store, writer)
    writer.close()
    review = gated.review(store, 1)
    assert (review.kind, review.status) == (ReviewKind.AUDIT, ReviewStatus.OPEN)
    assert (review.inclusion_probability, review.reasons) == (1.0, [])
    assert gated.status(store, run_id) is RunStatus.COMMITTING
    assert len(gated.entries(store, run_id)) == 2


async def test_recorded_steps_are_not_run_again(store: Store, writer: GroupWriter) -> None:
    store.transact(small_shop.tickets)
    stuck = model(synthesise=[ModelError("no such model", is_transient=False)])
    reading = tools()
    with pytest.raises(StepFailedError):
        await visit(store, writer, claim(store), stuck, reading)
    store.transact(queue.reap, dead_workers=["w"], now=NOW)
    seen: list[Any] = []
    healthy = model()
    await visit(store, writer, claim(store), healthy, reading, seen)
    assert [method for method, _ in healthy.asked] == ["synthesise", "critique"]
    assert len(reading.calls) == 1
    assert seen == [("synthesis", StepStatus.OK), ("gate", StepStatus.OK)]
    assert gated.status(store, 1) is RunStatus.COMMITTING


async def test_a_replayed_step_gives_later_steps_what_it_had_recorded(
    store: Store, writer: GroupWriter
) -> None:
    store.transact(small_shop.tickets)
    stuck = model(synthesise=[ModelError("no such model", is_transient=False)])
    with pytest.raises(StepFailedError):
        await visit(store, writer, claim(store), stuck, tools())
    store.transact(queue.reap, dead_workers=["w"], now=NOW)
    healthy = model()
    await visit(store, writer, claim(store), healthy, ScriptedTools({}))
    _, (_, intent, retrieval, tool_call) = healthy.asked[0]
    assert intent == small_shop.INTENT
    assert retrieval.passages[0].source == "refunds.md#twice"
    assert isinstance(tool_call, ToolCallOutput)
    assert tool_call.facts == {"charges": small_shop.CHARGES}


async def test_a_transient_failure_is_retried_and_every_attempt_recorded(
    store: Store, writer: GroupWriter
) -> None:
    shaky = model(intent=[BUSY, TimeoutError(), small_shop.INTENT])
    run_id = await run_one(store, writer, shaky)
    made = records(store, "intent")
    assert [(r.attempt, r.status) for r in made] == [
        (1, StepStatus.ERROR),
        (2, StepStatus.TIMEOUT),
        (3, StepStatus.OK),
    ]
    assert (made[0].error, made[0].error_class) == ("overloaded", "ModelError")
    assert made[0].input_tokens == 7, "a failed call costs all the same"
    assert gated.status(store, run_id) is RunStatus.COMMITTING


async def test_a_failure_that_no_retry_can_mend_is_not_retried(
    store: Store, writer: GroupWriter
) -> None:
    broken = model(intent=[ModelError("no such model", is_transient=False)])
    with pytest.raises(StepFailedError, match="no such model") as failed:
        await run_one(store, writer, broken)
    assert (failed.value.step, failed.value.is_transient) == ("intent", False)
    assert len(records(store)) == len(broken.asked) == 1


async def test_a_transient_failure_gives_up_after_its_attempts(
    store: Store, writer: GroupWriter
) -> None:
    with pytest.raises(StepFailedError) as failed:
        await run_one(store, writer, model(intent=[BUSY]))
    assert failed.value.is_transient
    assert [record.attempt for record in records(store)] == [1, 2, 3]


async def test_attempts_are_counted_on_over_visits(store: Store, writer: GroupWriter) -> None:
    with pytest.raises(StepFailedError):
        await run_one(store, writer, model(intent=[BUSY]))
    store.transact(queue.reap, dead_workers=["w"], now=NOW)
    await visit(store, writer, claim(store), model(), tools())
    assert [record.attempt for record in records(store, "intent")] == [1, 2, 3, 4]


async def test_a_broken_look_up_is_tried_again_and_in_the_end_named_as_a_doubt(
    store: Store, writer: GroupWriter
) -> None:
    reading = tools(failing("timeout", "no answer in 10 s"))
    run_id = await run_one(store, writer, model(), reading)
    assert len(reading.calls) == MAX_ATTEMPTS
    assert [r.status for r in records(store, "tool_call")] == ["error", "error", "ok"]
    assert gated.status(store, run_id) is RunStatus.AWAITING_REVIEW
    assert "list_charges" in str(gated.review(store, 1).reasons)


async def test_a_worker_that_lost_its_lease_records_nothing_more(
    store: Store, writer: GroupWriter
) -> None:
    store.transact(small_shop.tickets)
    late = claim(store)
    store.transact(queue.reap, dead_workers=["w"], now=NOW)
    with pytest.raises(LeaseLost):
        await visit(store, writer, late, model(), tools())
    assert not records(store)
