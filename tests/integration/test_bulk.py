"""Deciding many look-alikes at once: small and reversible only, one row each, undone as one."""

from dataclasses import replace
from datetime import datetime, timedelta

import gated
import pytest
from builders import refund
from delivering import decide, deliver_all, shop
from sqlmodel import col, select

from store import bulk, claims, reviews, routing, undoing
from store.actions import reply_only
from store.engine import Store
from store.errors import BadInput, NotFound
from store.gate import AmountRule, PolicyBody
from store.outputs import Reason
from store.reports.wanted import Wanted
from store.schema import Review
from store.transitions import OutboxStatus, ReviewKind, ReviewStatus, RunStatus, Verdict

LIMITS = PolicyBody(amount_rules=(AmountRule(kind="refund", above_minor=10_000),))
BATCH = "bulk-0001"
BLOCK = Reason(code="recipient_mismatch", message="The draft would act on another customer")


@pytest.fixture
def desk(store: Store) -> Store:
    """A store whose refunds up to 100.00 are below the limit and can be taken back."""
    shop(store, policy=LIMITS)
    return store


def planned(store: Store, verdict: Verdict, now: datetime, person: str = "Ana") -> bulk.Plan:
    return store.read(bulk.plan, Wanted(), verdict, person=person, now=now)


def reasons(plan: bulk.Plan) -> dict[str, int]:
    return dict(plan.left_out)


def run_batch(
    store: Store,
    verdict: Verdict,
    now: datetime,
    items: tuple[bulk.BulkItem, ...] | None = None,
    undo_seconds: float = 10.0,
) -> bulk.BulkDone:
    chosen = planned(store, verdict, now).items if items is None else items
    return store.transact(
        bulk.decide,
        chosen,
        verdict,
        batch_id=BATCH,
        person="Ana",
        reason_code="wrong_facts" if verdict is Verdict.REJECT else None,
        now=now,
        undo_seconds=undo_seconds,
    )


def test_look_alikes_are_grouped_by_intent_and_action(desk: Store, now: datetime) -> None:
    refunds = [gated.case(desk).review_id for _ in range(3)]
    reply = gated.case(desk, action=reply_only("C-1")).review_id
    plan = planned(desk, Verdict.APPROVE, now)
    assert [(group.title, len(group.items)) for group in plan.groups] == [
        ("no intent: refund", 3),
        ("no intent: reply only", 1),
    ]
    assert {item.review_id for item in plan.items} == {*refunds, reply}
    assert plan.left_out == ()


def test_nothing_large_blocked_or_final_is_approved_in_a_batch(desk: Store, now: datetime) -> None:
    gated.case(desk, action=refund(10_001))
    gated.case(desk, action=refund(LIMITS.two_person_above_minor + 1))
    gated.case(desk, blocks=[BLOCK])
    gift = refund().model_copy(update={"kind": "ship_gift", "tool": "ship_gift"})
    gated.case(desk, action=gift)
    claimed, assigned = gated.case(desk), gated.case(desk)
    desk.transact(claims.take, claimed.review_id, "Ben", now=now)
    desk.transact(routing.assign, assigned.review_id, "Ben", by="Mo", now=now)
    plan = planned(desk, Verdict.APPROVE, now)
    assert plan.items == ()
    assert reasons(plan) == {
        "above the automatic limit": 1,
        "two people must approve it": 1,
        "blocked": 1,
        "it cannot be taken back": 1,
        "somebody else is on it": 1,
        "assigned to somebody else": 1,
    }


def test_exactly_the_limit_is_below_it(desk: Store, now: datetime) -> None:
    gated.case(desk, action=refund(10_000))
    assert len(planned(desk, Verdict.APPROVE, now).items) == 1


def test_each_review_gets_a_decision_of_its_own(desk: Store, now: datetime) -> None:
    cases = [gated.case(desk) for _ in range(3)]
    done = run_batch(desk, Verdict.APPROVE, now, undo_seconds=0.0)
    assert sorted(done.decision_ids) == sorted(f"{BATCH}:{case.review_id}" for case in cases)
    assert done.skipped == ()
    assert {gated.status(desk, case.run_id) for case in cases} == {RunStatus.COMMITTING}
    assert len(deliver_all(desk)) == 6


