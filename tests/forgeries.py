"""Ways to make an executor pay with nothing but SQL: every trigger dropped, every digest fitting.

A forger here can read and write the whole database file, knows how ids, digests and hashes are made
and holds keys of their own; what they do not hold are Greenlight's keys.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
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


Forgery = Callable[[Forger, int], object]


def _signature_of_another(forger: Forger, run: int) -> None:
    (other,) = forger.sql(
        "SELECT signature FROM decision WHERE run_id != ? AND signature != '' LIMIT 1", run
    )
    forger.outbox(run, decision=forger.decision(run, signature=other["signature"]))


def _gate_passed(forger: Forger, run: int, **said: Any) -> None:
    forger.gate(run, **said)
    draft = forger.row("draft", run)
    told = {"draft": draft["id"], "digest": draft["digest"], "confidence": 0.97}
    forger.audit("run:draft:passed", f"run:{run}", told)
    forger.outbox(run, decision=None)


def _gate_passed_unrecorded(forger: Forger, run: int) -> None:
    forger.gate(run)
    forger.outbox(run, decision=None)


def _by_lax_policy(forger: Forger, run: int) -> None:
    forger.sql("UPDATE run SET policy_version = ? WHERE id = ?", LAX, run)
    _gate_passed(forger, run, policy_version=LAX)


def _sealed_row_copied(forger: Forger, run: int) -> None:
    """Bend the sealed pass of another run to this one."""
    forger.gate(run)
    (sealed,) = forger.sql(
        "SELECT * FROM audit_entry WHERE tag = 'run:draft:passed' AND subject != ? LIMIT 1",
        f"run:{run}",
    )
    draft = forger.row("draft", run)
    told = json.loads(sealed["body"]) | {"draft": draft["id"], "digest": draft["digest"]}
    bent = {"subject": f"run:{run}", "body": canonical_json(told)}
    apart = {"seq": -run, "prev_hash": forger.random.randbytes(32).hex()}
    forger.insert("audit_entry", **(sealed | bent | apart))
    forger.outbox(run, decision=None)


def _approved_by_lax_policy(forger: Forger, run: int) -> None:
    forger.outbox(run, decision=forger.decision(run, policy_version=LAX))


def _recorded_approval(forger: Forger, run: int) -> None:
    """Forge the decision's entry in the trail too."""
    name = forger.decision(run)
    forger.audit("run:review:approve", f"run:{run}", {"decision": name, "verdict": "approve"})
    forger.outbox(run, decision=name)


def _of_another_decision(forger: Forger, run: int) -> None:
    (other,) = forger.sql("SELECT id FROM decision WHERE run_id != ? AND is_final LIMIT 1", run)
    forger.outbox(run, decision=other["id"])


def _change(column: str, value: str) -> Forgery:
    """Change one thing about the run's deliveries."""
    return lambda forger, run: forger.sql(
        f"UPDATE outbox SET {column} = {value} WHERE run_id = ?", run
    )


def _new_revision(forger: Forger, run: int) -> None:
    """Point a real approval to a revision that nobody saw."""
    seen, decision = forger.row("draft", run), forger.row("decision", run)
    forger.insert("draft", **(seen | {"id": seen["id"] + 50_000, "revision": 2}))
    forger.redraft(run, amount_minor=99_999)
    fresh = forger.row("draft", run)
    values = (fresh["id"], fresh["digest"], run)
    forger.sql("UPDATE decision SET draft_id = ?, payload_digest = ? WHERE run_id = ?", *values)
    forger.sql("DELETE FROM outbox WHERE run_id = ?", run)
    forger.outbox(run, decision=decision["id"])


def _another_id(forger: Forger, run: int, **other: Any) -> None:
    """Put another entry in the place of the run's own."""
    mine = forger.row("outbox", run)
    forger.sql("DELETE FROM receipt WHERE action_id = ?", mine["id"])
    forger.sql("DELETE FROM outbox WHERE run_id = ?", run)
    forger.outbox(run, decision=mine["decision_id"], **other)


def _beside(forger: Forger, run: int) -> None:
    """Add a further entry to one that was sent, at the next position."""
    mine = forger.row("outbox", run)
    draft = forger.row("draft", run)
    name = forger.entry_id(draft, 1, mine["decision_id"])
    forger.outbox(run, decision=mine["decision_id"], position=1, id=name)


def _taken_back(forger: Forger, run: int) -> None:
    """Claim that a part failed, so that what was sent has to be taken back."""
    mine, draft = forger.row("outbox", run), forger.row("draft", run)
    args = json.loads(mine["body"])
    forger.audit("run:action:failed", f"run:{run}", {"action": mine["id"], "compensations": 1})
    back = {"tool": "reverse_refund", "kind": "reverse_refund", "body": canonical_json(args)}
    name = forger.entry_id(draft, 2, mine["decision_id"])
    forger.outbox(
        run, decision=mine["decision_id"], position=2, id=name, reverses=mine["id"], **back
    )


def _forgotten(forger: Forger, run: int, tag: str) -> None:
    """Set it back, and take what the trail says about it out of the trail."""
    forger.reset(run, in_full=True)
    forger.sql("DELETE FROM audit_entry WHERE subject = ? AND tag = ?", f"run:{run}", tag)


def _not_undone(forger: Forger, run: int) -> None:
    forger.sql("DELETE FROM undo WHERE decision_id = ?", forger.row("decision", run)["id"])
    forger.reset(run, in_full=True)


def _never_undone(forger: Forger, run: int) -> None:
    _not_undone(forger, run)
    _forgotten(forger, run, "run:review:undone")


def _second(forger: Forger, run: int, **values: Any) -> None:
    """Add the second approval that a large amount waits for."""
    name = forger.decision(run, **{"person": "Ben", **values})
    forger.outbox(run, decision=name)


