"""What the database itself refuses, whoever asks and however."""

from datetime import datetime
from typing import Any

import builders
import gated
import pytest
from builders import NOW
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import Session

from store import deliveries, reviews, undoing
from store.engine import Store, sqlite_module
from store.schema import Draft
from store.settings import Settings

APPEND_ONLY = ("ticket", "draft", "decision", "undo", "receipt", "label", "audit_entry")
REFUSED = (IntegrityError, OperationalError)


@pytest.fixture
def case(store: Store, now: datetime) -> gated.Gated:
    """One case with a row in every append-only table."""
    delivered = gated.passed(store)
    while due := store.transact(deliveries.claim, "x", limit=9, lease_seconds=60, now=NOW):
        store.transact(deliveries.mark_sent, due[0], {"id": "r"}, latency_ms=1.0, now=now)
    one = gated.case(store)
    request = one.approve(decision_id="decision-1")
    store.transact(reviews.decide, request, now=now)
    store.transact(undoing.undo, "decision-1", "Ana", now=now)
    assert delivered.run_id != one.run_id
    return one


def refused(store: Store, sql: str, match: str, **values: Any) -> None:
    with pytest.raises(REFUSED, match=match):
        gated.execute(store, sql, **values)


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.usefixtures("case")
def test_what_is_append_only_is_neither_changed_nor_deleted_nor_replaced(
    store: Store, table: str
) -> None:
    before = gated.count(store, table)
    assert before > 0
    column = {"audit_entry": "seq", "undo": "decision_id", "receipt": "action_id"}.get(table, "id")
    refused(store, f"UPDATE {table} SET {column} = {column}", "append-only")
    refused(store, f"DELETE FROM {table}", "append-only")
    refused(store, f"REPLACE INTO {table} SELECT * FROM {table}", "append-only")
    assert gated.count(store, table) == before


@pytest.mark.usefixtures("case")
@pytest.mark.parametrize(
    "change", ["body = '{}'", "author = 'thief'", "published_at = '2030-01-01 00:00:00.000000'"]
)
def test_a_published_policy_never_changes(store: Store, change: str) -> None:
    refused(store, f"UPDATE policy SET {change}", "never changes")
    refused(store, "DELETE FROM policy", "kept")
    refused(store, "REPLACE INTO policy SELECT * FROM policy", "kept")


@pytest.mark.usefixtures("case")
def test_two_policies_are_never_active_at_once(store: Store) -> None:
    refused(
        store,
        "INSERT INTO policy (status, body, author, note) VALUES ('active', '{}', 'Mo', '')",
        "UNIQUE",
    )


def test_a_run_never_has_two_open_reviews(store: Store, case: gated.Gated) -> None:
    with pytest.raises(IntegrityError, match="UNIQUE"):
        store.transact(builders.review, case.run_id)


def decision(case: gated.Gated, **values: Any) -> dict[str, Any]:
    return {
        "id": "decision-2",
        "review": case.review_id,
        "run": case.run_id,
        "draft": case.draft_id,
        "digest": case.digest,
        "person": "Ben",
        "verdict": "approve",
        **values,
    }


INSERT_DECISION = (
    "INSERT INTO decision (id, review_id, run_id, verdict, person, draft_id, payload_digest,"
    " policy_version, is_final, note, decided_at, undo_until, is_simulated) VALUES (:id, :review,"
    " :run, :verdict, :person, :draft, :digest, 1, 1, '', '2026-01-01', '2026-01-01', 0)"
)


def test_a_review_never_has_two_final_decisions(store: Store, case: gated.Gated) -> None:
    refused(store, INSERT_DECISION, "UNIQUE", **decision(case))


