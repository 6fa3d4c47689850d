"""Deciding: once, by a person who may, on exactly the draft that was shown."""

from dataclasses import replace
from datetime import datetime, timedelta

import builders
import gated
import pytest
from sqlmodel import select

from store import claims, reviews
from store.actions import reply_only
from store.engine import Store
from store.errors import AlreadyDecided, BadInput, NotAllowed, NotFound, StaleReview
from store.gate import PolicyBody
from store.outputs import Reason
from store.schema import Label
from store.transitions import OutboxStatus, Outcome, ReviewKind, ReviewStatus, RunStatus, Verdict

BLOCK = Reason(code="recipient_mismatch", message="The draft would act on another customer")
AUDITED = PolicyBody(audit_rate=1.0)


def test_an_escalated_draft_is_pinned_with_the_reasons_it_came_for(store: Store) -> None:
    case = gated.case(store, concerns=["It may be an authorisation hold"])
    review = gated.review(store, case.review_id)
    assert (review.draft_id, review.revision, review.payload_digest) == (
        case.draft_id,
        1,
        case.digest,
    )
    assert review.policy_version == 1
    assert [reason["code"] for reason in review.reasons] == [
        "doubtful_evidence",
        "confidence_below_threshold",
    ]
    assert gated.status(store, case.run_id) is RunStatus.AWAITING_REVIEW


def test_an_approval_authorises_exactly_what_was_shown(store: Store, now: datetime) -> None:
    case = gated.case(store)
    decided = store.transact(reviews.decide, case.approve(), now=now, undo_seconds=10)
    assert decided.undo_until == now + timedelta(seconds=10)
    assert gated.status(store, case.run_id) is RunStatus.COMMITTING
    assert gated.review(store, case.review_id).status is ReviewStatus.DECIDED
    action, reply = gated.entries(store, case.run_id)
    assert (action.tool, action.amount_minor, action.customer_id) == ("issue_refund", 4_250, "C-1")
    assert (reply.tool, reply.position) == ("send_reply", 1)
    assert gated.REPLY in reply.body
    assert {action.decision_id, reply.decision_id} == {decided.decision_id}
    assert {action.status, reply.status} == {OutboxStatus.PENDING}


def test_a_rejection_delivers_nothing(store: Store, now: datetime) -> None:
    case = gated.case(store)
    store.transact(reviews.decide, case.reject(blamed_step="tool_call"), now=now)
    run = gated.run(store, case.run_id)
    assert (run.status, run.finished_at) == (RunStatus.REJECTED, now)
    assert not gated.entries(store, case.run_id)


def test_a_rejection_needs_a_reason(store: Store, now: datetime) -> None:
    case = gated.case(store)
    with pytest.raises(BadInput, match="reason"):
        store.transact(reviews.decide, case.reject(reason_code=None), now=now)
    assert gated.review(store, case.review_id).status is ReviewStatus.OPEN


def test_a_decision_on_a_draft_that_moved_is_refused(store: Store, now: datetime) -> None:
    case = gated.case(store)
    with pytest.raises(StaleReview, match="Look at it again"):
        store.transact(reviews.decide, case.approve(seen_digest="0" * 64), now=now)
    assert gated.count(store, "decision") == gated.count(store, "outbox") == 0


def test_the_same_decision_sent_again_is_the_same_decision(store: Store, now: datetime) -> None:
    case = gated.case(store)
    request = case.approve(decision_id="decision-1")
    first = store.transact(reviews.decide, request, now=now)
    again = store.transact(reviews.decide, request, now=now + timedelta(minutes=1))
    assert again == first
    assert gated.count(store, "decision") == 1
    assert gated.count(store, "outbox") == 2


def test_a_decisions_id_cannot_be_used_for_another(store: Store, now: datetime) -> None:
    one, other = gated.case(store), gated.case(store)
    store.transact(reviews.decide, one.approve(decision_id="decision-1"), now=now)
    with pytest.raises(BadInput, match="another decision"):
        store.transact(reviews.decide, other.approve(decision_id="decision-1"), now=now)


def test_who_comes_second_learns_who_was_first(store: Store, now: datetime) -> None:
    case = gated.case(store)
    store.transact(reviews.decide, case.reject("Ana"), now=now)
    with pytest.raises(AlreadyDecided, match=r"Already decided by Ana \(reject") as refused:
        store.transact(reviews.decide, case.approve("Ben"), now=now)
    assert (refused.value.by, refused.value.verdict) == ("Ana", "reject")


@pytest.mark.parametrize(("name", "error"), [("Nobody", NotFound), ("", NotFound)])
def test_only_people_of_the_company_decide(
    store: Store, now: datetime, name: str, error: type[Exception]
) -> None:
    case = gated.case(store)
    with pytest.raises(error):
        store.transact(reviews.decide, case.approve(name), now=now)


def test_somebody_who_left_can_decide_no_more(store: Store, now: datetime) -> None:
    case = gated.case(store)
    gated.execute(store, "UPDATE person SET is_active = false WHERE name = 'Ana'")
    with pytest.raises(NotFound):
        store.transact(reviews.decide, case.approve("Ana"), now=now)


