"""The two-person rule: above the limit two distinct people approve the same revision, or nobody."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier
from typing import Any

import gated
import pytest
from builders import NOW, refund
from delivering import answer, claim, decide, deliver_all, said, shop, statuses, tools_of, waiting
from sqlmodel import Session

from store import authorisation, deliveries, interventions, undoing
from store.engine import Store
from store.errors import AlreadyDecided, GreenlightError, NotAllowed, StaleReview, UndoTooLate
from store.gate import PolicyBody
from store.outputs import Reason
from store.reviews import Decided
from store.settings import Settings
from store.transitions import ReviewKind, ReviewStatus, RunStatus, Verdict

LIMIT = PolicyBody().two_person_above_minor
ABOVE = refund(LIMIT + 1)
EDITED = {**ABOVE.args, "amount_minor": LIMIT + 500}
TRIES = 200


@pytest.fixture
def case(store: Store) -> gated.Gated:
    """A refund of one cent above the limit, waiting for people."""
    shop(store)
    return gated.case(store, action=ABOVE)


def test_exactly_at_the_limit_one_person_is_enough(store: Store) -> None:
    case = gated.case(store, action=refund(LIMIT))
    assert decide(store, case.approve()).still_needed == 0
    assert tools_of(deliver_all(store)) == ["issue_refund", "send_reply"]


def test_the_first_approval_authorises_nothing_and_waits(store: Store, case: gated.Gated) -> None:
    assert decide(store, case.approve("Ana")).still_needed == 1
    assert gated.review(store, case.review_id).status is ReviewStatus.AWAITING_SECOND
    assert gated.status(store, case.run_id) is RunStatus.AWAITING_REVIEW
    assert gated.entries(store, case.run_id) == []
    assert gated.count(store, "label") == 0


def test_the_second_approval_delivers_once(store: Store, case: gated.Gated) -> None:
    decide(store, case.approve("Ana"))
    assert decide(store, case.approve("Ben")).still_needed == 0
    (due,) = claim(store)
    assert store.read(authorisation.objection, due) is None
    store.transact(deliveries.mark_sent, due, {}, latency_ms=1.0, now=NOW)
    assert tools_of(deliver_all(store)) == ["send_reply"]
    assert gated.status(store, case.run_id) is RunStatus.DONE
    with pytest.raises(AlreadyDecided, match="Ben"):
        decide(store, case.approve("Mo"))


@pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.REJECT])
def test_the_same_person_never_counts_twice(
    store: Store, case: gated.Gated, verdict: Verdict
) -> None:
    first = case.approve("Ana")
    decide(store, first)
    with pytest.raises(NotAllowed, match="undo it first"):
        decide(store, case.verdict(verdict, "Ana", reason_code="wrong_facts"))
    assert decide(store, first).still_needed == 1, "a resend is the same decision"
    assert gated.count(store, "decision") == 1
    assert gated.entries(store, case.run_id) == []


def test_a_rejection_by_the_second_ends_it(store: Store, case: gated.Gated) -> None:
    decide(store, case.approve("Ana"))
    decide(store, case.reject("Ben"))
    assert gated.status(store, case.run_id) is RunStatus.REJECTED
    assert gated.entries(store, case.run_id) == []


def test_an_edit_above_the_limit_voids_the_approval_and_needs_two_others(
    store: Store, case: gated.Gated
) -> None:
    decide(store, case.approve("Ana"))
    edit = case.edit("Ben", args=EDITED)
    assert decide(store, edit).still_needed == 2
    assert decide(store, edit).still_needed == 2, "a resend is the same decision"
    assert gated.review(store, case.review_id).status is ReviewStatus.SUPERSEDED
    review = waiting(store, case.run_id)
    assert review.revision == 2
    with pytest.raises(NotAllowed, match="somebody else"):
        decide(store, said(review, Verdict.APPROVE, "Ben"))
    with pytest.raises(StaleReview):
        decide(store, case.approve("Mo"))
    assert decide(store, said(review, Verdict.APPROVE, "Ana")).still_needed == 1
    assert gated.entries(store, case.run_id) == []
    decide(store, said(review, Verdict.APPROVE, "Mo"))
    (due,) = claim(store)
    assert store.read(authorisation.objection, due) is None
    assert f'"amount_minor":{LIMIT + 500}' in due.body


def test_an_edit_down_to_the_limit_needs_nobody_else(store: Store, case: gated.Gated) -> None:
    decide(store, case.approve("Ana"))
    edit = case.edit("Ben", args={**EDITED, "amount_minor": LIMIT})
    assert decide(store, edit).still_needed == 0
    (due,) = claim(store)
    assert store.read(authorisation.objection, due) is None


def test_an_edit_above_the_limit_from_below_needs_two_others(store: Store) -> None:
    case = gated.case(store, action=refund(100))
    assert decide(store, case.edit("Ana", args=EDITED)).still_needed == 2
    assert gated.entries(store, case.run_id) == []


def test_a_first_approval_can_be_undone_and_given_again(store: Store, case: gated.Gated) -> None:
    decided = decide(store, case.approve("Ana"))
    later = NOW + timedelta(hours=1)
    again = store.transact(undoing.undo, decided.decision_id, "Ana", now=later)
    assert gated.review(store, case.review_id).status is ReviewStatus.SUPERSEDED
    review = waiting(store, case.run_id)
    assert (review.id, review.status) == (again, ReviewStatus.OPEN)
    assert decide(store, said(review, Verdict.APPROVE, "Ben")).still_needed == 1
    assert decide(store, said(review, Verdict.APPROVE, "Ana")).still_needed == 0


def test_a_first_approval_cannot_be_undone_after_the_second(
    store: Store, case: gated.Gated
) -> None:
    first = decide(store, case.approve("Ana"), undo_seconds=10)
    second = decide(store, case.approve("Ben"), undo_seconds=10)
    with pytest.raises(UndoTooLate, match="Somebody else"):
        store.transact(undoing.undo, first.decision_id, "Ana", now=NOW)
    store.transact(undoing.undo, second.decision_id, "Ben", now=NOW)
    assert decide(store, said(waiting(store, case.run_id), Verdict.APPROVE, "Mo")).still_needed == 1


def test_undoing_a_voided_approval_does_not_take_somebody_elses_edit_away(
    store: Store, case: gated.Gated
) -> None:
    first = decide(store, case.approve("Ana"))
    edit = decide(store, case.edit("Ben", args=EDITED))
    with pytest.raises(UndoTooLate, match="Somebody else"):
        store.transact(undoing.undo, first.decision_id, "Ana", now=NOW)
    assert waiting(store, case.run_id).revision == 2
    store.transact(undoing.undo, edit.decision_id, "Ben", now=NOW)
    assert waiting(store, case.run_id).payload_digest == case.digest


def test_undoing_an_edit_does_not_take_a_later_edit_away(store: Store, case: gated.Gated) -> None:
    first = decide(store, case.edit("Ana", args=EDITED))
    second = said(
        waiting(store, case.run_id), Verdict.EDIT, "Ben", args={**EDITED, "order_id": "O-2"}
    )
    decide(store, second)
    with pytest.raises(UndoTooLate, match="Somebody else"):
        store.transact(undoing.undo, first.decision_id, "Ana", now=NOW)
    assert waiting(store, case.run_id).revision == 3


def test_several_actions_count_together(store: Store) -> None:
    shop(store)
    half = refund(LIMIT // 2)
    one_more = refund(LIMIT // 2 + 1)
    case = gated.case(store, action=half.model_copy(update={"also": (one_more,)}))
    assert decide(store, case.approve("Ana")).still_needed == 1


def test_what_two_people_approved_takes_two_to_send_again_but_one_to_confirm(
    store: Store, case: gated.Gated
) -> None:
    decide(store, case.approve("Ana"))
    decide(store, case.approve("Ben"))
    (due,) = claim(store)
    store.transact(deliveries.mark_unknown, due, "no answer", now=NOW)
    assert answer(store, case.run_id, Verdict.SEND_AGAIN, "Ana").still_needed == 1
    assert claim(store) == []
    assert answer(store, case.run_id, Verdict.SEND_AGAIN, "Mo").still_needed == 0
    (again,) = claim(store)
    assert store.read(authorisation.objection, again) is None
    store.transact(deliveries.mark_unknown, again, "no answer", now=NOW)
    assert answer(store, case.run_id, Verdict.HAPPENED, "Ana").still_needed == 0
    assert tools_of(deliver_all(store)) == ["send_reply"]


def test_two_people_who_answer_differently_have_not_agreed(store: Store, case: gated.Gated) -> None:
    decide(store, case.approve("Ana"))
    decide(store, case.approve("Ben"))
    (due,) = claim(store)
    store.transact(deliveries.mark_unknown, due, "no answer", now=NOW)
    assert answer(store, case.run_id, Verdict.SEND_AGAIN, "Ana").still_needed == 1
    assert answer(store, case.run_id, Verdict.REVERSE, "Ben").still_needed == 1
    assert claim(store) == []
    assert answer(store, case.run_id, Verdict.REVERSE, "Mo").still_needed == 0
    (back,) = claim(store)
    assert (back.tool, back.reverses) == ("void_refund", due.id)
    assert store.read(authorisation.objection, back) is None


def test_an_abandoned_wish_to_reverse_is_not_what_a_retry_shows(
    store: Store, case: gated.Gated
) -> None:
    decide(store, case.approve("Ana"))
    decide(store, case.approve("Ben"))
    (due,) = claim(store)
    store.transact(deliveries.mark_unknown, due, "no answer", now=NOW)
    wish = answer(store, case.run_id, Verdict.REVERSE, "Ana")
    store.transact(undoing.undo, wish.decision_id, "Ana", now=NOW)
    for person in ("Ana", "Ben"):
        answer(store, case.run_id, Verdict.SEND_AGAIN, person)
    (again,) = claim(store)
    store.transact(deliveries.mark_failed, again, "card closed", now=NOW)
    store.transact(interventions.retry, case.run_id, person="Ana", now=NOW)
    review = waiting(store, case.run_id)
    assert (review.kind, review.payload_digest) == (ReviewKind.STALE, case.digest)
    for person in ("Ana", "Ben"):
        answer(store, case.run_id, Verdict.APPROVE, person)
    assert tools_of(deliver_all(store)) == ["issue_refund", "send_reply"]
    assert statuses(store, case.run_id)[-1] == ("send_reply", "sent")


@pytest.fixture
def stores(settings: Settings, case: gated.Gated) -> Iterator[list[Store]]:
    """Two Store objects on one file, as two dashboards hold them."""
    opened = [settings.open(urgent=True, may_decide=True) for _ in range(2)]
    yield opened
    for one in opened:
        one.close()


def test_two_people_at_the_same_instant_make_one_delivery_between_them(
    stores: list[Store],
) -> None:
    cases = stores[0].transact(_several, TRIES)
    start = Barrier(2)

    def approve(mine: Store, person: str) -> list[Any]:
        return [_at_once(start, partial(decide, mine, one.approve(person))) for one in cases]

    with ThreadPoolExecutor(2) as pool:
        results = list(zip(*pool.map(approve, stores, ("Ana", "Ben")), strict=True))
    for case, pair in zip(cases, results, strict=True):
        needed = sorted(one.still_needed for one in pair if isinstance(one, Decided))
        assert needed == [0, 1], pair
        assert [one.position for one in gated.entries(stores[0], case.run_id)] == [0, 1]
    assert gated.count(stores[0], "decision WHERE is_final") == TRIES


def _several(session: Session, n: int) -> list[gated.Gated]:
    return [gated.build(session, action=ABOVE) for _ in range(n)]


def _at_once(start: Barrier, act: Any) -> Any:
    start.wait()
    try:
        return act()
    except GreenlightError as error:
        return error


def test_whoever_wrote_the_words_stays_their_author_whatever_was_abandoned_since(
    store: Store, case: gated.Gated
) -> None:
    decide(store, case.edit("Ben", args=EDITED))
    for person in ("Ana", "Mo"):
        answer(store, case.run_id, Verdict.APPROVE, person)
    (due,) = claim(store)
    store.transact(deliveries.mark_unknown, due, "no answer", now=NOW)
    wish = answer(store, case.run_id, Verdict.REVERSE, "Ana")
    store.transact(undoing.undo, wish.decision_id, "Ana", now=NOW)
    for person in ("Ana", "Mo"):
        answer(store, case.run_id, Verdict.SEND_AGAIN, person)
    (again,) = claim(store)
    moved = Reason(code="changed", message="Changed since this was decided")
    store.transact(deliveries.mark_stale, again, moved, {"order_id": "O-9"}, now=NOW)
    with pytest.raises(NotAllowed, match="somebody else"):
        answer(store, case.run_id, Verdict.APPROVE, "Ben")
    for person in ("Ana", "Mo"):
        answer(store, case.run_id, Verdict.APPROVE, person)
    (updated,) = claim(store)
    assert store.read(authorisation.objection, updated) is None
