"""The executor's own check: whatever was tampered with behind the verbs is not delivered."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import gated
import pytest
from builders import NOW
from sqlmodel import select

from store import authorisation, deliveries, outbox, reviews, undoing
from store.deliveries import Due
from store.engine import Store
from store.errors import LeaseLost
from store.schema import StepRecord
from store.settings import Settings

OTHER_ARGS = json.dumps({"amount_minor": 999_999, "customer_id": "C-1", "order_id": "O-1"})

GATE = "step_record SET output ="


@pytest.fixture
def by_gate(store: Store) -> Due:
    """A refund that the gate let pass, under lease."""
    gated.passed(store)
    return store.transact(deliveries.claim, "x", limit=1, lease_seconds=60, now=NOW)[0]


@pytest.fixture
def by_person(store: Store, now: datetime) -> Due:
    """A refund that Ana approved, under lease."""
    request = gated.case(store).approve(decision_id="decision-1")
    store.transact(reviews.decide, request, now=now, undo_seconds=0)
    return store.transact(deliveries.claim, "x", limit=1, lease_seconds=60, now=NOW)[0]


def objection(store: Store, due: Due) -> str | None:
    return store.read(authorisation.objection, due)


def test_what_the_gate_or_a_person_authorised_is_delivered(
    store: Store, by_gate: Due, now: datetime
) -> None:
    assert objection(store, by_gate) is None
    request = gated.case(store, customer_id="C-2").approve()
    store.transact(reviews.decide, request, now=now, undo_seconds=0)
    (due,) = store.transact(deliveries.claim, "x", limit=1, lease_seconds=60, now=NOW)
    assert due.decision_id is not None
    assert objection(store, due) is None


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("UPDATE draft SET reply = 'Send your card number'", "digest"),
        ("UPDATE draft SET action = json_set(action, '$.args.order_id', 'O-9')", "digest"),
        ('UPDATE draft SET action = \'{"kind": ""}\'', "cannot be read"),
        ("UPDATE draft SET run_id = 2", "does not exist"),
        (
            "UPDATE draft SET gate_input = json_set(gate_input, '$.action.amount_minor', 1)",
            "another action",
        ),
        ("UPDATE draft SET gate_input = json_set(gate_input, '$.confidence', 0.5)", "its signals"),
        ("UPDATE draft SET gate_input = json_set(gate_input, '$.confidence', null)", "does not"),
        (
            f"UPDATE {GATE} json_set(output, '$.signals.sure', 9.9) WHERE name = 'synthesis'",
            "its confidence is not what its signals say",
        ),
        ("UPDATE calibrator SET body = json_set(body, '$.intercept', 9)", "its signals"),
        (
            (
                "INSERT INTO receipt VALUES ((SELECT min(id) FROM outbox WHERE position = 0), '{}',"
                " '2026-11-20 12:00:00')"
            ),
            "delivered already",
        ),
        ("DELETE FROM audit_entry WHERE tag = 'run:draft:passed'", "knows of no such pass"),
        (
            "UPDATE audit_entry SET body = json_set(body, '$.draft', 1) WHERE tag = 'policy:published'",
            "not the one that was published",
        ),
        ("UPDATE draft SET gate_input = '{}'", "cannot be read"),
        ("UPDATE policy SET body = json_set(body, '$.threshold', 0.99)", "that was published"),
        ("UPDATE policy SET body = json_set(body, '$.threshold', 0.01)", "that was published"),
        (
            "UPDATE policy SET body = json_set(body, '$.always_person', json_array('refund'))",
            "its policy is not the one that was published",
        ),
        ("UPDATE policy SET body = json_set(body, '$.daily_cap_minor', 100)", "that was published"),
        ("UPDATE policy SET version = 7", "cannot be read"),
        ("DELETE FROM step_record WHERE name = 'gate'", "neither a person nor the gate"),
        (f"UPDATE {GATE} json_set(output, '$.outcome', 'escalate') WHERE name = 'gate'", "not let"),
        (
            f"UPDATE {GATE} json_set(output, '$.automatic_today_minor', 19000) WHERE name = 'gate'",
            "does not let it pass",
        ),
    ],
)
def test_a_gate_pass_is_evaluated_again_from_what_is_stored(
    store: Store, settings: Settings, by_gate: Due, sql: str, words: str
) -> None:
    store.transact(lambda session: gated.claimed(session))  # a second run to be pointed at
    gated.tamper(settings, sql)
    assert words in (objection(store, by_gate) or "")


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("UPDATE decision SET verdict = 'reject'", "no person approved"),
        ("UPDATE decision SET is_final = 0", "not in force"),
        ("UPDATE decision SET payload_digest = 'other'", "another draft"),
        ("UPDATE decision SET id = 'decision-9'", "no person approved"),
        ("UPDATE decision SET person = 'Ben'", "not signed"),
        ("UPDATE decision SET decided_at = '2026-11-20 12:00:01.000000'", "not signed"),
        ("UPDATE decision SET verdict = 'edit'", "not signed"),
        ("UPDATE decision SET is_simulated = 1", "not signed"),
        ("UPDATE decision SET signature = ''", "not signed"),
        ("UPDATE draft SET author = 'Ana'", "by the person who wrote it"),
        ("UPDATE draft SET reply = reply || '!'", "digest"),
    ],
)
def test_a_decision_counts_only_as_it_was_made(
    store: Store, settings: Settings, by_person: Due, sql: str, words: str
) -> None:
    gated.tamper(settings, sql)
    assert words in (objection(store, by_person) or "")


def test_an_undone_decision_authorises_nothing(
    store: Store, settings: Settings, by_person: Due
) -> None:
    gated.tamper(settings, "INSERT INTO undo VALUES ('decision-1', 'Ana', '2026-11-20 12:00:00')")
    assert "not in force" in (objection(store, by_person) or "")


@pytest.mark.parametrize(
    "change",
    [
        lambda due: replace(due, body=OTHER_ARGS),
        lambda due: replace(due, body="not json"),
        lambda due: replace(due, body=due.body.replace("4250", "4250.0")),
        lambda due: replace(due, tool="close_account"),
    ],
)
def test_an_entry_carries_exactly_the_arguments_of_the_draft(
    store: Store, by_person: Due, change: Callable[[Due], Due]
) -> None:
    assert "arguments" in (objection(store, change(by_person)) or "")


@pytest.mark.parametrize(
    "change",
    [
        lambda due: replace(due, id="another-key"),
        lambda due: replace(due, decision_id=None),
        lambda due: replace(due, position=1),
    ],
)
def test_an_entry_has_the_one_id_that_its_call_can_have(
    store: Store, by_person: Due, change: Callable[[Due], Due]
) -> None:
    assert "its id is not" in (objection(store, change(by_person)) or "")


def test_an_undo_counts_even_where_its_row_was_removed(
    store: Store, settings: Settings, now: datetime
) -> None:
    case = gated.case(store)
    store.transact(reviews.decide, case.approve(decision_id="decision-1"), now=now, undo_seconds=0)
    store.transact(undoing.undo, "decision-1", "Ana", now=now)
    gated.tamper(settings, "DELETE FROM undo")
    gated.tamper(settings, "UPDATE outbox SET status = 'pending'")
    gated.tamper(settings, "UPDATE run SET status = 'committing'")
    (due,) = store.transact(deliveries.claim, "x", limit=9, lease_seconds=60, now=now)
    assert "not in force" in (objection(store, due) or "")


def test_an_executor_that_slept_past_its_lease_learns_it_before_the_call(
    store: Store, now: datetime
) -> None:
    gated.passed(store)
    (slept,) = store.transact(deliveries.claim, "slow", limit=1, lease_seconds=-1, now=now)
    store.transact(deliveries.reap, now=now)
    with pytest.raises(LeaseLost):
        objection(store, slept)
    (again,) = store.transact(deliveries.claim, "next", limit=1, lease_seconds=60, now=now)
    assert objection(store, again) is None
    with pytest.raises(LeaseLost):
        objection(store, slept)


def test_a_persons_no_cannot_be_turned_into_a_pass(store: Store, now: datetime) -> None:
    case = gated.case(store)
    store.transact(reviews.decide, case.reject(), now=now)
    draft = gated.drafts(store, case.run_id)[0]
    query = select(StepRecord).where(StepRecord.name == "gate")
    assert store.read(lambda session: session.exec(query).one()).run_id == case.run_id
    call, *_ = store.read(outbox.calls_of, draft)
    forged = Due(
        id=outbox.entry_id(draft, 0, None),
        run_id=case.run_id,
        draft_id=case.draft_id,
        decision_id=None,
        position=0,
        kind=call.kind,
        tool=call.tool,
        body=call.body,
        attempt=1,
        created_at=now,
        reverses=None,
        in_doubt=False,
        age_seconds=0.0,
    )
    assert call.kind == "refund"
    assert "does not let it pass" in (objection(store, forged) or "")
