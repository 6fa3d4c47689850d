"""A million finished runs by plain SQL, every constraint and trigger of the database in force.

Their outputs are as small as the schema allows; what they were, how they ended, who decided and
what was delivered has the shares of a real company over half a year.
"""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

DAYS = 180
BATCH = 20_000
CUSTOMERS = 60_000
KINDS = (  # action kind, tool, share
    ("reply_only", None, 0.55),
    ("refund", "issue_refund", 0.15),
    ("replacement", "create_replacement", 0.10),
    ("cancel_order", "cancel_order", 0.10),
    ("return_label", "send_return_label", 0.10),
)
PASSED, AUDIT_RATE, APPROVED, EDITED = 0.86, 0.02, 0.62, 0.22


@dataclass(frozen=True)
class First:
    """The ids that the past begins behind, and the policy it was judged under."""

    ticket: int
    run: int
    draft: int
    review: int
    policy: int


def write(
    raw: sqlite3.Connection,
    runs: int,
    *,
    intents: list[str],
    people: list[str],
    now: datetime,
    say: Callable[[int, int], None],
) -> None:
    """Insert `runs` finished runs with everything that hangs on them, oldest first."""
    first = _first(raw)
    raw.execute(f"CREATE TEMP TABLE past ({', '.join(_COLUMNS)})")
    rng = Random(4)
    for begin in range(0, runs, BATCH):
        size = min(BATCH, runs - begin)
        raw.execute("BEGIN IMMEDIATE")
        raw.execute("DELETE FROM past")
        rows = _rows(rng, range(begin + 1, begin + size + 1), runs, intents, people, now)
        marks = ", ".join("?" * len(_COLUMNS))
        raw.executemany(f"INSERT INTO past VALUES ({marks})", rows)
        for statement in _STATEMENTS:
            raw.execute(statement, first.__dict__)
        raw.execute("COMMIT")
        say(begin + size, runs)
    raw.execute("DROP TABLE past")


def _first(raw: sqlite3.Connection) -> First:
    def last(table: str) -> int:
        return raw.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0] or 0

    policy = raw.execute("SELECT version FROM policy WHERE status = 'active'").fetchone()[0]
    return First(last("ticket"), last("run"), last("draft"), last("review"), policy)


_COLUMNS = (
    "n INTEGER PRIMARY KEY", "at", "later", "done", "customer", "intent", "kind", "tool",
    "amount", "confidence", "outcome", "verdict", "person", "is_audited", "is_right", "seconds",
)  # fmt: skip


def _rows(
    rng: Random, numbers: range, runs: int, intents: list[str], people: list[str], now: datetime
) -> Iterator[tuple[object, ...]]:
    kinds = [kind for kind, _, _ in KINDS]
    tools = {kind: tool for kind, tool, _ in KINDS}
    shares = [share for _, _, share in KINDS]
    start, apart = now - timedelta(days=DAYS), timedelta(days=DAYS) / runs
    for number in numbers:
        at = start + number * apart
        waited = timedelta(minutes=min(rng.lognormvariate(3.2, 0.9), 600))
        later = min(at + waited, now)
        kind = rng.choices(kinds, shares)[0]
        is_pass = rng.random() < PASSED
        yield (
            number,
            _text(at),
            _text(later),
            _text(min(later + timedelta(seconds=20), now)),
            f"K-{rng.randrange(CUSTOMERS):05d}",
            rng.choice(intents),
            kind,
            tools[kind],
            rng.randrange(500, 9_900) if kind == "refund" else None,
            round(rng.uniform(0.86, 0.99) if is_pass else rng.uniform(0.3, 0.85), 4),
            "pass" if is_pass else "escalate",
            None if is_pass else rng.choices(*_VERDICTS)[0],
            rng.choice(people),
            int(is_pass and rng.random() < AUDIT_RATE),
            int(rng.random() < 0.95),
            round(rng.lognormvariate(2.5, 0.7), 1),
        )


_VERDICTS = (("approve", "edit", "reject"), (APPROVED, EDITED, 1 - APPROVED - EDITED))


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


