"""Deciding too late: which review stands in this one's place, and what its draft says otherwise."""

from datetime import datetime

import gated
import pytest
from builders import refund
from delivering import decide, shop

from store.engine import Store
from store.errors import NotFound, StaleReview
from store.gate import PolicyBody
from store.reports import changes

LIMIT = PolicyBody().two_person_above_minor


def test_an_edit_that_needs_others_puts_a_new_review_in_the_old_ones_place(
    store: Store, now: datetime
) -> None:
    shop(store)
    action = refund(LIMIT + 1)
    case = gated.case(store, action=action)
    edited = {**action.args, "amount_minor": LIMIT + 500}
    decide(store, case.edit("Ben", reply="Sorry, we erred.", args=edited))
    after = store.read(changes.successor, case.review_id)
    assert after is not None
    assert after != case.review_id
    with pytest.raises(StaleReview):
        decide(store, case.approve("Ana"))
    change = store.read(changes.between, case.draft_id, gated.review(store, after).draft_id)
    assert (change.revision_before, change.revision_after, change.author) == (1, 2, "Ben")
    assert (change.reply_before, change.reply_after) == (gated.REPLY, "Sorry, we erred.")
    assert change.arguments == (
        changes.ArgumentChange("issue_refund", "amount_minor", LIMIT + 1, LIMIT + 500),
    )


def test_a_decided_case_has_no_successor(store: Store, now: datetime) -> None:
    case = gated.case(store)
    decide(store, case.reject("Ben"))
    assert store.read(changes.successor, case.review_id) is None
    assert store.read(changes.successor, 999) is None


def test_a_draft_is_no_different_from_itself(store: Store) -> None:
    case = gated.case(store)
    change = store.read(changes.between, case.draft_id, case.draft_id)
    assert change.arguments == ()
    assert change.reply_before == change.reply_after
    with pytest.raises(NotFound):
        store.read(changes.between, case.draft_id, 999)


def test_dropping_the_action_shows_each_argument_going(store: Store, now: datetime) -> None:
    case = gated.case(store)
    decide(store, case.edit("Ben", reply="We will call you.", is_answer_only=True))
    drafts = gated.drafts(store, case.run_id)
    assert drafts[1].id is not None
    change = store.read(changes.between, case.draft_id, drafts[1].id)
    assert {one.name: (one.before, one.after) for one in change.arguments} == {
        "customer_id": ("C-1", None),
        "order_id": ("O-1", None),
        "amount_minor": (4_250, None),
    }