def test_a_review_that_does_not_exist_is_named(store: Store, now: datetime) -> None:
    case = gated.case(store)
    with pytest.raises(NotFound, match="999"):
        store.transact(claims.take, 999, "Ana", now=now)
    assert case.review_id != 999


def test_a_blocked_draft_cannot_be_approved_or_sent_with_its_action(
    store: Store, now: datetime
) -> None:
    case = gated.case(store, blocks=[BLOCK])
    assert case.outcome is Outcome.BLOCK
    for request in (case.approve(), case.edit(reply="Sorry"), case.edit(args={})):
        with pytest.raises(BadInput, match="blocked"):
            store.transact(reviews.decide, request, now=now)


def test_a_blocked_draft_can_be_answered_without_its_action(store: Store, now: datetime) -> None:
    case = gated.case(store, blocks=[BLOCK])
    request = case.edit(reply="We are looking into it.", is_answer_only=True)
    store.transact(reviews.decide, request, now=now)
    (entry,) = gated.entries(store, case.run_id)
    assert (entry.tool, entry.amount_minor) == ("send_reply", None)


def test_a_blocked_draft_can_be_rejected(store: Store, now: datetime) -> None:
    case = gated.case(store, blocks=[BLOCK])
    store.transact(reviews.decide, case.reject(), now=now)
    assert gated.status(store, case.run_id) is RunStatus.REJECTED


def test_an_audit_takes_right_or_wrong_and_nothing_else(store: Store, now: datetime) -> None:
    case = gated.passed(store, policy=AUDITED)
    assert gated.review(store, case.review_id).kind is ReviewKind.AUDIT
    for request in (case.approve(), case.reject(), case.edit(reply="No")):
        with pytest.raises(BadInput, match="right or wrong"):
            store.transact(reviews.decide, request, now=now)
    store.transact(reviews.decide, case.verdict(Verdict.WRONG, blamed_step="synthesis"), now=now)
    assert gated.count(store, "outbox") == 2, "an audit changes nothing that was authorised"
    whole = select(Label.is_right).where(Label.step.is_(None))  # type: ignore[union-attr]
    assert store.read(lambda session: session.exec(whole).one()) is False


@pytest.mark.parametrize("verdict", [Verdict.RIGHT, Verdict.WRONG])
def test_an_escalation_takes_no_audit_verdict(
    store: Store, now: datetime, verdict: Verdict
) -> None:
    case = gated.case(store)
    with pytest.raises(BadInput, match="approve, edit or reject"):
        store.transact(reviews.decide, case.verdict(verdict), now=now)


def test_moving_the_threshold_never_releases_a_waiting_review(store: Store, now: datetime) -> None:
    from store import policies

    case = gated.case(store)
    body = PolicyBody(threshold=0.1)
    store.transact(policies.publish, body, author="Mo", note="bolder", now=now)
    review = gated.review(store, case.review_id)
    assert (review.status, review.policy_version, review.threshold) == (ReviewStatus.OPEN, 1, 0.85)
    store.transact(reviews.decide, case.approve(), now=now)


def test_a_claim_shows_who_is_on_it_and_lapses_after_four_minutes(
    store: Store, now: datetime
) -> None:
    case = gated.case(store)
    assert store.transact(claims.take, case.review_id, "Ana", now=now) == "Ana"
    assert store.transact(claims.take, case.review_id, "Ben", now=now) == "Ana"
    later = now + timedelta(minutes=4, seconds=1)
    assert store.transact(claims.take, case.review_id, "Ben", now=later) == "Ben"
    store.transact(claims.release, case.review_id, "Ana")
    assert gated.review(store, case.review_id).claimed_by == "Ben"
    store.transact(claims.release, case.review_id, "Ben")
    assert gated.review(store, case.review_id).status is ReviewStatus.OPEN


def test_a_decided_review_cannot_be_claimed(store: Store, now: datetime) -> None:
    case = gated.case(store)
    store.transact(reviews.decide, case.reject("Ana"), now=now)
    with pytest.raises(StaleReview):
        store.transact(claims.take, case.review_id, "Ben", now=now)


def test_a_claim_does_not_keep_others_from_deciding(store: Store, now: datetime) -> None:
    case = gated.case(store)
    store.transact(claims.take, case.review_id, "Ana", now=now)
    assert store.transact(reviews.decide, case.approve("Ben"), now=now).verdict is Verdict.APPROVE


def test_the_author_of_a_revision_may_not_approve_it(store: Store, now: datetime) -> None:
    case = gated.case(store, action=reply_only("C-1"))
    store.transact(builders.draft, case.run_id, revision=2, author="Ana")
    gated.execute(store, "UPDATE review SET status = 'superseded'")
    review_id = store.transact(builders.review, case.run_id)
    digest = gated.review(store, review_id).payload_digest
    own = replace(case, review_id=review_id, digest=digest)
    with pytest.raises(NotAllowed, match="somebody else"):
        store.transact(reviews.decide, own.approve("Ana"), now=now)
    store.transact(reviews.decide, own.approve("Ben"), now=now)
