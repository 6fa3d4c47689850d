"""The simulated people of the demo's history: verdicts, second looks, customers who come back."""

from datetime import datetime, timedelta

import gated
from delivering import deliver_all
from gated import Gated
from sqlmodel import Session, col, select

from agents.demo import history
from agents.demo.afterwards import decide_all, hear_again
from agents.demo.cases import open_cases
from agents.demo.tickets import DemoTicket
from agents.demo.truth import TicketTruth
from store import policies
from store.engine import Store
from store.gate import PolicyBody
from store.schema import Decision, Label, LaterOutcome, Run, Ticket
from store.transitions import LabelSource, ReviewKind, Verdict

AUDITED = PolicyBody(audit_rate=1.0)
MONTH = timedelta(days=28)


def truths(store: Store, cases: list[Gated], *, right: bool) -> dict[str, DemoTicket]:
    """What is true of these cases' tickets: what their drafts do, or something else."""

    def read(session: Session) -> dict[str, DemoTicket]:
        made = {}
        for case in cases:
            ticket = session.get_one(Ticket, session.get_one(Run, case.run_id).ticket_id)
            truth = TicketTruth(
                scenario="test",
                intents=("double_charge",),
                kind="refund" if right else "replacement",
            )
            at = ticket.received_at
            made[ticket.external_id] = DemoTicket(ticket.external_id, "", "", "C-1", at, truth)
        return made

    return store.read(read)


def decisions(store: Store) -> list[Decision]:
    wanted = select(Decision).order_by(col(Decision.decided_at))
    return store.read(lambda session: list(session.exec(wanted)))


def several(store: Store, now: datetime) -> list[Gated]:
    return [
        gated.passed(store, policy=AUDITED, customer_id=f"C-{number}", at=now)
        for number in range(12)
    ]


def test_a_verdict_of_wrong_is_looked_at_again_by_somebody_else(
    store: Store, now: datetime
) -> None:
    known = truths(store, several(store, now), right=False)
    decide_all(store, known, seed=1, now=now + MONTH)
    said = decisions(store)
    assert all(one.is_simulated for one in said)
    by_run: dict[int, list[Decision]] = {}
    for one in said:
        by_run.setdefault(one.run_id, []).append(one)
    twice = [pair for pair in by_run.values() if pair[0].verdict is Verdict.WRONG]
    assert twice
    for first, second in twice:
        assert second.verdict in (Verdict.RIGHT, Verdict.WRONG)
        assert second.person != first.person
        assert second.decided_at > first.decided_at
    assert store.read(open_cases) == []


def test_an_interrupted_round_goes_on_where_it_stopped(store: Store, now: datetime) -> None:
    cases = several(store, now)
    some = truths(store, cases[:5], right=False)
    decide_all(store, some, seed=1, now=now + MONTH)
    before = len(decisions(store))
    decide_all(store, truths(store, cases, right=False), seed=1, now=now + MONTH)
    said = decisions(store)
    assert len(said) > before
    assert len({one.review_id for one in said}) == len(said)


def test_what_is_young_mostly_still_waits(store: Store, now: datetime) -> None:
    known = truths(store, several(store, now), right=True)
    decide_all(store, known, seed=1, now=now + timedelta(hours=20))
    waiting = store.read(open_cases)
    assert len(waiting) >= 6
    assert {case.review.kind for case in waiting} == {ReviewKind.AUDIT}


def test_only_who_got_a_wrong_answer_comes_back_and_that_is_marked(
    store: Store, now: datetime
) -> None:
    cases = several(store, now)
    known = truths(store, cases[:6], right=True) | truths(store, cases[6:], right=False)
    deliver_all(store)
    for seed in range(4):  # again and again: a customer comes back once at most
        hear_again(store, known, seed=seed, now=now + MONTH)

    def heard(session: Session) -> tuple[set[int], set[bool]]:
        runs = session.exec(select(LaterOutcome.run_id)).all()
        marks = session.exec(
            select(Label.is_simulated).where(Label.source == LabelSource.OUTCOME)
        ).all()
        assert len(set(runs)) == len(runs)
        return set(runs), set(marks)

    runs, marks = store.read(heard)
    assert runs
    assert runs <= {case.run_id for case in cases[6:]}
    assert marks == {True}


def test_a_stricter_policy_is_published_as_of_its_day_and_only_over_the_folders(
    store: Store, now: datetime
) -> None:
    gated.case(store)  # opens the company at `now`
    store.transact(history.publish_stricter, now=now - timedelta(days=1))
    assert store.read(policies.active).version == 1, "it would be older than what it replaces"
    store.transact(history.publish_stricter, now=now + timedelta(days=9))
    store.transact(history.publish_stricter, now=now + timedelta(days=10))
    second = store.read(policies.active)
    assert (second.version, second.author, second.body.threshold) == (2, "Mo", history.STRICTER)
    assert second.published_at == now + timedelta(days=9)
    assert second.note.startswith("Simulated")
