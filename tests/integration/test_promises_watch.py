"""What the watch over a promise counts: drafts of several actions, and whose confidence they have."""

from datetime import timedelta
from typing import Any

import certifiable
import gated
import pytest
from builders import NOW
from sqlmodel import select

from store import certificates, policies, promises
from store.engine import Store
from store.errors import BadInput
from store.gate import PolicyBody, Promise
from store.reports.recommending import Recommendation, recommend
from store.schema import Notification
from store.transitions import CertificateMove, Outcome

TWO = Promise(max_error=0.02)
BEFORE = NOW - timedelta(days=20)
LATER = NOW + timedelta(days=3)
YESTERDAY = NOW - timedelta(days=1)


def judged(store: Store, count: int, **said: Any) -> list[int]:
    """Insert drafts that the coin drew and somebody judged, two minutes apart."""
    values = {"at": NOW, "every": timedelta(minutes=2), **said}
    return store.transact(certifiable.drafts, [0.97] * count, **values)


def undrawn(store: Store, count: int, **said: Any) -> list[int]:
    """Insert drafts that the coin did not draw and nobody judged."""
    values = {"is_drawn": False, "is_judged": False, "at": NOW, **said}
    return store.transact(certifiable.drafts, [0.97] * count, **values)


def publish(store: Store, kind: str = "*") -> certificates.CertificateView:
    body = PolicyBody(threshold=0.9, promises={kind: TWO})
    store.transact(policies.publish, body, author="Mo", note="", now=NOW)
    return store.read(certificates.certificates)[0]


@pytest.fixture
def refunds(store: Store) -> Store:
    """A store that promises for refunds, on 300 that were right and as many not drawn."""
    store.transact(certifiable.drafts, [0.97] * 300, kind="refund")
    for count, similarity in ((270, 0.8), (30, 0.3)):
        undrawn(store, count, kind="refund", similarity=similarity, at=BEFORE)
    publish(store, "refund")
    return store


def test_audits_of_drafts_that_refund_among_other_things_break_the_promise(refunds: Store) -> None:
    judged(refunds, 40, wrong=40, kind="cancel_order", also="refund")
    judged(refunds, 10, kind="refund")
    judged(refunds, 30, wrong=30, kind="cancel_order", also="change_address")
    (seen,) = refunds.read(promises.watched)
    assert (seen.wrong, seen.audited) == (40, 50)
    refunds.transact(promises.suspend, refunds.read(promises.found), now=LATER)
    assert refunds.read(certificates.certificates)[0].is_suspended


def test_unlike_requests_count_wherever_a_refund_is_among_the_actions(refunds: Store) -> None:
    undrawn(refunds, 20, kind="refund", similarity=0.8)
    undrawn(refunds, 30, kind="cancel_order", also="return_label", similarity=0.1)
    undrawn(refunds, 25, kind="cancel_order", also="refund", similarity=0.1)
    (seen,) = refunds.read(promises.watched)
    assert seen.mix is not None
    assert (seen.mix.low, seen.mix.n) == (25, 45)


def recommended(store: Store, kind: str = "*") -> Recommendation:
    return store.read(recommend, PolicyBody(threshold=0.9), TWO, kind=kind, now=NOW)


@pytest.fixture
def audited(store: Store) -> Store:
    """A store with 400 judged drafts of one model, one of them wrong, and as many not drawn."""
    store.transact(certifiable.drafts, [0.97] * 400, wrong=1)
    undrawn(store, 400, at=BEFORE)
    return store


def test_the_labels_of_a_model_that_drafts_no_more_certify_nothing(audited: Store) -> None:
    assert recommended(audited).threshold is not None
    undrawn(audited, 50, model="other")
    found = recommended(audited)
    assert (found.threshold, found.judged) == (None, 0)
    assert "No audited draft with today's model and calibration is judged yet" in found.reason
    with pytest.raises(BadInput, match="not certified"):
        publish(audited)


def test_a_promise_lapses_once_a_model_that_it_does_not_name_makes_the_drafts(
    audited: Store,
) -> None:
    one = publish(audited)
    undrawn(audited, 5)
    assert audited.read(promises.found) == ()
    undrawn(audited, 1, model="other", at=LATER)
    audited.transact(promises.suspend, audited.read(promises.found), now=LATER)
    assert audited.read(certificates.certificate, one.id).move is CertificateMove.LAPSED
    (told,) = audited.read(lambda session: session.exec(select(Notification)).all())
    assert "a model that it was not certified on: other-1" in told.body
    assert gated.passed(audited, at=LATER).outcome is Outcome.PASS, "a lapse stops nothing"


def test_a_promise_is_left_alone_by_a_model_that_makes_drafts_of_another_kind(
    refunds: Store,
) -> None:
    undrawn(refunds, 5, kind="refund")
    undrawn(refunds, 5, model="other", kind="reply_only")
    undrawn(refunds, 5, model="other", kind="cancel_order", also="return_label")
    assert refunds.read(promises.found) == ()
    assert recommended(refunds, "refund").threshold is not None
    undrawn(refunds, 1, model="other", kind="cancel_order", also="refund")
    (broken,) = refunds.read(promises.found)
    assert broken.lapses


def test_of_two_models_in_use_each_must_pass_by_its_own_audits(audited: Store) -> None:
    judged(audited, 200, at=YESTERDAY)
    judged(
        audited, 40, wrong=4, model="other", at=YESTERDAY
    )  # 5 of 640 wrong: together they would pass
    found = recommended(audited)
    assert (found.threshold, found.certified.wrong, found.certified.sent) == (None, 4, 40)
    assert "Each of the 2 models in use must pass by itself" in found.reason
    judged(audited, 600, model="other", at=YESTERDAY)
    found = recommended(audited)
    assert found.threshold is not None
    assert found.certified.labels == found.certified.sent == 600, "of the one that certifies least"
    assert "Each of the 2 models in use passes by itself" in found.reason
    assert publish(audited).evidence.calibrators == ("other-1", "sure-1")


def test_a_model_counts_no_more_a_week_after_its_last_draft(audited: Store) -> None:
    judged(audited, 300, model="other", at=YESTERDAY)
    found = recommended(audited)
    assert (found.threshold is not None, found.judged) == (True, 300)
    assert publish(audited).evidence.calibrators == ("other-1",)
