"""The card: one review with its whole case, blind where it must be."""

from datetime import timedelta

import builders
import builders_aftermath as aftermath
import pytest
from builders import NOW

from store import reviews, undoing
from store.engine import Store
from store.errors import NotFound
from store.gate import AmountRule, PolicyBody
from store.reports.card import card
from store.transitions import OutboxStatus, StepStatus, Verdict

RULES = PolicyBody(amount_rules=(AmountRule(kind="refund", above_minor=10_000),))


def test_a_card_shows_the_case_the_evidence_and_why_it_is_here(store: Store) -> None:
    money = builders.refund(20_000)
    built = store.transact(
        builders.case, confidence=0.7, action=money, policy=RULES, text="Twice!", customer_id="C-1"
    )
    shown = store.read(card, built.review_id)
    assert (shown.ticket.text, shown.ticket.customer_id) == ("Twice!", "C-1")
    assert (shown.draft.action, shown.draft.digest) == (money, built.digest)
    assert shown.reasons is not None
    assert [reason.code for reason in shown.reasons] == [
        "refund_over_limit",
        "confidence_below_threshold",
    ]
    assert (shown.confidence, shown.threshold, shown.is_blind) == (0.7, 0.85, False)
    assert shown.retrieval is not None
    assert shown.retrieval.passages[0].source == "refunds.md#twice"
    assert shown.tool_call is not None
    assert shown.tool_call.facts == {"charges": {"count": 2}}
    assert shown.tool_schema == builders.REFUND_SCHEMA
    assert (shown.original_draft, shown.decision, shown.deliveries) == (None, None, ())


def test_steps_that_have_not_run_are_shown_and_retries_counted(store: Store) -> None:
    built = store.transact(builders.case)
    store.transact(builders.step, built.run_id, "commit", status=StepStatus.TIMEOUT)
    steps = {step.name: step for step in store.read(card, built.review_id).steps}
    assert list(steps) == ["intent", "retrieval", "tool_call", "synthesis", "gate", "commit"]
    assert (steps["gate"].status, steps["gate"].attempts) == (StepStatus.OK, 1)
    assert steps["commit"].status is StepStatus.TIMEOUT
    another = store.transact(builders.case)
    assert store.read(card, another.review_id).steps[-1].status is None


def test_an_undecided_audit_is_blind_and_opens_its_eyes_once_decided(store: Store) -> None:
    built = store.transact(
        builders.case, confidence=0.95, is_audited=True, signals={"intent_margin": 0.9}
    )
    blind = store.read(card, built.review_id)
    assert blind.is_blind
    assert (blind.confidence, blind.threshold, blind.reasons, blind.gate) == (None,) * 4
    assert blind.synthesis is not None
    assert (blind.synthesis.confidence, blind.synthesis.raw_score) == (None, None)
    assert blind.synthesis.signals == {}
    assert blind.intent is not None
    assert blind.intent.candidates == []
    store.transact(aftermath.decide, built.review_id, Verdict.RIGHT)
    seen = store.read(card, built.review_id)
    assert (seen.is_blind, seen.confidence, seen.threshold) == (False, 0.95, 0.85)


def test_after_an_edit_the_card_shows_both_versions(store: Store) -> None:
    built = store.transact(builders.case)
    request = reviews.DecisionRequest(
        decision_id="decision-1",
        review_id=built.review_id,
        verdict=Verdict.EDIT,
        person="Ana",
        seen_digest=built.digest,
        reply="Sorry about that.",
    )
    store.transact(reviews.decide, request, now=NOW)
    shown = store.read(card, built.review_id)
    assert (shown.draft.reply, shown.draft.author) == ("Sorry about that.", "Ana")
    assert shown.original_draft is not None
    assert shown.original_draft.id == built.draft_id
    assert shown.decision is not None
    assert (shown.decision.person, shown.decision.is_undone) == ("Ana", False)
    assert shown.decision.undo_until == NOW + timedelta(seconds=10)


def test_an_undone_edit_shows_the_pinned_draft_again(store: Store) -> None:
    built = store.transact(builders.case)
    request = reviews.DecisionRequest(
        decision_id="decision-1",
        review_id=built.review_id,
        verdict=Verdict.EDIT,
        person="Ana",
        seen_digest=built.digest,
        reply="Sorry about that.",
    )
    store.transact(reviews.decide, request, now=NOW)
    again = store.transact(undoing.undo, "decision-1", "Ana", now=NOW)
    old, new = store.read(card, built.review_id), store.read(card, again)
    assert old.decision is not None
    assert old.decision.is_undone
    assert (old.draft.id, new.draft.id) == (built.draft_id, built.draft_id)
    assert (new.decision, new.original_draft) == (None, None)


def test_deliveries_stand_in_order_with_their_receipts(store: Store) -> None:
    built = store.transact(
        builders.case, confidence=0.95, action=builders.refund(), is_audited=True
    )
    store.transact(aftermath.delivery, built, position=1)
    first = store.transact(
        aftermath.delivery, built, status=OutboxStatus.SENT, receipt={"refund": "R-1"}
    )
    sent, waiting = store.read(card, built.review_id).deliveries
    assert (sent.action_id, sent.receipt, sent.sent_at) == (first, {"refund": "R-1"}, NOW)
    assert (waiting.status, waiting.receipt) == (OutboxStatus.PENDING, None)


def test_an_unknown_review_is_named_in_the_error(store: Store) -> None:
    with pytest.raises(NotFound, match="no review 99"):
        store.read(card, 99)
