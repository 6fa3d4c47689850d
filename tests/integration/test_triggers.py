"""Every trigger of the database, met by hand-written SQL; each statement succeeds without its own."""

import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import tamperable

from store.engine import sqlite_module
from store.settings import Settings

DECISION = (
    "INSERT INTO decision SELECT 'forged-0001', r.id, {run}, '{verdict}', '{person}', {draft},"
    " {digest}, {policy}, {final}, NULL, '', NULL, NULL, '2026-11-20', '2026-11-20', 0, {action}, ''"
    " FROM review r WHERE r.id = {review}"
)
REVIEW = (
    "INSERT INTO review (run_id, draft_id, revision, payload_digest, policy_version, kind, status,"
    " is_blocked, title, reasons, threshold, risk, inclusion_probability, opened_at, {pin})"
    " SELECT run_id, draft_id, revision, payload_digest, policy_version, 'audit', 'open', 0, title,"
    " reasons, threshold, risk, 1.0, opened_at, {value} FROM review WHERE id = {open}"
)
ACTIVATE = (
    "UPDATE policy SET status = iif(version = {proposal}, 'active', 'retired'),"
    " approved_by = iif(version = {proposal}, {who}, approved_by)"
)
POLICY = (
    "INSERT INTO policy (status, body, author, note, {column})"
    " VALUES ('retired', '{body}', 'Mo', '', {value})"
)
REOPENING = (
    "INSERT INTO certificate_event (certificate_id, move, why, person, at)"
    " VALUES (1, 'reopened', '', 'Ana', '2026-11-20')"
)
ENTRY = (
    "INSERT INTO outbox (id, run_id, draft_id, decision_id, position, kind, tool, body, status,"
    " not_before, created_at, attempt, in_doubt) SELECT 'forged-entry', {run}, {draft}, {decision},"
    " 7, 'refund', '{tool}', '{{{{}}}}', 'pending', '2026-11-20', '2026-11-20', 0, 0"
)


def decision(review: str, verdict: str = "approve", **values: Any) -> str:
    """Return the statement that inserts a decision on the review, by Ben unless said otherwise."""
    parts = {
        "person": "Ben",
        "draft": "r.draft_id",
        "digest": "r.payload_digest",
        "policy": "r.policy_version",
        "run": "r.run_id",
        "final": 1,
        "action": "NULL",
        **values,
    }
    return DECISION.format(review=review, verdict=verdict, **parts)


def entry(run: str, draft: str, decision_id: str = "NULL", tool: str = "issue_refund") -> str:
    """Return the statement that inserts an outbox entry."""
    return ENTRY.format(run=run, draft=draft, decision=decision_id, tool=tool)


def append_only(table: str, column: str = "id") -> list[tuple[str, str, str]]:
    """Return the attempts to change and to delete rows of a table."""
    return [
        (f"{table}_no_update", f"UPDATE {table} SET {column} = {column}", "append-only"),
        (f"{table}_no_delete", f"DELETE FROM {table}", "append-only"),
    ]


