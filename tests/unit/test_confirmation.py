"""What has to be typed before an approval counts, and when one key is enough."""

import pytest
from builders import refund

from store.actions import Action, reply_only
from store.confirmation import is_given, required
from store.gate import PolicyBody

POLICY = PolicyBody(two_person_above_minor=100_000)
CANCEL = Action(kind="cancel_order", tool="cancel_order", args={"order_id": "O-1"})


def test_small_actions_that_can_be_taken_back_take_one_key() -> None:
    assert required(refund(100_000), POLICY, {"issue_refund"}) is None
    assert required(reply_only("C-1"), POLICY, ()) is None


def test_money_above_the_two_person_limit_is_typed_exactly() -> None:
    assert required(refund(100_001), POLICY, {"issue_refund"}) == "1000.01"


def test_money_that_cannot_be_taken_back_is_typed_exactly() -> None:
    assert required(refund(4_250), POLICY, ()) == "42.50"


def test_an_action_without_money_is_named() -> None:
    assert required(CANCEL, POLICY, ()) == "cancel order"
    assert required(CANCEL, POLICY, {"cancel_order"}) is None


def test_one_irreversible_part_is_enough() -> None:
    both = refund(4_250).model_copy(
        update={"also": (CANCEL.model_copy(update={"customer_id": "C-1"}),)}
    )
    assert required(both, POLICY, {"issue_refund"}) == "42.50"
    assert required(both, POLICY, {"issue_refund", "cancel_order"}) is None


@pytest.mark.parametrize("typed", ["cancel order", " Cancel Order \n"])
def test_case_and_outer_spaces_do_not_matter(typed: str) -> None:
    assert is_given(typed, "cancel order")


@pytest.mark.parametrize("typed", [None, "", "1000", "1000.1", "1,000.01", "1000.01 €"])
def test_anything_else_is_not_what_was_asked_for(typed: str | None) -> None:
    assert not is_given(typed, "1000.01")


def test_nothing_asked_for_nothing_to_type() -> None:
    assert is_given(None, None)