def test_a_batch_gives_no_labels_for_nobody_looked(desk: Store, now: datetime) -> None:
    gated.case(desk)
    run_batch(desk, Verdict.APPROVE, now)
    assert gated.count(desk, "label") == 0
    decide(desk, gated.case(desk).approve("Ana"))
    assert gated.count(desk, "label") > 0


def test_the_whole_batch_is_undone_at_once(desk: Store, now: datetime) -> None:
    cases = [gated.case(desk) for _ in range(3)]
    other = gated.case(desk)
    run_batch(
        desk,
        Verdict.APPROVE,
        now,
        tuple(
            item
            for item in planned(desk, Verdict.APPROVE, now).items
            if item.review_id != other.review_id
        ),
    )
    decide(desk, other.approve("Ana"))
    undone = desk.transact(bulk.undo, BATCH, "Ana", now=now + timedelta(seconds=9))
    assert undone == bulk.BulkUndone(undone=3, too_late=0)
    assert {gated.status(desk, case.run_id) for case in cases} == {RunStatus.AWAITING_REVIEW}
    assert gated.status(desk, other.run_id) is RunStatus.COMMITTING
    again = desk.transact(bulk.undo, BATCH, "Ana", now=now + timedelta(seconds=9))
    assert again == bulk.BulkUndone(undone=0, too_late=0)


def test_what_has_gone_out_is_said_to_be_too_late(desk: Store, now: datetime) -> None:
    gated.case(desk)
    run_batch(desk, Verdict.APPROVE, now, undo_seconds=0.0)
    deliver_all(desk)
    undone = desk.transact(bulk.undo, BATCH, "Ana", now=now)
    assert undone == bulk.BulkUndone(undone=0, too_late=1)


def test_what_moved_since_the_plan_is_skipped_and_named(desk: Store, now: datetime) -> None:
    decided, claimed, left = (gated.case(desk) for _ in range(3))
    items = planned(desk, Verdict.APPROVE, now).items
    decide(desk, decided.reject("Ben"))
    desk.transact(claims.take, claimed.review_id, "Ben", now=now)
    done = run_batch(desk, Verdict.APPROVE, now, items)
    assert done.decision_ids == (f"{BATCH}:{left.review_id}",)
    told = dict(done.skipped)
    assert "Ben" in told[decided.review_id]
    assert "somebody else is on it" in told[claimed.review_id]


def test_a_request_made_by_hand_gets_no_further_than_the_plan(desk: Store, now: datetime) -> None:
    large = gated.case(desk, action=refund(10_001))
    forged = bulk.BulkItem(large.review_id, large.digest, "", None, None)
    done = run_batch(desk, Verdict.APPROVE, now, (forged,))
    assert done.decision_ids == ()
    assert dict(done.skipped) == {large.review_id: "Left alone: above the automatic limit."}
    assert gated.entries(desk, large.run_id) == []


def test_rejecting_takes_what_the_filter_shows_with_one_reason(desk: Store, now: datetime) -> None:
    cases = [gated.case(desk, action=refund(10_001)), gated.case(desk, blocks=[BLOCK])]
    run_batch(desk, Verdict.REJECT, now)
    assert {gated.status(desk, case.run_id) for case in cases} == {RunStatus.REJECTED}
    assert gated.count(desk, "decision WHERE reason_code = 'wrong_facts'") == 2


def test_a_rejection_without_a_reason_rejects_nothing(desk: Store, now: datetime) -> None:
    case = gated.case(desk)
    items = planned(desk, Verdict.REJECT, now).items
    with pytest.raises(BadInput, match="reason"):
        desk.transact(bulk.decide, items, Verdict.REJECT, batch_id=BATCH, person="Ana", now=now)
    assert gated.review(desk, case.review_id).status is ReviewStatus.OPEN


def test_a_batch_sent_again_decides_nothing_twice(desk: Store, now: datetime) -> None:
    case = gated.case(desk)
    items = planned(desk, Verdict.APPROVE, now).items
    first = run_batch(desk, Verdict.APPROVE, now, items)
    assert run_batch(desk, Verdict.APPROVE, now, items) == first
    assert len(gated.entries(desk, case.run_id)) == 2


