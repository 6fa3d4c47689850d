"""kill -9 at random instants: `python tests/bench/kills.py --home DIR --kills 200 --seed 1`.

Two workers, the executor and a reviewer work on the demo company through the real store, the real
tool server and its own ledger. This process forks them from models already loaded, kills one of
them at random instants, starts it again, and in the end compares the two databases.
Prints one JSON document; exits 1 if anything was lost, doubled, stuck or declared dead.
"""

import argparse
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from sqlmodel import Session, col, select

from agents import executor, worker
from agents.company import Company, load
from agents.demo import ledger
from agents.kit import Loaded, open_model
from agents.models.encoder import open_encoder
from agents.opening import open_company
from store import audit, queue, reviews, undoing
from store.errors import GreenlightError
from store.queue import NewTicket
from store.schema import OutboxEntry, Review, Run
from store.settings import Settings
from store.transitions import OPEN_REVIEW, OutboxStatus, RunStatus, Verdict

COMPANY = Path(ledger.__file__).parent / "company"
VICTIMS = ("worker-1", "worker-2", "executor")
BACKLOG = 40  # the reviewer keeps this many runs queued until the kills are over
SETTLE_SECONDS = 180.0
UNFINISHED = (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.AWAITING_REVIEW, RunStatus.COMMITTING)


@dataclass
class Report:
    """What the campaign did and found."""

    kills: int = 0
    tickets: int = 0
    done: int = 0
    failed: int = 0  # refused by the shop for a reason of its own, e.g. refunded already
    lost: int = 0
    doubled: int = 0
    undelivered: int = 0
    stuck: int = 0
    dead: int = 0
    audit_ok: bool = False
    seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        wrong = self.lost + self.doubled + self.undelivered + self.stuck + self.dead
        return wrong == 0 and self.audit_ok


def fork(act: Callable[[], None], log: Path) -> int:
    """Run `act` in a child of its own; return its pid."""
    pid = os.fork()
    if pid:
        return pid
    try:
        with log.open("a") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        act()
    except BaseException:  # noqa: BLE001 - a forked child must never return into its parent's code
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def campaign(settings: Settings, *, kills: int, seed: int) -> Report:
    """Kill and restart until `kills` are reached, let everything settle, and count."""
    rng = random.Random(seed)
    company = load(COMPANY)
    with closing(settings.open()) as store:
        open_company(store, company, home=settings.home, now=datetime.now(UTC), say=lambda _: None)
    encoder = open_encoder()
    loaded = Loaded(model=open_model(company, {}, encoder), encoder=encoder)
    acts: dict[str, Callable[[], None]] = {
        "worker-1": lambda: worker.run(settings, company, concurrency=8, loaded=loaded),
        "worker-2": lambda: worker.run(settings, company, concurrency=8, loaded=loaded),
        "executor": lambda: executor.run(settings, company),
    }
    over = settings.home / "kills-over"
    logs = settings.home / "kills.log"
    started = time.monotonic()
    reviewer = fork(lambda: review(settings, company, over, seed), logs)
    pids = {name: fork(act, logs) for name, act in acts.items()}
    report = Report()
    while report.kills < kills:
        time.sleep(rng.uniform(0.02, 2.5))
        name = rng.choice(VICTIMS)
        os.kill(pids[name], signal.SIGKILL)
        os.waitpid(pids[name], 0)
        report.kills += 1
        pids[name] = fork(acts[name], logs)
    over.touch()
    _, status = os.waitpid(reviewer, 0)
    for pid in pids.values():
        os.kill(pid, signal.SIGTERM)
    for pid in pids.values():
        os.waitpid(pid, 0)
    report.stuck = int(status != 0)
    report.seconds = round(time.monotonic() - started, 1)
    return count(settings, report)


