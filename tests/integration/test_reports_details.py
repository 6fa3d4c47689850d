"""Flow, versions, early signs and drift: what the Details rest on, from a real store."""

from datetime import timedelta
from typing import Any

import builders
import builders_aftermath as aftermath
import pytest
from builders import NOW
from sqlmodel import Session

from store import policies
from store.engine import Store
from store.evidence.compounding import Linked
from store.gate import PolicyBody
from store.reports import blame
from store.reports.counting import by_day
from store.reports.drawn import confidence_quality
from store.reports.drifting import drift
from store.reports.flow import flow
from store.reports.reliability import reliability
from store.reports.scope import Scope
from store.reports.signs import escalated, signs
from store.reports.versions import changes, in_use
from store.schema import Run
from store.transitions import LabelSource, RunStatus, Verdict

DAY = timedelta(days=1)
ALL = Scope()


def streams(store: Store) -> dict[tuple[str, str], int]:
    return {(s.source, s.target): s.tickets for s in store.read(flow, ALL)}


def sent(session: Session, /, verdict: Verdict | None = None, **values: Any) -> builders.Case:
    is_audited = verdict is not None
    built = builders.case(session, confidence=0.95, is_audited=is_audited, **values)
    if verdict is not None:
        aftermath.decide(session, built.review_id, verdict)
    return built


def test_every_ticket_is_in_one_stream_from_each_place(store: Store) -> None:
    store.transact(sent, Verdict.RIGHT)
    store.transact(sent, Verdict.WRONG)
    store.transact(sent)
    store.transact(aftermath.label, store.transact(sent), is_right=False,
                   inclusion_probability=None)  # fmt: skip
    for verdict in (Verdict.APPROVE, Verdict.EDIT, Verdict.REJECT):
        built = store.transact(builders.case)
        store.transact(aftermath.decide, built.review_id, verdict)
        store.transact(finish, built.run_id)
    store.transact(builders.case)
    store.transact(builders.run)
    assert streams(store) == {
        ("arrived", "sent alone"): 4,
        ("arrived", "to a person"): 4,
        ("arrived", "under way"): 1,
        ("sent alone", "right"): 1,
        ("sent alone", "wrong"): 1,
        ("sent alone", "unknown"): 1,
        ("sent alone", "complaint"): 1,
        ("to a person", "approved"): 1,
        ("to a person", "edited"): 1,
        ("to a person", "rejected"): 1,
        ("to a person", "waiting"): 1,
    }


def finish(session: Session, /, run_id: int) -> None:
    run = session.get_one(Run, run_id)
    run.status = RunStatus.DONE
    session.add(run)


def test_an_undone_verdict_leaves_the_ticket_waiting(store: Store) -> None:
    built = store.transact(builders.case)
    store.transact(aftermath.undo, store.transact(aftermath.decide, built.review_id))
    assert streams(store)["to a person", "waiting"] == 1


def test_what_came_into_use_in_the_period_is_a_change_and_what_was_there_is_none(
    store: Store,
) -> None:
    store.transact(sent, model="old", at=NOW - 9 * DAY)
    store.transact(sent, model="new", at=NOW - 4 * DAY)
    store.transact(sent, model="new", at=NOW - 3 * DAY)
    body = PolicyBody(threshold=0.9)
    store.transact(policies.publish, body, author="Mo", note="", now=NOW - 2 * DAY)
    found = store.read(changes, Scope(since=NOW - 5 * DAY))
    assert [(one.title, one.at) for one in found] == [
        ("model new", NOW - 4 * DAY),
        ("policy 2", NOW - 2 * DAY),
    ]
    assert store.read(changes, Scope(since=NOW - 3.5 * DAY, until=NOW - 2.5 * DAY)) == ()
    assert store.read(in_use, ALL)["model"] == ("new", "old")