@pytest.mark.parametrize("verdict", [Verdict.EDIT, Verdict.RIGHT, Verdict.SEND_AGAIN])
def test_nothing_else_is_done_in_a_batch(desk: Store, now: datetime, verdict: Verdict) -> None:
    gated.case(desk)
    items = planned(desk, Verdict.APPROVE, now).items
    with pytest.raises(BadInput, match="approving and rejecting"):
        run_batch(desk, verdict, now, items)


def test_only_people_who_may_decide_do(desk: Store, now: datetime) -> None:
    gated.case(desk)
    items = planned(desk, Verdict.APPROVE, now).items
    gated.execute(desk, "UPDATE person SET is_active = 0 WHERE name = 'Ana'")
    with pytest.raises(NotFound):
        run_batch(desk, Verdict.APPROVE, now, items)
    assert gated.count(desk, "outbox") == 0


def test_no_id_of_a_single_decision_is_taken_for_a_batch(desk: Store, now: datetime) -> None:
    case = gated.case(desk)
    with pytest.raises(BadInput):
        desk.transact(
            bulk.decide,
            planned(desk, Verdict.APPROVE, now).items,
            Verdict.APPROVE,
            batch_id="decision-1",
            person="Ana",
            now=now,
        )
    decided = desk.transact(reviews.decide, case.approve("Ana"), now=now)
    assert desk.transact(bulk.undo, decided.decision_id, "Ana", now=now).undone == 0
    assert {entry.status for entry in gated.entries(desk, case.run_id)} == {OutboxStatus.PENDING}
    desk.transact(undoing.undo, decided.decision_id, "Ana", now=now)


def audits(store: Store, run_id: int) -> list[Review]:
    statement = select(Review).where(Review.kind == ReviewKind.AUDIT, Review.run_id == run_id)
    return list(store.read(lambda session: session.exec(statement.order_by(col(Review.id))).all()))


def test_a_drawn_draft_that_a_batch_decided_is_still_judged_by_somebody(
    store: Store, now: datetime
) -> None:
    """The audit coin's sample would otherwise miss what batches wave through."""
    shop(store, policy=LIMITS.model_copy(update={"audit_rate": 1.0}))
    case = gated.case(store)
    run_batch(store, Verdict.APPROVE, now)
    found = audits(store, case.run_id)
    assert [(one.status, one.inclusion_probability) for one in found] == [(ReviewStatus.OPEN, 1.0)]


def test_an_undone_batch_takes_its_audits_back_for_the_card_is_judged_itself(
    store: Store, now: datetime
) -> None:
    shop(store, policy=LIMITS.model_copy(update={"audit_rate": 1.0}))
    case = gated.case(store)
    run_batch(store, Verdict.APPROVE, now)
    store.transact(bulk.undo, BATCH, "Ana", now=now)
    assert [one.status for one in audits(store, case.run_id)] == [ReviewStatus.SUPERSEDED]
    again = planned(store, Verdict.APPROVE, now).items
    store.transact(bulk.decide, again, Verdict.APPROVE, batch_id="bulk-0002", person="Ana", now=now)
    assert [one.status for one in audits(store, case.run_id)] == [
        ReviewStatus.SUPERSEDED,
        ReviewStatus.OPEN,
    ]


def test_a_draft_that_was_judged_between_two_batches_is_not_audited_twice(
    store: Store, now: datetime
) -> None:
    shop(store, policy=LIMITS.model_copy(update={"audit_rate": 1.0}))
    case = gated.case(store)
    run_batch(store, Verdict.APPROVE, now)
    (audit,) = audits(store, case.run_id)
    assert audit.id is not None
    judged = replace(case, review_id=audit.id).verdict(Verdict.RIGHT, "Ben")
    store.transact(reviews.decide, judged, now=now)
    store.transact(bulk.undo, BATCH, "Ana", now=now)
    again = planned(store, Verdict.APPROVE, now).items
    store.transact(bulk.decide, again, Verdict.APPROVE, batch_id="bulk-0002", person="Ana", now=now)
    assert [one.status for one in audits(store, case.run_id)] == [ReviewStatus.DECIDED]


def test_a_draft_that_was_not_drawn_is_not_audited_after_a_batch(
    desk: Store, now: datetime
) -> None:
    gated.case(desk)
    gated.execute(desk, "DROP TRIGGER run_toss_fixed")
    gated.execute(desk, "UPDATE run SET coin = 0.9")
    run_batch(desk, Verdict.APPROVE, now)
    assert gated.count(desk, "review") == 1