def test_the_author_of_a_draft_can_never_approve_it(store: Store, case: gated.Gated) -> None:
    def edited(session: Session) -> dict[str, Any]:
        own = builders.draft(session, case.run_id, revision=2, author="Ana")
        session.connection().execute(text("UPDATE review SET status = 'superseded'"))
        seen = builders.review(session, case.run_id)
        digest = session.get_one(Draft, own).digest
        return decision(case, person="Ana", draft=own, review=seen, digest=digest)

    row = store.transact(edited)
    refused(store, INSERT_DECISION, "author of a draft may not approve", **row)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ("person = 'Nobody'", "only an active person"),
        ("review_id = 999", "names the draft, payload and policy"),
        ("draft_id = 999", "names the draft, payload and policy"),
    ],
)
def test_a_decision_always_names_things_that_exist(
    store: Store, case: gated.Gated, change: str, match: str
) -> None:
    column, value = change.split(" = ")
    sql = INSERT_DECISION.replace(f":{column.removesuffix('_id')}", value)
    values = decision(case, id="decision-3", review=case.review_id + 1, verdict="reject")
    refused(store, sql, match, **values)


@pytest.mark.usefixtures("case")
def test_a_confidence_outside_0_to_1_is_refused(store: Store) -> None:
    columns = "run_id, reply, action, digest, gate_input, author, created_at"
    new_draft = f"INSERT INTO draft ({columns}, revision, confidence) SELECT {columns}, 9,"
    for value in (-0.01, 1.01, 85, "1e308"):
        refused(store, f"UPDATE run SET confidence = {value}", "ck_run_confidence")
        refused(store, f"UPDATE review SET confidence = {value}", "ck_review_confidence")
        refused(store, f"{new_draft} {value} FROM draft LIMIT 1", "ck_draft_confidence")


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("run", "status = 'finished'"),
        ("run", "status = 'running', lease_owner = NULL"),
        ("run", "tries = -1"),
        ("review", "inclusion_probability = 0"),
        ("outbox", "attempt = -1"),
    ],
)
@pytest.mark.usefixtures("case")
def test_a_bad_state_is_refused(store: Store, table: str, change: str) -> None:
    refused(store, f"UPDATE {table} SET {change}", "CHECK|UNIQUE|never changes")


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("review", "status", "'approved'"),
        ("review", "kind", "'whim'"),
        ("outbox", "status", "'maybe'"),
        ("step_record", "status", "'fine'"),
        ("step_record", "latency_ms", "-1"),
        ("step_record", "output", "NULL"),
        ("decision", "verdict", "'perhaps'"),
    ],
)
@pytest.mark.usefixtures("case")
def test_a_row_is_never_born_in_a_bad_state(
    store: Store, settings: Settings, table: str, column: str, value: str
) -> None:
    names = store.read(lambda session: list(inspect(session.connection()).get_columns(table)))
    others = ", ".join(name["name"] for name in names if name["name"] not in ("id", column))
    copy = f"INSERT INTO {table} ({others}, id, {column}) SELECT {others}, 999, {value}"
    with pytest.raises(sqlite_module().IntegrityError, match="CHECK"):
        gated.tamper(settings, f"{copy} FROM {table} LIMIT 1")


@pytest.mark.usefixtures("case")
def test_a_claimed_review_names_who_has_it(store: Store) -> None:
    refused(
        store,
        "UPDATE review SET status = 'claimed', claimed_by = NULL WHERE status = 'open'",
        "ck_review_claimed",
    )


@pytest.mark.parametrize(
    "column", ["body = '{}'", "tool = 'x'", "amount_minor = 1", "customer_id = 'C-9'",
               "position = 7", "decision_id = NULL", "draft_id = 1, run_id = 1", "id = id || 'x'"]
)  # fmt: skip
@pytest.mark.usefixtures("case")
def test_what_was_authorised_never_changes(store: Store, column: str) -> None:
    refused(store, f"UPDATE outbox SET {column}", "never changes")


@pytest.mark.usefixtures("case")
@pytest.mark.parametrize("final", ["sent", "cancelled"])
def test_a_settled_delivery_is_final(store: Store, final: str) -> None:
    sql = f"UPDATE outbox SET status = 'pending' WHERE status = '{final}'"
    refused(store, sql, "never changes")
    refused(store, "DELETE FROM outbox", "kept")
    refused(store, "REPLACE INTO outbox SELECT * FROM outbox", "kept")


@pytest.mark.usefixtures("case")
@pytest.mark.parametrize("table", ["run", "review", "policy", "person", "outbox"])
def test_what_records_stand_on_is_never_deleted(store: Store, table: str) -> None:
    refused(store, f"DELETE FROM {table}", "FOREIGN KEY|kept")
