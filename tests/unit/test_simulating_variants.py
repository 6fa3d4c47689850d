"""The four variants as walks: who is asked again, who gets it, and what stops a fault."""

import math
from typing import Any

import pytest

from agents.demo.tickets import DemoTicket
from agents.simulating.draws import STEPS, Dice
from agents.simulating.variants import Attempt, Case, End, Gate, Walk, alone, gated, threshold_for

GATE = Gate(threshold=0.5)
NOTHING: Any = None  # drafts and tickets, which no walk looks at


def attempt(score: float = 1.0, *faults: str, objected: bool = False, same: bool = True) -> Attempt:
    return Attempt(NOTHING, dict.fromkeys(faults, 0), True, score, objected, same)


def case(*attempts: Attempt) -> Case:
    ticket: DemoTicket = NOTHING
    return Case(ticket, None, attempts, is_base_right=True, is_base_whole=True)


def test_a_chain_alone_sends_whatever_it_drafted() -> None:
    assert alone(case(attempt(-math.inf, "intent", objected=True))) == Walk(End.COMMITTED)


def test_a_chain_alone_delivers_a_wrong_argument_and_drops_what_its_gate_refuses() -> None:
    assert alone(case(attempt(1, "commit"))).end is End.COMMITTED
    assert alone(case(attempt(1, "gate"))).end is End.STOPPED


def test_retries_draft_anew_what_is_objected_to_and_at_last_send_it() -> None:
    twice = case(attempt(objected=True), attempt(), attempt())
    assert alone(twice, 2) == Walk(End.COMMITTED, attempt=1, tried=2)
    stubborn = case(attempt(objected=True), attempt(objected=True))
    assert alone(stubborn, 1) == Walk(End.COMMITTED, attempt=1, tried=2)


def test_retries_make_a_wrong_call_up_anew_and_send_none_that_stays_wrong() -> None:
    mended = case(attempt(1, "commit"), attempt())
    assert alone(mended, 1) == Walk(End.COMMITTED, 0, delivery=1, caught=("commit",))
    assert alone(case(attempt(1, "commit"), attempt(1, "commit")), 1).end is End.STOPPED


def test_the_gate_hands_a_person_what_is_not_above_its_threshold() -> None:
    assert gated(case(attempt(0.51)), GATE).end is End.COMMITTED
    assert gated(case(attempt(0.5)), GATE).end is End.ESCALATED
    assert gated(case(attempt(-math.inf)), Gate(-math.inf)).end is End.ESCALATED


def test_a_wrong_verdict_costs_a_person_and_lets_nothing_out() -> None:
    assert gated(case(attempt(0.9, "gate")), GATE) == Walk(End.ESCALATED)
    passed = gated(case(attempt(0.1, "gate")), GATE)
    assert passed == Walk(End.ESCALATED, caught=("gate",))


def test_a_wrong_argument_behind_the_gate_goes_to_a_person_or_is_made_up_anew() -> None:
    assert gated(case(attempt(0.9, "commit")), GATE).end is End.ESCALATED
    walk = gated(case(attempt(0.9, "commit"), attempt(0.9)), GATE, retries=1)
    assert walk == Walk(End.COMMITTED, 0, delivery=1, caught=("commit",))


def test_a_flagged_draft_is_drafted_anew_before_a_person_gets_it() -> None:
    again = case(attempt(0.1), attempt(0.9))
    assert gated(again, GATE, 1) == Walk(End.COMMITTED, attempt=1, tried=2)
    assert gated(again, GATE, 0).end is End.ESCALATED
    assert gated(case(attempt(0.1), attempt(0.2)), GATE, 1) == Walk(End.ESCALATED, 1, tried=2)


def test_a_gate_that_asks_twice_flags_what_a_second_draft_contradicts() -> None:
    doubtful = case(attempt(0.9, same=False))
    assert gated(doubtful, GATE).end is End.COMMITTED
    assert gated(doubtful, Gate(0.5, asks_twice=True)).end is End.ESCALATED


@pytest.mark.parametrize(("share", "escalated"), [(0.0, 1), (0.1, 1), (0.25, 2), (0.5, 5), (1, 10)])
def test_the_threshold_escalates_at_most_the_share_unless_rules_alone_exceed_it(
    share: float, escalated: int
) -> None:
    scores = [-math.inf, 0.1, 0.2, 0.2, 0.2, 0.5, 0.6, 0.7, 0.8, 0.9]
    cases = [case(attempt(score)) for score in scores]
    gate = Gate(threshold_for(cases, share, 0))
    ends = [gated(one, gate).end for one in cases]
    assert ends.count(End.ESCALATED) == escalated


def test_the_threshold_counts_what_retries_save_and_what_faults_cost() -> None:
    cases = [
        case(attempt(0.1), attempt(0.9)),
        case(attempt(0.9, "gate"), attempt(0.3)),
        case(attempt(0.2), attempt(0.2)),
        case(attempt(0.9, "commit"), attempt(0.9, "commit")),
    ]
    gate = Gate(threshold_for(cases, 0.5, 1))
    ends = [gated(one, gate, 1).end for one in cases]
    assert ends == [End.COMMITTED, End.COMMITTED, End.ESCALATED, End.ESCALATED]


def test_faults_are_drawn_at_the_stated_rate_and_independently() -> None:
    dice = Dice(seed=3, rate=0.1)
    drawn = [dice.drawn(f"t-{number}", 0) for number in range(4_000)]
    for step in STEPS:
        assert 0.08 < sum(step in one for one in drawn) / len(drawn) < 0.12
    assert 0.50 < sum(not one for one in drawn) / len(drawn) < 0.56  # 0.9 ** 6 = 0.531


def test_repeated_faults_are_the_first_ones_and_others_are_drawn_afresh() -> None:
    always, never = Dice(3, 0.2, repeat=1.0), Dice(3, 0.2)
    tickets = [f"t-{number}" for number in range(200)]
    assert all(
        always.drawn(one, 5) == always.drawn(one, 0) == never.drawn(one, 0) for one in tickets
    )
    assert any(never.drawn(one, 5).keys() != never.drawn(one, 0).keys() for one in tickets)
    assert all(set(never.drawn(one, 5).values()) <= {5} for one in tickets)


def test_another_seed_draws_other_faults() -> None:
    tickets = [f"t-{number}" for number in range(200)]
    assert [Dice(1, 0.2).drawn(one, 0) for one in tickets] != [
        Dice(2, 0.2).drawn(one, 0) for one in tickets
    ]
