"""The root command: its groups, `--version`, and how an expected failure is told."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from agents.cli import (
    auditing,
    calibrate,
    care,
    companies,
    holding,
    keeping,
    outcomes,
    people,
    policy,
    reporting,
    reviewers,
    reviewing,
    running,
    runs,
    simulate,
    tickets,
    waiting,
    watching,
)
from agents.cli.out import complain
from store.errors import GreenlightError


class PlainErrors(TyperGroup):
    """Turns an expected failure into its one clear text on stderr and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except GreenlightError as error:
            complain(str(error))
            raise typer.Exit(1) from error


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        from importlib.metadata import version

        typer.echo(f"greenlight {version('greenlight')}")
        raise typer.Exit


app = typer.Typer(
    cls=PlainErrors,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show version.")
    ] = False,
) -> None:
    """Review what AI agents want to do before it happens: gate, queue, exactly-once commit."""


for group in (
    running,
    watching,
    companies,
    tickets,
    outcomes,
    waiting,
    reviewing,
    holding,
    reporting,
    simulate,
    reviewers,
    runs,
    policy,
    calibrate,
    people,
    auditing,
    keeping,
    care,
):
    group.add_to(app)
