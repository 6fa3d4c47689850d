"""What the card is drawn from and what comes back: pure rules, without a store or a browser."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard import actions, session
from dashboard.components import deciding, editor
from dashboard.components.notice import notice_data
from dashboard.payload import Said, Shown, edited_args, money_argument, wanted
from dashboard.session import Notice, Offer
from store.actions import Action
from store.reports.approval import People
from store.reports.card import Card
from store.reports.case import DecisionView, DraftView, TicketView
from store.reports.changes import ArgumentChange, DraftChange
from store.reviews import Decided
from store.transitions import ReviewKind, ReviewStatus, Role, RunStatus, SlaStage, Verdict

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ARGS = {
    "customer_id": "C-1",
    "amount_minor": 124_000,
    "reason": "double",
    "speed": "slow",
    "urgent": False,
    "expected_version": 3,
    "lines": [1],
}
REFUND = Action(
    kind="refund", tool="refund", args=ARGS, amount_minor=124_000, currency="EUR", customer_id="C-1"
)
SCHEMA = {
    "properties": {
        "customer_id": {"type": "string"},
        "amount_minor": {"type": "integer", "minimum": 1, "maximum": 200_000},
        "reason": {"type": ["string", "null"], "maxLength": 40, "pattern": "^[a-z]+$"},
        "speed": {"type": "string", "enum": ["slow", "fast"]},
        "urgent": {"type": "boolean"},
        "expected_version": {"type": "integer"},
        "lines": {"type": "array"},
    },
    "required": ["amount_minor"],
}
REASONS = ({"code": "tone", "title": "Tone", "redraft": True}, {"code": "facts", "title": "Facts"})


def card(**values: Any) -> Card:
    """Return a card of a refund that nobody has looked at."""
    draft = DraftView(1, 1, "Hello", REFUND, "d" * 64, "model:x", NOW)
    nothing = dict.fromkeys(field.name for field in fields(Card))
    facts: dict[str, Any] = {
        **nothing,
        "review_id": 7,
        "run_id": 5,
        "run_status": RunStatus.AWAITING_REVIEW,
        "kind": ReviewKind.ESCALATION,
        "status": ReviewStatus.OPEN,
        "is_blind": False,
        "is_blocked": False,
        "title": "Charged twice",
        "reasons": (),
        "confidence": 0.5,
        "threshold": 0.8,
        "policy_version": 1,
        "opened_at": NOW,
        "ticket": TicketView("T-1", "C-1", "", "Twice!", NOW),
        "draft": draft,
        "steps": (),
        "tool_schema": SCHEMA,
        "deliveries": (),
        "is_reversal": False,
        "parts": (),
        "filled_by_code": frozenset({"expected_version"}),
        "people": People(1, (), None),
        "changes": (),
        "lookup": "",
        "sla_stage": SlaStage.FRESH,
    }
    return Card(**{**facts, **values})


def shown(**values: Any) -> Shown:
    found = card(**values)
    return Shown(found, "Ana", "id-1", editor.editable(found))


def said(act: str = "edit", **values: Any) -> Said:
    facts = {"review_id": 7, "revision": 1, "digest": "d" * 64, "decision_id": "id-1"}
    return Said(act=act, nonce="n", **{**facts, **values})


def ways(found: Card, person: str = "Ana", role: Role = Role.OPERATOR) -> dict[str, Any]:
    return deciding.deciding(
        found, person=person, role=role, people=["Ana", "Ben"], reasons=REASONS, now=NOW
    )


def decision(verdict: Verdict, **values: Any) -> DecisionView:
    facts: dict[str, Any] = {
        "id": "x",
        "draft_id": 1,
        "person": "Ben",
        "verdict": verdict,
        "reason_code": None,
        "note": "",
        "blamed_step": None,
        "decided_at": NOW - timedelta(minutes=12),
        "undo_until": NOW,
        "is_final": True,
        "is_undone": False,
    }
    return DecisionView(**{**facts, **values})


def test_only_what_a_person_may_choose_is_a_field() -> None:
    assert editor.editable(card()) == {"amount_minor", "reason", "speed", "urgent"}


def test_a_field_carries_what_its_schema_allows() -> None:
    offered = {field["name"]: field for field in editor.editor(card())["fields"]}
    amount = offered["amount_minor"]
    assert (amount["type"], amount["isRequired"]) == ("integer", True)
    assert amount["limits"] == {"minimum": 1, "maximum": 200_000}
    assert amount["money"] == {"before": "€", "after": "", "digits": 2}
    assert offered["speed"]["choices"] == ["slow", "fast"]
    assert (offered["reason"]["type"], offered["reason"]["pattern"]) == ("string", "^[a-z]+$")
    assert offered["urgent"]["money"] is None


def test_a_blocked_draft_offers_no_field_and_drops_the_action() -> None:
    blocked = card(is_blocked=True)
    found = editor.editor(blocked)
    assert (found["fields"], found["drop"]) == ([], "")
    assert "the blocked action is dropped" in found["forced"]
    assert ways(blocked)["bar"] == deciding.BLOCKED
    assert ways(blocked)["can"]["edit"]


def test_edited_arguments_never_reach_beyond_the_fields() -> None:
    forged = {"customer_id": "C-2", "expected_version": 9, "lines": [], "new": 1, "reason": "fee"}
    assert edited_args(shown(), said(args=forged)) == {**ARGS, "reason": "fee"}
    assert edited_args(shown(), said(args={"reason": "double"})) is None
    assert edited_args(shown(), said()) is None


@pytest.mark.parametrize(
    "other", [{"review_id": 8}, {"revision": 2}, {"digest": "e"}, {"decision_id": "id-2"}]
)
def test_a_press_fits_only_the_card_and_the_person_it_was_made_by(other: dict[str, Any]) -> None:
    assert shown().fits(said(), "Ana")
    assert not shown().fits(said(), "Ben")
    assert not shown().fits(said(**other), "Ana")


def test_what_has_to_be_typed_follows_the_amount_of_an_edit() -> None:
    asked = shown(confirmation="1240.00")
    assert wanted(asked, said("approve")) == "1240.00"
    assert wanted(asked, said(args={"amount_minor": 90_000})) == "900.00"
    assert wanted(asked, said(reply="Other words")) == "1240.00"
    assert wanted(asked, said(is_answer_only=True)) is None
    assert wanted(asked, said("reject")) is None
    assert wanted(shown(), said("approve")) is None


def test_an_edit_that_others_must_approve_sends_nothing_so_nothing_is_typed() -> None:
    asked = shown(confirmation="1240.00", people=People(2, (), None))
    assert wanted(asked, said(args={"amount_minor": 90_000})) is None
    assert wanted(asked, said("approve")) == "1240.00"


def test_the_money_argument_is_the_one_that_is_named_for_it() -> None:
    twins = REFUND.model_copy(update={"args": {"order": 124_000, "amount_minor": 124_000}})
    assert money_argument(twins) == "amount_minor"
    assert money_argument(Action(kind="note", tool="note")) is None


def test_a_held_card_is_sent_by_a_manager_only_and_rejected_by_anybody() -> None:
    held = card(sla_stage=SlaStage.HELD)
    operator = ways(held)
    assert (operator["bar"], operator["can"]["approve"]) == (deciding.HELD, False)
    assert (operator["can"]["edit"], operator["can"]["reject"]) == (False, True)
    assert ways(held, role=Role.MANAGER)["can"]["approve"]


def test_who_wrote_it_or_approved_it_does_not_approve_it_again() -> None:
    mine = ways(card(people=People(2, (), "Ana")))
    assert (mine["bar"], mine["can"]["edit"]) == (deciding.MAKER, True)
    given = (decision(Verdict.APPROVE, person="Ana", is_final=False),)
    halfway = ways(card(people=People(2, given, None)))
    assert [name for name, can in halfway["can"].items() if can] == ["unsay"]


def test_a_closed_review_says_how_it_ended_and_takes_nothing() -> None:
    ended = card(
        status=ReviewStatus.DECIDED,
        decision=decision(Verdict.REJECT, reason_code="facts", note="Two orders"),
    )
    found = ways(ended)
    assert found["closed"] == "Ben rejected this, 12 min ago: Facts. Two orders"
    assert not any(found["can"].values())
    replaced = ways(replace(ended, status=ReviewStatus.SUPERSEDED, decision=None))
    assert "superseded" in replaced["closed"]
    assert [name for name, can in replaced["can"].items() if can] == ["follow"]


def test_a_reason_after_which_the_agent_drafts_again_says_so() -> None:
    assert [reason["hint"] for reason in ways(card())["reasons"]] == ["the agent drafts again", ""]


def test_what_changed_meanwhile_is_said_argument_by_argument() -> None:
    rows = (ArgumentChange("refund", "amount", 1, 2), ArgumentChange("refund", "note", None, "x"))
    found = deciding.changed(DraftChange(1, 2, "Ben", "old", "new", rows))
    assert found["rows"] == [["refund amount", "1", "2"], ["refund note", "nothing", "x"]]
    assert found["text"] == "Ben made revision 2 of it."
    by_agent = deciding.changed(DraftChange(1, 2, "model:x", "old", "new", ()))
    assert by_agent["text"] == "The agent drafted it anew."


def test_the_notice_offers_undo_only_while_it_counts() -> None:
    line = Notice("done", "Approved", "id-1", NOW + timedelta(seconds=10))
    assert notice_data(line, NOW)["remainingMs"] == 10_000
    late = notice_data(line, NOW + timedelta(seconds=11))
    assert (late["canUndo"], late["remainingMs"]) == (False, None)
    waiting = notice_data(replace(line, is_waiting=True), NOW + timedelta(hours=1))
    assert (waiting["canUndo"], waiting["remainingMs"]) == (True, None)
    assert notice_data(None, NOW)["text"] == ""


def test_the_notice_offers_to_take_back_what_an_audit_found_wrong() -> None:
    line = Notice("done", "Judged wrong", offer=Offer("k1", "Take back €84.90"))
    assert notice_data(line, NOW)["offer"]["title"] == "Take back €84.90"


@pytest.mark.parametrize(
    ("verdict", "said"), [(Verdict.APPROVE, "you missed it"), (Verdict.REJECT, "you caught it")]
)
def test_after_a_check_card_it_is_said_what_it_was(verdict: Verdict, said: str) -> None:
    done = Decided("id-1", 7, 5, verdict, NOW, was_seeded=True)
    line = actions.outcome(done, "Charged twice", review_id=7)
    assert line.text == (f"That was a check card, known to be wrong: {said}. Nothing was sent.")
    assert line.decision_id is None


def test_a_rejection_that_the_agent_learns_from_says_so() -> None:
    done = Decided("id-1", 7, 5, Verdict.REJECT, NOW, will_redraft=True)
    line = actions.outcome(done, "Charged twice", review_id=7)
    assert line.text == "Rejected: Charged twice. The agent drafts once more, with your reason"
    assert line.decision_id == "id-1"


def test_what_a_component_sent_that_has_left_the_page_is_nothing() -> None:
    assert session.sent("card", "act") is None
