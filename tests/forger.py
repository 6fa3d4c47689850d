"""Somebody who would make the executor pay, with nothing but SQL and every trigger dropped.

A forger here can read and write the whole database file, knows how ids, digests and hashes are made
and holds keys of their own; what they do not hold are Greenlight's keys.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from random import Random
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from store import decisions
from store.actions import Action, as_json, canonical_json, digest
from store.engine import sqlite_module
from store.gate import PolicyBody
from store.schema import Decision
from store.settings import Settings

LONG_AGO = "2026-11-19 12:00:00.000000"
LAX = 99  # the version of the forger's own policy


class Forger:
    """One connection past every guard; `run` ids name the cases."""

    def __init__(self, connection: Any, random: Random) -> None:
        self._connection = connection
        self._key = Ed25519PrivateKey.from_private_bytes(random.randbytes(32))
        self.random = random

    def sql(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """Run one statement; return its rows."""
        cursor = self._connection.execute(statement, values)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def row(self, table: str, run: int) -> dict[str, Any]:
        """Return the run's newest row of a table."""
        return self.sql(f"SELECT * FROM {table} WHERE run_id = ? ORDER BY rowid DESC", run)[0]

    def insert(self, table: str, **values: Any) -> None:
        """Insert a row, or replace the one that has its key."""
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        self.sql(f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})", *values.values())

    def outbox(self, run: int, *, decision: str | None, **other: Any) -> str:
        """Insert the pending entry that an authorisation of the run's draft would have made."""
        draft = self.row("draft", run)
        action = Action.model_validate_json(draft["action"])
        values = {
            "id": self.entry_id(draft, other.get("position", 0), decision),
            "run_id": run,
            "draft_id": draft["id"],
            "decision_id": decision,
            "position": 0,
            "kind": action.kind,
            "tool": action.tool,
            "body": canonical_json(action.args),
            "amount_minor": action.amount_minor,
            "currency": action.currency,
            "customer_id": action.customer_id,
            "status": "pending",
            "not_before": LONG_AGO,
            "created_at": "2026-11-20 12:00:00.000000",
            "attempt": 0,
            "in_doubt": 0,
        } | other
        self.insert("outbox", **values)
        self.commit_run(run)
        return str(values["id"])

    def commit_run(self, run: int) -> None:
        """Make it look as if nothing but the delivery was still to come."""
        self.sql("UPDATE run SET status = 'committing' WHERE id = ?", run)
        self.sql(
            "UPDATE review SET status = 'superseded' WHERE run_id = ? AND status != 'decided'", run
        )

    @staticmethod
    def entry_id(draft: dict[str, Any], position: int, decision: str | None) -> str:
        """Return the id that a call of an authorisation has."""
        key = f"greenlight:{draft['run_id']}:{draft['id']}:{position}:{decision or 'gate'}"
        return str(uuid5(NAMESPACE_URL, key))

    def decision(self, run: int, *, signature: str | None = None, **other: Any) -> str:
        """Insert a final approval of the run's newest draft; signed with the forger's own key."""
        draft = self.row("draft", run)
        (review,) = self.sql(
            "SELECT coalesce(max(id), ?) id FROM review WHERE run_id = ?", -run, run
        )
        stored = self.sql("SELECT * FROM decision LIMIT 1")[0]
        values = stored | {
            "id": f"forged-{run}-{self.random.randrange(10**9)}",
            "review_id": review["id"],
            "run_id": run,
            "verdict": "approve",
            "person": self.random.choice(["Ana", "Ben", "Mo"]),
            "draft_id": draft["id"],
            "payload_digest": draft["digest"],
            "policy_version": 1,
            "is_final": 1,
            "action_id": None,
        }
        values |= other
        own = Decision.model_validate(values)
        values["signature"] = (
            self._key.sign(decisions.message(own)).hex() if signature is None else signature
        )
        self.sql("DELETE FROM decision WHERE review_id = ? AND person = ?", *self._who(values))
        self.insert("decision", **values)
        self.sql("UPDATE review SET status = 'decided' WHERE id = ?", review["id"])
        return str(values["id"])

    @staticmethod
    def _who(values: dict[str, Any]) -> tuple[Any, Any]:
        return values["review_id"], values["person"]

    def audit(self, tag: str, subject: str, body: dict[str, Any]) -> None:
        """Append to the trail, sealed with the forger's own key, and chained to what was there."""
        (last,) = self.sql("SELECT * FROM audit_entry ORDER BY seq DESC LIMIT 1")
        said = canonical_json(body)
        seal = hmac.new(b"forged", f"{last['hash']}{said}".encode(), hashlib.sha256).hexdigest()
        fresh = {"seq": last["seq"] + 1, "prev_hash": last["hash"], "hash": seal}
        self.insert(
            "audit_entry", **(last | fresh | {"tag": tag, "subject": subject, "body": said})
        )

    def gate(self, run: int, **said: Any) -> None:
        """Turn what the gate recorded into a pass, with a confidence and signals that fit it."""
        for name, change in (
            ("gate", {"outcome": "pass", "reasons": [], "confidence": 0.97, **said}),
            ("synthesis", {"confidence": 0.97, "signals": {"sure": 3.4760986898352733}}),
        ):
            where = ("SELECT id, output FROM step_record WHERE run_id = ? AND name = ?", run, name)
            (record,) = self.sql(*where)
            output = json.dumps(json.loads(record["output"]) | change)
            self.sql("UPDATE step_record SET output = ? WHERE id = ?", output, record["id"])
        draft = self.row("draft", run)
        facts = json.dumps(json.loads(draft["gate_input"]) | {"confidence": 0.97})
        self.sql("UPDATE draft SET gate_input = ?, confidence = 0.97 WHERE run_id = ?", facts, run)
        self.sql("UPDATE run SET outcome = 'pass', confidence = 0.97 WHERE id = ?", run)

    def redraft(self, run: int, **args: Any) -> None:
        """Change what the newest draft would do, with digest, decision and review made to fit."""
        draft = self.row("draft", run)
        action = Action.model_validate_json(draft["action"])
        amount = args.get("amount_minor", action.amount_minor)
        changed = action.model_copy(
            update={"args": {**action.args, **args}, "amount_minor": amount}
        )
        fits = digest(draft["reply"], changed)
        facts = json.loads(draft["gate_input"]) | {"action": as_json(changed)}
        self.sql(
            "UPDATE draft SET action = ?, digest = ?, gate_input = ? WHERE id = ?",
            json.dumps(as_json(changed)),
            fits,
            json.dumps(facts),
            draft["id"],
        )
        self.sql("UPDATE decision SET payload_digest = ? WHERE draft_id = ?", fits, draft["id"])
        self.sql("UPDATE review SET payload_digest = ? WHERE draft_id = ?", fits, draft["id"])
        self.sql(
            "UPDATE outbox SET body = ?, amount_minor = ? WHERE draft_id = ?",
            canonical_json(changed.args),
            amount,
            draft["id"],
        )

    def reset(self, run: int, *, in_full: bool) -> None:
        """Set the run's deliveries back to pending; in full: as if nobody had ever tried."""
        self.sql(
            "UPDATE outbox SET status = 'pending', lease_owner = NULL, lease_until = NULL,"
            " not_before = ?, error = NULL WHERE run_id = ?",
            LONG_AGO,
            run,
        )
        self.commit_run(run)
        if in_full:
            self.sql(
                "UPDATE outbox SET attempt = 0, in_doubt = 0, first_attempt_at = NULL,"
                " sent_at = NULL WHERE run_id = ?",
                run,
            )
            self.sql(
                "DELETE FROM receipt WHERE action_id IN (SELECT id FROM outbox WHERE run_id = ?)",
                run,
            )


@contextmanager
def forging(settings: Settings, random: Random) -> Iterator[Forger]:
    """Open the file as an intruder: no trigger, no foreign key, no check; and a lax policy in it."""
    path = settings.url.removeprefix("sqlite:///")
    with closing(sqlite_module().connect(path)) as connection, connection:
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA ignore_check_constraints=ON")
        forger = Forger(connection, random)
        _publish_lax(forger)
        yield forger


def _publish_lax(forger: Forger) -> None:
    body = PolicyBody(threshold=0.0, daily_cap_minor=10**9, two_person_above_minor=10**9)
    (policy,) = forger.sql("SELECT * FROM policy WHERE version = 1")
    said = body.model_dump(mode="json")
    lax = {"version": LAX, "status": "retired", "body": json.dumps(said)}
    forger.insert("policy", **(policy | lax))
    forger.audit("policy:published", f"policy:{LAX}", {"version": LAX, "note": "", "body": said})
