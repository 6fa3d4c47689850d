"""What is always true: nothing to find in a store that verbs made, everything that was planted."""

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import builders
import builders_aftermath
import gated
import pytest
import varied
from always_true import broken
from sqlmodel import Session

from store import anchors, audit, deliveries, invariants, outbox, workers
from store.engine import Store
from store.invariants import Violation
from store.runs import move_run
from store.schema import Draft
from store.settings import Settings
from store.transitions import RunStatus

SENT = "SELECT id FROM outbox WHERE status = 'sent'"
BY_GATE = "FROM outbox WHERE status = 'sent' AND decision_id IS NULL"
BY_PERSON = "FROM outbox WHERE status = 'sent' AND amount_minor = 4250 AND decision_id IS NOT NULL"
OPENED = "WHERE seq = (SELECT min(seq) FROM audit_entry WHERE tag LIKE 'run:review:opened%')"
COPIED = (
    "draft_id, decision_id, position + 50, kind, tool, body, amount_minor, currency, customer_id,"
    " status, not_before, created_at, attempt, first_attempt_at, in_doubt, reverses, lease_owner,"
    " lease_until, sent_at, error"
)
INTO = f"outbox (id, run_id, {COPIED.replace('position + 50', 'position')})"


@pytest.fixture(scope="module")
def varied_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which everything has happened, to be copied."""
    home = tmp_path_factory.mktemp("varied") / "home"
    store = Settings(home=home, database_url=None).open(may_decide=True)
    varied.fill(store, builders.NOW)
    store.close()
    return home


@pytest.fixture
def full(settings: Settings, varied_home: Path) -> Iterator[Store]:
    """That home's store."""
    shutil.copytree(varied_home, settings.home)
    opened = settings.open(may_decide=True)
    yield opened
    opened.close()


def found(store: Store) -> list[Violation]:
    return store.read(invariants.violations)


def names(store: Store) -> set[str]:
    return {one.name for one in found(store)}


def test_a_store_that_only_verbs_have_written_breaks_no_rule(full: Store) -> None:
    assert found(full) == []
    statuses = {"sent", "failed", "unknown", "cancelled", "pending"}
    assert all(gated.count(full, f"outbox WHERE status = '{one}'") for one in statuses)
    assert gated.count(full, "outbox WHERE reverses IS NOT NULL AND status = 'sent'") >= 3
    assert gated.count(full, "undo") >= 4


def test_an_empty_store_breaks_no_rule(store: Store) -> None:
    assert found(store) == []