ATTEMPTS: list[tuple[str, str, str]] = [
    *append_only("ticket"),
    *append_only("draft"),
    *append_only("decision"),
    *append_only("undo", "person"),
    *append_only("receipt", "body"),
    *append_only("label"),
    *append_only("audit_entry", "actor"),
    *append_only("hold"),
    *append_only("step_record", "output"),
    *append_only("note", "text"),
    *append_only("outcome"),
    *append_only("calibrator", "labels"),
    *append_only("certificate"),
    *append_only("certificate_event", "why"),
    *append_only("shadow_outcome", "live"),
    ("shadow_fixed", "UPDATE shadow SET note = 'x'", "a shadow policy never changes"),
    (
        "shadow_stays_stopped",
        "UPDATE shadow SET is_running = 1, stopped_at = NULL",
        "a shadow policy that was stopped is not started again",
    ),
    (
        "certificate_by_a_manager",
        REOPENING,
        "only a manager reopens or withdraws",
    ),
    ("run_toss_fixed", "UPDATE run SET coin = 0.5", "the audit coin is tossed once"),
    *[
        ("policy_body_fixed", f"UPDATE policy SET {change}", "a published policy never changes")
        for change in (
            "body = '{{}}'",
            "body = '{{}}' WHERE version = {proposal}",
            "author = 'Zoe' WHERE version = {proposal}",
            "note = 'x' WHERE version = {proposal}",
            "proposed_at = NULL WHERE version = {proposal}",
            "published_at = '2030-01-01'",
            "approved_by = 'Mo' WHERE version = {policy}",
        )
    ],
    *[
        (
            "policy_moves",
            f"UPDATE policy SET status = '{wanted}' WHERE version = {{{which}}}",
            "closed",
        )
        for which, wanted in (
            ("policy", "draft"),
            ("old_policy", "draft"),
            ("withdrawn", "draft"),
        )
    ],
    *[
        (
            "policy_by_two",
            ACTIVATE.format(proposal="{proposal}", who=who),
            "another manager than its author",
        )
        for who in ("NULL", "author", "'Ana'", "'Nobody'")
    ],
    *[
        (
            "policy_approved_later",
            POLICY.format(column=column, value=value, body="{{}}"),
            "a policy is proposed first",
        )
        for column, value in (("approved_by", "'Zoe'"), ("proposed_at", "'2026-11-20'"))
    ],
    ("policy_no_delete", "DELETE FROM policy", "policies are kept"),
    ("outbox_no_delete", "DELETE FROM outbox", "outbox entries are kept"),
    ("review_no_delete", "DELETE FROM review", "reviews are kept"),
    *[
        ("outbox_frozen", f"UPDATE outbox SET {change}", "an authorised action never changes")
        for change in (
            "body = '{{}}'",
            "tool = 'x'",
            "amount_minor = 1",
            "customer_id = 'C-9'",
            "created_at = '2026-01-01'",
            "reverses = id",
        )
    ],
    *[
        (
            "outbox_moves",
            f"UPDATE outbox SET status = '{wanted}' WHERE id = '{{{which}}}'",
            "a delivered, failed or cancelled entry never changes",
        )
        for which, wanted in (
            ("sent", "pending"),
            ("sent", "failed"),
            ("failed", "pending"),
            ("failed", "sent"),
            ("undone", "pending"),
            ("unknown", "pending"),
            ("pending", "sent"),
            ("pending", "unknown"),
            ("doubtful", "cancelled"),
        )
    ],
    (
        "receipt_of_sent",
        "INSERT INTO receipt VALUES ('{pending}', '{{}}', '2026-11-20')",
        "only a sent entry has a receipt",
    ),
    (
        "undo_in_time",
        "INSERT INTO undo VALUES ('{delivered_decision}', 'Ana', '2026-11-20')",
        "delivery has begun",
    ),
    (
        "decision_by_person",
        decision("{open}", person="Nobody"),
        "only an active person may decide",
    ),
    ("decision_by_person", decision("{open}", person="Gone"), "only an active person may decide"),
    (
        "decision_maker_checker",
        decision("{edited}", person="Ana", final=0),
        "the author of a draft may not approve it",
    ),
    *[
        ("decision_of_its_draft", decision("{open}", "reject", **wrong), "names the draft, payload")
        for wrong in (
            {"digest": "'forged'"},
            {"draft": "{other_draft}"},
            {"run": "{other_run}"},
            {"policy": "7"},
        )
    ],
    (
        "decision_of_what_was_seen",
        decision(
            "{first}",
            draft="{edit_of_first}",
            digest="(SELECT digest FROM draft WHERE id = {edit_of_first})",
            final=0,
        ),
        "an approval is of the draft that was shown",
    ),
    ("decision_not_past_block", decision("{blocked}"), "never approved"),
    ("decision_not_past_block", decision("{blocked}", "edit"), "never approved"),
    *[
        ("decision_fits_its_kind", decision(which, verdict), "takes another verdict")
        for which, verdict in (
            ("{open}", "right"),
            ("{doubt}", "approve"),
            ("{doubt}", "reject"),
            ("{audit}", "approve"),
        )
    ],
    ("decision_by_two", decision("{first_of_two}", "edit"), "two people must approve"),
    ("decision_by_two", decision("{two}"), "two people must approve"),
    (
        "decision_about_a_delivery",
        decision("{open}", "reject", action="'no-such-action'"),
        "it names a delivery that this run does not have",
    ),
    (
        "decision_about_a_delivery",
        decision("{open}", "reject", action="'{sent}'"),
        "it names a delivery that this run does not have",
    ),
    (
        "review_about_a_delivery",
        REVIEW.format(pin="action_id", value="'no-such-action'", open="{open}"),
        "it names a delivery that this run does not have",
    ),
    *[
        (
            "review_after_a_decision",
            REVIEW.format(pin="after_decision", value=value, open="{open}"),
            "it names a decision that this run does not have",
        )
        for value in ("'no-such-decision'", "'{delivered_decision}'")
    ],
    (
        "review_after_pinned",
        "UPDATE review SET after_decision = '{delivered_decision}' WHERE id = {open}",
        "what a review is pinned to",
    ),
    *[
        ("review_pinned", f"UPDATE review SET {change}", "what a review is pinned to")
        for change in ("payload_digest = 'x'", "is_blocked = 0", "kind = 'audit'", "reasons = '[]'")
    ],
    *[
        (
            "review_moves",
            f"UPDATE review SET status = '{wanted}' WHERE id = {{{which}}}",
            "a closed review is not opened again",
        )
        for which, wanted in (
            ("decided", "open"),
            ("superseded", "decided"),
            ("first_of_two", "open"),
        )
    ],
    ("outbox_by_person", entry("{run}", "{draft}", "'no-such-decision'"), "no decision authorises"),
    (
        "outbox_by_person",
        entry("{run}", "{draft}", "'{undone_decision}'"),
        "no decision authorises this action",
    ),
    (
        "outbox_by_person",
        entry("{rejected_run}", "{rejected_draft}", "'{rejection}'"),
        "no decision authorises this action",
    ),
    (
        "outbox_by_person",
        entry("{two_run}", "{two_draft}", "'{first_approval}'"),
        "no decision authorises this action",
    ),
    (
        "outbox_never_seeded",
        entry("{rejected_run}", "{rejected_draft}", "'{seeded_decision}'"),
        "a card beside the run delivers nothing",
    ),
    ("outbox_by_gate", entry("{run}", "{draft}"), "the gate did not let this action pass"),
    (
        "outbox_of_its_draft",
        entry("{passed_run}", "{passed_draft}", tool="ship_gift"),
        "the draft proposes no such action",
    ),
]


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, migrated_home: Path
) -> tuple[str, dict[str, Any]]:
    """A database full of cases, and the names of what is in it; no test leaves a change."""
    home = tmp_path_factory.mktemp("triggers") / "home"
    shutil.copytree(migrated_home, home)
    settings = Settings(home=home, database_url=None)
    store = settings.open(may_decide=True)
    known = tamperable.world(store)
    store.close()
    return settings.url.removeprefix("sqlite:///"), known


