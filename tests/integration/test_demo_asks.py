"""The three customers of the README: an ambiguous duplicate, a true one, one above the limit."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from cli_runner import document, greenlight

from agents.demo import ledger
from agents.demo.showcase import Showcase, showcase
from store.settings import Settings

QUESTION = "Why was I charged twice in May?"
Entries = Callable[[str], list[dict[str, object]]]


@pytest.fixture
def customers(settings: Settings) -> Showcase:
    return showcase(ledger.settled_world(settings.home, anchor=datetime.now(UTC).date()))


@pytest.fixture
def refunds_of(settings: Settings) -> Entries:
    def read(customer: str) -> list[dict[str, object]]:
        connection = ledger.connect(ledger.path_in(settings.home))
        try:
            done = ledger.entries(connection)
        finally:
            connection.close()
        return [
            entry
            for entry in done
            if entry["tool"] == "issue_refund" and entry["customer_id"] == customer
        ]

    return read


def test_an_ambiguous_duplicate_goes_to_a_person_and_the_ambiguity_is_named(
    customers: Showcase, refunds_of: Entries
) -> None:
    asked = document("ask", QUESTION, "--customer", customers.ambiguous)
    assert asked["route"] == "route_to_human"
    assert 0 < asked["confidence"] < asked["threshold"] == 0.85
    doubts = [reason for reason in asked["reasons"] if reason["code"] == "doubtful_evidence"]
    assert "two" in doubts[0]["message"].lower() or "different orders" in doubts[0]["message"]
    assert asked["action"]["kind"] == "reply_only"
    greenlight("executor", "--drain")
    assert refunds_of(customers.ambiguous) == []


def test_a_true_duplicate_below_the_limit_is_refunded_without_a_person(
    customers: Showcase, refunds_of: Entries
) -> None:
    asked = document("ask", QUESTION, "--customer", customers.duplicate_below_limit)
    assert asked["route"] == "auto_reply", asked["reasons"]
    assert asked["action"]["kind"] == "refund"
    assert asked["action"]["amount_minor"] <= 10_000
    greenlight("executor", "--drain")
    (refund,) = refunds_of(customers.duplicate_below_limit)
    assert refund["body"]["amount_minor"] == asked["action"]["amount_minor"]  # type: ignore[index]


def test_a_true_duplicate_above_the_limit_goes_to_a_person_because_of_the_rule(
    customers: Showcase, refunds_of: Entries
) -> None:
    asked = document("ask", QUESTION, "--customer", customers.duplicate_above_limit)
    assert asked["route"] == "route_to_human"
    assert asked["action"]["amount_minor"] > 10_000
    (limit,) = [r for r in asked["reasons"] if r["code"] == "refund_over_limit"]
    assert limit["margin"] == asked["action"]["amount_minor"] - 10_000
    greenlight("executor", "--drain")
    assert refunds_of(customers.duplicate_above_limit) == []
