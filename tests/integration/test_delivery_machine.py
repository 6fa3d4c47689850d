"""Any order of verbs between gate and receipt keeps the books: nothing lost, doubled or stuck.

A state machine submits, decides, undoes, claims, settles, answers, reverses, crashes and holds at
random; after each step the database is checked, and at the end everything has to come to rest.
"""

import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import gated
import pytest
from builders import NOW, refund
from delivering import LEASE, cancel_order, gift, said, shop, together
from hypothesis import HealthCheck
from hypothesis import settings as bounds
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlmodel import Session, col, select

from store import authorisation, deliveries, holds, interventions, reviews, undoing
from store.actions import reply_only
from store.admission import is_reversal, verdicts_for
from store.deliveries import Due
from store.effects import UNDERWAY
from store.engine import Store
from store.errors import GreenlightError, LeaseLost
from store.gate import PolicyBody
from store.outputs import Reason
from store.schema import OutboxEntry, Receipt, Review, Run
from store.settings import Settings
from store.transitions import OPEN_REVIEW, OutboxStatus, ReviewKind, RunStatus, Verdict

POLICY = PolicyBody(audit_rate=0.3, undo_seconds={"cancel_order": 30}, delay_seconds={"refund": 1})
LIMIT = POLICY.two_person_above_minor
ACTIONS = {
    "words": reply_only("C-1"),
    "small": refund(4_000),
    "half the cap": refund(POLICY.daily_cap_minor // 2),
    "order and refund": together(cancel_order(), refund(2_000)),
    "everything": together(gift(), cancel_order(), refund(1_000)),
    "above the limit": refund(LIMIT + 1),
    "several above the limit": together(cancel_order(), refund(LIMIT + 1)),
}
PEOPLE = ("Ana", "Ben", "Mo")
ENDED = {RunStatus.DONE, RunStatus.REJECTED, RunStatus.FAILED, RunStatus.DEAD, RunStatus.CANCELLED}
OUTCOMES = ["sent", "sent", "sent", "failed", "unknown", "stale", "again"]
CHANGED = Reason(code="changed", message="Changed since this was decided")
WHICH = st.integers(min_value=0, max_value=99)


class Books(RuleBasedStateMachine):
    """The verbs in any order, on a store of its own."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        home = Path(self.folder.name) / "home"
        shutil.copytree(self.template, home)
        self.store: Store = Settings(home=home, database_url=None).open(may_decide=True)
        self.claimed: list[Due] = []
        self.decided: list[str] = []
        self.moment = 0

    def teardown(self) -> None:
        try:
            self.come_to_rest()
        finally:
            self.store.close()
            self.folder.cleanup()

    @rule(name=st.sampled_from(sorted(ACTIONS)), is_sure=st.booleans())
    def submit(self, name: str, is_sure: bool) -> None:
        gated.case(self.store, action=ACTIONS[name], confidence=0.97 if is_sure else 0.7)

    @rule(
        which=WHICH,
        person=st.sampled_from(PEOPLE),
        verdict=WHICH,
        window=st.sampled_from([0.0, 10.0]),
    )
    def decide(self, which: int, person: str, verdict: int, window: float) -> None:
        review = _pick(self.open_reviews(), which)
        if review is None:
            return
        fitting = sorted(verdicts_for(review.kind, is_reversal=is_reversal(review)))
        word = Verdict(fitting[verdict % len(fitting)])
        values: dict[str, Any] = {"is_answer_only": True} if word is Verdict.EDIT else {}
        if word is Verdict.EDIT and verdict % 2:
            args = {**refund().args, "amount_minor": 100 + verdict * 1_500}
            values = {"args": args, "reply": f"Other words {verdict}"}
        self.attempt(reviews.decide, said(review, word, person, **values), undo_seconds=window)

    @rule(which=WHICH, person=st.sampled_from(PEOPLE))
    def undo(self, which: int, person: str) -> None:
        decision = _pick(self.decided[-4:], which)
        if decision is not None:
            self.attempt(undoing.undo, decision, person)

    @rule(limit=st.integers(1, 4), is_slow=st.booleans())
    def claim(self, limit: int, is_slow: bool) -> None:
        self.begin(limit, -1.0 if is_slow else LEASE)

    @rule(outcomes=st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=6))
    def work(self, outcomes: list[str]) -> None:
        """Deliver a few calls one after the other, as an executor would."""
        self.time_passes(31)
        for how in outcomes:
            for due in self.begin(1):
                self.settled(due, how)

    @rule(which=WHICH, person=st.sampled_from(PEOPLE))
    def try_again(self, which: int, person: str) -> None:
        run = _pick([one for one in self.runs() if one.status is RunStatus.FAILED], which)
        if run is not None:
            self.attempt(interventions.retry, run.id, person=person)
            for review in self.open_reviews():
                if review.run_id == run.id:
                    for one in PEOPLE:
                        self.attempt(reviews.decide, said(review, Verdict.APPROVE, one))

    @rule(which=WHICH, how=st.sampled_from(OUTCOMES))
    def settle(self, which: int, how: str) -> None:
        """Settle one of the last claims, also one that has passed to somebody else since."""
        due = _pick(self.claimed[-6:], which)
        if due is None:
            return
        try:
            self.settled(due, how)
        except LeaseLost:
            assert self.entry(due.id).attempt != due.attempt or (
                self.entry(due.id).status is not OutboxStatus.SENDING
            )

    @rule(seconds=st.sampled_from([1, 11, 31, 100]))
    def time_passes(self, seconds: int) -> None:
        self.store.shift_clock(seconds)
        self.moment += seconds

    @rule()
    def executors_die(self) -> None:
        self.store.transact(deliveries.reap, dead_workers=["x"], now=NOW)

    @rule(which=WHICH, person=st.sampled_from(PEOPLE))
    def take_back(self, which: int, person: str) -> None:
        entry = _pick([one for one in self.entries() if one.status is OutboxStatus.SENT], which)
        if entry is not None:
            name = f"wish-{len(self.decided)}-{self.moment}-{which}"
            self.attempt(reviews.reverse, entry.id, person, decision_id=name)

    @rule(which=WHICH, is_retry=st.booleans())
    def intervene(self, which: int, is_retry: bool) -> None:
        run = _pick(self.runs(), which)
        if run is not None:
            verb = interventions.retry if is_retry else interventions.cancel
            self.attempt(verb, run.id, person="Mo")

    @rule(kind=st.sampled_from([None, "refund", "cancel_order"]), is_held=st.booleans())
    def hold(self, kind: str | None, is_held: bool) -> None:
        self.attempt(holds.set_hold, person="Mo", kind=kind, is_held=is_held)

    def attempt(self, verb: Any, *args: Any, **values: Any) -> None:
        """Do what a person asks, or take the refusal; any other error fails the test."""
        with suppress(GreenlightError):
            found = self.store.transact(verb, *args, now=NOW, **values)
            if isinstance(found, reviews.Decided):
                self.decided.append(found.decision_id)

    def begin(self, limit: int = 9, lease: float = LEASE) -> list[Due]:
        due = self.store.transact(deliveries.claim, "x", limit=limit, lease_seconds=lease, now=NOW)
        for one in due:
            assert self.store.read(authorisation.objection, one) is None, one
        self.claimed += due
        return due

    def settled(self, due: Due, how: str) -> None:
        if how == "sent":
            self.store.transact(deliveries.mark_sent, due, {"id": "r"}, latency_ms=1.0, now=NOW)
        elif how == "failed":
            self.store.transact(deliveries.mark_failed, due, "no such card", now=NOW)
        elif how == "unknown":
            self.store.transact(deliveries.mark_unknown, due, "no answer", now=NOW)
        elif how == "stale":
            self.store.transact(deliveries.mark_stale, due, CHANGED, {"order_id": "O-2"}, now=NOW)
        else:
            self.store.transact(deliveries.postpone, due, "timeout", delay_seconds=5.0)

    def come_to_rest(self) -> None:
        """Release every hold, deliver what is due and answer what is asked: all runs must end."""
        for one in self.store.read(holds.in_force):
            self.store.transact(holds.set_hold, person="Mo", kind=one.kind, is_held=False, now=NOW)
        for _ in range(40):
            self.time_passes(100)
            self.executors_die()
            for due in self.begin():
                self.settled(due, "sent")
            for review in self.open_reviews():
                self.conclude(review)
            self.the_books_are_right()
            if all(run.status in ENDED for run in self.runs()):
                return
        stuck = [(run.id, run.status) for run in self.runs() if run.status not in ENDED]
        raise AssertionError(f"stuck: {stuck}")

    def conclude(self, review: Review) -> None:
        word = Verdict.HAPPENED if review.kind is ReviewKind.UNKNOWN_DELIVERY else Verdict.REJECT
        for person in PEOPLE:
            self.attempt(reviews.decide, said(review, word, person), undo_seconds=0.0)

    @invariant()
    def the_books_are_right(self) -> None:
        entries, open_ = self.entries(), self.open_reviews()
        self.nothing_stands_twice(entries)
        receipts = set(
            self.store.read(lambda session: list(session.exec(select(Receipt.action_id))))
        )
        assert receipts == {one.id for one in entries if one.status is OutboxStatus.SENT}
        assert len({review.run_id for review in open_}) == len(open_)
        for run in self.runs():
            mine = [one for one in entries if one.run_id == run.id]
            asked = [review for review in open_ if review.run_id == run.id]
            _require_consistent(run, mine, asked)
        self.the_cap_holds(entries)

    def nothing_stands_twice(self, entries: list[OutboxEntry]) -> None:
        back = {one.reverses for one in entries if one.status is OutboxStatus.SENT}
        stands = Counter(
            (one.run_id, one.tool, one.body)
            for one in entries
            if one.status is OutboxStatus.SENT and one.reverses is None and one.id not in back
        )
        assert not [call for call, number in stands.items() if number > 1]
        taken_back = Counter(
            one.reverses for one in entries if one.status is OutboxStatus.SENT and one.reverses
        )
        assert not [action for action, number in taken_back.items() if number > 1]

    def the_cap_holds(self, entries: list[OutboxEntry]) -> None:
        begun = {OutboxStatus.SENDING, OutboxStatus.SENT, OutboxStatus.UNKNOWN}
        moved = sum(
            one.amount_minor or 0
            for one in entries
            if one.decision_id is None and one.reverses is None and one.status in begun
        )
        assert moved <= POLICY.daily_cap_minor

    def entries(self) -> list[OutboxEntry]:
        return self.store.read(lambda session: list(session.exec(select(OutboxEntry))))

    def entry(self, action_id: str) -> OutboxEntry:
        return self.store.read(lambda session: session.get_one(OutboxEntry, action_id))

    def runs(self) -> list[Run]:
        return self.store.read(
            lambda session: list(session.exec(select(Run).order_by(col(Run.id))))
        )

    def open_reviews(self) -> list[Review]:
        def query(session: Session) -> list[Review]:
            wanted = select(Review).where(
                col(Review.status).in_(OPEN_REVIEW), Review.kind != ReviewKind.AUDIT
            )
            return list(session.exec(wanted.order_by(col(Review.id))))

        return self.store.read(query)


def _require_consistent(run: Run, entries: list[OutboxEntry], asked: list[Review]) -> None:
    underway = [one for one in entries if one.status in UNDERWAY]
    unknown = [one for one in entries if one.status is OutboxStatus.UNKNOWN]
    if run.status in ENDED:
        assert not underway, (run.status, underway)
        assert not asked
    elif run.status is RunStatus.COMMITTING:
        assert underway, "nothing will ever finish it"
        assert not unknown
        assert not asked
    else:
        assert run.status is RunStatus.AWAITING_REVIEW
        (review,) = asked
        assert not [one for one in entries if one.status is OutboxStatus.SENDING]
        assert {one.id for one in unknown} == (
            {review.action_id} if review.kind is ReviewKind.UNKNOWN_DELIVERY else set()
        )
        assert unknown or not underway, "what waits must wait for something"
    assert (run.finished_at is None) == (run.status not in ENDED)
    if run.status is RunStatus.FAILED:
        assert run.error
    if run.status is RunStatus.DONE and entries:
        assert any(one.status is OutboxStatus.SENT for one in entries)


def _pick(found: list[Any], which: int) -> Any:
    return found[which % len(found)] if found else None


@pytest.fixture
def template(tmp_path: Path, migrated_home: Path) -> Path:
    """A home with the shop registered, to copy."""
    home = tmp_path / "template"
    shutil.copytree(migrated_home, home)
    store = Settings(home=home, database_url=None).open(may_decide=True)
    shop(store, policy=POLICY)
    store.close()
    return home


def test_any_order_of_verbs_keeps_the_books(template: Path) -> None:
    Books.template = template
    run_state_machine_as_test(
        Books,
        settings=bounds(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
