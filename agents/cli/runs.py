"""`runs list`, `runs retry`, `runs cancel`: what became of tickets, and what a person may do."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.cli.context import HIGHEST, Home, Json, clock, opened
from agents.cli.out import complain, console, print_json, table
from store.errors import GreenlightError
from store.transitions import RunStatus

if TYPE_CHECKING:
    from store.reports.runs import RunRow

As = Annotated[str, typer.Option("--as", metavar="NAME", help="Who does it.")]
Number = Annotated[int, typer.Argument(max=HIGHEST, metavar="RUN", help="Number of the run.")]

group = typer.Typer(no_args_is_help=True, help="List runs, retry failed ones, cancel one.")


@group.command("list")
def show(
    status: Annotated[
        RunStatus | None, typer.Option(help="Only runs in this status, such as dead.")
    ] = None,
    search: Annotated[str, typer.Option(help="Only tickets, customers, texts with this.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """List runs, newest first."""
    from store.reports.runs import runs

    with opened(home) as store:
        page = store.read(runs, status=status, search=search, limit=limit)
    if as_json:
        print_json({"runs": [_document(row) for row in page.items], "total": page.total})
        return
    columns = ("#run", "status", "ticket", "title", "error")
    rows = [
        (str(row.run_id), _words(row.status), row.external_id, row.title, row.error or "")
        for row in page.items
    ]
    console().print(table("", columns, rows))
    if page.total > len(page.items):
        complain(f"{page.total - len(page.items):,} more; --limit shows them")


@group.command()
def retry(
    numbers: Annotated[
        list[int], typer.Argument(max=HIGHEST, metavar="RUN...", help="Numbers of the runs.")
    ],
    person: As,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Try failed or dead runs again; one that failed in delivery goes to a person instead.

    Each by itself: a refused one stops no other. Exit 1 if any was refused.
    """
    from store import interventions

    retried: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    with opened(home, urgent=True) as store:
        for number in numbers:
            try:
                done = store.transact(interventions.retry, number, person=person, now=clock())
            except GreenlightError as error:
                refused.append({"run_id": number, "error": str(error)})
            else:
                retried.append(
                    {"run_id": number, "status": done.status.value, "review_id": done.review_id}
                )
    if as_json:
        print_json({"retried": retried, "refused": refused})
    else:
        for one in retried:
            typer.echo(_went(one["run_id"], one["review_id"]))
        for one in refused:
            complain(one["error"])
    if refused:
        raise typer.Exit(1)


@group.command()
def cancel(
    number: Number,
    person: As,
    note: Annotated[str, typer.Option(help="Why; kept on the audit trail.")] = "",
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Withdraw a run before anything of it is delivered; final."""
    from store import interventions

    with opened(home, urgent=True) as store:
        store.transact(interventions.cancel, number, person=person, note=note, now=clock())
    if as_json:
        print_json({"run_id": number, "status": RunStatus.CANCELLED.value})
    else:
        typer.echo(f"Run {number} is cancelled. Nothing of it will be delivered.")


def _went(run_id: int, review_id: int | None) -> str:
    if review_id is None:
        return f"Run {run_id} is queued again and goes on after its last recorded step."
    return f"Run {run_id} waits for a new decision: review {review_id}."


def _document(row: "RunRow") -> dict[str, Any]:
    return {
        "run_id": row.run_id,
        "status": row.status.value,
        "ticket": row.external_id,
        "customer_id": row.customer_id,
        "title": row.title,
        "action": row.action_kind,
        "error": row.error,
        "created_at": row.created_at,
        "finished_at": row.finished_at,
    }


def _words(status: RunStatus) -> str:
    return status.value.replace("_", " ")


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    app.add_typer(group, name="runs")
