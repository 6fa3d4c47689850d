"""What a recommendation says where there is none, and what publishing says where it is not kept."""

import certifiable
import pytest
from builders import NOW

from store import certificates, policies
from store.engine import Store
from store.errors import BadInput
from store.gate import PolicyBody, Promise
from store.reports import recommending

TWO = Promise(max_error=0.02)


@pytest.fixture
def audited(store: Store) -> Store:
    """A store with 400 judged drafts above 0.95, one of them wrong, and as many not drawn."""
    store.transact(certifiable.drafts, [0.97] * 400, wrong=1)
    store.transact(certifiable.drafts, [0.97] * 400, is_drawn=False, is_judged=False)
    return store


def recommended(store: Store, body: PolicyBody) -> recommending.Recommendation:
    return store.read(recommending.recommend, body, TWO, now=NOW)


def test_a_policy_that_draws_no_audits_gets_no_threshold(audited: Store) -> None:
    assert recommended(audited, PolicyBody(threshold=0.9)).threshold is not None
    body = PolicyBody(threshold=0.9, audit_rate=0.0)
    found = recommended(audited, body)
    assert found.reason == "Nobody checks what was sent alone. This figure cannot be known."
    said = audited.read(recommending.as_json, found, body, now=NOW)
    assert (said["threshold"], said["code"], said["labels_needed"]) == (None, "no_audits", None)


def test_a_threshold_that_testing_did_not_reach_takes_no_number_of_audits(store: Store) -> None:
    # what was not drawn says to begin at 0.98, where one of sixty is wrong: 0.6 would pass
    store.transact(certifiable.drafts, [0.99] * 60, wrong=1)
    store.transact(certifiable.drafts, [0.7] * 600)
    store.transact(certifiable.drafts, [0.99] * 600 + [0.7] * 60, is_drawn=False)
    body = PolicyBody(threshold=0.6)
    found = recommended(store, body)
    said = store.read(recommending.as_json, found, body, now=NOW)
    assert (said["threshold"], said["labels_needed"], said["code"]) == (None, None, "not_reached")
    assert "Wait for more audits" in found.reason


def test_a_threshold_between_two_that_are_tested_is_refused_with_both(audited: Store) -> None:
    body = PolicyBody(threshold=0.925, promises={"*": TWO})
    with pytest.raises(BadInput, match=r"0\.925 is not tested; 0\.92 and 0\.93 are"):
        audited.transact(policies.publish, body, author="Mo", note="", now=NOW)
    assert audited.read(certificates.certificates) == []
    lax = body.model_copy(update={"threshold": 0.42})
    with pytest.raises(BadInput, match=r"0\.42 is not tested; 0\.5 is\."):
        audited.transact(policies.publish, lax, author="Mo", note="", now=NOW)
    neighbour = body.model_copy(update={"threshold": 0.93})
    audited.transact(policies.publish, neighbour, author="Mo", note="", now=NOW)
    assert audited.read(certificates.certificates)[0].evidence.threshold == 0.93
