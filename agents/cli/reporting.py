"""`report`: how often each step ran, and (another series) how often it was right."""

from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import Home, Json, clock, opened
from agents.cli.out import console, percent, print_json, table

if TYPE_CHECKING:
    from store.reports.reliability import ReliabilityReport


def report(
    pipeline: Annotated[str, typer.Option(help="Which pipeline.")] = "support",
    days: Annotated[int | None, typer.Option(min=1, help="Only runs of the last days.")] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Say how often each step ran and was right, end to end too."""
    from datetime import timedelta

    from store.reports.reliability import reliability

    since = clock() - timedelta(days=days) if days else None
    with opened(home) as store:
        found = store.read(reliability, since=since, pipeline=pipeline)
    if as_json:
        print_json(found.as_json())
    else:
        _print_report(found)


def _print_report(found: "ReliabilityReport") -> None:
    screen = console()
    screen.print(
        f"{found.pipeline}: {found.runs} runs, {found.gated} gated,"
        f" {percent(found.auto_rate)} went out alone, {found.escalated} to a person"
    )
    rows = [
        (
            step.title,
            str(step.runs),
            percent(step.ok_rate),
            str(step.retries),
            _ms(step.p50_ms),
            _ms(step.p95_ms),
            str(step.right.labelled),
            percent(step.right.rate),
            _range(step.right.low, step.right.high),
        )
        for step in found.steps
    ]
    numbers = ("#runs", "#ran", "#retries", "#p50", "#p95", "#labels", "#right", "#range")
    screen.print(table("", ("step", *numbers), rows))
    whole = found.end_to_end
    screen.print(
        f"End to end right: {percent(whole.rate)} {_range(whole.low, whole.high)}"
        f" on {whole.labelled} labels; product of the steps: {percent(found.product_of_steps)}"
    )
    if found.fix_first is not None and found.fix_first.is_clear:
        screen.print(f"Fix first: {found.fix_first.title}")


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"


def _range(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.1%} to {high:.1%}"


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    app.command()(report)