def test_early_signs_set_the_last_days_beside_the_rest(store: Store) -> None:
    def write(session: Session) -> None:
        for day in range(20):
            for number in range(4):
                similarity = 0.1 if day < 4 or number == 0 else 0.8
                similar(session, similarity, at=NOW - day * DAY)

    store.transact(write)
    found = store.read(signs, Scope(since=NOW - 20 * DAY), NOW)
    assert found.border == (NOW - 5 * DAY).replace(hour=0)
    assert sum(found.confidence.recent) == 4 * 6
    assert sum(found.confidence.before) == 4 * 14
    assert found.unlike is not None
    assert found.unlike.shift is not None
    assert found.unlike.cut == pytest.approx(0.11)
    assert (found.unlike.shift.low, found.unlike.shift.n) == (4 * 4 + 2, 24)
    assert found.unlike.shift.is_shifted
    days = escalated(store.read(by_day, ALL))
    assert [(one.escalated, one.gated) for one in days] == [(0, 4)] * 20


def similar(session: Session, /, similarity: float, **values: Any) -> None:
    run = session.get_one(Run, sent(session, **values).run_id)
    run.similarity = similarity
    session.add(run)


def test_without_similarity_nothing_is_said_of_it(store: Store) -> None:
    store.transact(sent)
    assert store.read(signs, Scope(since=NOW - 8 * DAY), NOW).unlike is None


def test_drift_is_watched_against_the_earlier_half_of_the_audits(store: Store) -> None:
    assert drift(store.read(by_day, ALL)) is None

    def write(session: Session) -> None:
        for day in range(10):
            for number in range(8):
                wrong = (number < 6 and day < 3) or (number == 0 and day == 9)
                verdict = Verdict.WRONG if wrong else Verdict.RIGHT
                sent(session, verdict, at=NOW - day * DAY)

    store.transact(write)
    found = drift(store.read(by_day, ALL))
    assert found is not None
    assert found.usual == 0.025
    assert [one.wrong for one in found.days] == [0, 0, 6, 6, 6]
    assert found.alarmed_on is not None
    assert found.alarmed_on > (NOW - 3 * DAY).date()
    assert found.days_between_false_alarms > 300


def test_confidence_is_weighed_against_what_the_coin_drew_only(store: Store) -> None:
    store.transact(sent, Verdict.RIGHT)
    store.transact(sent, Verdict.WRONG)
    escalation = store.transact(builders.case)  # decided, but the coin did not draw it
    store.transact(aftermath.decide, escalation.review_id)
    found = store.read(confidence_quality, ALL)
    assert (found.labels, found.wrong) == (2, 1)
    assert store.read(confidence_quality, Scope(model="other")).labels == 0


def test_refusals_for_which_the_customer_is_to_blame_are_counted_apart(store: Store) -> None:
    for blamed in ("customer", "intent"):
        built = store.transact(builders.case)
        store.transact(aftermath.decide, built.review_id, Verdict.REJECT, blamed_step=blamed)
    assert store.read(blame.customers_part, ALL) == 1


def test_linked_failures_are_told_once_every_step_of_every_draft_was_judged(store: Store) -> None:
    for rights in ([True, True], [True, True], [False, False], [True, False]):
        built = store.transact(sent)
        store.transact(judge, built, rights)
    found = store.read(blame.linked, ALL, ("intent", "retrieval"))
    assert found == Linked(independent=0.375, measured=0.5, drafts=4)


def test_only_the_first_wrong_step_counts_however_many_were_judged_wrong(store: Store) -> None:
    for rights in ([True, True], [True, True], [False, False], [True, False]):
        built = store.transact(sent)
        store.transact(judge, built, rights)
        store.transact(aftermath.label, built, is_right=all(rights), source=LabelSource.AUDIT)
    report = store.read(reliability, ALL)
    assert [one.failures for one in report.blame.steps[:3]] == [1, 1, 0]
    assert report.blame.product == pytest.approx(0.5, abs=1e-12)
    assert report.end_to_end.rate == pytest.approx(0.5, abs=1e-12)
    intent, retrieval = report.steps[0].right, report.steps[1].right
    assert (intent.right, intent.labelled) == (3, 4)
    assert (retrieval.right, retrieval.labelled) == (2, 3)  # of the three that reached it right


def judge(session: Session, /, built: builders.Case, rights: list[bool]) -> None:
    for step, is_right in zip(("intent", "retrieval"), rights, strict=True):
        aftermath.label(session, built, step=step, is_right=is_right, source=LabelSource.AUDIT)