def review(settings: Settings, company: Company, over: Path, seed: int) -> None:
    """Keep work coming and decide every review, until the kills are over and nothing is left."""
    rng = random.Random(seed + 1)
    texts = [text for intent in company.intents for text in intent.examples]
    world = ledger.settled_world(settings.home)
    customers = sorted(world.customers)
    number, deadline = 0, None
    with closing(settings.open(urgent=True, may_decide=True)) as store:
        while True:
            counts = store.read(queue.counts)
            waiting = sum(counts.get(status, 0) for status in UNFINISHED)
            if over.exists():
                deadline = deadline or time.monotonic() + SETTLE_SECONDS
                if not waiting:
                    return
                if time.monotonic() > deadline:
                    raise SystemExit(f"not settled: {counts}")
            elif counts.get(RunStatus.QUEUED, 0) < BACKLOG:
                tickets = [
                    NewTicket(rng.choice(texts), f"kill-{number + i}", rng.choice(customers))
                    for i in range(BACKLOG)
                ]
                number += BACKLOG
                store.transact(queue.submit, tickets, now=datetime.now(UTC))
            for one in store.read(open_reviews):
                decide(store, one, rng)
            time.sleep(0.05)


def open_reviews(session: Session) -> list[Review]:
    return list(session.exec(select(Review).where(col(Review.status).in_(OPEN_REVIEW)).limit(50)))


def decide(store: object, one: Review, rng: random.Random) -> None:
    """Approve what may be approved, reject the rest; now and then undo at once."""
    assert one.id is not None
    if one.kind == "audit":
        verdict = Verdict.RIGHT
    else:
        verdict = Verdict.REJECT if one.is_blocked or rng.random() < 0.1 else Verdict.APPROVE
    request = reviews.DecisionRequest(
        decision_id=uuid4().hex,
        review_id=one.id,
        verdict=verdict,
        person="Ana",
        seen_digest=one.payload_digest,
        reason_code="other" if verdict is Verdict.REJECT else None,
        is_simulated=True,
    )
    now = datetime.now(UTC)
    try:
        decided = store.transact(reviews.decide, request, now=now, undo_seconds=0.3)  # type: ignore[attr-defined]
        if verdict is Verdict.APPROVE and rng.random() < 0.05:
            store.transact(undoing.undo, decided.decision_id, "Ana", now=now)  # type: ignore[attr-defined]
    except GreenlightError as error:
        print(error)


def count(settings: Settings, report: Report) -> Report:
    """Compare the store with the ledger: what was sent is there once, and nothing else is."""
    with (
        closing(settings.open()) as store,
        closing(ledger.connect(ledger.path_in(settings.home))) as shop,
    ):
        entries = ledger.entries(shop)
        runs, outbox = store.read(_rows)
        report.audit_ok = store.read(audit.verify).is_ok
    statuses = Counter(run.status for run in runs)
    sent = {row.id for row in outbox if row.status is OutboxStatus.SENT}
    keys = Counter(entry["idempotency_key"] for entry in entries)
    effects = Counter(
        (entry["tool"], json.dumps(entry["body"], sort_keys=True)) for entry in entries
    )
    authorised = Counter((row.tool, row.body) for row in outbox if row.id in sent)
    report.tickets = len(runs)
    report.done = statuses[RunStatus.DONE] + statuses[RunStatus.REJECTED]
    report.failed = statuses[RunStatus.FAILED]
    report.dead = statuses[RunStatus.DEAD]
    report.lost = sum(statuses[status] for status in UNFINISHED)
    report.undelivered = len(sent - set(keys))
    report.doubled = (
        len(set(keys) - sent)
        + sum(number - 1 for number in keys.values())
        + max(0, effects.total() - authorised.total())
    )
    return report


def _rows(session: Session) -> tuple[list[Run], list[OutboxEntry]]:
    return list(session.exec(select(Run))), list(session.exec(select(OutboxEntry)))


def main() -> None:
    """Run the campaign in the given home and print its report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    settings = Settings(home=given.home.resolve())
    report = campaign(settings, kills=given.kills, seed=given.seed)
    print(json.dumps(asdict(report)))
    sys.exit(0 if report.is_clean else 1)


if __name__ == "__main__":
    main()
