"""A shadow policy judges what the live one gates, decides nothing, and is compared with it."""

from datetime import timedelta

import builders
import gated
import pytest
from builders import NOW

from store import reviews, shadows
from store.engine import Store
from store.errors import IllegalTransition, NotAllowed
from store.evidence.sampling import Estimate
from store.gate import PolicyBody
from store.transitions import Outcome, Verdict

LAXER = PolicyBody(threshold=0.6)
AUDITED = PolicyBody(audit_rate=1.0)


def start(store: Store, body: PolicyBody = LAXER, person: str = "Mo") -> int:
    store.transact(builders.company, policy=AUDITED)
    return store.transact(shadows.start, body, person=person, note="try", now=NOW)


def test_the_shadow_says_what_it_would_do_and_the_live_policy_decides(store: Store) -> None:
    shadow = start(store)
    case = gated.case(store, confidence=0.7)
    assert case.outcome is Outcome.ESCALATE
    seen = store.read(shadows.compare, shadow)
    assert (seen.judged, seen.automatic_live, seen.automatic_shadow) == (1, 0, 1)
    assert (seen.to_automatic, seen.to_person) == (1, 0)


def test_a_shadow_of_the_same_words_does_the_same_up_to_the_daily_cap(store: Store) -> None:
    capped = AUDITED.model_copy(update={"daily_cap_minor": 5_000})
    store.transact(builders.company, policy=capped)
    shadow = store.transact(shadows.start, capped, person="Mo", note="", now=NOW)
    outcomes = [gated.passed(store, action=builders.refund(3_000)).outcome for _ in range(3)]
    assert outcomes == [Outcome.PASS, Outcome.ESCALATE, Outcome.ESCALATE]
    seen = store.read(shadows.compare, shadow)
    assert (seen.automatic_live, seen.automatic_shadow, seen.to_automatic) == (1, 1, 0)


def test_right_and_wrong_are_known_of_both_by_the_same_labels(store: Store) -> None:
    shadow = start(store)
    for verdict in (Verdict.RIGHT, Verdict.WRONG):
        audit = gated.passed(store)
        store.transact(reviews.decide, audit.verdict(verdict), now=NOW)
    store.transact(reviews.decide, gated.case(store, confidence=0.7).reject(), now=NOW)
    seen = store.read(shadows.compare, shadow)
    assert (seen.right_live.labelled, seen.right_live.right) == (2, 1)
    assert (seen.right_shadow.labelled, seen.right_shadow.right) == (3, 1)
    assert seen.right_shadow.rate == pytest.approx(1 / 3)


def test_nothing_is_compared_before_it_starts_or_after_it_stops(store: Store) -> None:
    gated.case(store, policy=AUDITED)
    shadow = start(store)
    store.transact(shadows.stop, shadow, person="Mo", now=NOW + timedelta(days=1))
    gated.case(store)
    seen = store.read(shadows.compare, shadow)
    assert (seen.judged, seen.right_live) == (0, Estimate(0, 0))
    assert store.read(shadows.running) is None
    (known,) = store.read(shadows.known)
    assert (known.body, known.author, known.stopped_at) == (LAXER, "Mo", NOW + timedelta(days=1))


def test_one_runs_at_a_time_and_managers_start_and_stop_it(store: Store) -> None:
    shadow = start(store)
    with pytest.raises(IllegalTransition, match="Stop it first"):
        start(store)
    with pytest.raises(NotAllowed):
        store.transact(shadows.stop, shadow, person="Ana", now=NOW)
    store.transact(shadows.stop, shadow, person="Mo", now=NOW)
    with pytest.raises(IllegalTransition, match="stopped before"):
        store.transact(shadows.stop, shadow, person="Mo", now=NOW)
    with pytest.raises(NotAllowed):
        start(store, person="Ana")