_STEPS = "".join(
    f" UNION ALL SELECT '{name}', {ms}, '{output}'"
    for name, ms, output in (
        ("retrieval", 21.0, '{"schema_version":1,"query":"","passages":[],"signals":{}}'),
        ("tool_call", 96.0, '{"schema_version":1,"calls":[],"facts":{},"signals":{}}'),
    )
).removeprefix(" UNION ALL ")
_ACTION = (
    "json_object('kind', kind, 'tool', tool, 'args', json_object('customer_id', customer),"
    " 'amount_minor', amount, 'currency', iif(amount IS NULL, NULL, 'EUR'),"
    " 'customer_id', customer, 'order_id', NULL)"
)
_SENDS = "(verdict IS NULL OR verdict IN ('approve', 'edit'))"
_DECIDED = "(verdict IS NOT NULL OR is_audited)"
_DECISION = "printf('past-%08d', n)"
_OUTBOX = (
    "INSERT INTO outbox (id, run_id, draft_id, decision_id, position, kind, tool, body,"
    " amount_minor, currency, customer_id, status, not_before, created_at, attempt, in_doubt,"
    " sent_at) SELECT printf('past-%08d-{position}', n), :run + n, :draft + n,"
    f" iif(verdict IS NULL, NULL, {_DECISION}), {{position}}, {{kind}}, {{tool}}, '{{{{}}}}',"
    " {amount}, iif({amount} IS NULL, NULL, 'EUR'), customer, 'sent', later, later, 1, 0, done"
    f" FROM past WHERE {_SENDS}"
)
_STATEMENTS = (
    "INSERT INTO ticket (id, external_id, customer_id, subject, text, received_at, submitted_at,"
    " extra) SELECT :ticket + n, printf('H-%08d', n), customer, '', 'Where is it?', at, at, '{}'"
    " FROM past",
    "INSERT INTO run (id, ticket_id, pipeline, status, created_at, available_at, finished_at,"
    " lease_epoch, tries, is_suspect, intent, action_kind, amount_minor, gated_at, outcome,"
    " confidence, policy_version, model, visit) SELECT :run + n, :ticket + n, 'support',"
    " iif(verdict = 'reject', 'rejected', 'done'), at, at, done, 1, 0, 0, intent, kind, amount,"
    " at, outcome, confidence, :policy, 'local', 1 FROM past",
    "INSERT INTO step_record (run_id, name, visit, attempt, status, started_at, latency_ms, model,"
    " input_tokens, output_tokens, cost_microusd, output) SELECT :run + n, 'intent', 1, 1, 'ok',"
    " at, 38.0, 'local', 0, 0, 0, json_object('schema_version', 1, 'intent', intent, 'title',"
    " intent, 'probability', 0.9, 'is_out_of_scope', json('false')) FROM past",
    "INSERT INTO step_record (run_id, name, visit, attempt, status, started_at, latency_ms, model,"
    " input_tokens, output_tokens, cost_microusd, output) SELECT :run + n, s.name, 1, 1, 'ok', at,"
    " s.ms, 'local', 0, 0, 0, s.output FROM past CROSS JOIN"
    f" (SELECT '' AS name, 0 AS ms, '' AS output WHERE 0 UNION ALL {_STEPS}) s",
    "INSERT INTO step_record (run_id, name, visit, attempt, status, started_at, latency_ms, model,"
    " input_tokens, output_tokens, cost_microusd, output) SELECT :run + n, 'synthesis', 1, 1,"
    " 'ok', at, 44.0, 'local', 0, 0, 0, json_object('schema_version', 1, 'reply', 'Soon.',"
    f" 'action', {_ACTION}, 'critique', json_object('agrees', json('true')), 'confidence',"
    " confidence) FROM past",
    "INSERT INTO step_record (run_id, name, visit, attempt, status, started_at, latency_ms,"
    " input_tokens, output_tokens, cost_microusd, output) SELECT :run + n, 'gate', 1, 1, 'ok', at,"
    " 1.0, 0, 0, 0, json_object('schema_version', 1, 'outcome', outcome, 'reasons',"
    " json_array(), 'confidence', confidence, 'threshold', 0.85, 'policy_version', :policy,"
    " 'is_audited', json(iif(is_audited, 'true', 'false')), 'inclusion_probability', 1.0)"
    " FROM past",
    "INSERT INTO step_record (run_id, name, visit, attempt, status, started_at, latency_ms,"
    " input_tokens, output_tokens, cost_microusd, output) SELECT :run + n, 'commit', 1, 1, 'ok',"
    " done, 60.0, 0, 0, 0, '{\"schema_version\":1,\"deliveries\":[]}' FROM past"
    f" WHERE {_SENDS}",
    "INSERT INTO draft (id, run_id, revision, reply, action, digest, gate_input, confidence,"
    f" author, created_at) SELECT :draft + n, :run + n, 1, 'Soon.', {_ACTION},"
    f" printf('past-%08d', n), json_object('action', {_ACTION}, 'confidence', confidence),"
    " confidence, 'model:local', at FROM past",
    "INSERT INTO review (id, run_id, draft_id, revision, payload_digest, policy_version, kind,"
    " status, is_blocked, title, reasons, confidence, threshold, risk, inclusion_probability,"
    " opened_at, decided_at, claimed_by) SELECT :review + n, :run + n, :draft + n, 1,"
    " printf('past-%08d', n), :policy, iif(is_audited, 'audit', 'escalation'), 'decided', 0,"
    f" intent, '[]', confidence, 0.85, 500.0, 1.0, at, later, person FROM past WHERE {_DECIDED}",
    "INSERT INTO decision (id, review_id, run_id, verdict, person, draft_id, payload_digest,"
    " policy_version, is_final, reason_code, note, seconds_on_card, decided_at, undo_until,"
    f" is_simulated, signature) SELECT {_DECISION}, :review + n, :run + n, coalesce(verdict,"
    " iif(is_right, 'right', 'wrong')), person, :draft + n, printf('past-%08d', n), :policy, 1,"
    " iif(verdict = 'reject', 'wrong_facts', NULL), '', seconds, later, later, 1, '' FROM past"
    f" WHERE {_DECIDED}",
    "INSERT INTO label (run_id, draft_id, decision_id, step, is_right, source,"
    f" inclusion_probability, is_simulated, labelled_at) SELECT :run + n, :draft + n, {_DECISION},"
    " s.step, coalesce(verdict = 'approve', is_right), iif(is_audited, 'audit', 'decision'),"
    " iif(is_audited, 0.02, 1.0), 1, later FROM past CROSS JOIN (SELECT NULL AS step UNION ALL"
    f" SELECT 'intent' UNION ALL SELECT 'synthesis') s WHERE {_DECIDED}",
    _OUTBOX.format(position=0, kind="kind", tool="tool", amount="amount")
    + " AND tool IS NOT NULL",
    _OUTBOX.format(position=1, kind="'reply'", tool="'send_reply'", amount="NULL"),
    "INSERT INTO receipt (action_id, body, received_at) SELECT printf('past-%08d-1', n), '{}',"
    f" done FROM past WHERE {_SENDS}",
    "INSERT INTO receipt (action_id, body, received_at) SELECT printf('past-%08d-0', n), '{}',"
    f" done FROM past WHERE {_SENDS} AND tool IS NOT NULL",
)
