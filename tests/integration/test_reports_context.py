"""What stands around a case: other tickets, precedents and notes; never how the case itself ended."""

from dataclasses import replace
from datetime import datetime, timedelta

import desk
import money_desk as money
import pytest
from sqlalchemy import event
from sqlmodel import Session

from dashboard import context_feed
from store import notes, undoing
from store.engine import Store
from store.errors import NotFound
from store.reports.card import card
from store.reports.context import CustomerPast, Moved, PastRun, beside, customer
from store.reports.precedents import SIMILAR, similar
from store.schema import Review
from store.transitions import ReviewKind, ReviewStatus, RunStatus, Verdict

HOUR = timedelta(hours=1)


@pytest.fixture
def shop(store: Store, now: datetime) -> Store:
    money.company(store, now=now - timedelta(days=30))
    return store


def wait(store: Store, name: str, *, at: datetime, **values: object) -> int:
    """Put a ticket on the desk; return its review."""
    case = replace(money.PLAIN, external_id=name, action=money.refund(), **values)  # type: ignore[arg-type]
    desk.run(store, case, at=at)
    return money.waiting(store, name, now=at)


def run_of(store: Store, review_id: int) -> int:
    return store.read(card, review_id).run_id


def test_a_customers_other_tickets_come_newest_first_with_what_became_of_them(
    shop: Store, now: datetime
) -> None:
    money.sent(shop, money.approved(shop, "T-1", at=now - 3 * HOUR), at=now - 2 * HOUR)
    refused = wait(shop, "T-2", at=now - 2 * HOUR)
    money.say(shop, refused, Verdict.REJECT, "Ana", at=now - HOUR, reason_code="wrong_facts")
    wait(shop, "T-3", at=now - HOUR)
    wait(shop, "T-4", at=now - HOUR, customer_id="C-1")
    mine = wait(shop, "T-5", at=now)
    shown = context_feed.customer_data(shop.read(customer, mine, now=now))
    assert [row["outcome"] for row in shown["rows"]] == [
        "waits for a person",
        "rejected by Ana: Facts are wrong",
        "approved by Ben",
    ]
    assert [row["money"] for row in shown["rows"]] == ["€84.90"] * 3
    assert (shown["title"], shown["summary"]) == ("C-1042", "3 other tickets")


@pytest.mark.parametrize(
    ("status", "is_automatic", "said"),
    [
        (RunStatus.DONE, True, "sent alone"),
        (RunStatus.DONE, False, "sent"),
        (RunStatus.FAILED, True, "failed"),
        (RunStatus.QUEUED, False, "waits for the agent"),
    ],
)
def test_a_run_that_nobody_judged_says_where_it_stands(
    now: datetime, status: RunStatus, is_automatic: bool, said: str
) -> None:
    run = PastRun(1, now, "Hello", None, None, status, is_automatic, None)
    past = CustomerPast("C-1", (run,), 1, (), "EUR")
    (row,) = context_feed.customer_data(past)["rows"]
    assert row["outcome"] == said


def test_ten_tickets_are_shown_and_all_are_counted(shop: Store, now: datetime) -> None:
    for number in range(12):
        wait(shop, f"T-{number}", at=now - (20 - number) * HOUR)
    mine = wait(shop, "T-99", at=now)
    past = shop.read(customer, mine, now=now)
    assert (len(past.runs), past.total) == (10, 12)
    summary = context_feed.customer_data(past)["summary"]
    assert summary == "12 other tickets, the newest 10 shown"


def test_money_that_reached_the_customer_is_summed_over_ninety_days(
    shop: Store, now: datetime
) -> None:
    money.sent(shop, money.approved(shop, "T-1", at=now - 2 * HOUR), at=now - HOUR)
    money.sent(shop, money.approved(shop, "T-2", at=now - 2 * HOUR), at=now - HOUR)
    money.approved(shop, "T-3", at=now - HOUR)  # not sent yet
    mine = wait(shop, "T-4", at=now)
    past = shop.read(customer, mine, now=now)
    assert past.moved == (Moved("refund", 2 * 8_490, "EUR"),)
    assert context_feed.customer_data(past)["money"] == "Last 90 days: refund €169.80"
    later = shop.read(customer, mine, now=now + timedelta(days=91))
    assert context_feed.customer_data(later)["money"] == "Last 90 days: no money moved"


def test_a_ticket_without_a_customer_has_no_history(shop: Store, now: datetime) -> None:
    desk.run(
        shop,
        desk.Case("T-1", "Hello?", customer_id=None, amount_minor=None, confidence=0.3),
        at=now,
    )
    mine = money.waiting(shop, "T-1", now=now)
    shown = context_feed.customer_data(shop.read(customer, mine, now=now))
    assert (shown["rows"], shown["title"]) == ([], "Unknown customer")


