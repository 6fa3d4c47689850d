"""Two at the same instant, 200 times: one wins, the other learns it, and nothing happens twice."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any

import gated
import pytest
from builders import NOW
from sqlmodel import Session

from store import deliveries, queue, reviews, undoing
from store.engine import Store
from store.errors import AlreadyDecided, GreenlightError, UndoTooLate
from store.settings import Settings
from store.transitions import OutboxStatus, RunStatus

TRIES = 200


Act = Callable[[], Any]


@pytest.fixture
def stores(settings: Settings) -> Iterator[list[Store]]:
    """Two Store objects on one file, as two dashboards hold them."""
    opened = [settings.open(urgent=True, may_decide=True) for _ in range(2)]
    yield opened
    for store in opened:
        store.close()


def at_once(first: Sequence[Act], second: Sequence[Act]) -> list[tuple[Any, Any]]:
    """Run the acts pairwise, each pair at the same instant; return results or people's errors."""
    start = threading.Barrier(2)

    def act(acts: Sequence[Act]) -> list[Any]:
        return [_result(start, one) for one in acts]

    with ThreadPoolExecutor(2) as pool:
        return list(zip(*pool.map(act, (first, second)), strict=True))


def _result(start: threading.Barrier, act: Act) -> Any:
    start.wait()
    try:
        return act()
    except GreenlightError as error:
        return error


def test_two_people_deciding_at_once_are_one_decision_and_one_that_came_too_late(
    stores: list[Store], now: datetime
) -> None:
    cases = stores[0].transact(gated.several, TRIES)
    requests = [(case.approve("Ana"), case.reject("Ben")) for case in cases]
    one, other = stores
    results = at_once(
        [partial(one.transact, reviews.decide, ana, now=now) for ana, _ in requests],
        [partial(other.transact, reviews.decide, ben, now=now) for _, ben in requests],
    )
    for case, (ana, ben), pair in zip(cases, requests, results, strict=True):
        (late,) = [result for result in pair if isinstance(result, GreenlightError)]
        (won,) = [result for result in pair if isinstance(result, reviews.Decided)]
        assert isinstance(late, AlreadyDecided)
        winner = ana if won.decision_id == ana.decision_id else ben
        assert (late.by, late.verdict) == (winner.person, winner.verdict)
        entries = gated.entries(stores[0], case.run_id)
        assert [entry.position for entry in entries] == ([0, 1] if winner is ana else [])
    assert gated.count(stores[0], "decision") == TRIES


def test_what_is_undone_is_never_sent_and_what_is_sent_never_undone(
    stores: list[Store], now: datetime
) -> None:
    person, executor = stores
    cases = person.transact(gated.several, TRIES)
    requests = [case.approve() for case in cases]

    def approved(session: Session) -> None:
        for request in requests:
            reviews.decide(session, request, now=now, undo_seconds=0)

    person.transact(approved)
    results = at_once(
        [
            partial(person.transact, undoing.undo, one.decision_id, "Ana", now=now)
            for one in requests
        ],
        [partial(executor.transact, deliveries.claim, "x", limit=1, lease_seconds=60, now=NOW)]
        * TRIES,
    )
    begun = {due.run_id for _, claimed in results for due in claimed}
    undone = {case.run_id for case, (done, _) in zip(cases, results, strict=True)
              if not isinstance(done, UndoTooLate)}  # fmt: skip
    assert begun.isdisjoint(undone)
    assert begun | undone == {case.run_id for case in cases}
    for case in cases:
        statuses = [entry.status for entry in gated.entries(person, case.run_id)]
        if case.run_id in undone:
            assert statuses == [OutboxStatus.CANCELLED] * 2
            assert gated.status(person, case.run_id) is RunStatus.AWAITING_REVIEW
        else:
            assert statuses == [OutboxStatus.SENDING, OutboxStatus.PENDING]
            assert gated.status(person, case.run_id) is RunStatus.COMMITTING
    assert gated.count(person, "undo") == len(undone)


def test_a_rejection_is_undone_or_its_second_draft_is_begun_never_both(
    stores: list[Store], now: datetime
) -> None:
    person, worker = stores
    cases = person.transact(gated.several, TRIES)
    requests = [case.reject(reason_code="wrong_amount") for case in cases]

    def rejected(session: Session) -> None:
        for request in requests:
            assert reviews.decide(session, request, now=now, undo_seconds=0).will_redraft

    person.transact(rejected)
    results = at_once(
        [
            partial(person.transact, undoing.undo, one.decision_id, "Ana", now=now)
            for one in requests
        ],
        [partial(worker.transact, queue.claim, "w", limit=1, in_flight=0, lease_seconds=60)]
        * TRIES,
    )
    begun = {claim.run_id for _, claims in results for claim in claims}
    undone = {case.run_id for case, (done, _) in zip(cases, results, strict=True)
              if not isinstance(done, UndoTooLate)}  # fmt: skip
    assert begun.isdisjoint(undone)
    assert begun | undone == {case.run_id for case in cases}
    for case in cases:
        run = gated.run(person, case.run_id)
        wanted = (RunStatus.AWAITING_REVIEW, 1) if case.run_id in undone else (RunStatus.RUNNING, 2)
        assert (run.status, run.visit) == wanted
    assert gated.count(person, "undo") == len(undone)
    assert gated.count(person, "review WHERE status = 'open'") == len(undone)
