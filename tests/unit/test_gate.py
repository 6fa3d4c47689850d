"""The gate passes a draft iff its confidence exceeds the threshold and nothing objects."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from store.actions import Action, reply_only
from store.gate import AmountRule, GateInput, PolicyBody, Sla, evaluate, risk
from store.outputs import Reason
from store.transitions import Outcome

HUNDRED = PolicyBody(amount_rules=(AmountRule(kind="refund", above_minor=10_000),))
UNIT = st.floats(min_value=0, max_value=1)
REASON = Reason(code="recipient_mismatch", message="The draft would act on another customer")


def refund(amount_minor: int) -> Action:
    return Action(kind="refund", tool="issue_refund", amount_minor=amount_minor, currency="EUR")


def facts(**values: Any) -> GateInput:
    return GateInput(**{"action": reply_only("C-1"), "confidence": 0.97, **values})


def codes(draft: GateInput, policy: PolicyBody = HUNDRED) -> list[str]:
    return [reason.code for reason in evaluate(draft, policy).reasons]


@given(UNIT, UNIT)
def test_without_objections_a_draft_passes_iff_confidence_exceeds_the_threshold(
    confidence: float, threshold: float
) -> None:
    result = evaluate(facts(confidence=confidence), PolicyBody(threshold=threshold))
    assert (result.outcome is Outcome.PASS) == (confidence > threshold)
    assert result.threshold == threshold


def test_a_confidence_of_exactly_the_threshold_goes_to_a_person() -> None:
    assert evaluate(facts(confidence=0.85), PolicyBody()).outcome is Outcome.ESCALATE
    above = math.nextafter(0.85, 1)
    assert evaluate(facts(confidence=above), PolicyBody()).outcome is Outcome.PASS


@given(st.sampled_from([None, math.nan, math.inf, -math.inf]), UNIT)
def test_a_confidence_that_is_missing_or_not_finite_never_passes(
    confidence: float | None, threshold: float
) -> None:
    result = evaluate(facts(confidence=confidence), PolicyBody(threshold=threshold))
    assert result.outcome is Outcome.ESCALATE
    assert [reason.code for reason in result.reasons] == ["uncalibrated"]


def test_an_uncalibrated_draft_says_how_far_the_labels_are() -> None:
    result = evaluate(facts(confidence=None, calibration_note="37 of 200 labels"), PolicyBody())
    assert "37 of 200" in result.reasons[0].message


@given(UNIT, UNIT, UNIT)
def test_raising_the_threshold_never_lets_more_through(
    confidence: float, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    draft = facts(confidence=confidence)
    if evaluate(draft, PolicyBody(threshold=high)).outcome is Outcome.PASS:
        assert evaluate(draft, PolicyBody(threshold=low)).outcome is Outcome.PASS


def test_a_kind_can_have_a_threshold_of_its_own() -> None:
    policy = PolicyBody(threshold=0.5, thresholds={"refund": 0.98})
    draft = facts(action=refund(100))
    assert evaluate(draft, policy).outcome is Outcome.ESCALATE
    assert evaluate(facts(), policy).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("amount_minor", "outcome"), [(10_000, Outcome.PASS), (10_001, Outcome.ESCALATE)]
)
def test_a_refund_of_exactly_the_limit_passes_and_one_cent_more_goes_to_a_person(
    amount_minor: int, outcome: Outcome
) -> None:
    assert evaluate(facts(action=refund(amount_minor)), HUNDRED).outcome is outcome


@given(st.integers(min_value=0, max_value=19_999))
def test_an_amount_rule_weighs_only_its_own_kind_and_only_above_its_limit(amount: int) -> None:
    assert ("refund_over_limit" in codes(facts(action=refund(amount)))) == (amount > 10_000)
    credit = refund(amount).model_copy(update={"kind": "credit"})
    assert "refund_over_limit" not in codes(facts(action=credit))


def test_a_reason_carries_value_limit_and_margin() -> None:
    by_code = {
        reason.code: reason
        for reason in evaluate(facts(action=refund(10_450), confidence=0.79), HUNDRED).reasons
    }
    over = by_code["refund_over_limit"]
    assert (over.value, over.limit, over.margin) == (10_450, 10_000, 450)
    assert "€104.50" in over.message
    assert "€100.00" in over.message
    low = by_code["confidence_below_threshold"]
    assert low.margin == pytest.approx(-0.06)


@given(st.integers(0, 40_000), st.integers(1, 40_000))
def test_money_sent_alone_today_counts_towards_the_daily_cap(spent: int, amount: int) -> None:
    draft = facts(action=refund(amount), automatic_today_minor=spent)
    capped = "daily_cap" in codes(draft, PolicyBody(daily_cap_minor=20_000))
    assert capped == (spent + amount > 20_000)


def test_a_used_up_daily_cap_does_not_stop_a_plain_reply() -> None:
    draft = facts(automatic_today_minor=99_999)
    assert evaluate(draft, PolicyBody()).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"objections": ("It names no date",)}, "critic_objects"),
        ({"concerns": ("It may be an authorisation hold",)}, "doubtful_evidence"),
        ({"is_out_of_scope": True}, "out_of_scope"),
    ],
)
def test_any_objection_sends_even_a_certain_draft_to_a_person(
    values: dict[str, Any], code: str
) -> None:
    result = evaluate(facts(confidence=1.0, **values), PolicyBody(threshold=0))
    assert result.outcome is Outcome.ESCALATE
    assert [reason.code for reason in result.reasons] == [code]


def test_a_kind_that_always_needs_a_person_never_passes() -> None:
    policy = PolicyBody(threshold=0, always_person=("refund",))
    assert evaluate(facts(action=refund(1)), policy).outcome is Outcome.ESCALATE


def test_a_block_beats_an_escalation_and_both_are_told() -> None:
    result = evaluate(facts(blocks=(REASON,), confidence=0.2), PolicyBody())
    assert result.outcome is Outcome.BLOCK
    assert [reason.code for reason in result.reasons] == [
        "recipient_mismatch",
        "confidence_below_threshold",
    ]


def test_an_amount_rule_can_block() -> None:
    rule = AmountRule(kind="refund", above_minor=50_000, outcome=Outcome.BLOCK)
    policy = PolicyBody(amount_rules=(*HUNDRED.amount_rules, rule))
    assert evaluate(facts(action=refund(50_000)), policy).outcome is Outcome.ESCALATE
    assert evaluate(facts(action=refund(50_001)), policy).outcome is Outcome.BLOCK


@given(UNIT, st.integers(0, 10**7), st.sampled_from(Outcome))
def test_risk_is_never_negative_and_grows_with_doubt(
    confidence: float, amount: int, outcome: Outcome
) -> None:
    at_stake = risk(refund(amount), confidence, outcome)
    assert 0 <= at_stake <= risk(refund(amount), confidence / 2, outcome)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, math.nan])
def test_a_policy_refuses_thresholds_outside_0_to_1(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold"):
        PolicyBody(threshold=threshold)
    with pytest.raises(ValueError, match="threshold"):
        PolicyBody(thresholds={"refund": threshold})


def several(*parts: Action) -> Action:
    return parts[0].model_copy(update={"also": parts[1:]})


def cancel() -> Action:
    return Action(kind="cancel", tool="cancel_order")


@given(st.lists(st.integers(0, 12_000), min_size=1, max_size=4))
def test_a_limit_weighs_what_all_parts_of_its_kind_move_together(amounts: list[int]) -> None:
    action = several(*(refund(amount) for amount in amounts))
    assert ("refund_over_limit" in codes(facts(action=action))) == (sum(amounts) > 10_000)
    blocking = PolicyBody(
        amount_rules=(AmountRule(kind="refund", above_minor=10_000, outcome=Outcome.BLOCK),)
    )
    is_blocked = evaluate(facts(action=action), blocking).outcome is Outcome.BLOCK
    assert is_blocked == (sum(amounts) > 10_000)


def test_a_limit_finds_its_kind_behind_another_action_too() -> None:
    assert "refund_over_limit" in codes(facts(action=several(cancel(), refund(10_001))))
    credit = refund(6_000).model_copy(update={"kind": "credit"})
    assert "refund_over_limit" not in codes(facts(action=several(credit, refund(6_000))))


@given(st.integers(0, 20_000), st.integers(0, 20_000), st.integers(0, 20_000))
def test_the_daily_cap_counts_every_part(spent: int, one: int, other: int) -> None:
    draft = facts(action=several(cancel(), refund(one), refund(other)), automatic_today_minor=spent)
    capped = "daily_cap" in codes(draft, PolicyBody(daily_cap_minor=20_000))
    assert capped == (one + other > 0 and spent + one + other > 20_000)


def test_two_people_are_needed_for_what_the_parts_move_together() -> None:
    policy = PolicyBody(two_person_above_minor=10_000)
    assert not policy.is_two_person(several(refund(5_000), refund(5_000)))
    assert policy.is_two_person(several(refund(5_000), refund(5_001)))


def test_what_needs_two_people_never_goes_out_alone() -> None:
    roomy = PolicyBody(daily_cap_minor=1_000_000)
    at, above = (
        evaluate(GateInput(action=refund(minor), confidence=0.99), roomy)
        for minor in (100_000, 100_001)
    )
    assert at.outcome is Outcome.PASS
    assert (above.outcome, [one.code for one in above.reasons]) == (
        Outcome.ESCALATE,
        ["two_people"],
    )


def test_the_strictest_part_rules_the_whole_draft() -> None:
    policy = PolicyBody(
        threshold=0.5,
        thresholds={"refund": 0.98, "cancel": 0.1},
        undo_seconds={"cancel": 60},
        delay_seconds={"refund": 30},
    )
    both = several(cancel(), refund(1))
    assert policy.threshold_for(both) == evaluate(facts(action=both), policy).threshold == 0.98
    assert (policy.undo_seconds_for(both, 10), policy.undo_seconds_for(refund(1), 10)) == (60, 10)
    assert (policy.delay_seconds_for(both), policy.delay_seconds_for(cancel())) == (30, 0)
    careful = PolicyBody(threshold=0, always_person=("refund",))
    assert codes(facts(action=both), careful) == ["always_person"]


def test_risk_weighs_the_money_of_every_part() -> None:
    whole = risk(several(cancel(), refund(40_000), refund(60_000)), 0.5, Outcome.ESCALATE)
    assert whole == risk(refund(100_000), 0.5, Outcome.ESCALATE)


def test_what_the_gate_weighed_can_be_stored_and_weighed_again() -> None:
    draft = facts(action=several(cancel(), refund(10_001)))
    again = GateInput.model_validate(draft.model_dump(mode="json"))
    assert again == draft
    assert evaluate(again, HUNDRED) == evaluate(draft, HUNDRED)


@pytest.mark.parametrize(
    "hours",
    [{"remind": 25.0}, {"due": 73.0}, {"remind": 5.0, "due": 4.0}, {"hold": 1.0}],
)
def test_a_clock_that_runs_backwards_is_refused(hours: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="reminded before it is due"):
        Sla(**hours)
