"""Searching the trail: what is found, in which order, and how far a search has looked."""

from datetime import UTC, datetime, timedelta

import builders
import gated
import pytest

from store import audit, reviews
from store.engine import Store
from store.reports import audit as trail
from store.reports.audit import Wanted
from store.reports.story import UNKNOWN, UNSEALED, story
from store.schema import Ticket
from store.settings import Settings

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def write(store: Store, number: int, **values: object) -> None:
    facts = {
        "actor": "gate",
        "tag": "run:draft:passed",
        "subject": f"run:{number}",
        "at": AT + timedelta(minutes=number),
        "body": {"note": f"entry {number}"},
        **values,
    }
    store.transact(audit.append, **facts)  # type: ignore[arg-type]


@pytest.fixture
def filled(store: Store) -> Store:
    """Thirty entries: every third a decision, Ana's and Ben's in turn; the last a hold."""
    for number in range(1, 30):
        if number % 3 == 0:
            person = "Ana" if number % 2 else "Ben"
            write(store, number, actor=person, tag="run:review:approve")
        else:
            write(store, number)
    write(store, 30, actor="Mo", tag="hold:set", subject="hold:*", body={"note": "Refunds ran hot"})
    return store


def seqs(store: Store, wanted: Wanted, **values: int) -> list[int]:
    return [entry.seq for entry in store.read(trail.find, wanted, **values).items]


def test_everything_is_newest_first_and_goes_on_by_pages(filled: Store) -> None:
    seen: list[int] = []
    before = None
    while True:
        page = filled.read(trail.find, Wanted(), before=before, limit=7)
        seen += [entry.seq for entry in page.items]
        before = page.older
        if before is None:
            break
    assert seen == list(range(30, 0, -1))


def test_a_page_of_a_filter_goes_on_too(filled: Store) -> None:
    decisions = Wanted(family="decisions")
    first = filled.read(trail.find, decisions, limit=4)
    assert [entry.seq for entry in first.items] == [27, 24, 21, 18]
    assert seqs(filled, decisions, before=first.older or 0, limit=9) == [15, 12, 9, 6, 3]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(family="holds"), [30]),
        (Wanted(family="policies"), []),
        (Wanted(actor="Ana"), [27, 21, 15, 9, 3]),
        (Wanted(actor="Ana", family="gate passes"), []),
        (Wanted(actor="Ben", family="decisions"), [24, 18, 12, 6]),
        (Wanted(subject="run:7"), [7]),
        (Wanted(text="run 7"), [7]),
        (Wanted(text="#7"), [7]),
        (Wanted(text="run:7"), [7]),
        (Wanted(text="hold:*"), [30]),
        (Wanted(text="ran HOT"), [30]),
        (Wanted(text="entry 2"), [29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 2]),
        (Wanted(text="stopped automatic"), [30]),
        (Wanted(text="100%"), []),
        (Wanted(text="Mo", family="holds"), [30]),
        (Wanted(since=AT + timedelta(minutes=28)), [30, 29, 28]),
        (Wanted(until=AT + timedelta(minutes=3)), [2, 1]),
        (Wanted(since=AT + timedelta(days=1)), []),
        (Wanted(until=AT), []),
        (
            Wanted(actor="Ana", since=AT + timedelta(minutes=9), until=AT + timedelta(minutes=21)),
            [15, 9],
        ),
    ],
)
def test_what_is_wanted_is_found_and_counted(
    filled: Store, wanted: Wanted, found: list[int]
) -> None:
    assert seqs(filled, wanted) == found
    assert filled.read(trail.count, wanted, at_most=100) == len(found)
    assert [entry.seq for entry in filled.read(lambda s: list(trail.every(s, wanted)))] == found[
        ::-1
    ]


def test_a_count_stops_at_its_limit(filled: Store) -> None:
    assert filled.read(trail.count, Wanted(), at_most=10) == 10


def test_entries_out_of_order_of_time_are_all_in_their_period(filled: Store) -> None:
    write(filled, 31, at=AT - timedelta(days=3))
    assert seqs(filled, Wanted(until=AT - timedelta(days=1))) == [31]
    assert 31 not in seqs(filled, Wanted(since=AT))
    assert len(seqs(filled, Wanted(since=AT))) == 30


def test_a_search_by_words_says_how_far_it_looked(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail, "LOOK", 10)
    page = filled.read(trail.find, Wanted(text="entry 5"))
    assert (page.items, page.searched_to, page.older) == ((), 21, 21)
    page = filled.read(trail.find, Wanted(text="entry 5"), before=page.older)
    assert page.searched_to == 11
    page = filled.read(trail.find, Wanted(text="entry 5"), before=page.older)
    assert [entry.seq for entry in page.items] == [5]
    assert (page.searched_to, page.older) == (None, None)


def test_the_choices_are_what_occurs(filled: Store) -> None:
    assert filled.read(trail.actors) == ("Ana", "Ben", "Mo", "gate")
    assert filled.read(trail.families) == ("decisions", "gate passes", "holds")


def test_tampered_rows_are_shown_as_they_are(filled: Store, settings: Settings) -> None:
    gated.tamper(settings, "UPDATE audit_entry SET at = 'yesterday', body = 'x' WHERE seq = 7")
    (entry,) = filled.read(trail.find, Wanted(text="run 7")).items
    assert (entry.at, entry.body) == (None, "x")


def test_a_ticket_or_customer_leads_to_all_of_its_runs(store: Store) -> None:
    mine, other = (store.transact(builders.case, confidence=0.7) for _ in range(2))
    for number in (mine.run_id, other.run_id):
        write(store, number)
    run = gated.run(store, mine.run_id)
    external_id = store.read(lambda s: s.get_one(Ticket, run.ticket_id).external_id)
    found = store.read(trail.find, Wanted(text=external_id)).items
    assert {entry.subject for entry in found} == {f"run:{mine.run_id}"}
    found = store.read(trail.find, Wanted(text="C-1")).items
    assert {entry.subject for entry in found} == {f"run:{mine.run_id}", f"run:{other.run_id}"}


def test_a_story_joins_trail_decision_and_receipt(store: Store, now: datetime) -> None:
    case = gated.case(store)
    decide = case.approve(decision_id="decision-1", note="Both charges are settled")
    store.transact(reviews.decide, decide, now=now)
    told = store.read(story, case.run_id).moments
    said = [f"{moment.who} {moment.what}" for moment in told]
    assert said[0] == "C-1 wrote"
    assert "model:local drafted revision 1" in said
    approved = next(moment for moment in told if moment.what == "approved a draft")
    assert (approved.who, approved.words) == ("Ana", "Both charges are settled")
    assert approved.seq is not None
    assert said.index("Ana approved a draft") < said.index("issue_refund was put in the outbox")
    assert not [moment.warning for moment in told if moment.warning]


def test_a_story_marks_what_the_trail_does_not_know(
    store: Store, settings: Settings, now: datetime
) -> None:
    case = gated.case(store)
    store.transact(reviews.decide, case.approve(), now=now)
    approved = "tag = 'run:review:approve'"
    gated.tamper(settings, f"UPDATE audit_entry SET actor = 'Ben' WHERE {approved}")
    marked = [one for one in store.read(story, case.run_id).moments if one.warning]
    assert [(one.who, one.warning) for one in marked] == [("Ben", UNSEALED)]
    gated.tamper(settings, f"DELETE FROM audit_entry WHERE {approved}")
    marked = [one for one in store.read(story, case.run_id).moments if one.warning]
    assert [(one.who, one.what, one.warning) for one in marked] == [
        ("Ana", "approved a draft", UNKNOWN)
    ]