def test_similar_cases_are_those_people_decided_with_the_same_intent_and_action(
    shop: Store, now: datetime
) -> None:
    other_intent = wait(shop, "T-1", at=now - 5 * HOUR, intent="damaged_item")
    money.say(shop, other_intent, Verdict.APPROVE, "Ben", at=now - 5 * HOUR)
    money.approved(shop, "T-2", at=now - 4 * HOUR)
    edited = wait(shop, "T-3", at=now - 3 * HOUR)
    money.say(
        shop, edited, Verdict.EDIT, "Ana", at=now - 3 * HOUR, reply="Hello, it is on its way."
    )
    refused = wait(shop, "T-4", at=now - 2 * HOUR)
    money.say(
        shop, refused, Verdict.REJECT, "Ben", at=now - 2 * HOUR, reason_code="tone", note="Too dry"
    )
    wait(shop, "T-5", at=now - HOUR)
    mine = wait(shop, "T-6", at=now)
    rows = context_feed.similar_data(shop.read(similar, mine))["rows"]
    assert [(row["outcome"], row["changed"], row["note"]) for row in rows] == [
        ("rejected by Ben: Tone or wording", "", "Too dry"),
        ("edited and approved by Ana", "words changed", ""),
        ("approved by Ben", "", ""),
    ]
    assert rows[1]["reply"] == "Hello, it is on its way."


def test_an_undone_decision_is_no_precedent(shop: Store, now: datetime) -> None:
    decided = wait(shop, "T-1", at=now - HOUR)
    desk.decide(shop, decided, Verdict.APPROVE, at=now - HOUR)
    mine = wait(shop, "T-2", at=now)
    assert len(shop.read(similar, mine).cases) == 1
    shop.transact(undoing.undo, f"desk-{decided}-Ben", "Ben", now=now - HOUR)
    assert shop.read(similar, mine).cases == ()


def test_no_more_than_the_newest_precedents_are_shown(shop: Store, now: datetime) -> None:
    for number in range(SIMILAR + 2):
        money.approved(shop, f"T-{number}", at=now - (20 - number) * HOUR)
    mine = wait(shop, "T-99", at=now)
    cases = shop.read(similar, mine).cases
    assert len(cases) == SIMILAR
    assert [case.said.at for case in cases] == sorted(
        (case.said.at for case in cases), reverse=True
    )


def test_how_the_case_itself_ended_is_never_among_it(shop: Store, now: datetime) -> None:
    mine = wait(shop, "T-1", at=now - HOUR)
    money.say(shop, mine, Verdict.REJECT, "Ben", at=now - HOUR, reason_code="wrong_facts")
    assert shop.read(customer, mine, now=now).runs == ()
    assert shop.read(similar, mine).cases == ()


@pytest.mark.parametrize("kind", [ReviewKind.AUDIT, ReviewKind.SECOND_LOOK, ReviewKind.SEEDED])
def test_notes_are_kept_from_whoever_judges_without_them(
    shop: Store, now: datetime, kind: ReviewKind
) -> None:
    mine = wait(shop, "T-1", at=now)
    shop.transact(notes.add, run_of(shop, mine), "I rejected this.", person="Ben", now=now)
    (note,) = shop.read(beside, mine).notes
    assert (note.person, note.text) == ("Ben", "I rejected this.")

    def judged_again(session: Session) -> int:
        values = session.get_one(Review, mine).model_dump(exclude={"id"})
        other = Review(**{**values, "kind": kind, "status": ReviewStatus.OPEN})
        session.add(other)
        session.flush()
        assert other.id is not None
        return other.id

    around = shop.read(beside, shop.transact(judged_again))
    assert around.notes == ()
    assert around.are_notes_hidden is (kind is not ReviewKind.SEEDED)  # a disguise hides nothing


def test_an_unknown_review_is_refused(shop: Store, now: datetime) -> None:
    for query in (similar, beside):
        with pytest.raises(NotFound):
            shop.read(query, 99)
    with pytest.raises(NotFound):
        shop.read(customer, 99, now=now)


def test_nothing_is_read_by_scanning_runs_or_tickets(shop: Store, now: datetime) -> None:
    money.approved(shop, "T-1", at=now - HOUR)
    mine = wait(shop, "T-2", at=now)
    asked: list[tuple[str, object]] = []

    def read(session: Session) -> list[str]:
        engine = session.connection()

        def heard(_c: object, _k: object, sql: str, values: object, *_: object) -> None:
            asked.append((sql, values))

        event.listen(engine, "before_cursor_execute", heard)
        customer(session, mine, now=now)
        similar(session, mine)
        beside(session, mine)
        event.remove(engine, "before_cursor_execute", heard)
        plans = [
            row[3]
            for sql, values in asked
            for row in engine.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)  # type: ignore[arg-type]
        ]
        return [plan for plan in plans if plan.startswith("SCAN")]

    scans = shop.read(read)
    assert set(scans) <= {
        "SCAN company",
        "SCAN anon_1",
        "SCAN decision USING INDEX ix_decision_decided_at",
    }
