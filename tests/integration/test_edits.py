"""A person's edit: a revision of its own, checked like a model's, with the money read anew."""

from datetime import datetime
from typing import Any

import builders
import gated
import pytest
from builders import NOW

from store import authorisation, deliveries, reviews
from store.actions import Action, as_json, reply_only
from store.engine import Store
from store.errors import BadInput
from store.transitions import ReviewStatus

ARGS = {"customer_id": "C-1", "order_id": "O-1", "amount_minor": 4_250}


def test_an_edit_makes_a_second_revision_by_that_person(store: Store, now: datetime) -> None:
    case = gated.case(store)
    request = case.edit("Ana", reply="Here is half of it.", args={**ARGS, "amount_minor": 2_000})
    store.transact(reviews.decide, request, now=now)
    made, edited = gated.drafts(store, case.run_id)
    assert (made.revision, made.author, made.digest) == (1, "model:local", case.digest)
    assert (edited.revision, edited.author) == (2, "Ana")
    assert Action.model_validate(edited.action).amount_minor == 2_000
    action, reply = gated.entries(store, case.run_id)
    assert (action.draft_id, action.amount_minor) == (edited.id, 2_000)
    assert "Here is half of it." in reply.body


def test_an_edit_of_the_words_alone_leaves_the_action_as_it_was(
    store: Store, now: datetime
) -> None:
    case = gated.case(store)
    store.transact(reviews.decide, case.edit(reply="Dear customer"), now=now)
    _, edited = gated.drafts(store, case.run_id)
    assert edited.action == as_json(builders.refund())


def test_an_edited_draft_is_what_the_executor_finds_authorised(store: Store, now: datetime) -> None:
    case = gated.case(store)
    request = case.edit(args={**ARGS, "amount_minor": 100})
    store.transact(reviews.decide, request, now=now, undo_seconds=0)
    (due,) = store.transact(deliveries.claim, "x", limit=9, lease_seconds=60, now=NOW)
    assert store.read(authorisation.objection, due) is None


@pytest.mark.parametrize(
    ("args", "word"),
    [
        ({"amount_minor": "lots"}, "amount_minor"),
        ({"amount_minor": 0}, "amount_minor"),
        ({"amount_minor": -5}, "amount_minor"),
        ({"amount_minor": 12.5}, "amount_minor"),
        ({"amount_minor": 4251.0}, "amount_minor"),
        ({"amount_minor": True}, "amount_minor"),
        ({"order_id": None}, "order_id"),
        ({"bcc": "thief"}, "bcc"),
        ({"idempotency_key": "mine"}, "idempotency_key"),
    ],
)
def test_arguments_the_tool_would_refuse_are_refused_at_once(
    store: Store, now: datetime, args: dict[str, Any], word: str
) -> None:
    case = gated.case(store)
    with pytest.raises(BadInput, match=word):
        store.transact(reviews.decide, case.edit(args={**ARGS, **args}), now=now)
    assert gated.review(store, case.review_id).status is ReviewStatus.OPEN
    assert len(gated.drafts(store, case.run_id)) == 1


@pytest.mark.parametrize("customer", ["C-2", None, ""])
def test_the_customer_of_an_action_cannot_be_edited(
    store: Store, now: datetime, customer: str | None
) -> None:
    case = gated.case(store)
    with pytest.raises(BadInput, match="customer"):
        store.transact(reviews.decide, case.edit(args={**ARGS, "customer_id": customer}), now=now)


def test_an_edit_that_changes_nothing_is_refused(store: Store, now: datetime) -> None:
    case = gated.case(store)
    with pytest.raises(BadInput, match="Nothing was edited"):
        store.transact(reviews.decide, case.edit(), now=now)


def test_a_draft_that_only_replies_has_no_arguments_to_edit(store: Store, now: datetime) -> None:
    case = gated.case(store, action=reply_only("C-1"))
    with pytest.raises(BadInput, match="only replies"):
        store.transact(reviews.decide, case.edit(args={"amount_minor": 1}), now=now)


def test_an_answer_without_the_action_keeps_the_customer(store: Store, now: datetime) -> None:
    case = gated.case(store)
    store.transact(reviews.decide, case.edit(is_answer_only=True), now=now)
    _, edited = gated.drafts(store, case.run_id)
    assert Action.model_validate(edited.action) == reply_only("C-1")


def test_a_reply_with_characters_no_database_takes_is_cleaned_not_lost(
    store: Store, now: datetime
) -> None:
    case = gated.case(store)
    store.transact(reviews.decide, case.edit(reply="Dear \ud800Ana\x00"), now=now)
    assert gated.drafts(store, case.run_id)[1].reply == "Dear ?Ana"


def test_an_edit_never_rewrites_what_the_gate_had_judged(store: Store, now: datetime) -> None:
    case = gated.case(store)
    store.transact(reviews.decide, case.edit(reply="Dear customer"), now=now)
    made, edited = gated.drafts(store, case.run_id)
    assert made.gate_input["confidence"] == edited.gate_input["confidence"] == 0.70
    assert gated.review(store, case.review_id).payload_digest == made.digest
