"""Health: what runs, what waits, what is stuck, and how far calibration has come."""

from datetime import timedelta

import builders
import builders_aftermath as aftermath
from builders import NOW
from sqlmodel import Session

from store.engine import Store
from store.reports.health import health
from store.schema import Calibrator
from store.transitions import OutboxStatus, RunStatus, Verdict


def test_an_empty_store_is_idle(store: Store) -> None:
    seen = store.read(health, now=NOW)
    assert (seen.workers, seen.calibration) == ((), ())
    assert (seen.queued, seen.dead, seen.unknown) == (0, 0, 0)
    assert (seen.oldest_waiting_s, seen.oldest_review_s) == (None, None)


def test_a_silent_worker_is_not_alive_and_one_gone_for_a_day_is_not_shown(store: Store) -> None:
    store.transact(aftermath.worker, name="silent", heartbeat_at=NOW - timedelta(seconds=40))
    store.transact(aftermath.worker, name="alive", kind="executor", in_flight=3)
    store.transact(aftermath.worker, name="stopped", stopped_at=NOW)
    store.transact(aftermath.worker, name="gone", heartbeat_at=NOW - timedelta(days=2))
    seen = {worker.id: worker for worker in store.read(health, now=NOW).workers}
    assert {name: worker.is_alive for name, worker in seen.items()} == {
        "alive": True,
        "silent": False,
        "stopped": False,
    }
    assert next(iter(seen)) == "alive"
    assert (seen["alive"].kind, seen["alive"].in_flight) == ("executor", 3)
    assert seen["silent"].heartbeat_age_s == 40


def test_what_waits_and_what_is_stuck_is_counted(store: Store) -> None:
    store.transact(builders.run, at=NOW - timedelta(minutes=5))
    store.transact(builders.run, at=NOW - timedelta(minutes=1))
    for status in (RunStatus.DEAD, RunStatus.FAILED, RunStatus.COMMITTING, RunStatus.DONE):
        store.transact(builders.run, status=status)
    store.transact(builders.run, status=RunStatus.RUNNING, lease_owner="w1")
    store.transact(builders.case, at=NOW - timedelta(hours=2))
    built = store.transact(builders.case, confidence=0.95, action=builders.refund())
    store.transact(aftermath.delivery, built, position=0)
    store.transact(aftermath.delivery, built, position=1, status=OutboxStatus.UNKNOWN)
    seen = store.read(health, now=NOW)
    assert (seen.queued, seen.running, seen.dead, seen.failed, seen.committing) == (2, 1, 1, 1, 1)
    assert (seen.awaiting_review, seen.pending_outbox, seen.unknown) == (1, 1, 1)
    assert (seen.oldest_waiting_s, seen.oldest_review_s) == (300, 7200)


def test_calibration_counts_peoples_labels_and_simulated_ones_apart(store: Store) -> None:
    for i in range(3):
        built = store.transact(builders.case, model="claude")
        verdict = Verdict.REJECT if i == 0 else Verdict.APPROVE
        store.transact(aftermath.decide, built.review_id, verdict)
    simulated = store.transact(builders.case, model="claude")
    store.transact(aftermath.decide, simulated.review_id, is_simulated=True)
    store.transact(builders.case)
    claude, local = store.read(health, now=NOW).calibration
    assert (claude.model, claude.labels, claude.wrong, claude.simulated) == ("claude", 3, 1, 1)
    assert (claude.note, claude.is_fit, claude.version) == ("3 of 200 labels", False, None)
    assert (local.model, local.labels, local.needed, local.needed_wrong) == ("local", 0, 200, 20)


def test_the_newest_calibrator_of_a_model_is_named_and_a_demo_one_marked(store: Store) -> None:
    def fitted(session: Session) -> None:
        for age, version in ((2, "demo-1"), (1, "demo-2")):
            session.add(
                Calibrator(
                    version=version,
                    model="local",
                    is_demo=True,
                    body={},
                    labels=2_000,
                    wrong=200,
                    fitted_at=NOW - timedelta(days=age),
                )
            )

    store.transact(fitted)
    (local,) = store.read(health, now=NOW).calibration
    assert (local.version, local.is_demo, local.labels) == ("demo-2", True, 0)
