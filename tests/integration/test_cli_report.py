"""`greenlight report`: what it says in words, and what it asks back."""

from datetime import timedelta

import builders
import builders_aftermath as aftermath
import pytest
from builders import NOW
from cli_runner import document, greenlight
from sqlmodel import Session

from store.engine import Store
from store.transitions import Verdict

pytestmark = pytest.mark.usefixtures("settings")

NOBODY_CHECKS = "Nobody checks what was sent alone. This figure cannot be known."


def said(*arguments: object) -> str:
    """Return what the command prints, on one line."""
    return " ".join(greenlight("report", *arguments).stdout.split())


def test_with_no_coin_the_headline_says_that_it_cannot_be_known(store: Store) -> None:
    store.transact(builders.case, confidence=0.95)
    assert f"Auto-sent drafts that were wrong: unknown. {NOBODY_CHECKS}" in said()


def test_where_nothing_was_sent_alone_the_headline_says_so(store: Store) -> None:
    store.transact(builders.case, confidence=0.6)
    assert "Auto-sent drafts that were wrong: unknown. Nothing was sent alone." in said()


def test_the_product_of_the_steps_is_what_came_right_end_to_end(store: Store) -> None:
    def write(session: Session) -> None:
        for place in range(40):
            built = builders.case(session, confidence=0.6)
            if place < 10:  # wrong, and nobody said at which step
                aftermath.decide(session, built.review_id, Verdict.REJECT)
            else:
                aftermath.decide(session, built.review_id)

    store.transact(write)
    found, shown = document("report"), said()
    assert found["end_to_end"]["rate"] == found["product_of_first_failures"] == 0.75
    assert "End to end right: 75.0%" in shown
    assert "with the failures that no single step explains: 75.0%" in shown


def test_a_closed_day_says_how_many_of_its_audits_wait(store: Store) -> None:
    def write(session: Session) -> None:
        for place in range(5):
            built = builders.case(session, confidence=0.95, is_audited=True)
            if place < 2:
                aftermath.decide(session, built.review_id, Verdict.RIGHT)
        builders.case(session, confidence=0.6)
        builders.case(session, confidence=0.95, is_audited=True, at=NOW + timedelta(days=1))

    store.transact(write)
    found, shown = document("report"), said()
    assert found["to_judge"] == 4
    assert [point["to_judge"] for point in found["trend"]] == [3, 1]
    assert f"drawn for an audit: 4 (in closed periods: 3 from {NOW:%Y-%m-%d} on)" in shown


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("intent", "dupe", "No run has the intent `dupe`. Known: duplicate_charge."),
        ("action", "refnud", "No run has the action kind `refnud`. Known: reply_only."),
        ("policy", 77, "No run has the policy version `77`. Known: 1."),
        ("model", "m-9", "No run has the model `m-9`. Known: "),
        ("pipeline", "suport", "No run has the pipeline `suport`. Known: support."),
    ],
)
def test_a_value_that_no_run_has_is_named_with_those_there_are(
    store: Store, option: str, value: object, expected: str
) -> None:
    store.transact(builders.case)
    result = greenlight("report", f"--{option}", value, "--json")
    assert expected in result.stderr
    assert result.stdout.startswith('{"pipeline"')
    assert greenlight("report").stderr == ""


def test_a_period_without_runs_is_no_slip(store: Store) -> None:
    store.transact(builders.case)  # long ago
    result = greenlight("report", "--days", 1, "--intent", "duplicate_charge", "--json")
    assert result.stderr == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("report", "--days", 999_999, "--json"),
        ("report", "--policy", 2**63, "--json"),
        ("reviewers", "--days", 9_999_999),
        ("policy", "show", 2**63),
        ("policy", "approve", 2**63, "--as", "Mo"),
        ("decide", 2**63, "approve", "--as", "Ana"),
        ("runs", "cancel", 2**63, "--as", "Ana"),
        ("runs", "retry", 2**63, "--as", "Ana"),
    ],
)
def test_a_number_that_nothing_has_is_wrong_usage(store: Store, arguments: tuple[object]) -> None:
    store.transact(builders.case)
    assert "Invalid value for" in greenlight(*arguments, code=2).stderr
    greenlight("report", "--days", 36_500, "--policy", 2**63 - 1, "--json")
