"""The daily cap: at the gate, and once more where deliveries begin, whatever the order of events."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import gated
import pytest
from builders import NOW, refund
from delivering import answer, claim, decide, deliver_all, send, shop, tools_of, waiting
from sqlmodel import Session

from store import deliveries
from store.actions import Action
from store.deliveries import Due
from store.engine import Store
from store.gate import PolicyBody
from store.schema import Run
from store.settings import Settings
from store.transitions import OutboxStatus, Outcome, ReviewKind, RunStatus, Verdict

CAP = PolicyBody().daily_cap_minor
JUST_UNDER = 4_500  # four fit under the cap of 200.00, a fifth does not
FIT = CAP // JUST_UNDER


def authorised(
    store: Store, n: int, *, amount_minor: int = JUST_UNDER, customer_id: str = "C-1", days: int = 0
) -> list[gated.Gated]:
    """Passes that the gate judged as if each was the first: its own count is passed by."""

    def one(session: Session) -> gated.Gated:
        case = gated.build(
            session,
            action=refund(amount_minor, customer_id=customer_id),
            confidence=0.97,
            customer_id=customer_id,
            at=NOW + timedelta(days=days),
        )
        run = session.get_one(Run, case.run_id)
        run.gated_at = NOW - timedelta(days=30)
        session.add(run)
        return case

    return store.transact(lambda session: [one(session) for _ in range(n)])


def refunds(store: Store) -> list[Due]:
    """Deliver everything; return the refunds among it."""
    return [due for due in deliver_all(store) if due.kind == "refund"]


def test_ten_refunds_just_under_the_limit_are_escalated_at_the_cap_by_the_gate(
    store: Store,
) -> None:
    cases = [gated.passed(store, action=refund(JUST_UNDER)) for _ in range(10)]
    assert [case.outcome for case in cases] == [Outcome.PASS] * FIT + [Outcome.ESCALATE] * (
        10 - FIT
    )
    assert len(refunds(store)) == FIT
    reason = waiting(store, cases[-1].run_id).reasons[0]
    assert (reason["code"], reason["limit"]) == ("daily_cap", CAP)


def test_what_the_gate_did_not_count_is_stopped_where_delivery_begins(store: Store) -> None:
    cases = authorised(store, 10)
    assert [case.outcome for case in cases] == [Outcome.PASS] * 10
    sent = refunds(store)
    assert len(sent) == FIT
    assert len({due.run_id for due in sent}) == FIT
    held_back = [case for case in cases if case.run_id not in {due.run_id for due in sent}]
    for case in held_back:
        review = waiting(store, case.run_id)
        assert (review.kind, review.reasons[0]["code"]) == (ReviewKind.STALE, "daily_cap")
        assert gated.status(store, case.run_id) is RunStatus.AWAITING_REVIEW
        assert {one.status for one in gated.entries(store, case.run_id)} == {OutboxStatus.CANCELLED}


def test_a_person_may_go_past_the_cap_and_that_counts_for_nobody(store: Store) -> None:
    cases = authorised(store, FIT + 1)
    refunds(store)
    answer(store, cases[-1].run_id, Verdict.APPROVE)
    assert tools_of(deliver_all(store)) == ["issue_refund", "send_reply"]
    other = gated.case(store, action=refund(JUST_UNDER))
    decide(store, other.approve())
    assert len(refunds(store)) == 1


def test_exactly_the_cap_goes_out(store: Store) -> None:
    authorised(store, 2, amount_minor=CAP // 2)
    assert len(refunds(store)) == 2
    (late,) = authorised(store, 1, amount_minor=1)
    assert refunds(store) == []
    assert waiting(store, late.run_id).reasons[0]["value"] == CAP + 1


def test_customers_and_days_are_counted_apart(store: Store) -> None:
    authorised(store, FIT)
    authorised(store, FIT, customer_id="C-2")
    authorised(store, FIT, days=1)
    assert len(refunds(store)) == 3 * FIT


@pytest.mark.parametrize("settled", ["unknown", "sending", "postponed"])
def test_what_may_have_happened_counts_as_if_it_had(store: Store, settled: str) -> None:
    authorised(store, 1, amount_minor=CAP)
    (due,) = claim(store)
    if settled == "unknown":
        store.transact(deliveries.mark_unknown, due, "no answer", now=NOW)
    elif settled == "postponed":
        store.transact(deliveries.postpone, due, "timeout", delay_seconds=600.0)
    (late,) = authorised(store, 1, amount_minor=1)
    assert claim(store) == []
    assert waiting(store, late.run_id).reasons[0]["code"] == "daily_cap"


def test_what_certainly_did_not_happen_does_not_count(store: Store) -> None:
    authorised(store, 1, amount_minor=CAP)
    (due,) = claim(store)
    store.transact(deliveries.mark_failed, due, "card closed", now=NOW)
    authorised(store, 1, amount_minor=CAP)
    assert len(refunds(store)) == 1


def test_an_entry_that_was_begun_is_not_stopped_by_the_cap(store: Store) -> None:
    """It may have happened: only its key or a person can tell."""
    authorised(store, 1, amount_minor=CAP)
    (first,) = claim(store, lease=-1)
    authorised(store, 1, amount_minor=1)
    claim(store)
    store.transact(deliveries.reap, now=NOW)
    (again,) = claim(store)
    assert again.id == first.id


@pytest.fixture
def executors(settings: Settings, store: Store) -> Iterator[list[Store]]:
    """Two stores on one file, as two executors hold them."""
    shop(store)
    opened = [settings.open() for _ in range(2)]
    yield opened
    for one in opened:
        one.close()


def test_two_executors_at_once_stop_at_the_cap_together(
    store: Store, executors: list[Store]
) -> None:
    customers = [f"C-{number}" for number in range(4)]
    cases = [case for one in customers for case in authorised(store, 10, customer_id=one)]

    def work(mine: Store) -> list[Due]:
        sent: list[Due] = []
        while due := claim(mine, f"executor-{id(mine)}", limit=2):
            for entry in due:
                send(mine, entry)
            sent += due
        return sent

    with ThreadPoolExecutor(2) as pool:
        sent = [due for mine in pool.map(work, executors) for due in mine]
    sent += deliver_all(store)
    assert len([due for due in sent if due.kind == "refund"]) == FIT * len(customers)
    held_back = [
        case for case in cases if gated.status(store, case.run_id) is RunStatus.AWAITING_REVIEW
    ]
    assert len(held_back) == (10 - FIT) * len(customers)
    assert len({due.id for due in sent}) == len(sent)


def test_a_cap_reached_in_the_middle_of_a_draft_leaves_only_the_rest_to_a_person(
    store: Store,
) -> None:
    shop(store)
    first, second = refund(CAP // 2), refund(CAP // 2 - 1)
    case = gated.passed(store, action=first.model_copy(update={"also": (second,)}))
    (sent,) = claim(store)
    gated.execute(store, "UPDATE run SET gated_at = '2026-10-01 00:00:00.000000'")
    authorised(store, 1, amount_minor=CAP // 2)
    (other,) = claim(store)
    assert other.run_id != case.run_id
    send(store, sent)
    assert claim(store) == [], "what is left of the draft would exceed the cap"
    review = waiting(store, case.run_id)
    assert review.reasons[0]["code"] == "daily_cap"
    left = Action.model_validate(gated.drafts(store, case.run_id)[-1].action)
    assert (left.also, left.amount_minor) == ((), CAP // 2 - 1)
