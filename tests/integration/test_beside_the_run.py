"""Cards beside the run: second looks at audits, and check cards that are known to be wrong."""

from dataclasses import replace
from datetime import datetime, timedelta

import gated
import pytest
from delivering import decide, deliver_all
from sqlmodel import Session, col, select

from store import reviews, undoing
from store.engine import Store
from store.errors import BadInput, NotAllowed
from store.gate import PolicyBody
from store.labels import valid, whole_draft
from store.reports.card import card
from store.reports.queue import queue_page
from store.schema import Decision, Label, Review
from store.transitions import ReviewKind, ReviewStatus, RunStatus, Verdict

AUDITED = PolicyBody(audit_rate=1.0)


def labels(store: Store, run_id: int) -> list[bool]:
    """Return what the labels in force say of the run's whole draft."""
    wanted = valid(Label.is_right).where(whole_draft(), col(Label.run_id) == run_id)
    return store.read(lambda session: list(session.execute(wanted).scalars()))


def open_one(store: Store, run_id: int, kind: ReviewKind) -> Review:
    wanted = select(Review).where(Review.run_id == run_id, Review.kind == kind)
    return store.read(lambda session: session.exec(wanted).one())


def judged_wrong(store: Store, now: datetime) -> gated.Gated:
    """Return a run that went out alone and that Ana, at the audit, judged wrong."""
    case = gated.passed(store, policy=AUDITED)
    audit = open_one(store, case.run_id, ReviewKind.AUDIT)
    assert audit.id is not None
    case = replace(case, review_id=audit.id)
    store.transact(
        reviews.decide, case.verdict(Verdict.WRONG, "Ana", blamed_step="retrieval"), now=now
    )
    return case


def second(store: Store, case: gated.Gated) -> gated.Gated:
    found = open_one(store, case.run_id, ReviewKind.SECOND_LOOK)
    assert found.id is not None
    return replace(case, review_id=found.id)


def test_a_wrong_verdict_is_looked_at_once_more_by_somebody_else(
    store: Store, now: datetime
) -> None:
    case = second(store, judged_wrong(store, now))
    mine = store.read(queue_page, person="Ana", now=now).items
    others = store.read(queue_page, person="Ben", now=now).items
    assert [item.review_id for item in mine] == []
    assert [item.review_id for item in others] == [case.review_id]
    with pytest.raises(NotAllowed, match="somebody else"):
        store.transact(reviews.decide, case.verdict(Verdict.WRONG, "Ana"), now=now)


def test_a_second_look_is_blind(store: Store, now: datetime) -> None:
    case = second(store, judged_wrong(store, now))
    shown = store.read(card, case.review_id)
    assert shown.is_blind
    assert (shown.confidence, shown.threshold, shown.reasons, shown.gate) == (None,) * 4
    (item,) = store.read(queue_page, person="Ben", now=now).items
    assert (item.confidence, item.threshold, item.reasons) == (None, None, ())
    assert {shown.kind, item.kind} == {ReviewKind.AUDIT}, "it would tell what the first one said"


@pytest.mark.parametrize(("verdict", "is_right"), [(Verdict.RIGHT, True), (Verdict.WRONG, False)])
def test_its_word_replaces_the_first_ones_and_ends_there(
    store: Store, now: datetime, verdict: Verdict, is_right: bool
) -> None:
    first = judged_wrong(store, now)
    assert labels(store, first.run_id) == [False]
    case = second(store, first)
    store.transact(reviews.decide, case.verdict(verdict, "Ben"), now=now)
    assert labels(store, first.run_id) == [is_right]
    assert store.read(queue_page, person="Mo", now=now).items == ()
    assert gated.count(store, "review") == 2


@pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.REJECT])
def test_a_second_look_is_judged_not_decided(store: Store, now: datetime, verdict: Verdict) -> None:
    case = second(store, judged_wrong(store, now))
    with pytest.raises(BadInput, match="right or wrong"):
        store.transact(reviews.decide, case.verdict(verdict, "Ben", reason_code="x"), now=now)


def seeded(store: Store, now: datetime) -> gated.Gated:
    """Return a check card made of a draft that Ana rejected a month ago."""
    then = now - timedelta(days=30)
    case = gated.case(store, at=then)
    rejected = store.transact(reviews.decide, case.reject("Ana"), now=then + timedelta(hours=1))

    def seed(session: Session) -> int:
        values = session.get_one(Review, case.review_id).model_dump(exclude={"id", "decided_at"})
        fresh = Review(
            **{
                **values,
                "kind": ReviewKind.SEEDED,
                "status": ReviewStatus.OPEN,
                "opened_at": now,
                "after_decision": rejected.decision_id,
            }
        )
        session.add(fresh)
        session.flush()
        assert fresh.id is not None
        return fresh.id

    return replace(case, review_id=store.transact(seed))


def test_a_check_card_looks_like_any_other(store: Store, now: datetime) -> None:
    case = seeded(store, now)
    (item,) = store.read(queue_page, person="Ben", now=now).items
    assert (item.review_id, item.kind) == (case.review_id, ReviewKind.ESCALATION)
    shown = store.read(card, case.review_id)
    assert (shown.kind, shown.run_status) == (ReviewKind.ESCALATION, RunStatus.AWAITING_REVIEW)
    assert shown.ticket.received_at == now
    assert shown.decision is None


def test_whoever_found_it_wrong_never_gets_it(store: Store, now: datetime) -> None:
    case = seeded(store, now)
    assert store.read(queue_page, person="Ana", now=now).items == ()
    with pytest.raises(NotAllowed, match="before"):
        store.transact(reviews.decide, case.approve("Ana"), now=now)


@pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.EDIT, Verdict.REJECT])
def test_whatever_is_said_of_it_nothing_follows(
    store: Store, now: datetime, verdict: Verdict
) -> None:
    case = seeded(store, now)
    before = labels(store, case.run_id), gated.count(store, "draft")
    said = {"reason_code": "wrong_facts"} if verdict is Verdict.REJECT else {}
    said |= {"reply": "Something else"} if verdict is Verdict.EDIT else {}
    decided = store.transact(reviews.decide, case.verdict(verdict, "Ben", **said), now=now)
    assert decided.was_seeded
    assert gated.entries(store, case.run_id) == []
    assert gated.status(store, case.run_id) is RunStatus.REJECTED
    assert (labels(store, case.run_id), gated.count(store, "draft")) == before
    assert deliver_all(store) == []
    with pytest.raises(NotAllowed, match="check card"):
        store.transact(undoing.undo, decided.decision_id, "Ben", now=now)
    assert store.read(card, case.review_id).kind is ReviewKind.SEEDED


def test_what_was_said_of_it_is_kept(store: Store, now: datetime) -> None:
    case = seeded(store, now)
    store.transact(reviews.decide, case.approve("Ben"), now=now)
    wanted = select(Decision.verdict).where(Decision.review_id == case.review_id)
    assert store.read(lambda session: session.exec(wanted).one()) is Verdict.APPROVE
    assert store.read(gated.audit_entries)[-1].tag == "run:seeded:approve"


def test_an_ordinary_decision_beside_it_is_untouched(store: Store, now: datetime) -> None:
    seeded(store, now)
    other = gated.case(store)
    assert not decide(store, other.approve("Ben")).was_seeded
    assert len(gated.entries(store, other.run_id)) == 2
