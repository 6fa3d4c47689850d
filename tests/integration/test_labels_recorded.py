"""Labels in the store: recorded with decisions, without undone ones, and as training rows."""

import builders
import builders_aftermath as aftermath
import pytest
from builders import NOW
from sqlmodel import Session, col

from store import labels, reviews
from store.engine import Store
from store.schema import Label, Review
from store.transitions import LabelSource, ReviewKind, ReviewStatus, Verdict


def _labels(store: Store, run_id: int) -> dict[str | None, Label]:
    def query(session: Session) -> dict[str | None, Label]:
        mine = labels.valid(Label).where(col(Label.run_id) == run_id).order_by(col(Label.id))
        return {label.step: label for label in session.execute(mine).scalars()}

    return store.read(query)


def test_an_approval_labels_the_steps_that_ran_and_no_delivery_that_did_not(store: Store) -> None:
    built = store.transact(builders.case)
    store.transact(aftermath.decide, built.review_id)
    found = _labels(store, built.run_id)
    assert list(found) == [None, "intent", "retrieval", "tool_call", "synthesis", "gate"]
    assert all(label.is_right for label in found.values())
    assert {label.source for label in found.values()} == {LabelSource.DECISION}
    assert {label.inclusion_probability for label in found.values()} == {1.0}


def test_an_audit_labels_the_delivery_too_and_carries_its_probability(store: Store) -> None:
    built = store.transact(builders.case, confidence=0.95, is_audited=True)
    store.transact(aftermath.decide, built.review_id, Verdict.WRONG, blamed_step="commit")
    found = _labels(store, built.run_id)
    assert [step for step, label in found.items() if not label.is_right] == [None, "commit"]
    assert {label.source for label in found.values()} == {LabelSource.AUDIT}
    assert {label.inclusion_probability for label in found.values()} == {0.02}


def test_deciding_through_the_verb_labels_in_the_same_transaction(store: Store) -> None:
    built = store.transact(builders.case)
    request = reviews.DecisionRequest(
        decision_id="decision-1",
        review_id=built.review_id,
        verdict=Verdict.REJECT,
        person="Ana",
        seen_digest=built.digest,
        reason_code="wrong_facts",
        blamed_step="retrieval",
    )
    store.transact(reviews.decide, request, now=NOW)
    found = _labels(store, built.run_id)
    assert {step: label.is_right for step, label in found.items()} == {
        None: False,
        "intent": True,
        "retrieval": False,
    }


def test_an_edit_labels_the_pipelines_draft_not_the_persons(store: Store) -> None:
    built = store.transact(builders.case)
    request = reviews.DecisionRequest(
        decision_id="decision-1",
        review_id=built.review_id,
        verdict=Verdict.EDIT,
        person="Ana",
        seen_digest=built.digest,
        reply="One of the two charges was a hold; it has gone.",
    )
    store.transact(reviews.decide, request, now=NOW)
    (whole,) = _labels(store, built.run_id).values()
    assert (whole.draft_id, whole.is_right) == (built.draft_id, False)


def test_an_undone_decision_leaves_no_label_that_counts(store: Store) -> None:
    built = store.transact(builders.case)
    decision_id = store.transact(aftermath.decide, built.review_id)
    store.transact(aftermath.undo, decision_id)
    assert _labels(store, built.run_id) == {}


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        (ReviewKind.SEEDED, Verdict.APPROVE),
        (ReviewKind.STALE, Verdict.APPROVE),
        (ReviewKind.UNKNOWN_DELIVERY, Verdict.HAPPENED),
    ],
)
def test_reviews_that_are_not_about_the_draft_label_nothing(
    store: Store, kind: ReviewKind, verdict: Verdict
) -> None:
    built = store.transact(builders.case, confidence=0.95)
    review_id = store.transact(builders.review, built.run_id, kind=kind)
    store.transact(aftermath.decide, review_id, verdict)
    assert _labels(store, built.run_id) == {}


def test_the_first_of_two_approvals_labels_nothing(store: Store) -> None:
    built = store.transact(builders.case)
    store.transact(aftermath.decide, built.review_id, is_final=False)
    assert _labels(store, built.run_id) == {}


def test_approving_a_persons_edit_does_not_make_the_pipelines_draft_right(store: Store) -> None:
    built = store.transact(builders.case)
    store.transact(aftermath.decide, built.review_id, Verdict.EDIT, is_final=False)

    def second_look(session: Session) -> int:
        builders.draft(session, built.run_id, revision=2, author="Ana", reply="Better")
        session.get_one(Review, built.review_id).status = ReviewStatus.SUPERSEDED
        session.flush()
        return builders.review(session, built.run_id)

    again = store.transact(second_look)
    store.transact(aftermath.decide, again, Verdict.APPROVE, person="Ben")
    (whole,) = _labels(store, built.run_id).values()
    assert (whole.draft_id, whole.is_right) == (built.draft_id, False)


def test_training_rows_merge_the_signals_of_all_steps_and_weigh_them(store: Store) -> None:
    sent = store.transact(
        builders.case, confidence=0.95, is_audited=True, signals={"intent_margin": 0.9}
    )
    wrong = store.transact(builders.case, signals={"intent_margin": 0.1, "tool_ok": 1.0})
    other = store.transact(builders.case, model="claude", signals={"intent_margin": 0.5})
    store.transact(aftermath.decide, sent.review_id, Verdict.RIGHT)
    store.transact(aftermath.decide, wrong.review_id, Verdict.REJECT)
    store.transact(aftermath.decide, other.review_id)
    rows = store.read(labels.training_rows, builders.MODEL)
    assert rows.signals == [{"intent_margin": 0.9}, {"intent_margin": 0.1, "tool_ok": 1.0}]
    assert (rows.is_right, rows.weights) == ([True, False], [50.0, 1.0])


def test_simulated_reviewers_train_nothing_unless_asked_for(store: Store) -> None:
    built = store.transact(builders.case, signals={"tool_ok": 1.0})
    store.transact(aftermath.decide, built.review_id, is_simulated=True)
    assert store.read(labels.training_rows, builders.MODEL).is_right == []
    rows = store.read(labels.training_rows, builders.MODEL, with_simulated=True)
    assert rows.is_right == [True]
