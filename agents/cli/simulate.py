"""`simulate`: what six steps at 97 % come to, alone, with retries, a gate, and both."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import Json, demo_folder
from agents.cli.out import complain, console, percent, print_json, table
from agents.cli.tickets import INTERRUPTED

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from agents.simulating.figures import Measured, Plan, Ranked, Results, Share

TITLES = {"tool_call": "tool call"}
ARTICLE_SHARE = 0.10  # escalated, in the claim that the arithmetic is about


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
    from agents.simulating.figures import Plan

    try:
        results = _run(Plan(tickets, fault_rate, retries, escalate, seed))
    except KeyboardInterrupt:
        complain("Interrupted. Nothing was kept.")
        raise typer.Exit(INTERRUPTED) from None
    show(results, as_json=as_json)


def show(results: "Results", *, as_json: bool) -> None:
    """Print what was measured, as one JSON document or as tables; both say what it is."""
    from agents.simulating.claim import arithmetic_table, by_arithmetic, claim

    verdict, needs = claim(results), arithmetic_table(ARTICLE_SHARE)
    if as_json:
        rows = [{"retries": retries, "auroc": row} for retries, row in needs]
        expected = [by_arithmetic(one) for one in results.settings]
        further = {"arithmetic": rows, "settings_by_arithmetic": expected}
        print_json({**results.as_json(), "claim": verdict.as_json(), **further})
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
        " A wrong step may do no harm, so more tickets than that end right."
    )
    screen.print(_variants(f"The {base.k} tickets that are right without faults", results.variants))
    screen.print(
        _variants(
            f"All {plan.tickets} tickets: the pipeline's own errors on top", results.variants_all
        )
    )
    screen.print("What a chain without people refuses reaches nobody, and counts as wrong.")


def _variants(title: str, rows: "Sequence[Measured]") -> "RenderableType":
    numbers = ("#committed right", "#of those alone", "#n alone", "#automatic", "#escalated")
    columns = ("variant", *numbers, "#gate AUROC")
    return table(
        title,
        columns,
        [
            (
                one.variant,
                _ranged(one.committed_right),
                _ranged(one.alone_right),
                str(one.alone_right.n),
                _plain(one.automatic),
                _plain(one.escalated),
                _ranks(one.gate),
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
    title = "Who noticed the faults that did harm (of the first four steps each alone in its draft)"
    screen.print(table(title, (*columns, "#a second drafting"), rows))
    screen.print(
        "Gate and commit go wrong before the executor, which weighs every pass again and compares"
        " each call with its draft. Behind it nothing would notice. Of the gate's faults only a"
        " wrong pass must be stopped: a wrong refusal goes to a person."
    )


def _print_settings(screen: "Console", results: "Results") -> None:
    title = "Gate and retries at other settings"
    served = f"{title}: the {results.base.k} tickets that are right without faults"
    screen.print(_settings(served, results.settings))
    everything = f"{title}: all {results.plan.tickets} tickets"
    screen.print(_settings(everything, results.settings_all))
    screen.print(
        "drafted twice: each draft is made twice, and the gate objects where the two differ."
        " repeat: how often a later try's step does just what the first one's did."
        " arithmetic: what AUROC, repairs and escalated make by formula, each try drawn afresh."
        " 99% at: the share escalated with which 99% of the committed actions are right."
    )


def _settings(title: str, rows: "Sequence[Measured]") -> "RenderableType":
    from agents.simulating.claim import by_arithmetic

    how = ("#retries", "#drafted", "#repeat", "#gate AUROC", "#repairs", "#escalated")
    cells = [
        (
            str(one.retries),
            "twice" if one.asks_twice else "once",
            f"{one.repeat:.0%}",
            _ranks(one.gate),
            _counted(one.repaired),
            _plain(one.escalated),
            _ranged(one.committed_right),
            _expected(by_arithmetic(one)) if one.gate and one.gate.has_enough else "-",
            _escalated(one.needed) if one.committed_right.has_enough else "-",
        )
        for one in rows
    ]
    return table(title, (*how, "#committed right", "#arithmetic", "#99% at"), cells)


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
    """Return a share with its 95 % range, short enough for a column; few as counts alone."""
    found = share.as_json()
    if found["rate"] is None:
        return "unknown"
    if not share.has_enough:
        return f"{share.k} of {share.n}"
    return f"{found['rate']:.1%} ({found['low'] * 100:.1f}–{found['high'] * 100:.1f})"


def _plain(share: "Share") -> str:
    """Return a share that is a count of what was done, not an estimate; few as counts alone."""
    return percent(share.rate) if share.has_enough else _counted(share)


def _ranks(ranked: "Ranked | None") -> str:
    if ranked is None:
        return "-"
    if ranked.auroc is None or not ranked.has_enough:
        return "unknown"
    known = ranked.low is not None and ranked.high is not None
    return f"{ranked.auroc:.2f}" + (f" ({ranked.low:.2f}–{ranked.high:.2f})" if known else "")


def _counted(share: "Share") -> str:
    return f"{share.k} of {share.n}" if share.n else "-"


def _escalated(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _expected(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    app.command()(simulate)
