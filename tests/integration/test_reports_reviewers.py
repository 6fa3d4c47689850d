"""Reviewer figures: each person's own, batches and planted cards apart, people never simulated."""

import json
from datetime import datetime, timedelta
from typing import Any

import builders
import pytest
import reviewed
from cli_runner import document, greenlight
from sqlalchemy import event
from sqlmodel import Session

from agents.cli import reviewers as command
from store.engine import Store
from store.evidence.intervals import wilson
from store.reports import reviewers as measured
from store.reports.reviewers import Reviewer, ReviewerReport, Share
from store.transitions import Verdict

APPROVE, EDIT, REJECT = Verdict.APPROVE, Verdict.EDIT, Verdict.REJECT
RIGHT, WRONG = Verdict.RIGHT, Verdict.WRONG


@pytest.fixture(autouse=True)
def company(store: Store) -> None:
    store.transact(builders.company)


def report(store: Store, now: datetime, *, days: int = 28) -> ReviewerReport:
    return store.read(measured.reviewers, since=now - timedelta(days=days), until=now)


def only(store: Store, now: datetime) -> Reviewer:
    (one,) = report(store, now).people
    return one


def test_where_nobody_decided_anything_everything_is_unknown(store: Store, now: datetime) -> None:
    found = report(store, now)
    assert (found.people, found.simulated) == ((), ())
    assert found.team.cards == 0
    assert found.team.overturned == found.team.missed == Share(0, 0, None, None, None)


def test_verdicts_are_shares_of_the_persons_own_cards_with_their_range(
    store: Store, now: datetime
) -> None:
    reviewed.cards(store, 6, APPROVE, at=now)
    reviewed.cards(store, 3, REJECT, at=now, reason_code="wrong_facts")
    reviewed.cards(store, 1, EDIT, at=now)
    reviewed.cards(store, 5, APPROVE, at=now, person="Ben")
    ana, ben = report(store, now).people
    assert (ana.person, ana.cards, ben.person, ben.cards) == ("Ana", 10, "Ben", 5)
    assert (ana.approved.part, ana.edited.part, ana.rejected.part) == (6, 1, 3)
    bounds = wilson(6, 10)
    assert bounds is not None
    assert ana.approved == Share(6, 10, 0.6, bounds.low, bounds.high)
    assert not ana.approved.has_enough


def test_pace_is_the_median_and_the_ninth_tenth_of_the_times_known(
    store: Store, now: datetime
) -> None:
    for seconds in (1.0, 2.0, 3.04, 4.0, 100.0, 5.0, 6.0, 7.0, 8.0, 9.0):
        reviewed.cards(store, 1, APPROVE, at=now, seconds=seconds)
    reviewed.cards(store, 3, APPROVE, at=now, seconds=None)
    one = only(store, now)
    assert (one.cards, one.timed) == (13, 10)
    assert (one.median_s, one.p90_s) == (5.0, 9.0)


def test_without_any_known_time_the_pace_is_unknown(store: Store, now: datetime) -> None:
    reviewed.cards(store, 2, APPROVE, at=now, seconds=None)
    one = only(store, now)
    assert (one.median_s, one.p90_s) == (None, None)


def test_batches_are_counted_apart_from_cards(store: Store, now: datetime) -> None:
    reviewed.cards(store, 2, APPROVE, at=now, seconds=20.0)
    reviewed.cards(store, 9, APPROVE, at=now, seconds=0.1, in_bulk=True)
    one = only(store, now)
    assert (one.cards, one.in_bulk, one.median_s) == (2, 9, 20.0)


def test_undone_decisions_are_a_share_of_all(store: Store, now: datetime) -> None:
    reviewed.cards(store, 3, APPROVE, at=now)
    reviewed.cards(store, 1, REJECT, at=now, is_undone=True)
    reviewed.cards(store, 1, APPROVE, at=now, is_undone=True, in_bulk=True)
    one = only(store, now)
    assert (one.undone.part, one.undone.whole) == (1, 4)


def test_the_first_wrong_step_is_asked_of_rejections_and_edits_of_substance(
    store: Store, now: datetime
) -> None:
    reviewed.cards(store, 3, REJECT, at=now, reason_code="wrong_facts", blamed_step="retrieval")
    reviewed.cards(store, 1, REJECT, at=now, reason_code="wrong_facts")
    reviewed.cards(store, 1, EDIT, at=now, blamed_step="synthesis")
    reviewed.cards(store, 5, EDIT, at=now, reason_code="wording")
    reviewed.cards(store, 5, APPROVE, at=now)
    found = report(store, now)
    assert (found.people[0].named.part, found.people[0].named.whole) == (4, 5)
    assert found.team.named == found.people[0].named


def test_planted_cards_count_as_caught_or_missed_and_nowhere_else(
    store: Store, now: datetime
) -> None:
    at = now - timedelta(days=1)
    for verdict in (REJECT, REJECT, EDIT, APPROVE):
        reviewed.planted(store, verdict, at=at)
    reviewed.planted(store, REJECT, at=at, id="bulk-7:1", person="Ben")
    found = report(store, now)
    (ana,) = found.people
    assert ana.cards == 0
    assert (ana.caught.part, ana.caught.whole) == (3, 4)
    assert (found.team.missed.part, found.team.missed.whole) == (1, 4)


