"""Promises: published only with a certificate, watched, suspended when broken, reopened by people."""

from datetime import datetime, timedelta

import builders
import certifiable
import gated
import pytest
from builders import NOW
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from store import calibrators, certificates, policies, promises, promising
from store.actions import reply_only
from store.calibrators import Fitted
from store.engine import Store
from store.errors import BadInput, IllegalTransition, NotAllowed
from store.evidence.calibration import Stack
from store.evidence.risk_control import Verdict
from store.gate import PolicyBody, Promise
from store.reports.recommending import recommend
from store.schema import Notification
from store.transitions import CertificateMove, Outcome

TWO = Promise(max_error=0.02)
PROMISED = PolicyBody(threshold=0.9, promises={"*": TWO})
BY_AN_OPERATOR = (
    "INSERT INTO certificate_event (certificate_id, move, why, person, at)"
    " VALUES (1, 'reopened', '', 'Ana', '2026-11-20 12:00:00')"
)
BEFORE = NOW - timedelta(days=20)
LATER = NOW + timedelta(days=3)


@pytest.fixture
def audited(store: Store) -> Store:
    """A store with 400 judged coin drafts above 0.95, one wrong; and many that were not drawn."""
    store.transact(certifiable.drafts, [0.97] * 400, wrong=1)
    store.transact(certifiable.drafts, [0.6] * 100, wrong=40)
    store.transact(certifiable.drafts, [0.97] * 400 + [0.6] * 100, is_drawn=False, is_judged=False)
    return store


def publish(store: Store, body: PolicyBody = PROMISED, person: str = "Mo") -> int:
    return store.transact(policies.publish, body, author=person, note="", now=NOW)


def only(store: Store) -> certificates.CertificateView:
    (one,) = store.read(certificates.certificates)
    return one


def break_it(store: Store) -> None:
    """Let audits of what was sent since say wrong far too often, and the watch look at them."""
    store.transact(certifiable.drafts, [0.97] * 100, wrong=20, at=NOW)
    store.transact(promises.suspend, store.read(promises.found), now=LATER)


def undrawn(store: Store, count: int, similarity: float, at: datetime = BEFORE) -> None:
    """Insert drafts that the coin did not draw and nobody judged."""
    store.transact(
        certifiable.drafts,
        [0.97] * count,
        similarity=similarity,
        at=at,
        is_drawn=False,
        is_judged=False,
    )


def test_a_policy_that_promises_is_published_with_its_evidence(audited: Store) -> None:
    version = publish(audited)
    one = only(audited)
    assert (one.policy_version, one.kind, one.promise, one.is_standing) == (version, "*", TWO, True)
    assert (one.evidence.labels, one.evidence.sent, one.evidence.wrong) == (500, 400, 1)
    assert one.evidence.calibrators == ("sure-1",)


def test_a_promise_that_is_not_certified_is_not_published(audited: Store) -> None:
    tight = PolicyBody(threshold=0.9, promises={"*": Promise(max_error=0.005)})
    with pytest.raises(BadInput, match="not certified"):
        publish(audited, tight)
    with pytest.raises(BadInput, match="laxest certified threshold"):
        publish(audited, PolicyBody(threshold=0.5, promises={"*": TWO}))
    with pytest.raises(BadInput, match="audit"):
        publish(audited, PROMISED.model_copy(update={"audit_rate": 0.0}))
    assert audited.read(policies.active).version == 1
    assert audited.read(certificates.certificates) == []


def test_confidences_that_mean_nothing_lead_to_abstention(store: Store) -> None:
    for _ in range(30):  # one in twenty is wrong, whatever its confidence
        store.transact(certifiable.drafts, [0.99, 0.6] * 10, wrong=1)
        store.transact(certifiable.drafts, [0.6, 0.99] * 10, wrong=1)
    store.transact(certifiable.drafts, [0.99] * 300, is_drawn=False, is_judged=False)
    found = store.read(recommend, PolicyBody(), Promise(max_error=0.01), now=NOW)
    assert found.threshold is None
    assert found.certified.reason is not Verdict.CERTIFIED


def test_without_a_coin_the_figure_cannot_be_known(store: Store) -> None:
    store.transact(builders.company)
    found = store.read(recommend, PolicyBody(), TWO, now=NOW)
    assert found.threshold is None
    assert found.reason == "Nobody checks what was sent alone. This figure cannot be known."


def test_what_the_coin_did_not_draw_is_no_evidence(audited: Store) -> None:
    audited.transact(certifiable.drafts, [0.97] * 200, wrong=100, is_drawn=False)
    assert only_sample(audited) == (500, 41)


def test_drafts_of_another_calibrator_are_no_evidence(audited: Store) -> None:
    stack = Stack(signals=(), means=(), scales=(), weights=(), intercept=0.0, platt=(1.0, 0.0))
    fitted = Fitted(
        version="sure-2", model=builders.MODEL, is_demo=True, stack=stack, labels=0, wrong=0
    )
    publish(audited)
    audited.transact(calibrators.save, fitted, now=NOW + timedelta(hours=1))
    assert only_sample(audited) == (0, 0)
    audited.transact(promises.suspend, audited.read(promises.found), now=LATER)
    assert only(audited).move is CertificateMove.LAPSED
    assert gated.passed(audited).outcome is Outcome.PASS, "a lapse stops nothing"


