"""Policies: published by managers, one active, never changed; the daily cap counts what passed."""

from datetime import datetime, timedelta

import builders
import gated
import pytest

from store import gating, policies, registry
from store.engine import Store
from store.errors import NotAllowed, NotFound, StalePolicy
from store.gate import PolicyBody
from store.registry import CompanyFacts
from store.transitions import Outcome, PolicyStatus, Role


def publish(store: Store, body: PolicyBody, author: str, now: datetime) -> int:
    return store.transact(policies.publish, body, author=author, note="why", now=now)


def test_before_any_policy_nothing_can_be_gated(store: Store) -> None:
    with pytest.raises(NotFound, match="No policy"):
        store.read(policies.active)


def test_publishing_retires_the_version_before(store: Store, now: datetime) -> None:
    store.transact(builders.company)
    assert publish(store, PolicyBody(threshold=0.9), "Mo", now) == 2
    newest, first = store.read(policies.versions)
    assert (newest.version, newest.status, newest.author) == (2, PolicyStatus.ACTIVE, "Mo")
    assert (first.version, first.status) == (1, PolicyStatus.RETIRED)
    assert first.body == PolicyBody()
    assert store.read(policies.active).body.threshold == 0.9


@pytest.mark.parametrize("author", ["Ana", "Nobody", ""])
def test_only_a_manager_publishes(store: Store, now: datetime, author: str) -> None:
    store.transact(builders.company)
    with pytest.raises(NotAllowed, match="manager"):
        publish(store, PolicyBody(threshold=0), author, now)
    assert store.read(policies.active).version == 1


def test_a_new_draft_is_judged_by_the_active_policy(store: Store, now: datetime) -> None:
    assert gated.case(store, confidence=0.9).outcome is Outcome.PASS
    publish(store, PolicyBody(threshold=0.95), "Mo", now)
    case = gated.case(store, confidence=0.9)
    assert case.outcome is Outcome.ESCALATE
    assert gated.run(store, case.run_id).policy_version == 2


def test_starting_again_with_another_folder_policy_never_loosens_the_published_one(
    store: Store, now: datetime
) -> None:
    store.transact(builders.company)
    facts = CompanyFacts(
        name="Northwind",
        currency="EUR",
        is_demo=True,
        people=[("Zoe", Role.OPERATOR)],
        policy=PolicyBody(threshold=0.0),
    )
    store.transact(registry.register_company, facts, now=now)
    assert store.read(policies.active).body.threshold == 0.85
    assert "Zoe" in [person.name for person in store.read(registry.people)]


def test_a_store_serves_one_company_only(store: Store, now: datetime) -> None:
    store.transact(builders.company)
    facts = CompanyFacts("Other", "EUR", False, [("Zoe", Role.MANAGER)], PolicyBody())
    with pytest.raises(NotAllowed, match="belongs to `Northwind`"):
        store.transact(registry.register_company, facts, now=now)


def test_a_tool_whose_schema_drifted_keeps_the_approved_fingerprint(store: Store) -> None:
    store.transact(builders.company)
    listed = store.read(registry.tools)[0]
    drifted = registry.ToolFacts(listed.name, "shop", True, {"type": "object"}, "other")
    store.transact(registry.register_tools, [drifted])
    assert store.read(registry.tools)[0].fingerprint == listed.fingerprint


def test_money_that_passed_today_counts_towards_the_customers_cap(store: Store) -> None:
    outcomes = [gated.passed(store, action=builders.refund(9_000)).outcome for _ in range(3)]
    assert outcomes == [Outcome.PASS, Outcome.PASS, Outcome.ESCALATE]
    other = builders.refund(9_000, customer_id="C-2")
    assert gated.passed(store, action=other, customer_id="C-2").outcome is Outcome.PASS


def test_the_cap_starts_anew_at_midnight_utc(store: Store, now: datetime) -> None:
    evening = now.replace(hour=23, minute=59)
    assert gated.passed(store, action=builders.refund(20_000), at=evening).outcome is Outcome.PASS
    capped = gated.passed(store, action=builders.refund(1), at=evening)
    assert capped.outcome is Outcome.ESCALATE
    morning = evening + timedelta(minutes=2)
    assert gated.passed(store, action=builders.refund(20_000), at=morning).outcome is Outcome.PASS


def test_money_of_a_later_day_does_not_count_towards_an_earlier_one(
    store: Store, now: datetime
) -> None:
    """A back-dated history is not judged by what came after it."""
    gated.passed(store, action=builders.refund(20_000), at=now)
    earlier = now - timedelta(days=7)
    assert gated.passed(store, action=builders.refund(20_000), at=earlier).outcome is Outcome.PASS


def test_the_audit_coin_is_blind_and_repeatable(store: Store) -> None:
    case = gated.passed(store)
    draft = gated.drafts(store, case.run_id)[0]
    drawn = [store.read(gating.coin_toss, draft) < rate for rate in (0.0, 0.5, 0.5, 1.0)]
    assert drawn[0] is False
    assert drawn[1] == drawn[2]
    assert drawn[3] is True


def test_nothing_is_published_over_a_version_nobody_compared_it_with(
    store: Store, now: datetime
) -> None:
    store.transact(builders.company)
    publish(store, PolicyBody(threshold=0.9), "Mo", now)
    later = now + timedelta(days=1)
    for at, when in ((now, "at 12:00 UTC"), (later, f"on {now.day} {now:%b} 12:00 UTC")):
        with pytest.raises(StalePolicy, match=f"Version 2 was published by Mo {when} meanwhile"):
            store.transact(policies.publish, PolicyBody(), author="Mo", note="", now=at, based_on=1)
    assert store.read(policies.active).version == 2
    assert (
        store.transact(policies.publish, PolicyBody(), author="Mo", note="", now=later, based_on=2)
        == 3
    )
