"""Taking back what was sent: by a person, once, as a new authorised action linked to the first."""

from uuid import uuid4

import gated
import pytest
from builders import NOW, refund
from delivering import (
    Books,
    answer,
    cancel_order,
    claim,
    decide,
    deliver_all,
    execute,
    gift,
    said,
    send_next,
    shop,
    statuses,
    together,
    tools_of,
    waiting,
)

from store import authorisation, deliveries, holds, interventions, reviews, undoing
from store.admission import is_reversal
from store.deliveries import Due
from store.engine import Store
from store.errors import BadInput, IllegalTransition, NotAllowed, NotFound
from store.gate import PolicyBody
from store.outputs import Reason
from store.reviews import Decided
from store.transitions import OutboxStatus, ReviewStatus, RunStatus, Verdict

LIMIT = PolicyBody().two_person_above_minor


def take_back(
    store: Store, action_id: str, person: str = "Ana", *, undo_seconds: float = 0.0, one: str = ""
) -> Decided:
    return store.transact(
        reviews.reverse,
        action_id,
        person,
        decision_id=one or uuid4().hex,
        note="wrong customer",
        now=NOW,
        undo_seconds=undo_seconds,
    )


@pytest.fixture
def done(store: Store) -> tuple[gated.Gated, Due]:
    """A run that is done, and its refund."""
    shop(store)
    case = gated.passed(store)
    refunded, _ = deliver_all(store)
    return case, refunded


async def test_a_sent_action_is_taken_back_and_the_run_is_done_again(store: Store) -> None:
    shop(store)
    case = gated.passed(store)
    tools = Books({})
    await execute(store, tools)
    refund_id = gated.entries(store, case.run_id)[0].id
    assert take_back(store, refund_id).still_needed == 0
    assert gated.status(store, case.run_id) is RunStatus.COMMITTING
    await execute(store, tools)
    assert tools.called == ["issue_refund", "send_reply", "void_refund"]
    assert tools.calls[2][1]["of"] == refund_id
    back = next(one for one in gated.entries(store, case.run_id) if one.reverses)
    assert (back.reverses, back.status, back.amount_minor) == (refund_id, OutboxStatus.SENT, 4_250)
    assert gated.status(store, case.run_id) is RunStatus.DONE
    assert gated.count(store, "step_record WHERE name = 'commit'") == 1


def test_it_is_taken_back_once(store: Store, done: tuple[gated.Gated, Due]) -> None:
    case, refunded = done
    take_back(store, refunded.id, undo_seconds=10)
    with pytest.raises(BadInput, match="being taken back already"):
        take_back(store, refunded.id, "Ben")
    store.shift_clock(11)
    assert tools_of(deliver_all(store)) == ["void_refund"]
    with pytest.raises(BadInput, match="being taken back already"):
        take_back(store, refunded.id, "Ben")
    reversal = next(one for one in gated.entries(store, case.run_id) if one.reverses)
    with pytest.raises(BadInput, match="Only an action that was sent"):
        take_back(store, reversal.id)


def test_the_same_wish_sent_again_is_the_same_wish(
    store: Store, done: tuple[gated.Gated, Due]
) -> None:
    _, refunded = done
    first = take_back(store, refunded.id, one="decision-1")
    assert take_back(store, refunded.id, one="decision-1") == first
    with pytest.raises(BadInput, match="another decision"):
        take_back(store, refunded.id, "Ben", one="decision-1")
    with pytest.raises(BadInput, match="another decision"):
        take_back(store, "another-action", one="decision-1")
    assert gated.count(store, "outbox WHERE reverses IS NOT NULL") == 1


def test_what_has_no_reversal_or_was_not_sent_is_refused(store: Store) -> None:
    shop(store)
    case = gated.passed(store, action=gift())
    waiting_entry = gated.entries(store, case.run_id)[0]
    with pytest.raises(BadInput, match="Only an action that was sent"):
        take_back(store, waiting_entry.id)
    deliver_all(store)
    with pytest.raises(BadInput, match="`ship_gift` cannot be taken back"):
        take_back(store, waiting_entry.id)
    with pytest.raises(NotFound):
        take_back(store, "no-such-action")
    with pytest.raises(NotFound):
        take_back(store, waiting_entry.id, "Nobody")
    assert gated.status(store, case.run_id) is RunStatus.DONE
    assert gated.count(store, "draft") == 1