@pytest.mark.parametrize(
    ("sql", "wrong"),
    [
        (f"DELETE FROM receipt WHERE action_id = ({SENT} LIMIT 1)", {"receipts"}),
        (
            (
                "INSERT INTO receipt SELECT id, '{}', created_at FROM outbox"
                " WHERE status = 'cancelled' LIMIT 1"
            ),
            {"receipts"},
        ),
        ("INSERT INTO receipt VALUES ('nobody', '{}', '2026-11-20 12:00:00')", {"receipts"}),
        (
            f"UPDATE draft SET reply = reply || '!' WHERE id = (SELECT draft_id {BY_GATE} LIMIT 1)",
            {"authorised"},
        ),
        (
            f"UPDATE outbox SET body = '{{}}' WHERE id = (SELECT id {BY_PERSON} LIMIT 1)",
            {"authorised"},
        ),
        (
            (
                "UPDATE decision SET signature = '' WHERE id ="
                f" (SELECT decision_id {BY_PERSON} LIMIT 1)"
            ),
            {"authorised"},
        ),
        (
            (
                "UPDATE draft SET author = 'Ana' WHERE id = (SELECT draft_id FROM decision"
                " WHERE verdict = 'approve' AND person = 'Ana' AND is_final LIMIT 1)"
            ),
            {"own_draft", "authorised"},
        ),
        (
            (
                "DELETE FROM decision WHERE NOT is_final AND verdict = 'approve' AND review_id IN"
                " (SELECT review_id FROM decision WHERE is_final)"
            ),
            {"two_people", "authorised"},
        ),
        (
            f"INSERT INTO undo SELECT decision_id, 'Mo', '2026-11-20 12:00:00' {BY_PERSON} LIMIT 1",
            {"undone", "authorised"},
        ),
        (
            "UPDATE run SET status = 'rejected' WHERE status = 'committing'",
            {"left_over"},
        ),
        (
            (
                "UPDATE review SET action_id = NULL WHERE kind = 'unknown_delivery' AND"
                " status = 'open'"
            ),
            {"unasked"},
        ),
        (
            (
                "UPDATE review SET status = 'superseded' WHERE kind = 'unknown_delivery' AND"
                " status = 'open'"
            ),
            {"unasked", "run_state"},
        ),
        (
            "UPDATE review SET status = 'expired' WHERE status = 'awaiting_second'",
            {"run_state"},
        ),
        (
            (
                "UPDATE run SET status = 'failed' WHERE id = (SELECT run_id FROM review"
                " WHERE status = 'awaiting_second')"
            ),
            {"run_state"},
        ),
        (
            (
                "UPDATE run SET status = 'committing' WHERE id = (SELECT id FROM run"
                " WHERE status = 'rejected' LIMIT 1)"
            ),
            {"run_state"},
        ),
        ("UPDATE run SET visit = 2 WHERE status = 'done'", {"run_state"}),
        (
            (
                "DELETE FROM step_record WHERE name = 'commit' AND run_id ="
                f" (SELECT run_id {BY_GATE} LIMIT 1)"
            ),
            {"run_state"},
        ),
        (
            f"INSERT INTO {INTO} SELECT 'again', run_id, {COPIED} {BY_GATE} LIMIT 1",
            {"twice", "receipts", "authorised"},
        ),
        (f"UPDATE audit_entry SET actor = 'Eve' {OPENED}", {"trail"}),
        (f"DELETE FROM audit_entry {OPENED}", {"trail"}),
    ],
)
def test_whatever_breaks_a_rule_is_named(
    full: Store, settings: Settings, sql: str, wrong: set[str]
) -> None:
    gated.tamper(settings, sql)
    assert names(full) == wrong


def test_taking_an_action_back_twice_is_named(full: Store, settings: Settings) -> None:
    gated.tamper(settings, "DROP INDEX uq_outbox_reversal")
    where = "FROM outbox WHERE reverses IS NOT NULL AND status = 'sent' LIMIT 1"
    gated.tamper(settings, f"INSERT INTO {INTO} SELECT 'again', run_id, {COPIED} {where}")
    assert names(full) == {"reversals", "receipts", "authorised"}


def test_the_same_action_again_after_it_was_taken_back_is_no_double(
    full: Store, settings: Settings
) -> None:
    taken_back = (
        "FROM outbox one WHERE status = 'sent' AND reverses IS NULL AND EXISTS"
        " (SELECT 1 FROM outbox two WHERE two.reverses = one.id AND two.status = 'sent') LIMIT 1"
    )
    after = COPIED.replace("sent_at", "'2027-01-01 00:00:00'")
    gated.tamper(settings, f"INSERT INTO {INTO} SELECT 'again', run_id, {after} {taken_back}")
    assert names(full) == {"receipts", "authorised"}
    gated.tamper(settings, "UPDATE outbox SET sent_at = '2020-01-01 00:00:00' WHERE id = 'again'")
    assert "twice" in names(full)


def test_a_violation_says_which_delivery_and_why(full: Store, settings: Settings) -> None:
    gated.tamper(settings, f"UPDATE outbox SET tool = 'pay' WHERE id = (SELECT id {BY_GATE})")
    (one,) = found(full)
    assert one.subject.startswith("action:")
    assert "`pay` was sent, but its arguments are not those of the draft" in one.detail