def test_second_looks_say_who_agreed_and_what_was_overturned(store: Store, now: datetime) -> None:
    at = now - timedelta(days=1)
    reviewed.looked_again(store, WRONG, at=at)
    reviewed.looked_again(store, RIGHT, at=at)
    reviewed.looked_again(store, WRONG, at=at, first="Ben", second="Mo")
    found = report(store, now)
    agreed = {one.person: (one.agreed.part, one.agreed.whole) for one in found.people}
    assert agreed == {"Ana": (1, 2), "Ben": (2, 3), "Mo": (1, 1)}
    assert (found.team.overturned.part, found.team.overturned.whole) == (1, 3)
    assert {one.person: one.audits for one in found.people} == {"Ana": 2, "Ben": 3, "Mo": 1}


def test_the_approvals_of_a_two_person_card_say_nothing_about_agreement(
    store: Store, now: datetime
) -> None:
    reviewed.cards(store, 4, APPROVE, at=now, is_final=False)
    one = only(store, now)
    assert one.cards == 4
    assert one.agreed == Share(0, 0, None, None, None)


def test_simulated_reviewers_are_never_mixed_with_people(store: Store, now: datetime) -> None:
    at = now - timedelta(days=1)
    reviewed.cards(store, 4, REJECT, at=now, is_simulated=True, seconds=1.0)
    reviewed.planted(store, APPROVE, at=at, is_simulated=True)
    reviewed.looked_again(store, RIGHT, at=at, is_simulated=True)
    reviewed.cards(store, 2, APPROVE, at=now)
    found = report(store, now)
    (ana,) = found.people
    assert (ana.cards, ana.rejected.part, ana.median_s) == (2, 0, 10.0)
    assert (found.team.cards, found.team.missed.whole, found.team.overturned.whole) == (2, 0, 0)
    assert [(one.person, one.is_simulated) for one in found.simulated] == [
        ("Ana", True),
        ("Ben", True),
    ]
    assert (found.simulated_team.cards, found.simulated_team.missed.part) == (4, 1)


def test_only_the_period_counts(store: Store, now: datetime) -> None:
    reviewed.cards(store, 1, APPROVE, at=now)
    reviewed.cards(store, 2, APPROVE, at=now - timedelta(days=8))
    reviewed.planted(store, APPROVE, at=now - timedelta(days=8))
    reviewed.looked_again(store, RIGHT, at=now - timedelta(days=8))
    assert [one.cards for one in report(store, now, days=7).people] == [1]
    assert report(store, now, days=7).team.missed.whole == 0
    assert report(store, now, days=28).people[0].cards == 3


def test_neither_all_decisions_nor_all_reviews_are_read(store: Store, now: datetime) -> None:
    asked: list[tuple[str, Any]] = []

    def plans(session: Session) -> list[str]:
        connection = session.connection()

        def heard(_c: object, _k: object, sql: str, values: object, *_: object) -> None:
            asked.append((sql, values))

        event.listen(connection, "before_cursor_execute", heard)
        measured.reviewers(session, since=now - timedelta(days=28), until=now)
        event.remove(connection, "before_cursor_execute", heard)
        return [
            row[3]
            for sql, values in asked
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)
        ]

    found = store.read(plans)
    assert [plan for plan in found if plan.startswith("SCAN")] in ([], ["SCAN undo"])
    assert any("ix_decision_decided_at" in plan for plan in found)
    assert len(asked) == 4


def test_the_command_prints_exactly_the_reports_numbers(
    store: Store, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "clock", lambda: now)
    at = now - timedelta(days=1)
    reviewed.cards(store, 50, APPROVE, at=now, seconds=1.0)
    reviewed.cards(store, 2, REJECT, at=now, person="Ben", blamed_step="gate")
    reviewed.planted(store, APPROVE, at=at)
    reviewed.looked_again(store, RIGHT, at=at)
    reviewed.cards(store, 1, APPROVE, at=now, is_simulated=True)
    found = report(store, now)
    printed = document("reviewers")
    assert printed == {"ok": True, "days": 28, **_plain(found.as_json())}
    assert [one["person"] for one in printed["people"]] == ["Ana", "Ben"]
    assert printed["people"][0]["notice"] == found.people[0].notice
    said = greenlight("reviewers").stdout
    assert "Second looks overturned 1 of 1 'wrong' verdicts; 1 of 1 planted errors were" in said
    assert "Ana approved 50 of 50 cards in a median of 1.0 s." in said
    assert "Simulated reviewers" in said


def test_the_command_says_when_there_is_nothing(store: Store) -> None:
    assert "People: nobody decided anything." in greenlight("reviewers").stdout


def _plain(document: dict[str, Any]) -> Any:
    return json.loads(json.dumps(document, default=lambda at: at.isoformat()))
