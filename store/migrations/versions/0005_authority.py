"""What the database itself refuses on the way from a decision to a side effect.

The verbs refuse the same with better words; these triggers meet whoever writes past the verbs: an
import, another program, hand-written SQL.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

APPEND_ONLY = ("decision", "hold", "step_record")  # `decision` was built anew
MONEY = (
    "(SELECT coalesce(json_extract(d.action, '$.amount_minor'), 0) + coalesce((SELECT"
    " sum(json_extract(part.value, '$.amount_minor')) FROM json_each(d.action, '$.also') part), 0)"
    " FROM draft d WHERE d.id = NEW.draft_id)"
)
LIMIT = (
    "(SELECT coalesce(json_extract(p.body, '$.two_person_above_minor'), 100000) FROM policy p"
    " WHERE p.version = NEW.policy_version)"
)
COUNTED = "('approve', 'send_again', 'reverse')"
AUTHORISING = "('approve', 'edit', 'send_again', 'reverse', 'happened')"


def upgrade() -> None:
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            _refuse(
                f"{table}_no_{verb.lower()}", f"{verb} ON {table}", None, f"{table} is append-only"
            )
    for table in ("decision", "review"):
        _refuse(
            f"{table}_about_a_delivery",
            f"INSERT ON {table}",
            "NEW.action_id IS NOT NULL AND NOT EXISTS"
            " (SELECT 1 FROM outbox o WHERE o.id = NEW.action_id AND o.run_id = NEW.run_id)",
            "it names a delivery that this run does not have",
        )
    _guard_decision()
    _guard_review()
    _guard_outbox()
    _refuse(
        "undo_in_time",
        "INSERT ON undo",
        "EXISTS (SELECT 1 FROM outbox o WHERE o.decision_id = NEW.decision_id"
        " AND o.status != 'cancelled')",
        "delivery has begun; it cannot be undone",
    )
    _refuse(
        "receipt_of_sent",
        "INSERT ON receipt",
        "(SELECT o.status FROM outbox o WHERE o.id = NEW.action_id) != 'sent'",
        "only a sent entry has a receipt",
    )


def _refuse(name: str, event: str, when: str | None, why: str) -> None:
    condition = f"WHEN {when} " if when else ""
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {event} {condition}BEGIN SELECT RAISE(ABORT, '{why}'); END"
    )


def _guard_decision() -> None:
    on = "INSERT ON decision"
    _refuse(
        "decision_by_person",
        on,
        "NOT EXISTS (SELECT 1 FROM person p WHERE p.name = NEW.person AND p.is_active)",
        "only an active person may decide",
    )
    _refuse(
        "decision_maker_checker",
        on,
        "NEW.verdict = 'approve' AND NEW.person = (SELECT d.author FROM draft d"
        " WHERE d.run_id = NEW.run_id AND d.author != 'executor' AND d.revision <="
        " (SELECT revision FROM draft WHERE id = NEW.draft_id) ORDER BY d.revision DESC LIMIT 1)",
        "the author of a draft may not approve it",
    )
    _refuse(
        "decision_of_its_draft",
        on,
        "NOT EXISTS (SELECT 1 FROM draft d JOIN review r ON r.id = NEW.review_id"
        " WHERE d.id = NEW.draft_id AND d.run_id = NEW.run_id AND r.run_id = NEW.run_id"
        " AND d.digest = NEW.payload_digest AND r.policy_version = NEW.policy_version)",
        "a decision names the draft, payload and policy of its review",
    )
    _refuse(
        "decision_of_what_was_seen",
        on,
        "NEW.verdict = 'approve' AND NOT EXISTS (SELECT 1 FROM review r WHERE r.id = NEW.review_id"
        " AND r.draft_id = NEW.draft_id AND r.payload_digest = NEW.payload_digest)",
        "an approval is of the draft that was shown",
    )
    _refuse(
        "decision_not_past_block",
        on,
        "EXISTS (SELECT 1 FROM review r JOIN run x ON x.id = r.run_id JOIN draft d"
        " ON d.id = NEW.draft_id WHERE r.id = NEW.review_id AND (r.is_blocked OR x.outcome = 'block')"
        " AND (NEW.verdict = 'approve' AND (r.is_blocked OR d.author LIKE 'model:%')"
        " OR NEW.verdict IN ('approve', 'edit') AND json_extract(d.action, '$.tool') IS NOT NULL))",
        "a blocked draft may be rejected or answered, never approved",
    )
    _refuse(
        "decision_fits_its_kind",
        on,
        "EXISTS (SELECT 1 FROM review r WHERE r.id = NEW.review_id AND"
        " ((r.kind = 'audit') != (NEW.verdict IN ('right', 'wrong')) OR (r.kind ="
        " 'unknown_delivery') AND NEW.verdict NOT IN ('happened', 'send_again', 'reverse')))",
        "this kind of review takes another verdict",
    )
    _refuse(
        "decision_by_two",
        on,
        f"NEW.is_final AND {MONEY} > {LIMIT} AND (NEW.verdict = 'edit' OR NEW.verdict IN {COUNTED}"
        " AND NOT EXISTS (SELECT 1 FROM decision x LEFT JOIN undo u ON u.decision_id = x.id"
        f" WHERE x.review_id = NEW.review_id AND x.person != NEW.person AND x.verdict IN {COUNTED}"
        " AND x.payload_digest = NEW.payload_digest AND u.decision_id IS NULL))",
        "above the limit two people must approve the same revision",
    )


def _guard_review() -> None:
    _refuse(
        "review_pinned",
        "UPDATE OF run_id, draft_id, revision, payload_digest, policy_version, kind, is_blocked,"
        " reasons, action_id, opened_at ON review",
        None,
        "what a review is pinned to never changes",
    )
    _refuse(
        "review_moves",
        "UPDATE OF status ON review",
        "NEW.status != OLD.status AND (OLD.status IN ('superseded', 'expired')"
        " OR OLD.status = 'decided' AND NEW.status != 'superseded'"
        " OR OLD.status = 'awaiting_second' AND NEW.status IN ('open', 'claimed'))",
        "a closed review is not opened again",
    )
    _refuse("review_no_delete", "DELETE ON review", None, "reviews are kept")


def _guard_outbox() -> None:
    op.execute("DROP TRIGGER outbox_frozen")
    _refuse(
        "outbox_frozen",
        "UPDATE OF id, run_id, draft_id, decision_id, position, kind, tool, body, amount_minor,"
        " currency, customer_id, reverses, created_at ON outbox",
        None,
        "an authorised action never changes",
    )
    op.execute("DROP TRIGGER outbox_final")
    _refuse(
        "outbox_moves",
        "UPDATE OF status ON outbox",
        "NEW.status != OLD.status AND NOT ("
        "OLD.status = 'pending' AND (NEW.status = 'sending'"
        " OR NEW.status = 'cancelled' AND NOT OLD.in_doubt)"
        " OR OLD.status = 'sending' AND NEW.status IN"
        " ('sent', 'failed', 'unknown', 'pending', 'cancelled')"
        " OR OLD.status = 'unknown' AND NEW.status IN ('sent', 'failed')"
        " OR OLD.status = 'failed' AND NEW.status = 'unknown' AND OLD.in_doubt)",
        "a delivered, failed or cancelled entry never changes",
    )
    _refuse(
        "outbox_by_person",
        "INSERT ON outbox",
        "NEW.decision_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM decision x"
        " LEFT JOIN undo u ON u.decision_id = x.id WHERE x.id = NEW.decision_id"
        " AND x.run_id = NEW.run_id AND x.draft_id = NEW.draft_id AND x.is_final"
        f" AND x.verdict IN {AUTHORISING} AND u.decision_id IS NULL)",
        "no decision authorises this action",
    )
    _refuse(
        "outbox_by_gate",
        "INSERT ON outbox",
        "NEW.decision_id IS NULL AND NOT EXISTS (SELECT 1 FROM run r JOIN step_record s"
        " ON s.run_id = r.id AND s.name = 'gate' AND s.status = 'ok'"
        " WHERE r.id = NEW.run_id AND r.outcome = 'pass'"
        " AND json_extract(s.output, '$.outcome') = 'pass')",
        "the gate did not let this action pass",
    )
    _refuse(
        "outbox_of_its_draft",
        "INSERT ON outbox",
        "NEW.reverses IS NULL AND NEW.kind != 'reply' AND NOT EXISTS (SELECT 1 FROM draft d"
        " WHERE d.id = NEW.draft_id AND d.run_id = NEW.run_id"
        " AND (json_extract(d.action, '$.tool') = NEW.tool OR EXISTS (SELECT 1"
        " FROM json_each(d.action, '$.also') part"
        " WHERE json_extract(part.value, '$.tool') = NEW.tool)))",
        "the draft proposes no such action",
    )


def downgrade() -> None:
    raise NotImplementedError("the guards are never taken off")