def _same_signature(forger: Forger, run: int) -> None:
    _second(forger, run, signature=forger.row("decision", run)["signature"])


def _first_made_final(forger: Forger, run: int) -> None:
    forger.sql("UPDATE decision SET is_final = 1 WHERE run_id = ?", run)
    forger.outbox(run, decision=forger.row("decision", run)["id"])


def _verdict_flipped(forger: Forger, run: int) -> None:
    forger.sql("UPDATE decision SET verdict = 'approve' WHERE run_id = ?", run)
    forger.outbox(run, decision=forger.row("decision", run)["id"])


def _sent_once_more(forger: Forger, run: int) -> None:
    """Send under a real answer what that answer says has happened."""
    forger.outbox(run, decision=forger.row("decision", run)["id"])


def _old_one_again(forger: Forger, run: int) -> None:
    """Send the entry too that a person had sent again under a new key."""
    (old,) = forger.sql("SELECT id FROM outbox WHERE run_id = ? AND decision_id IS NULL", run)
    forger.sql("UPDATE outbox SET status = 'pending', in_doubt = 0 WHERE id = ?", old["id"])
    forger.commit_run(run)


OF_A_WAITING_DRAFT: dict[str, Forgery] = {
    "no signature": lambda f, run: f.outbox(run, decision=f.decision(run, signature="")),
    "random signature": lambda f, run: f.outbox(
        run, decision=f.decision(run, signature=f.random.randbytes(64).hex())
    ),
    "own signature": lambda f, run: f.outbox(run, decision=f.decision(run)),
    "own signature and record": _recorded_approval,
    "another's signature": _signature_of_another,
    "another's decision": _of_another_decision,
    "own policy": _approved_by_lax_policy,
    "a decision that is not there": lambda f, run: f.outbox(run, decision="nobody-decided"),
    "a gate pass": _gate_passed,
    "a gate pass without record": _gate_passed_unrecorded,
    "a gate pass under their own policy": _by_lax_policy,
    "a gate pass recorded for another": _sealed_row_copied,
}
OF_A_REJECTION: dict[str, Forgery] = {
    "its verdict flipped": _verdict_flipped,
    "an approval beside it": lambda f, run: f.outbox(run, decision=f.decision(run)),
}
OF_A_FIRST_APPROVAL: dict[str, Forgery] = {
    "the second with their own signature": _second,
    "the second with the first's signature": _same_signature,
    "the second with no signature": lambda f, run: _second(f, run, signature=""),
    "the second by the first person": lambda f, run: _second(f, run, person="Ana"),
    "the first made the last word": _first_made_final,
}
_OF_A_PAYLOAD: dict[str, Forgery] = {
    "its amount": _change("body", "json_set(body, '$.amount_minor', 99999)"),
    "its order": _change("body", "json_set(body, '$.order_id', 'O-666')"),
    "its customer": _change("body", "json_set(body, '$.customer_id', 'C-666')"),
    "a further argument": _change("body", "json_set(body, '$.note', 'x')"),
    "its spelling": _change("body", "replace(body, ':', ': ')"),
    "no payload": _change("body", "'gone'"),
    "its tool": _change("tool", "'reverse_refund'"),
    "what it takes back": _change("reverses", "id"),
    "its amount all through": lambda f, run: f.redraft(run, amount_minor=99_999),
    "its customer all through": lambda f, run: f.redraft(run, customer_id="C-666"),
    "its id": lambda f, run: _another_id(f, run, id=f"mine-{run}"),
    "its place": lambda f, run: _another_id(f, run, position=1),
}
OF_AN_APPROVAL: dict[str, Forgery] = _OF_A_PAYLOAD | {"a revision nobody saw": _new_revision}
OF_A_PASS: dict[str, Forgery] = _OF_A_PAYLOAD | {
    "its money for the cap": _change("amount_minor", "NULL"),
    "its customer for the cap": _change("customer_id", "'C-666'"),
    "its day for the cap": _change("created_at", f"'{LONG_AGO}'"),
    "its policy for the cap": lambda f, run: f.sql(
        "UPDATE run SET policy_version = ? WHERE id = ?", LAX, run
    ),
}
OF_A_DELIVERY: dict[str, Forgery] = {
    "pending again": lambda f, run: f.reset(run, in_full=False),
    "as if never tried": lambda f, run: f.reset(run, in_full=True),
    "under another id": lambda f, run: _another_id(f, run, id=f"mine-{run}"),
    "once more beside it": _beside,
    "taken back": _taken_back,
    "under a new decision": lambda f, run: f.outbox(run, decision=f.decision(run)),
}
OF_AN_UNDONE_APPROVAL: dict[str, Forgery] = {
    "as if not undone": _not_undone,
}
OF_A_STALE_APPROVAL: dict[str, Forgery] = {
    "pending again": lambda f, run: f.reset(run, in_full=False),
    "as if never tried": lambda f, run: f.reset(run, in_full=True),
}
OF_WHAT_HAPPENED: dict[str, Forgery] = {
    "sent once more": _sent_once_more,
    "as if never tried": lambda f, run: f.reset(run, in_full=True),
}
OF_WHAT_WAS_SENT_AGAIN: dict[str, Forgery] = {
    "the old one too": _old_one_again,
    "as if never tried": lambda f, run: f.reset(run, in_full=True),
}
# what takes entries out of the trail stops every delivery that was authorised before
OUT_OF_THE_TRAIL: dict[str, Forgery] = {
    "a delivery": lambda f, run: _forgotten(f, run, "run:action:sent"),
    "an undo": _never_undone,
    "a world that moved": lambda f, run: _forgotten(f, run, "run:action:stale"),
}