def only_sample(store: Store) -> tuple[int, int]:
    found = store.read(promising.sample, PolicyBody(threshold=0.5), now=NOW)
    return found.judged, int(found.is_wrong.sum())


def test_a_lower_rate_of_the_coin_takes_only_what_it_would_have_drawn(store: Store) -> None:
    store.transact(certifiable.drafts, [0.97] * 40)
    store.transact(certifiable.drafts, [0.97] * 20, rate=0.9)
    found = store.read(promising.sample, PolicyBody(), now=NOW)
    assert (found.rate, found.judged) == (0.5, 40)
    store.transact(certifiable.drafts, [0.97] * 30, rate=0.9, toss=0.2)
    found = store.read(promising.sample, PolicyBody(), now=NOW)
    assert (found.rate, found.judged) == (0.5, 70)


def test_a_promise_that_holds_is_left_alone(audited: Store) -> None:
    publish(audited)
    audited.transact(certifiable.drafts, [0.97] * 100, wrong=0, at=NOW)
    (seen,) = audited.read(promises.watched)
    assert (seen.wrong, seen.audited, seen.why_broken) == (0, 100, None)
    assert audited.read(promises.found) == ()


def test_a_broken_promise_sends_everything_to_a_person_until_a_manager_reopens_it(
    audited: Store,
) -> None:
    publish(audited)
    break_it(audited)
    one = only(audited)
    assert one.is_suspended
    assert "20 of 100" in one.why
    stopped = gated.passed(audited)
    assert stopped.outcome is Outcome.ESCALATE
    reasons = gated.review(audited, stopped.review_id).reasons
    assert [reason["code"] for reason in reasons] == [certificates.SUSPENDED]
    with pytest.raises(NotAllowed):
        audited.transact(certificates.reopen, one.id, person="Ana", now=LATER)
    audited.transact(certificates.reopen, one.id, person="Mo", note="fixed", now=LATER)
    assert gated.passed(audited).outcome is Outcome.PASS
    assert not only(audited).is_standing, "the promise is not made again by reopening"
    with pytest.raises(IllegalTransition):
        audited.transact(certificates.reopen, one.id, person="Mo", now=LATER)


def test_people_are_told_once_of_a_broken_promise(audited: Store) -> None:
    publish(audited)
    break_it(audited)
    break_it(audited)
    told = audited.read(lambda session: session.exec(select(Notification)).all())
    assert [one.key for one in told] == [f"promise:{only(audited).id}:suspended"]


def test_publishing_another_policy_does_not_lift_a_suspension(audited: Store) -> None:
    publish(audited)
    break_it(audited)
    publish(audited, PolicyBody(threshold=0.8))
    assert gated.passed(audited).outcome is Outcome.ESCALATE


def test_a_suspension_concerns_its_action_kind_only(store: Store) -> None:
    store.transact(certifiable.drafts, [0.97] * 300, kind="refund")
    store.transact(certifiable.drafts, [0.97] * 300, kind="refund", is_drawn=False)
    publish(store, PolicyBody(threshold=0.9, promises={"refund": TWO}))
    store.transact(certifiable.drafts, [0.97] * 100, wrong=30, kind="refund", at=NOW)
    store.transact(promises.suspend, store.read(promises.found), now=LATER)
    assert gated.passed(store, action=builders.refund(1_000)).outcome is Outcome.ESCALATE
    assert gated.passed(store, action=reply_only("C-1")).outcome is Outcome.PASS


def test_tickets_that_no_longer_look_like_those_audited_suspend_the_promise(store: Store) -> None:
    store.transact(certifiable.drafts, [0.97] * 300)
    undrawn(store, 270, similarity=0.8)
    undrawn(store, 30, similarity=0.3)
    publish(store)
    undrawn(store, 150, similarity=0.7, at=NOW)
    assert store.read(promises.found) == ()
    undrawn(store, 150, similarity=0.2, at=NOW)
    (broken,) = store.read(promises.found)
    assert "tickets changed" in broken.why


def test_publishing_anew_withdraws_the_promise_before(audited: Store) -> None:
    publish(audited)
    publish(audited, PROMISED.model_copy(update={"threshold": 0.95}))
    new, old = audited.read(certificates.certificates)
    assert (new.is_standing, old.move) == (True, CertificateMove.WITHDRAWN)


def test_the_database_refuses_to_rewrite_a_certificate(audited: Store) -> None:
    publish(audited)
    for statement in (
        "UPDATE certificate SET wrong = 0",
        "DELETE FROM certificate",
        BY_AN_OPERATOR,
    ):
        with pytest.raises(IntegrityError, match=r"append-only|only a manager"):
            gated.execute(audited, statement)
