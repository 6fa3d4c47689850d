"""The scene of one part of the campaign: a home, a payment service of its own, and who works there.

Everything is the product's own: pipeline, gate, executor, store. Only the model costs nothing.
"""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.faults import books, parcels, service, world
from bench.faults.company import new_orders, write_company
from bench.faults.crew import Act, fork, wait
from bench.faults.mishaps import Rates, write_rates

from agents import executor, worker
from agents.company import Company, facts, load
from agents.settling import Patience
from agents.tools import Toolbox, ToolSchema
from store import calibrators, registry
from store.engine import sqlite_module
from store.settings import Settings

CUSTOMERS = 400
CALL_SECONDS = 0.7  # a call's time-out
HANG_SECONDS = 1.2  # beyond it
PATIENCE = Patience(attempts=6, first_seconds=0.05, longest_seconds=1.0)
CONCURRENCY = 4


@dataclass(frozen=True)
class Scene:
    """What the processes of one part share before they are forked."""

    settings: Settings
    company: Company
    listener: socket.socket
    seed: int

    @property
    def ledger(self) -> Path:
        return self.settings.home / "books.db"

    @property
    def rates(self) -> Path:
        return self.settings.home / "rates.json"

    @property
    def log(self) -> Path:
        return self.settings.home / "processes.log"

    def go_wrong(self, rates: Rates) -> None:
        """Have the service fail so from its next call on."""
        write_rates(self.rates, rates)

    def serve(self) -> None:
        """Be the payment service."""
        service.serve(self.listener, self.ledger, self.rates)

    def work(self, *, drain: bool = False, concurrency: int = CONCURRENCY) -> None:
        """Be a worker."""
        worker.run(
            self.settings,
            self.company,
            loaded=parcels.loaded(),
            drain=drain,
            concurrency=concurrency,
        )

    def execute(self) -> None:
        """Be an executor."""
        executor.run(self.settings, self.company, patience=PATIENCE)

    def acts(self, *, workers: int, executors: int) -> dict[str, Act]:
        """Return who works here by name; the service comes first."""
        acts: dict[str, Act] = {"service": self.serve}
        acts |= {f"worker-{number}": self.work for number in range(workers)}
        return acts | {f"executor-{number}": self.execute for number in range(executors)}

    def steps_done(self) -> int:
        """Return how many steps were recorded so far, from a connection that is closed at once."""
        with closing(sqlite_module().connect(self.settings.home / "greenlight.db")) as db:
            return int(db.execute("SELECT coalesce(max(id), 0) FROM step_record").fetchone()[0])

    def apart(self, *acts: Act) -> None:
        """Run the acts in processes of their own, at once; raise if one of them fails."""
        codes = wait([fork(act, self.log) for act in acts])
        if any(codes):
            raise RuntimeError(f"a process failed: {self.log.read_text()[-4000:]}")


def set_up(
    home: Path,
    *,
    seed: int,
    lease_seconds: float,
    orders: int,
    retention_seconds: int = 86_400,
    is_suited: Callable[[int], bool] = lambda _: True,
) -> Scene:
    """Found the company in a new home, with so many orders of a suited total."""
    settings = Settings(home=home, database_url=None, lease_seconds=lease_seconds)
    listener = service.listen()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
    folder = write_company(
        home / "company", url, timeout_seconds=CALL_SECONDS, retention_seconds=retention_seconds
    )
    scene = Scene(settings, load(folder), listener, seed)
    scene.go_wrong(Rates())
    with closing(books.connect(scene.ledger)) as db:
        made = new_orders(orders, customers=CUSTOMERS, seed=seed)
        world.add_orders(db, (one for one in made if is_suited(one[2])))
    serving = fork(scene.serve, scene.log)
    try:
        _register(scene)  # here: what this loads and prepares, no fork has to
    finally:
        os.kill(serving, signal.SIGTERM)
        wait([serving])
    return scene


def _register(scene: Scene) -> None:
    schemas = asyncio.run(_offered(scene))
    with closing(scene.settings.open()) as store:
        now = datetime.now(UTC)
        store.transact(registry.register_company, facts(scene.company, schemas), now=now)
        store.transact(calibrators.save, parcels.calibrator(), now=now)


async def _offered(scene: Scene) -> dict[str, ToolSchema]:
    home = scene.settings.home
    async with (
        Toolbox.read_only(scene.company, home=home) as looking,
        Toolbox.write(scene.company, home=home) as acting,
    ):
        return looking.schemas() | acting.schemas()
