"""How long a decision can be undone, and how long a pass waits: by action kind, by the policy."""

from datetime import timedelta

import gated
import pytest
from builders import NOW, refund
from delivering import answer, cancel_order, claim, decide, deliver_all, shop, together

from store import deliveries, reviews, undoing
from store.actions import reply_only
from store.engine import Store
from store.errors import UndoTooLate
from store.gate import PolicyBody
from store.transitions import OutboxStatus, Verdict

BY_KIND = PolicyBody(
    undo_seconds={"refund": 60, "reply_only": 0}, delay_seconds={"refund": 30, "cancel_order": 5}
)


def due_in(store: Store) -> float:
    wait = store.read(deliveries.next_due_seconds)
    assert wait is not None
    return wait


@pytest.mark.parametrize(
    ("kind", "seconds"), [("refund", 60), ("reply_only", 0), ("cancel_order", 10)]
)
def test_the_window_of_a_decision_is_that_of_its_kind_else_ten_seconds(
    store: Store, kind: str, seconds: int
) -> None:
    shop(store, policy=BY_KIND)
    action = {"refund": refund(), "reply_only": reply_only("C-1"), "cancel_order": cancel_order()}
    case = gated.case(store, action=action[kind])
    decided = decide(store, case.approve(), undo_seconds=10)
    assert decided.undo_until == NOW + timedelta(seconds=seconds)
    assert due_in(store) == pytest.approx(seconds, abs=2)


def test_of_several_kinds_the_longest_window_counts(store: Store) -> None:
    shop(store, policy=BY_KIND)
    case = gated.case(store, action=together(cancel_order(), refund()))
    decided = decide(store, case.approve(), undo_seconds=10)
    assert decided.undo_until == NOW + timedelta(seconds=60)


@pytest.mark.parametrize(("seconds", "is_due"), [(59, False), (61, True)])
def test_nothing_is_due_before_the_window_is_over(store: Store, seconds: int, is_due: bool) -> None:
    shop(store, policy=BY_KIND)
    decide(store, gated.case(store).approve())
    store.shift_clock(seconds)
    assert bool(claim(store)) is is_due


def test_a_pass_waits_as_long_as_the_policy_delays_its_kind(store: Store) -> None:
    shop(store, policy=BY_KIND)
    gated.passed(store, action=together(cancel_order(), refund()))
    assert claim(store) == []
    assert due_in(store) == pytest.approx(30, abs=2)
    store.shift_clock(31)
    assert len(deliver_all(store)) == 3


def test_a_pass_of_any_other_kind_is_due_at_once(store: Store) -> None:
    shop(store, policy=BY_KIND)
    gated.passed(store, action=reply_only("C-1"))
    assert len(claim(store)) == 1


def test_an_undo_in_the_window_ends_with_nothing_sent(store: Store) -> None:
    shop(store, policy=BY_KIND)
    case = gated.case(store)
    decided = decide(store, case.approve())
    store.transact(undoing.undo, decided.decision_id, "Ana", now=NOW + timedelta(seconds=59))
    store.shift_clock(3_600)
    assert deliver_all(store) == []
    assert {one.status for one in gated.entries(store, case.run_id)} == {OutboxStatus.CANCELLED}


def test_a_delivery_that_may_have_happened_is_never_told_undone(store: Store) -> None:
    """The clock of whoever undoes may be behind; the attempt counts, not the clock."""
    case = gated.case(store)
    decided = decide(store, case.approve(), undo_seconds=10)
    store.shift_clock(11)
    (due,) = claim(store)
    store.transact(deliveries.postpone, due, "timeout", delay_seconds=60)
    assert gated.entries(store, case.run_id)[0].status is OutboxStatus.PENDING
    with pytest.raises(UndoTooLate, match="delivery has begun"):
        store.transact(undoing.undo, decided.decision_id, "Ana", now=NOW)
    assert gated.count(store, "undo") == 0


def test_an_older_decision_is_not_undone_past_a_newer_one(store: Store) -> None:
    """A refused wish to reverse, then a granted one: undoing the first leaves the second alone."""
    shop(store)
    case = gated.passed(store)
    refund_id = deliver_all(store)[0].id

    def wish(person: str) -> str:
        one = f"wish-of-{person}"
        store.transact(reviews.reverse, refund_id, person, decision_id=one, now=NOW)
        return one

    first = wish("Ana")
    store.transact(undoing.undo, first, "Ana", now=NOW)
    refused = answer(store, case.run_id, Verdict.REJECT, "Ben")
    wish("Mo")
    with pytest.raises(UndoTooLate, match="Somebody else"):
        store.transact(undoing.undo, refused.decision_id, "Ben", now=NOW)
    back = [one.status for one in gated.entries(store, case.run_id) if one.tool == "void_refund"]
    assert back == [OutboxStatus.CANCELLED, OutboxStatus.PENDING]
