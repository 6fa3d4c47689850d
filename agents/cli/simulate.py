"""`simulate`: what six steps at 97 % come to, alone, with retries, a gate, and both."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import Json, demo_folder
from agents.cli.out import console, percent, print_json, table

if TYPE_CHECKING:
    from rich.console import Console

    from agents.simulating.figures import Measured, Plan, Results, Share

TITLES = {"tool_call": "tool call"}


def simulate(
    tickets: Annotated[int, typer.Option(min=30, max=20_000, help="How many.")] = 1_500,
    fault_rate: Annotated[
        float, typer.Option(min=0, max=0.5, help="How often each step does the wrong thing.")
    ] = 0.03,
    retries: Annotated[int, typer.Option(min=0, max=5, help="Further drafts, at most.")] = 1,
    escalate: Annotated[
        float, typer.Option(min=0, max=1, help="Share of tickets that people get.")
    ] = 0.10,
    seed: Annotated[int, typer.Option(help="Of tickets and faults.")] = 1,
    as_json: Json = False,
) -> None:
    """Inject faults into the demo's pipeline: does a gate with retries make 83 % into 99 %?

    An experiment on invented tickets in a scratch folder; it reads and writes nothing of yours.
    """
    from agents.simulating.claim import arithmetic_table, claim
    from agents.simulating.figures import Plan

    results = _run(Plan(tickets, fault_rate, retries, escalate, seed))
    verdict, needs = claim(results), arithmetic_table(0.10)
    if as_json:
        rows = [{"retries": retries, "auroc": row} for retries, row in needs]
        print_json({**results.as_json(), "claim": verdict.as_json(), "arithmetic": rows})
        return
    screen = console()
    _print_measured(screen, results)
    _print_caught(screen, results)
    _print_settings(screen, results)
    _print_arithmetic(screen, needs)
    for sentence in verdict.sentences:
        screen.print(sentence)


def _run(plan: "Plan") -> "Results":
    """Run the experiment with a progress bar on stderr."""
    import asyncio
    import os

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small matrices: more threads only fight
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from agents.company import load
    from agents.simulating import experiment

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console(is_error=True), transient=True) as progress:
        bars: dict[str, int] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what, total=total)
            progress.update(bars[what], completed=done)  # type: ignore[arg-type]

        return asyncio.run(experiment.run(plan, load(demo_folder()), tell))


def _print_measured(screen: "Console", results: "Results") -> None:
    from agents.simulating.figures import LABEL

    plan, base, steps = results.plan, results.base, results.steps_right
    screen.print(LABEL)
    screen.print(
        f"{plan.tickets} tickets, seed {plan.seed}. Each of the six steps does the wrong thing with"
        f" probability {plan.fault_rate:.1%}. What a person settles counts as right."
    )
    screen.print(f"Without faults the pipeline gets {_ranged(base)} of {base.n} tickets right.")
    screen.print(
        f"All six steps right: {_ranged(steps)}, n = {steps.n}"
        f" (tickets on which they all are without faults)."
        f" Six independent steps: {results.arithmetic:.1%}."
    )
    screen.print(_variants(f"The {base.k} tickets that are right without faults", results.variants))
    screen.print(
        _variants(
            f"All {plan.tickets} tickets: the pipeline's own errors on top", results.variants_all
        )
    )


def _variants(title: str, rows: "Sequence[Measured]") -> object:
    from agents.simulating.claim import in_words

    numbers = ("#committed right", "#sent alone, right", "#n", "#automatic", "#escalated")
    columns = ("variant", *numbers, "#gate AUROC", "#retry repairs", "#breaks")
    return table(
        title,
        columns,
        [
            (
                one.variant,
                _ranged(one.committed_right),
                _ranged(one.alone_right),
                str(one.alone_right.n),
                percent(one.automatic.rate),
                percent(one.escalated.rate),
                in_words(one.gate) if one.gate else "-",
                _counted(one.repaired),
                _counted(one.broken),
            )
            for one in rows
        ],
    )


def _print_caught(screen: "Console", results: "Results") -> None:
    columns = ("step", "#faults", "#did harm", "#critic, binding, doubts", "#gate, executor")
    rows = [
        (
            TITLES.get(one.step, one.step),
            str(one.injected),
            str(one.harmful),
            _counted(one.objected),
            _counted(one.flagged),
            _counted(one.contradicted),
        )
        for one in results.caught
    ]
    title = "Who noticed the faults that did harm (each alone in its draft)"
    screen.print(table(title, (*columns, "#a second drafting"), rows))


def _print_settings(screen: "Console", results: "Results") -> None:
    from agents.simulating.claim import in_words

    how = ("#retries", "each draft", "#faults repeat", "#gate AUROC", "#retry repairs")
    columns = (*how, "#committed right", "#escalated", "#99% takes", "#all tickets", "#99% takes")
    rows = [
        (
            str(one.retries),
            "made twice" if one.asks_twice else "made once",
            f"{one.repeat:.0%}",
            in_words(one.gate),
            _counted(one.repaired),
            _ranged(one.committed_right),
            percent(one.escalated.rate),
            _escalated(one.needed),
            percent(every.committed_right.rate),
            _escalated(every.needed),
        )
        for one, every in zip(results.settings, results.settings_all, strict=True)
    ]
    screen.print(table("What 99% of committed actions takes: gate and retries", columns, rows))


def _print_arithmetic(
    screen: "Console", needs: "Sequence[tuple[int, Sequence[float | None]]]"
) -> None:
    from agents.simulating.claim import REPAIRS

    title = (
        "Arithmetic: the AUROC that 99% of what goes out alone needs, with 10% escalated and"
        " 83.3% right at first"
    )
    rows = [
        (str(retries), *("-" if one is None else f"{one:.3f}" for one in row))
        for retries, row in needs
    ]
    columns = ("retries", *(f"#repairs {share:.0%}" for share in REPAIRS))
    screen.print(table(title, columns, rows))


def _ranged(share: "Share") -> str:
    found = share.as_json()
    if found["rate"] is None:
        return "unknown"
    return f"{found['rate']:.1%} ({found['low']:.1%} to {found['high']:.1%})"


def _counted(share: "Share") -> str:
    return f"{share.k} of {share.n}" if share.n else "-"


def _escalated(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    app.command()(simulate)
