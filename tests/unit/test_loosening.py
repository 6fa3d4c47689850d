"""Loosening: whatever would let more out alone, or watch less, is named with both values."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.actions import Action
from store.gate import AmountRule, GateInput, PolicyBody, Promise, Sla, evaluate
from store.loosening import changes, loosened
from store.transitions import Outcome

KINDS = ("refund", "voucher", "close_account")
STRICT = PolicyBody(
    threshold=0.85,
    thresholds={"refund": 0.9},
    amount_rules=(
        AmountRule(kind="refund", above_minor=10_000),
        AmountRule(kind="refund", above_minor=50_000, outcome=Outcome.BLOCK),
    ),
    always_person=("close_account",),
    undo_seconds={"refund": 30.0},
    delay_seconds={"refund": 3600.0},
    needs_second_manager=True,
    promises={"*": Promise(max_error=0.02), "refund": Promise(max_error=0.01)},
)
LOOSER: list[tuple[str, dict[str, Any], str]] = [
    ("threshold", {"threshold": 0.8}, "Threshold 0.85 → 0.80"),
    ("thresholds", {"thresholds": {"refund": 0.875}}, "Threshold for refund 0.90 → 0.875"),
    ("thresholds", {"thresholds": {}}, "Threshold for refund 0.90 → 0.85"),
    (
        "amount_rules",
        {"amount_rules": (STRICT.amount_rules[1],)},
        "Refund goes out alone up to €100.00 → €500.00",
    ),
    (
        "amount_rules",
        {"amount_rules": (STRICT.amount_rules[0],)},
        "Refund is not blocked up to €500.00 → any amount",
    ),
    (
        "daily_cap_minor",
        {"daily_cap_minor": 30_000},
        "Alone per customer and day at most €200.00 → €300.00",
    ),
    (
        "two_person_above_minor",
        {"two_person_above_minor": 200_000},
        "Two people must approve above €1,000.00 → €2,000.00",
    ),
    (
        "always_person",
        {"always_person": ()},
        "Close account: always to a person → alone within the rules",
    ),
    ("audit_rate", {"audit_rate": 0.005}, "Audited blind 2 % → 0.5 %"),
    ("currency", {"currency": "JPY"}, "Amounts are in EUR → JPY"),
    ("undo_seconds", {"undo_seconds": {}}, "Undo window of refund 30 s → 10 s"),
    ("undo_seconds", {"undo_seconds": {"refund": 0.0}}, "Undo window of refund 30 s → 0 s"),
    ("delay_seconds", {"delay_seconds": {}}, "Delay before sending alone: refund 1 h → 0 s"),
    (
        "sla",
        {"sla": Sla(remind=20.0)},
        "People are reminded of a waiting card after 18 h → 20 h",
    ),
    ("sla", {"sla": Sla(due=48.0)}, "A waiting card is overdue after 24 h → 48 h"),
    ("sla", {"sla": Sla(hold=100.5)}, "Only a manager decides a waiting card after 72 h → 100.5 h"),
    (
        "needs_second_manager",
        {"needs_second_manager": False},
        "A second manager must agree to loosen: yes → no",
    ),
    (
        "promises",
        {"promises": {"refund": Promise(max_error=0.01)}},
        "Promise for everything: at most 2 % wrong, 95 % sure → none",
    ),
    (
        "promises",
        {"promises": {**STRICT.promises, "refund": Promise(max_error=0.015)}},
        "Promise for refund: at most 1 % wrong, 95 % sure → at most 1.5 % wrong, 95 % sure",
    ),
    (
        "promises",
        {"promises": {**STRICT.promises, "refund": Promise(max_error=0.01, assurance=0.9)}},
        "Promise for refund: at most 1 % wrong, 95 % sure → at most 1 % wrong, 90 % sure",
    ),
]


@pytest.mark.parametrize(("update", "words"), [one[1:] for one in LOOSER])
def test_each_loosening_is_named_with_both_values_and_undoing_it_is_none(
    update: dict[str, Any], words: str
) -> None:
    looser = STRICT.model_copy(update=update)
    assert words in loosened(STRICT, looser)
    assert words not in loosened(looser, STRICT)
    assert len(changes(looser, STRICT)) == len(changes(STRICT, looser)) > 0


def test_every_field_of_a_policy_is_compared() -> None:
    assert {field for field, _, _ in LOOSER} == set(PolicyBody.model_fields)


def test_a_stricter_policy_is_no_loosening() -> None:
    stricter = STRICT.model_copy(
        update={
            "threshold": 0.9,
            "always_person": ("close_account", "voucher"),
            "audit_rate": 0.1,
            "amount_rules": (*STRICT.amount_rules, AmountRule(kind="voucher", above_minor=0)),
            "sla": Sla(remind=1.0, due=2.0, hold=3.0),
        }
    )
    assert loosened(STRICT, stricter) == ()
    assert len(changes(STRICT, stricter)) == 7


def test_a_kind_that_gets_a_lower_threshold_of_its_own_is_a_loosening() -> None:
    found = loosened(PolicyBody(), PolicyBody(thresholds={"voucher": 0.5}))
    assert found == ("Threshold for voucher 0.85 → 0.50",)


def test_a_default_that_falls_is_a_loosening_for_every_kind_that_follows_it() -> None:
    before = PolicyBody(thresholds={"refund": 0.95})
    after = PolicyBody(threshold=0.8, thresholds={"voucher": 0.82})
    assert loosened(before, after) == (
        "Threshold 0.85 → 0.80",
        "Threshold for refund 0.95 → 0.80",
        "Threshold for voucher 0.85 → 0.82",
    )


def test_what_says_the_same_in_other_words_changes_nothing() -> None:
    again = STRICT.model_copy(
        update={
            "thresholds": {"refund": 0.9, "voucher": 0.85},
            "amount_rules": (
                *reversed(STRICT.amount_rules),
                AmountRule(kind="refund", above_minor=20_000),
            ),
            "undo_seconds": {"refund": 30.0, "voucher": 10.0},
        }
    )
    assert changes(STRICT, again) == changes(again, STRICT) == ()


_unit = st.sampled_from((0.0, 0.5, 0.8, 0.85, 0.9, 1.0))
_minor = st.sampled_from((0, 100, 5_000, 10_000, 20_000))
_kind = st.sampled_from(KINDS)
_policies = st.builds(
    PolicyBody,
    threshold=_unit,
    thresholds=st.dictionaries(_kind, _unit, max_size=2),
    amount_rules=st.lists(
        st.builds(
            AmountRule,
            kind=_kind,
            above_minor=_minor,
            outcome=st.sampled_from((Outcome.ESCALATE, Outcome.BLOCK)),
        ),
        max_size=3,
    ).map(tuple),
    always_person=st.lists(_kind, max_size=2).map(tuple),
    daily_cap_minor=_minor,
    two_person_above_minor=_minor,
)
_fields = st.sets(st.sampled_from(tuple(PolicyBody.model_fields)), min_size=1, max_size=2)
_pairs = st.builds(
    lambda before, other, fields: (
        before,
        before.model_copy(update={field: getattr(other, field) for field in fields}),
    ),
    _policies,
    _policies,
    _fields,
) | st.tuples(_policies, _policies)
_acts = st.builds(
    lambda kind, amount: Action(kind=kind, tool=kind, amount_minor=amount, currency="EUR"),
    _kind,
    st.none() | st.sampled_from((1, 100, 101, 5_001, 15_000)),
)
_actions = st.builds(
    lambda first, also: first.model_copy(update={"also": tuple(also)}),
    _acts,
    st.lists(_acts, max_size=2),
)
_drafts = st.builds(
    GateInput,
    action=_actions,
    confidence=st.sampled_from((0.6, 0.82, 0.87, 0.97)),
    automatic_today_minor=st.sampled_from((0, 0, 0, 4_000)),
)


@settings(max_examples=1000, deadline=None)
@given(pair=_pairs, draft=_drafts)
def test_whatever_passes_only_now_was_called_a_loosening(
    pair: tuple[PolicyBody, PolicyBody], draft: GateInput
) -> None:
    before, after = pair
    rank = {Outcome.BLOCK: 0, Outcome.ESCALATE: 1, Outcome.PASS: 2}
    was, now = evaluate(draft, before).outcome, evaluate(draft, after).outcome
    if rank[now] > rank[was]:
        assert loosened(before, after)
    if not changes(before, after):
        assert now is was


@given(policy=_policies)
def test_a_policy_is_no_change_against_itself(policy: PolicyBody) -> None:
    assert changes(policy, policy) == ()


def test_a_promise_that_is_made_or_tightened_is_no_loosening() -> None:
    made = {"promises": {"*": Promise(max_error=0.01), "voucher": Promise(max_error=0.05)}}
    before = PolicyBody(promises={"*": Promise(max_error=0.02)})
    assert loosened(before, before.model_copy(update=made)) == ()
    assert loosened(PolicyBody(), PolicyBody(**made)) == ()