def test_above_the_limit_it_takes_two_people(store: Store) -> None:
    shop(store)
    case = gated.case(store, action=refund(LIMIT + 1))
    decide(store, case.approve("Ana"))
    decide(store, case.approve("Ben"))
    refunded, _ = deliver_all(store)
    assert take_back(store, refunded.id, "Ana").still_needed == 1
    assert deliver_all(store) == []
    review = waiting(store, case.run_id)
    assert is_reversal(review)
    assert review.status is ReviewStatus.AWAITING_SECOND
    with pytest.raises(NotAllowed):
        decide(store, said(review, Verdict.APPROVE, "Ana"))
    with pytest.raises(BadInput, match="approve or reject"):
        decide(store, said(review, Verdict.EDIT, "Ben", reply="No"))
    answer(store, case.run_id, Verdict.APPROVE, "Ben")
    (back,) = claim(store)
    assert (back.tool, back.reverses) == ("void_refund", refunded.id)
    assert store.read(authorisation.objection, back) is None
    store.transact(deliveries.mark_sent, back, {}, latency_ms=1.0, now=NOW)
    assert gated.status(store, case.run_id) is RunStatus.DONE


def test_a_refused_wish_leaves_the_run_done(store: Store) -> None:
    shop(store)
    case = gated.case(store, action=refund(LIMIT + 1))
    decide(store, case.approve("Ana"))
    decide(store, case.approve("Ben"))
    refunded, _ = deliver_all(store)
    take_back(store, refunded.id, "Ana")
    answer(store, case.run_id, Verdict.REJECT, "Ben")
    run = gated.run(store, case.run_id)
    assert (run.status, run.error) == (RunStatus.DONE, None)
    assert deliver_all(store) == []


def test_a_wish_that_is_undone_waits_for_a_person(
    store: Store, done: tuple[gated.Gated, Due]
) -> None:
    case, refunded = done
    decided = take_back(store, refunded.id, undo_seconds=10)
    store.transact(undoing.undo, decided.decision_id, "Ana", now=NOW)
    assert is_reversal(waiting(store, case.run_id))
    store.shift_clock(60)
    assert deliver_all(store) == []
    answer(store, case.run_id, Verdict.APPROVE, "Ben")
    (back,) = deliver_all(store)
    assert back.reverses == refunded.id
    assert gated.status(store, case.run_id) is RunStatus.DONE


def test_taking_back_a_refund_stops_the_reply_that_a_hold_kept(store: Store) -> None:
    shop(store)
    case = gated.passed(store)
    refunded = send_next(store, "issue_refund")
    store.transact(holds.set_hold, person="Mo", kind=None, is_held=True, now=NOW)
    take_back(store, refunded.id, "Mo")
    store.transact(holds.set_hold, person="Mo", kind=None, is_held=False, now=NOW)
    assert tools_of(deliver_all(store)) == ["void_refund"]
    assert ("send_reply", "cancelled") in statuses(store, case.run_id)
    assert gated.status(store, case.run_id) is RunStatus.FAILED, "not everything was delivered"


def test_nothing_is_taken_back_while_a_call_of_the_run_is_under_way(store: Store) -> None:
    shop(store)
    case = gated.passed(store)
    refunded = send_next(store, "issue_refund")
    (reply,) = claim(store)
    with pytest.raises(IllegalTransition, match="being delivered right now"):
        take_back(store, refunded.id)
    store.transact(deliveries.postpone, reply, "timeout", delay_seconds=0.0)
    with pytest.raises(IllegalTransition, match="being delivered right now"):
        take_back(store, refunded.id)
    assert tools_of(deliver_all(store)) == ["send_reply"]
    take_back(store, refunded.id)
    assert gated.status(store, case.run_id) is RunStatus.COMMITTING


