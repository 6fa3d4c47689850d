"""One of everything that somebody may want to tamper with, made by the verbs, by name."""

from dataclasses import replace
from typing import Any

import gated
from builders import NOW, refund
from delivering import claim, decide, deliver_all, send_next, shop
from sqlalchemy import text
from sqlmodel import Session

from store import (
    certificates,
    deliveries,
    escalations,
    holds,
    notes,
    outcomes,
    policies,
    shadows,
    undoing,
)
from store.certificates import Evidence
from store.engine import Store
from store.gate import PolicyBody, Promise
from store.outcomes import NewOutcome
from store.outputs import Reason
from store.transitions import OutcomeKind, ReviewKind

LIMIT = PolicyBody().two_person_above_minor
BLOCK = Reason(code="recipient_mismatch", message="The draft would act on another customer")


def world(store: Store) -> dict[str, Any]:
    """Make, through the verbs, one of everything that somebody may want to tamper with."""
    shop(store, policy=PolicyBody(audit_rate=0.0))  # the coin would draw other reviews
    gated.execute(
        store, "INSERT INTO person (name, role, is_active) VALUES ('Gone', 'operator', 0)"
    )
    known: dict[str, Any] = {}
    sent = gated.case(store)
    known["delivered_decision"] = decide(store, sent.approve()).decision_id
    known["sent"] = send_next(store, "issue_refund").id
    deliver_all(store)
    known["decided"] = sent.review_id

    audited = gated.passed(store, customer_id="C-2")
    deliver_all(store)
    known["audit"] = store.transact(_open, audited.run_id, ReviewKind.AUDIT)

    undone = gated.case(store)
    first = decide(store, undone.approve(), undo_seconds=10)
    known["undone"] = gated.entries(store, undone.run_id)[0].id
    known["open"] = store.transact(undoing.undo, first.decision_id, "Ana", now=NOW)
    known |= {
        "superseded": undone.review_id,
        "undone_decision": first.decision_id,
        "run": undone.run_id,
        "draft": undone.draft_id,
    }
    known |= _judged(store) | _stuck(store)
    passed = gated.passed(store, customer_id="C-9")
    known["pending"] = gated.entries(store, passed.run_id)[0].id
    known |= {"passed_run": passed.run_id, "passed_draft": passed.draft_id}
    known |= {"other_draft": passed.draft_id, "other_run": passed.run_id}
    store.transact(holds.set_hold, person="Mo", kind=None, is_held=True, now=NOW)
    _evidence(store, sent.run_id)
    return known | _policies(store)


def _evidence(store: Store, run_id: int) -> None:
    """Leave an outcome, a certificate that was suspended, and a shadow policy that was stopped."""
    charged_back = NewOutcome(OutcomeKind.CHARGED_BACK, run_id=run_id)
    store.transact(outcomes.record, [charged_back], person="Mo", now=NOW)
    evidence = Evidence(0.9, 500, 400, 1, ("sure-1",), {}, NOW, NOW)
    one = store.transact(
        certificates.issue,
        policy_version=1,
        kind="refund",
        promise=Promise(max_error=0.02),
        evidence=evidence,
        person="Mo",
        now=NOW,
    )
    store.transact(certificates.suspend, one, "too many wrong", now=NOW)
    shadow = store.transact(shadows.start, PolicyBody(threshold=0.6), person="Mo", now=NOW)
    gated.case(store, customer_id="C-shadow")
    store.transact(shadows.stop, shadow, person="Mo", now=NOW)


def _judged(store: Store) -> dict[str, Any]:
    """Leave rejected, halfway approved and edited cases, and one with a note and a check card."""
    known: dict[str, Any] = {}
    rejected = gated.case(store)
    known["rejection"] = decide(store, rejected.reject()).decision_id
    known |= {"rejected_run": rejected.run_id, "rejected_draft": rejected.draft_id}
    seeded = replace(rejected, review_id=store.transact(_open, rejected.run_id, ReviewKind.SEEDED))
    known["seeded_decision"] = decide(store, seeded.approve("Ben")).decision_id
    store.transact(notes.add, rejected.run_id, "Called twice", person="Ana", now=NOW)

    two = gated.case(store, action=refund(LIMIT + 1))
    known["two"] = two.review_id
    half = gated.case(store, action=refund(LIMIT + 1))
    known["first_approval"] = decide(store, half.approve("Ana")).decision_id
    known |= {"first_of_two": half.review_id, "two_run": half.run_id, "two_draft": half.draft_id}

    edited = gated.case(store, action=refund(LIMIT + 1))
    decide(store, edited.edit("Ana", reply="Other words"))
    known["edited"] = store.read(_newest_review, edited.run_id)
    reopened = gated.case(store, action=refund(LIMIT + 1))
    voided = decide(store, reopened.edit("Ana", reply="Other words"))
    known["edit_of_first"] = gated.drafts(store, reopened.run_id)[-1].id
    known["first"] = store.transact(undoing.undo, voided.decision_id, "Ana", now=NOW)
    return known


def _stuck(store: Store) -> dict[str, Any]:
    """Leave a blocked draft, and deliveries that ended in every other way than well."""
    known: dict[str, Any] = {}
    known["blocked"] = gated.case(store, blocks=[BLOCK]).review_id
    for name in ("unknown", "failed", "doubtful"):
        case = gated.passed(store, customer_id=f"C-{name}")
        (due,) = claim(store)
        known[name] = due.id
        if name == "unknown":
            store.transact(deliveries.mark_unknown, due, "no answer", now=NOW)
            known["doubt"] = store.read(_newest_review, case.run_id)
        elif name == "failed":
            gated.execute(store, "UPDATE outbox SET in_doubt = 0 WHERE id = :id", id=due.id)
            store.transact(deliveries.mark_failed, due, "card closed", now=NOW)
        else:
            store.transact(deliveries.postpone, due, "timeout", delay_seconds=600.0)
    return known


def _policies(store: Store) -> dict[str, Any]:
    """Publish a policy that takes two to loosen, and leave one proposal open."""
    gated.execute(store, "INSERT INTO person (name, role, is_active) VALUES ('Zoe', 'manager', 1)")
    known = {"old_policy": store.read(policies.active).version}
    strict = PolicyBody(needs_second_manager=True)
    for name, threshold in (("policy", 0.85), ("withdrawn", 0.8), ("proposal", 0.7)):
        body = strict.model_copy(update={"threshold": threshold})
        known[name] = store.transact(policies.publish, body, author="Mo", note="", now=NOW)
    return known


def _open(session: Session, run_id: int, kind: ReviewKind) -> int:
    return escalations.open_review(session, run_id, kind, now=NOW)


def _newest_review(session: Session, run_id: int) -> int:
    query = text(f"SELECT max(id) FROM review WHERE run_id = {run_id}")
    return int(session.connection().execute(query).scalar_one())