def test_a_tail_that_was_cut_off_is_found_by_its_anchor(
    full: Store, settings: Settings, now: datetime
) -> None:
    anchors.write_last(full, settings.anchor_file, now)
    log = anchors.read(settings.anchor_file, full.keys.audit)
    assert full.read(invariants.violations, anchors=log) == []
    gated.tamper(settings, "DELETE FROM audit_entry WHERE seq > 40")
    *_, last = full.read(invariants.violations, anchors=log)
    assert (last.name, last.subject) == ("trail", "audit:41")


def test_a_forged_anchor_is_a_violation(full: Store, settings: Settings, now: datetime) -> None:
    anchors.write_last(full, settings.anchor_file, now)
    text = settings.anchor_file.read_text()
    settings.anchor_file.write_text(text.replace('"restored": false', '"restored": true'))
    log = anchors.read(settings.anchor_file, full.keys.audit)
    (one,) = full.read(invariants.violations, anchors=log)
    assert (one.name, one.subject) == ("trail", "anchor:1")


def test_what_a_silent_process_holds_for_an_hour_is_stuck(store: Store, now: datetime) -> None:
    case = gated.passed(store)
    store.transact(gated.claimed, worker="gone")
    store.transact(deliveries.claim, "gone", limit=1, lease_seconds=600, now=now)
    assert found(store) == []
    store.shift_clock(4_000)
    assert found(store) == [], "its lease is over for less than an hour"
    store.shift_clock(1_000)
    run, action = found(store)
    assert (run.name, action.name) == ("stuck", "stuck")
    assert run.subject == f"run:{case.run_id + 1}"
    assert action.subject == f"action:{gated.entries(store, case.run_id)[0].id}"
    store.transact(workers.start, worker="gone", kind="worker", host="h", pid=1, now=now)
    assert found(store) == [], "its heart beats"


def unsigned_delivery(session: Session, case: gated.Gated, *, says: dict[str, str]) -> None:
    """Approve and enqueue as it was done before decisions were signed."""
    decision = builders_aftermath.decide(session, case.review_id, id="decision-of-old")
    move_run(session, case.run_id, RunStatus.COMMITTING)
    draft = session.get_one(Draft, case.draft_id)
    outbox.enqueue(session, draft, decision_id=decision, undo_seconds=0.0, now=builders.NOW)
    audit.append(
        session,
        actor="Ana",
        tag="run:review:approve",
        subject=f"run:{case.run_id}",
        at=builders.NOW,
        body={"decision": decision, "digest": draft.digest, **says},
    )


def test_deliveries_from_before_decisions_were_signed_are_counted_not_named(
    store: Store, settings: Settings, now: datetime
) -> None:
    case = gated.case(store, action=builders.refund(250_000))
    gated.tamper(settings, "SELECT 1")  # there was no rule of two people then
    store.transact(unsigned_delivery, case, says={})
    gated.passed(store)
    varied.send_all(store, now)
    looked = invariants.examine(store.read)
    assert (looked.violations, looked.sent, looked.unsigned) == ((), 4, 2)


def test_a_signature_that_the_trail_knows_of_cannot_be_left_out(
    store: Store, now: datetime
) -> None:
    case = gated.case(store)
    store.transact(unsigned_delivery, case, says={"signature": "ab12"})
    varied.send_all(store, now)
    assert names(store) == {"authorised"}


def test_it_tells_how_far_it_has_come(full: Store) -> None:
    told: list[tuple[int, int]] = []
    looked = invariants.examine(full.read, tell=lambda done, total: told.append((done, total)))
    assert told == [(looked.sent, looked.sent)]
    assert looked.sent == gated.count(full, "outbox WHERE status = 'sent'")


def test_every_rule_has_a_claim_and_says_what_to_do() -> None:
    assert len({rule.name for rule in invariants.RULES}) == len(invariants.RULES)
    assert all(rule.claim and rule.advice.endswith(".") for rule in invariants.RULES)


def test_the_check_after_each_browser_test_can_fail(full: Store, settings: Settings) -> None:
    assert broken(settings.home) == []
    gated.tamper(settings, f"DELETE FROM receipt WHERE action_id = ({SENT} LIMIT 1)")
    (one,) = broken(settings.home)
    assert one.startswith("receipts: action:")
