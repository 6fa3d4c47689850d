"""Ways to make an executor pay with nothing but SQL, by what they start from.

Each takes the forger and a run in that state, and leaves something pending that nobody authorised.
"""

import json
from collections.abc import Callable
from typing import Any

from forger import LAX, LONG_AGO, Forger

from store.actions import canonical_json

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
