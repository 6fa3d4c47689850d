"""Claims are exclusive and fenced; after a crash only the culprit is ever counted."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from random import Random

import gated
import pytest
from builders import NOW
from sqlalchemy import update
from sqlmodel import Session, col

from store import audit, escalations, outbox, queue, steps
from store.engine import Store
from store.errors import LeaseLost
from store.outputs import RetrievalOutput
from store.queue import Claim, NewTicket
from store.schema import Run
from store.settings import Settings
from store.transitions import RunStatus, StepStatus

RETRIEVAL = RetrievalOutput(query="where")


def queued(store: Store, n: int, now: datetime) -> None:
    store.transact(queue.submit, [NewTicket(f"Ticket {i}") for i in range(n)], now=now)


def claim(
    store: Store, worker: str = "w", *, limit: int = 100, in_flight: int = 0, lease: float = 60
) -> list[Claim]:
    return store.transact(
        queue.claim, worker, limit=limit, in_flight=in_flight, lease_seconds=lease
    )


def crash(store: Store, *workers: str) -> int:
    return store.transact(queue.reap, dead_workers=workers, now=NOW)


def ids(claims: list[Claim]) -> list[int]:
    return [claim.run_id for claim in claims]


def test_no_run_is_ever_claimed_twice(store: Store, settings: Settings, now: datetime) -> None:
    queued(store, 120, now)
    other = settings.open()
    start = threading.Barrier(4)

    def take_all(mine: Store, worker: str) -> list[int]:
        start.wait()
        taken: list[int] = []
        while found := claim(mine, worker, limit=7):
            taken += ids(found)
        return taken

    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(take_all, [store, other, store, other], "abcd"))
    everything = [run_id for one in taken for run_id in one]
    assert sorted(everything) == list(range(1, 121))
    other.close()


def test_the_oldest_runs_are_claimed_first(store: Store, now: datetime) -> None:
    queued(store, 5, now)
    assert ids(claim(store, limit=2)) == [1, 2]
    assert ids(claim(store, limit=2)) == [3, 4]


def test_a_worker_whose_lease_expired_can_write_nothing_once_it_was_taken_back(
    store: Store, now: datetime
) -> None:
    queued(store, 1, now)
    (late,) = claim(store, "late", lease=-1)
    assert crash(store) == 1
    (mine,) = claim(store, "next")
    assert mine.epoch > late.epoch
    record = gated.write("retrieval", RETRIEVAL)
    for verb in (
        queue.release,
        partial(queue.fail, error="x", now=now),
        partial(outbox.authorise_pass, is_audited=False, now=now),
        partial(escalations.escalate, now=now),
    ):
        with pytest.raises(LeaseLost):
            store.transact(verb, late.run_id, late.epoch)
    with pytest.raises(LeaseLost):
        store.transact(steps.record, late.run_id, late.epoch, record)
    assert gated.count(store, "step_record") == 0
    store.transact(steps.record, mine.run_id, mine.epoch, record)


def test_a_run_taken_back_cannot_be_written_even_before_somebody_else_has_it(
    store: Store, now: datetime
) -> None:
    queued(store, 1, now)
    (late,) = claim(store, "late", lease=-1)
    crash(store)
    with pytest.raises(LeaseLost):
        store.transact(queue.release, late.run_id, late.epoch)


def test_the_next_claimer_goes_on_after_the_last_recorded_step(store: Store, now: datetime) -> None:
    queued(store, 1, now)
    (first,) = claim(store, "one")
    store.transact(steps.record, 1, first.epoch, gated.write("intent", gated.INTENT))
    store.transact(steps.record, 1, first.epoch, gated.write("retrieval", RETRIEVAL))
    crash(store, "one")
    (second,) = claim(store, "two")
    assert list(second.recorded) == ["intent", "retrieval"]
    assert second.recorded["retrieval"] == RETRIEVAL.model_dump(mode="json")
    assert second.ticket.text == "Ticket 0"


def test_a_step_is_recorded_only_once(store: Store, now: datetime) -> None:
    queued(store, 1, now)
    (mine,) = claim(store)
    store.transact(steps.record, 1, mine.epoch, gated.write("retrieval", RETRIEVAL))
    with pytest.raises(Exception, match="UNIQUE"):
        store.transact(steps.record, 1, mine.epoch, gated.write("retrieval", RETRIEVAL))


def test_a_heartbeat_keeps_a_lease_and_its_end_does_not(store: Store, now: datetime) -> None:
    queued(store, 2, now)
    claim(store, "alive", limit=1, lease=-1)
    claim(store, "gone", limit=1, lease=-1)
    store.transact(queue.extend_leases, "alive", [1], lease_seconds=60)
    assert crash(store) == 1
    assert gated.status(store, 1) is RunStatus.RUNNING
    assert gated.status(store, 2) is RunStatus.QUEUED


def test_a_released_run_waits_until_it_is_due(store: Store, now: datetime) -> None:
    queued(store, 1, now)
    (mine,) = claim(store)
    store.transact(queue.release, 1, mine.epoch, delay_seconds=60)
    assert not claim(store)
    store.transact(_make_due, 1)
    assert ids(claim(store)) == [1]


def _make_due(session: Session, run_id: int) -> None:
    moved = update(Run).where(col(Run.id) == run_id).values(available_at=None)
    session.connection().execute(moved)


def test_after_a_crash_suspects_are_claimed_first_and_alone(store: Store, now: datetime) -> None:
    queued(store, 6, now)
    claim(store, "dead", limit=3)
    crash(store, "dead")
    assert not claim(store, "busy", in_flight=1), "a busy worker gets nothing meanwhile"
    for suspect in (1, 2, 3):
        (alone,) = claim(store, "idle")
        assert alone.run_id == suspect
        store.transact(queue.fail, suspect, alone.epoch, "x", now=now)
    assert ids(claim(store, "idle")) == [4, 5, 6]


def test_a_worker_with_a_suspect_in_flight_gets_no_other_run(store: Store, now: datetime) -> None:
    queued(store, 3, now)
    claim(store, "dead", limit=1)
    crash(store, "dead")
    (suspect,) = claim(store, "w")
    assert not claim(store, "w", in_flight=1), "else a neighbour's crash would count against it"
    assert ids(claim(store, "other", limit=1)) == [2]
    store.transact(queue.fail, suspect.run_id, suspect.epoch, "x", now=now)
    assert ids(claim(store, "w")) == [3]


def test_a_crash_in_company_counts_against_nobody(store: Store, now: datetime) -> None:
    queued(store, 16, now)
    claim(store, "dead")
    crash(store, "dead")
    runs = [gated.run(store, n) for n in range(1, 17)]
    assert all(run.tries == 0 and run.is_suspect for run in runs)
    assert {run.status for run in runs} == {RunStatus.QUEUED}


def test_three_crashes_while_alone_make_a_run_dead_and_harm_no_neighbour(
    store: Store, now: datetime
) -> None:
    queued(store, 4, now)
    claim(store, "w0")
    crash(store, "w0")
    for worker in ("w1", "w2", "w3"):
        assert ids(claim(store, worker)) == [1]
        crash(store, worker)
    poison = gated.run(store, 1)
    assert (poison.status, poison.tries) == (RunStatus.DEAD, 3)
    assert "three times" in (poison.error or "")
    assert poison.finished_at == NOW
    for neighbour in (2, 3, 4):
        (alone,) = claim(store, "w4")
        assert (alone.run_id, gated.run(store, neighbour).tries) == (neighbour, 0)
        store.transact(queue.fail, neighbour, alone.epoch, "x", now=now)
    assert not claim(store, "w4"), "a dead run is never claimed again"


def test_a_recorded_step_clears_the_crashes_before_it(store: Store, now: datetime) -> None:
    queued(store, 1, now)
    claim(store, "w0")
    crash(store, "w0")
    for worker in ("w1", "w2"):
        claim(store, worker)
        crash(store, worker)
    assert gated.run(store, 1).tries == 2
    (mine,) = claim(store, "w3")
    store.transact(steps.record, 1, mine.epoch, gated.write("retrieval", RETRIEVAL))
    crash(store, "w3")
    assert gated.run(store, 1).tries == 1
    assert gated.status(store, 1) is RunStatus.QUEUED


def test_a_failed_attempt_is_no_progress_so_a_run_that_fails_and_crashes_ends(
    store: Store, now: datetime
) -> None:
    queued(store, 1, now)
    claim(store, "w0")
    crash(store, "w0")
    for attempt, worker in enumerate(("w1", "w2", "w3"), start=1):
        (mine,) = claim(store, worker)
        failed = gated.write("intent", gated.INTENT, attempt=attempt)
        failed = replace(failed, status=StepStatus.ERROR, output=None, error="odd")
        store.transact(steps.record, 1, mine.epoch, failed)
        crash(store, worker)
    assert gated.status(store, 1) is RunStatus.DEAD


def test_a_run_that_becomes_dead_is_on_the_audit_trail(store: Store, now: datetime) -> None:
    queued(store, 2, now)
    for worker in ("w0", "w1", "w2", "w3"):
        claim(store, worker, limit=1)
        crash(store, worker)
    entries = [entry for entry in store.read(gated.audit_entries) if entry.tag == "run:dead"]
    assert [(entry.subject, entry.at) for entry in entries] == [("run:1", NOW)]
    assert '"crashes":3' in entries[0].body
    assert store.read(audit.verify).is_ok


def test_a_worker_that_was_only_paused_past_its_lease_has_not_crashed(
    store: Store, now: datetime
) -> None:
    queued(store, 1, now)
    claim(store, "w0", lease=-1)
    crash(store)
    for _ in range(5):
        (late,) = claim(store, "slow", lease=-1)
        assert store.transact(queue.reap, alive_workers=["slow"], now=now) == 1
        with pytest.raises(LeaseLost):
            store.transact(queue.release, 1, late.epoch)
    run = gated.run(store, 1)
    assert (run.status, run.tries) == (RunStatus.QUEUED, 0)
    claim(store, "slow", lease=-1)
    crash(store)
    assert gated.run(store, 1).tries == 1, "one that nobody knows to be alive has crashed"


def test_a_run_that_its_worker_dropped_comes_back_when_its_lease_ends(
    store: Store, now: datetime
) -> None:
    queued(store, 2, now)
    claim(store, "w", lease=-1)
    store.transact(queue.extend_leases, "w", [2], lease_seconds=60)
    assert store.transact(queue.reap, alive_workers=["w"], now=now) == 1
    assert gated.status(store, 1) is RunStatus.QUEUED


@dataclass
class Hands:
    """One simulated worker: what it holds, and how often it has been started."""

    name: str
    life: int = 0
    held: list[Claim] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"{self.name}-{self.life}"


@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_order_a_suspect_is_alone_and_only_poison_dies(
    store: Store, now: datetime, seed: int
) -> None:
    """Three workers claim, finish and crash at random; runs 3 and 7 crash whoever works on them."""
    rng = Random(seed)
    queued(store, 12, now)
    poison = {3, 7}
    hands = [Hands(name) for name in "abc"]
    crashes_alone = dict.fromkeys(range(1, 13), 0)
    for _ in range(400):
        one = rng.choice(hands)
        found = claim(store, one.id, limit=4, in_flight=len(one.held))
        one.held += found
        suspects = [held for held in one.held if held.is_suspect]
        assert not suspects or len(one.held) == 1, "a suspect has no company"
        if not one.held:
            continue
        worked = rng.choice(one.held)
        if worked.run_id in poison:
            if worked.is_suspect:
                crashes_alone[worked.run_id] += 1
            crash(store, one.id)
            one.life, one.held = one.life + 1, []
        elif rng.random() < 0.5:
            store.transact(queue.fail, worked.run_id, worked.epoch, "over", now=now)
            one.held.remove(worked)
    statuses = {run_id: gated.status(store, run_id) for run_id in range(1, 13)}
    assert {run_id for run_id, status in statuses.items() if status is RunStatus.DEAD} == poison
    assert set(statuses.values()) == {RunStatus.DEAD, RunStatus.FAILED}, "all came to an end"
    assert {crashes_alone[run_id] for run_id in poison} == {3}
