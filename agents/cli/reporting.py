"""`report`: how often each step ran, and (another series) how often it was right."""

from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import HIGHEST, MOST_DAYS, Home, Json, clock, opened
from agents.cli.out import complain, console, percent, print_json, table

if TYPE_CHECKING:
    from rich.console import Console

    from store.reports.reliability import ReliabilityReport

_FEW = 30
_NEARLY_SURE = 0.99  # a chance is never said to be 100%


def report(
    pipeline: Annotated[str, typer.Option(help="Which pipeline.")] = "support",
    days: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST_DAYS, help="Only runs of so many whole days (UTC) and of today."
        ),
    ] = None,
    intent: Annotated[str | None, typer.Option(help="Only this intent.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this kind of action.")] = None,
    policy: Annotated[
        int | None,
        typer.Option(min=1, max=HIGHEST, help="Only drafts gated under this policy version."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Only drafts of this model.")] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Say how often drafts were wrong, which step failed first, and how sure that is."""
    from store.reports.asked import unknown_values
    from store.reports.reliability import reliability
    from store.reports.scope import Scope, last_days

    scope = Scope(
        since=last_days(days, clock()) if days else None,
        pipeline=pipeline,
        policy_version=policy,
        model=model,
        intent=intent,
        action_kind=action,
    )
    with opened(home) as store:
        found = store.read(reliability, scope)
        unknown = [] if found.runs else store.read(unknown_values, scope)
    for one in unknown:
        complain(one)
    if as_json:
        print_json(found.as_json())
    else:
        _print_report(found)


def _print_report(found: "ReliabilityReport") -> None:
    screen = console()
    screen.print(
        f"{found.scope.pipeline}: {found.runs} runs, {found.gated} gated,"
        f" {percent(found.auto_rate)} went out alone, {found.escalated} to a person"
    )
    whole = found.end_to_end
    screen.print(f"Auto-sent drafts that were wrong: {_sent_wrong(found)}")
    _print_to_judge(screen, found)
    if found.unaudited_wrong:
        screen.print(
            f"Besides: {found.unaudited_wrong} later found wrong that nobody audited;"
            " not in the rate"
        )
    screen.print(_steps(found))
    screen.print(
        "End to end right:"
        f" {_rate(whole.right, whole.labelled, whole.rate, whole.low, whole.high)}"
        f" (weighed: as good as {whole.effective_n:.0f} drawn alike)"
    )
    if whole.labelled >= _FEW:
        screen.print(
            "Product of the steps, with the failures that no single step explains:"
            f" {percent(found.blame.product)}"
        )
    screen.print(f"Fix first: {_fix_first(found)}")


def _print_to_judge(screen: "Console", found: "ReliabilityReport") -> None:
    """Say how many of the drawn drafts are not in the rate yet, also in weeks that are closed."""
    waiting = [point for point in found.trend if point.to_judge]
    if not waiting:
        return
    number = sum(point.to_judge for point in waiting)
    said = f"Still to be judged, of those drawn for an audit: {number}"
    closed = ", ".join(f"{one.to_judge} from {one.start} on" for one in waiting if one.is_closed)
    screen.print(f"{said} (in closed periods: {closed})" if closed else said)


def _sent_wrong(found: "ReliabilityReport") -> str:
    from store.phrases import why_unknown

    wrong = found.sent_wrong
    if not wrong.labelled:
        return f"unknown. {why_unknown(found.passed, found.drawn)}"
    return _rate(wrong.wrong, wrong.labelled, wrong.rate, wrong.low, wrong.high)


def _steps(found: "ReliabilityReport") -> object:
    shares = {blamed.name: blamed for blamed in found.blame.steps}
    rows: list[tuple[str, ...]] = []
    for step in found.steps:
        right = step.right
        rows.append(
            (
                step.title,
                str(step.runs),
                percent(step.ok_rate),
                str(step.retries),
                _ms(step.pace.p50_ms),
                _ms(step.pace.p95_ms),
                str(right.labelled),
                _rate(right.right, right.labelled, right.rate, right.low, right.high, n=False),
                str(shares[step.name].failures),
            )
        )
    rest = shares[None]
    if rest.failures:
        rows.append((rest.title, *[""] * 7, str(rest.failures)))
    numbers = ("#runs", "#ran", "#retries", "#p50", "#p95", "#labels", "#right", "#failed first")
    return table("", ("step", *numbers), rows)


def _fix_first(found: "ReliabilityReport") -> str:
    first = found.fix_first
    if first is None:
        return "unknown, no step was blamed yet"
    sure = "over 99%" if first.probability > _NEARLY_SURE else f"{first.probability:.0%}"
    chance = f"{sure} sure that it is the weakest"
    if not first.is_clear:
        return f"too early to tell ({first.title} so far, {chance})"
    return f"{first.title} ({chance}; half its errors would add {100 * first.gain:.1f} points)"


def _rate(
    count: int,
    labelled: int,
    rate: float | None,
    low: float | None,
    high: float | None,
    *,
    n: bool = True,
) -> str:
    """Return a rate with its range; counts alone where there are too few for one."""
    if rate is None or low is None or high is None:
        return "unknown"
    if labelled < _FEW:
        return f"{count} of {labelled}"
    said = f"{rate:.1%} ({low:.1%} to {high:.1%})"
    return f"{said} of {labelled} judged" if n else said


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    app.command()(report)