@pytest.mark.parametrize(("trigger", "sql", "why"), ATTEMPTS, ids=[one[0] for one in ATTEMPTS])
def test_the_statement_is_refused_by_its_trigger_and_by_nothing_else(
    world: tuple[str, dict[str, Any]], trigger: str, sql: str, why: str
) -> None:
    path, known = world
    library = sqlite_module()  # a second SQLite in one process would break the first one's locks
    statement = sql.format(**known)
    with closing(library.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(library.IntegrityError, match=why):
            connection.execute(statement)
        connection.execute(f"DROP TRIGGER {trigger}")
        assert connection.execute(statement).rowcount > 0, "the statement meets no row"
        connection.execute("ROLLBACK")


def test_every_trigger_is_met_by_one_attempt(world: tuple[str, dict[str, Any]]) -> None:
    path, _ = world
    with closing(sqlite_module().connect(path)) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        guards = {name for (name,) in rows if not name.startswith("passage_")}
    assert guards == {trigger for trigger, _, _ in ATTEMPTS}


def test_a_verdict_that_fits_is_taken(world: tuple[str, dict[str, Any]]) -> None:
    """The forged decisions above fail for what is wrong with them, not for how they are written."""
    path, known = world
    with closing(sqlite_module().connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        assert connection.execute(decision("{open}").format(**known)).rowcount == 1
        connection.execute("ROLLBACK")


def test_a_proposed_policy_becomes_active_by_a_second_managers_word(
    world: tuple[str, dict[str, Any]],
) -> None:
    """The forged approvals above fail for whose word they are, not for how they are written."""
    path, known = world
    activate = next(sql for trigger, sql, _ in ATTEMPTS if trigger == "policy_by_two")
    with closing(sqlite_module().connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        assert connection.execute(activate.format(**known).replace("NULL", "'Zoe'")).rowcount == 4
        connection.execute("ROLLBACK")