def test_one_action_is_taken_back_after_the_other(store: Store) -> None:
    shop(store)
    case = gated.passed(store, action=together(cancel_order(), refund()))
    cancelled, refunded, _ = deliver_all(store)
    take_back(store, refunded.id, undo_seconds=10)
    with pytest.raises(IllegalTransition, match="being delivered right now"):
        take_back(store, cancelled.id)
    store.shift_clock(11)
    deliver_all(store)
    take_back(store, cancelled.id)
    assert tools_of(deliver_all(store)) == ["restore_order"]
    assert gated.status(store, case.run_id) is RunStatus.DONE


def test_a_reversal_that_failed_is_retried_as_the_reversal_it_is(
    store: Store, done: tuple[gated.Gated, Due]
) -> None:
    case, refunded = done
    take_back(store, refunded.id)
    (back,) = claim(store)
    store.transact(deliveries.mark_failed, back, "settled already", now=NOW)
    assert gated.status(store, case.run_id) is RunStatus.FAILED
    store.transact(interventions.retry, case.run_id, person="Ben", now=NOW)
    review = waiting(store, case.run_id)
    assert is_reversal(review)
    assert review.action_id == refunded.id
    answer(store, case.run_id, Verdict.APPROVE, "Ben")
    (again,) = claim(store)
    assert (again.tool, again.reverses) == ("void_refund", refunded.id)
    assert store.read(authorisation.objection, again) is None
    store.transact(deliveries.mark_sent, again, {}, latency_ms=1.0, now=NOW)
    assert gated.status(store, case.run_id) is RunStatus.DONE
    with pytest.raises(BadInput, match="being taken back already"):
        take_back(store, refunded.id)


def test_a_reversal_whose_world_moved_comes_back_as_the_reversal_it_is(
    store: Store, done: tuple[gated.Gated, Due]
) -> None:
    case, refunded = done
    take_back(store, refunded.id)
    (back,) = claim(store)
    moved = Reason(code="changed", message="Changed since this was decided")
    store.transact(deliveries.mark_stale, back, moved, {}, now=NOW)
    assert waiting(store, case.run_id).action_id == refunded.id
    answer(store, case.run_id, Verdict.APPROVE, "Ben")
    (again,) = deliver_all(store)
    assert again.reverses == refunded.id
    assert gated.status(store, case.run_id) is RunStatus.DONE


def test_a_run_whose_doubtful_action_was_taken_back_is_retried_as_a_whole(store: Store) -> None:
    shop(store)
    case = gated.passed(store)
    (due,) = claim(store)
    store.transact(deliveries.mark_unknown, due, "no answer", now=NOW)
    answer(store, case.run_id, Verdict.REVERSE)
    deliver_all(store)
    store.transact(interventions.retry, case.run_id, person="Ben", now=NOW)
    assert waiting(store, case.run_id).payload_digest == case.digest
    answer(store, case.run_id, Verdict.APPROVE, "Ben")
    assert tools_of(deliver_all(store)) == ["issue_refund", "send_reply"]
    assert gated.status(store, case.run_id) is RunStatus.DONE


@pytest.mark.parametrize("verdict", [Verdict.HAPPENED, Verdict.SEND_AGAIN])
def test_an_unknown_reversal_is_asked_and_answered(
    store: Store, done: tuple[gated.Gated, Due], verdict: Verdict
) -> None:
    case, refunded = done
    take_back(store, refunded.id)
    (back,) = claim(store)
    store.transact(deliveries.mark_unknown, back, "no answer", now=NOW)
    answer(store, case.run_id, verdict, "Ben")
    if verdict is Verdict.SEND_AGAIN:
        (again,) = claim(store)
        assert (again.tool, again.body, again.reverses) == (back.tool, back.body, refunded.id)
        assert again.id != back.id
        assert store.read(authorisation.objection, again) is None
        store.transact(deliveries.mark_sent, again, {}, latency_ms=1.0, now=NOW)
    assert claim(store) == []
    assert gated.status(store, case.run_id) is RunStatus.DONE
