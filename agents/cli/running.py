"""`demo`, `up`, `worker`, `executor`, `dashboard`: what runs in the foreground until stopped."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import (
    HOST,
    CompanyDir,
    Home,
    Port,
    child_environment,
    clock,
    company_of,
    demo_folder,
    remember_company,
    settings_of,
)
from agents.cli.out import console, visible
from agents.cli.watching import complain_of_addresses

if TYPE_CHECKING:
    from agents.company import Company
    from store.settings import Settings

WORKERS = 2
DASHBOARD = "dashboard.server"  # a name, never an import: the dashboard is a process of its own

Drain = Annotated[bool, typer.Option("--drain", help="Stop when nothing is left to do.")]


def demo(
    port: Port = 8600,
    faults: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of step attempts that fail.")
    ] = None,
    rate: Annotated[float, typer.Option(min=0.1, max=600, help="Tickets a minute.")] = 30.0,
    home: Home = None,
) -> None:
    """Run the demo company: four weeks of history, then live tickets; Ctrl-C stops it."""
    from agents.demo import history

    settings = settings_of(home)
    if faults is not None:
        settings = settings.model_copy(update={"faults": faults})
    with _ready_to_start(settings, port):
        company = _open(settings, demo_folder(), now=history.beginning(settings, now=clock()))
        _serve(
            settings,
            company,
            port,
            lambda: _live_tickets(settings, rate),
            prepare=lambda should_stop: _seed_history(settings, should_stop),
        )


def up(
    company: Annotated[
        Path,
        typer.Option(
            "--company",
            envvar="GREENLIGHT_COMPANY",
            help="The company's folder.",
            exists=True,
            file_okay=False,
        ),
    ],
    port: Port = 8600,
    home: Home = None,
) -> None:
    """Serve your own company; every draft goes to a person until confidence is calibrated."""
    settings = settings_of(home)
    with _ready_to_start(settings, port):
        _serve(settings, _open(settings, company), port, nullcontext)


def worker(
    drain: Drain = False,
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=512, help="Runs in flight at once.")
    ] = None,
    company: CompanyDir = None,
    home: Home = None,
) -> None:
    """Work on queued runs; it holds no tool that changes anything."""
    from agents import worker as process

    settings = settings_of(home)
    process.run(
        settings, registered_company(settings, company), drain=drain, concurrency=concurrency
    )


def executor(drain: Drain = False, company: CompanyDir = None, home: Home = None) -> None:
    """Deliver what a person or the gate authorised; the only process that changes anything."""
    from agents import executor as process

    settings = settings_of(home)
    process.run(settings, registered_company(settings, company), drain=drain)


def dashboard(port: Port = 8600, home: Home = None) -> None:
    """Serve the dashboard alone."""
    from agents.preflight import require_free_port, require_writable

    settings = settings_of(home)
    require_writable(settings.home)
    require_free_port(HOST, port)
    command = [sys.executable, "-m", DASHBOARD, "--port", str(port)]
    os.execve(sys.executable, command, child_environment(settings))  # noqa: S606


def registered_company(settings: "Settings", given: Path | None) -> "Company":
    """Load the company and, in a store that knows none yet, open it for business."""
    from store import registry

    company = company_of(settings, given)
    store = settings.open()
    try:
        known = store.read(registry.company)
    finally:
        store.close()
    if known is None or known.name != company.name:
        _open(settings, company.folder)
    return company


@contextmanager
def _ready_to_start(settings: "Settings", port: int) -> Iterator[None]:
    from agents.preflight import only_family, require_free_port, require_writable

    require_writable(settings.home)
    require_free_port(HOST, port)
    with only_family(settings.home):
        yield


def _say(line: str) -> None:
    typer.echo(visible(line), err=True)


def _open(settings: "Settings", folder: Path, now: datetime | None = None) -> "Company":
    from agents.company import load
    from agents.opening import open_company

    company = load(folder)
    store = settings.open()
    try:
        open_company(store, company, home=settings.home, now=now or clock(), say=_say)
    finally:
        store.close()
    remember_company(settings, folder)
    return company


def _seed_history(settings: "Settings", should_stop: Callable[[], bool]) -> None:
    """Show a bar where there is a terminal, a line every tenth part elsewhere."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from agents.demo import history

    columns = (TextColumn("Four weeks of history, worked through"), BarColumn())
    bar = Progress(*columns, MofNCompleteColumn(), console=console(is_error=True))
    task = bar.add_task("", total=None)
    tenths = -1

    def show(done: int, total: int) -> None:
        nonlocal tenths
        if sys.stderr.isatty():
            bar.start()
            bar.update(task, completed=done, total=total)
        elif (now := 10 * done // max(total, 1)) > tenths:
            tenths = now
            _say(f"Four weeks of history: {done} of {total} tickets worked through")

    try:
        history.seed(settings, on_progress=show, should_stop=should_stop)
    finally:
        bar.stop()


def _live_tickets(settings: "Settings", rate: float) -> AbstractContextManager[object]:
    from agents.cli.live_stream import LiveStream
    from agents.demo import tickets

    visitors = (ticket.as_new() for ticket in tickets.live(settings.home))
    return LiveStream(settings.open(), visitors, per_minute=rate, clock=clock, say=_say)


def _serve(
    settings: "Settings",
    company: "Company",
    port: int,
    visitors: Callable[[], AbstractContextManager[object]],
    prepare: Callable[[Callable[[], bool]], None] = lambda _: None,
) -> None:
    """Start the dashboard, show its address, prepare, start the rest, and stay until a signal."""
    from agents.supervisor import Family, Member

    served = ("--company", str(company.folder))
    working = [
        *(
            Member(f"worker-{number}", "agents.cli", ("worker", *served), stage=0)
            for number in range(1, WORKERS + 1)
        ),
        Member("watcher", "agents.cli", ("watch", "--port", str(port)), stage=0),
        Member("executor", "agents.cli", ("executor", *served), stage=1),
    ]
    family = Family(
        [Member("dashboard", DASHBOARD, ("--port", str(port)), stage=2)],
        logs=settings.home / "logs",
        say=_say,
        env=child_environment(settings),
    )
    complain_of_addresses(settings)
    with family.started():
        family.wait_ready(HOST, port, "dashboard")
        _show_address(company, port)
        prepare(lambda: family.is_stopping)
        if not family.is_stopping:
            family.join(working)
            with visitors():
                family.watch()
        _say("Stopping")
    _say("Stopped; everything is kept. The next start goes on from here.")


def _show_address(company: "Company", port: int) -> None:
    from rich.panel import Panel

    from agents.cli.out import safe

    where = safe(f"{company.name} is served at  http://{HOST}:{port}\nCtrl-C stops everything")
    what = " · demo data, nobody is real" if company.is_demo else ""
    console().print(Panel(where, title=f"Greenlight{what}", expand=False, padding=(1, 4)))


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    for command in (demo, up, worker, executor, dashboard):
        app.command()(command)
