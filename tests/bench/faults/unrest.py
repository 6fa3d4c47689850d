"""Killing and pausing whoever works, while everything goes wrong at the service too."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random

from bench.faults import people
from bench.faults.crew import Crew, ended, fork
from bench.faults.mishaps import Rates, drawn_so_far
from bench.faults.scene import HANG_SECONDS, Scene, set_up
from bench.faults.tally import Tally, count

from agents.worker import SWEEP_SECONDS

Say = Callable[[str], None]
LEASE_SECONDS = 2.0  # of who is paused past it
LONG_LEASE_SECONDS = 6.0  # of who is killed: the dead are missed at once, whatever their lease
SETTLE_SECONDS = 150.0
STEPS_BETWEEN = 6  # recorded between two blows: as many as a run has
PATIENT_SECONDS = 5.0
SHORT_RETENTION = 10  # seconds: shorter than many retries take
TROUBLE = Rates(
    drop=0.08,
    fail_before=0.06,
    fail_after=0.06,
    keep_failure_before=0.01,
    keep_failure_after=0.01,
    throttle=0.06,
    hang=0.01,
    hang_then_do=0.01,
    read_throttle=0.03,
    hang_seconds=HANG_SECONDS,
)
FORGETFUL = Rates(drop=0.1, fail_after=0.25, throttle=0.3, forget_seconds=SHORT_RETENTION)
_FENCED = "not this"  # what is logged when a write came too late


def kills(home: Path, wanted: int, *, seed: int, say: Say) -> list[Tally]:
    """SIGKILL workers, executors and the service at random instants; every mishap goes on."""
    scene = set_up(home, seed=seed, lease_seconds=LONG_LEASE_SECONDS, orders=_orders(wanted))
    scene.go_wrong(TROUBLE)
    return _trouble("SIGKILL", scene, wanted, _kill, say, calm=Rates())


def forgotten_keys(home: Path, wanted: int, *, seed: int, say: Say) -> list[Tally]:
    """SIGKILL while the service forgets keys sooner than many a retry comes."""
    scene = set_up(
        home,
        seed=seed,
        lease_seconds=LONG_LEASE_SECONDS,
        orders=_orders(wanted),
        retention_seconds=SHORT_RETENTION,
    )
    scene.go_wrong(FORGETFUL)
    calm = Rates(forget_seconds=SHORT_RETENTION)
    return _trouble(
        "SIGKILL, keys forgotten", scene, wanted, partial(_kill, but=["service"]), say, calm=calm
    )


def pauses(home: Path, wanted: int, *, seed: int, say: Say) -> list[Tally]:
    """SIGSTOP workers and executors past their lease, while others go on with their work."""
    scene = set_up(home, seed=seed, lease_seconds=LEASE_SECONDS, orders=_orders(wanted))
    scene.go_wrong(TROUBLE)
    return _trouble("SIGSTOP past the lease", scene, wanted, _pause, say, calm=Rates(), pairs=3)


def _orders(wanted: int) -> int:
    return 4_000 + 60 * wanted


Strike = Callable[[Crew, Random], Counter[str]]


def _kill(crew: Crew, draw: Random, *, but: Sequence[str] = ()) -> Counter[str]:
    time.sleep(draw.uniform(0.0, 0.4))
    name = crew.pick(draw, but=but)
    crew.kill(name)
    return Counter([name.split("-")[0]])


def _pause(crew: Crew, draw: Random) -> Counter[str]:
    """Two of three of each kind at once, so that somebody is there to take over."""
    time.sleep(draw.uniform(0.1, 0.6))
    names = [f"{kind}-{n}" for kind in ("worker", "executor") for n in draw.sample(range(3), 2)]
    crew.pause(names, LEASE_SECONDS + SWEEP_SECONDS + draw.uniform(0.1, 0.6))
    return Counter(name.split("-")[0] for name in names)


def _trouble(
    name: str,
    scene: Scene,
    wanted: int,
    strike: Strike,
    say: Say,
    *,
    calm: Rates,
    pairs: int = 2,
) -> list[Tally]:
    """Strike so often, let everything settle, and count."""
    started = time.monotonic()
    draw = Random(f"{name}:{scene.seed}")
    over = scene.settings.home / "over"
    struck: Counter[str] = Counter()
    reviewer = fork(lambda: people.live(scene, over, settle_seconds=SETTLE_SECONDS), scene.log)
    crew = Crew(scene.acts(workers=pairs, executors=pairs), scene.log)
    while struck.total() < wanted:
        _await_progress(scene)
        struck += strike(crew, draw)
        crew.revive()
        say(f"{name}: {struck.total()} of {wanted}")
    scene.go_wrong(calm)
    over.touch()
    say(f"{name}: settling")
    while (code := ended(reviewer)) is None:
        crew.revive()
        time.sleep(0.1)
    crew.stop()
    tally = Tally(name, tries=struck.total(), seconds=round(time.monotonic() - started, 1))
    count(tally, scene)
    _note(tally, scene, struck, crew)
    if code:
        tally.found("other", f"the people's process failed, see {scene.log}")
    return [tally]


def _await_progress(scene: Scene) -> None:
    """Strike nobody who has not come to his work yet, however slow the machine.

    A run whose worker dies three times before it gets anywhere is rightly called dead, and a busy
    machine could make that of any run.
    """
    before, deadline = scene.steps_done(), time.monotonic() + PATIENT_SECONDS
    while scene.steps_done() < before + STEPS_BETWEEN and time.monotonic() < deadline:
        time.sleep(0.02)


def _note(tally: Tally, scene: Scene, struck: Counter[str], crew: Crew) -> None:
    """Add what happened on the way, and whether each ticket that was accepted has its run."""
    word = people.word(scene)
    if tally.tickets != word.submitted:
        missing = f"{word.submitted} tickets were accepted, and {tally.tickets} have a run"
        tally.found("lost", missing)
    drawn = drawn_so_far(scene.rates)
    tally.notes |= {f"struck: {name}": number for name, number in struck.items()}
    tally.notes |= {f"service: {name}": number for name, number in drawn.items()}
    tally.notes |= {**crew.fallen, **word.did}
    tally.notes["late writes refused"] = scene.log.read_text(encoding="utf-8").count(_FENCED)
