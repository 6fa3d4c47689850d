"""A candidate policy on history: shares, flips, curve, and what is known of them."""

from datetime import timedelta

import builders
import builders_aftermath as aftermath
import pytest
from builders import NOW

from store import policies
from store.engine import Store
from store.errors import NotFound
from store.evidence.risk_control import GRID
from store.gate import AmountRule, PolicyBody
from store.reports.policy import preview
from store.transitions import Outcome, Verdict

ACTIVE = PolicyBody()


def test_without_history_there_is_nothing_to_preview(store: Store) -> None:
    store.transact(builders.company)
    seen = store.read(preview, ACTIVE)
    assert (seen.now.gated, seen.now.automatic_share, seen.curve) == (0, None, ())
    assert seen.then.wrong.rate is None


def test_without_a_policy_the_error_says_what_to_do(store: Store) -> None:
    with pytest.raises(NotFound, match="No policy"):
        store.read(preview, ACTIVE)


def test_the_active_policy_flips_nothing(store: Store) -> None:
    for confidence in (0.5, 0.86, 0.99):
        store.transact(builders.case, confidence=confidence)
    seen = store.read(preview, ACTIVE)
    assert (seen.now.gated, seen.now.automatic, seen.then.automatic) == (3, 2, 2)
    assert (seen.flips, seen.flips_to_automatic, seen.flips_to_person) == ((), 0, 0)
    assert seen.now.automatic_share == pytest.approx(2 / 3)


def test_flips_are_named_with_their_reasons_and_whether_they_were_right(store: Store) -> None:
    wrong = store.transact(builders.case, confidence=0.8)
    unlabelled = store.transact(builders.case, confidence=0.82, at=NOW - timedelta(days=1))
    store.transact(builders.case, confidence=0.5)
    store.transact(aftermath.decide, wrong.review_id, Verdict.REJECT)
    laxer = store.read(preview, PolicyBody(threshold=0.75))
    assert (laxer.flips_to_automatic, laxer.flips_to_person) == (2, 0)
    assert [(flip.run_id, flip.is_right) for flip in laxer.flips] == [
        (wrong.run_id, False),
        (unlabelled.run_id, None),
    ]
    assert {(flip.now, flip.then) for flip in laxer.flips} == {(Outcome.ESCALATE, Outcome.PASS)}
    stricter = store.read(preview, PolicyBody(threshold=0.99))
    assert (stricter.then.automatic, stricter.flips_to_person) == (0, 0)


def test_a_rule_flips_cases_that_the_slider_cannot(store: Store) -> None:
    money = builders.refund(9_000)
    built = store.transact(builders.case, confidence=0.95, action=money)
    candidate = PolicyBody(amount_rules=(AmountRule(kind="refund", above_minor=5_000),))
    seen = store.read(preview, candidate)
    (flip,) = seen.flips
    assert (flip.run_id, flip.then, flip.amount_minor) == (built.run_id, Outcome.ESCALATE, 9_000)
    assert [reason.code for reason in flip.reasons] == ["refund_over_limit"]
    assert {point.automatic for point in seen.curve} == {0}


def test_the_curve_says_what_each_threshold_would_send_alone(store: Store) -> None:
    for confidence in (0.55, 0.70, 0.86, 0.95, None):
        store.transact(builders.case, confidence=confidence)
    seen = store.read(preview, ACTIVE)
    by_threshold = {point.threshold: point for point in seen.curve}
    assert tuple(by_threshold) == GRID
    assert [by_threshold[t].automatic for t in (0.50, 0.55, 0.70, 0.85, 0.99)] == [4, 3, 2, 2, 0]
    assert by_threshold[0.85].automatic == seen.then.automatic
    assert by_threshold[0.85].automatic_share == pytest.approx(0.4)
    shares = [point.automatic for point in seen.curve]
    assert shares == sorted(shares, reverse=True)


def test_the_common_threshold_does_not_move_a_kind_that_has_its_own(store: Store) -> None:
    store.transact(builders.case, confidence=0.95, action=builders.refund())
    store.transact(builders.case, confidence=0.95)
    seen = store.read(preview, PolicyBody(thresholds={"refund": 0.97}))
    assert {point.automatic for point in seen.curve if point.threshold < 0.95} == {1}
    own = store.read(preview, PolicyBody(thresholds={"refund": 0.6}))
    assert own.curve[-1].automatic == 1


def test_wrong_ones_among_what_would_go_alone_are_weighed_by_how_they_were_found(
    store: Store,
) -> None:
    for i in range(20):
        built = store.transact(builders.case, confidence=0.95, is_audited=i < 5)
        if i < 5:
            verdict = Verdict.WRONG if i == 0 else Verdict.RIGHT
            store.transact(aftermath.decide, built.review_id, verdict)
    for i in range(4):
        built = store.transact(builders.case, confidence=0.8)
        store.transact(
            aftermath.decide, built.review_id, Verdict.REJECT if i < 2 else Verdict.APPROVE
        )
    seen = store.read(preview, PolicyBody(threshold=0.7))
    assert seen.now.wrong.rate == pytest.approx(0.2)
    assert seen.then.wrong.rate == pytest.approx((20 * 0.2 + 4 * 0.5) / 24)
    point = next(point for point in seen.curve if point.threshold == 0.7)
    assert (point.wrong.labelled, point.wrong.wrong) == (9, 3)
    assert point.wrong == seen.then.wrong


def test_cards_are_escalations_and_audits_per_day(store: Store) -> None:
    for day in (0, 2):
        store.transact(builders.case, confidence=0.95, at=NOW - timedelta(days=day))
    store.transact(builders.case, confidence=0.6)
    seen = store.read(preview, PolicyBody(audit_rate=0.5))
    assert seen.days == pytest.approx(2.0)
    assert seen.now.cards_per_day == pytest.approx((1 + 2 * 0.02) / 2)
    assert seen.then.cards_per_day == pytest.approx((1 + 2 * 0.5) / 2)


def test_only_drafts_since_the_given_moment_count(store: Store) -> None:
    store.transact(builders.case, at=NOW - timedelta(days=9))
    store.transact(builders.case)
    assert store.read(preview, ACTIVE, since=NOW - timedelta(days=7)).now.gated == 1


def test_a_persons_revision_is_not_a_gated_draft(store: Store) -> None:
    built = store.transact(builders.case)
    store.transact(builders.draft, built.run_id, revision=2, author="Ana")
    assert store.read(preview, ACTIVE).now.gated == 1


def test_money_sent_earlier_that_day_counts_towards_the_cap_again(store: Store) -> None:
    store.transact(builders.case, confidence=0.95, action=builders.refund(8_000), spent=7_000)
    seen = store.read(preview, PolicyBody(daily_cap_minor=14_000))
    assert (seen.now.automatic, seen.then.automatic) == (1, 0)
    assert [reason.code for reason in seen.flips[0].reasons] == ["daily_cap"]


def test_previewing_publishes_nothing(store: Store) -> None:
    store.transact(builders.case)
    store.read(preview, PolicyBody(threshold=0.5))
    assert len(store.read(policies.versions)) == 1
