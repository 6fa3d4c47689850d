"""`init`, `check` and `knowledge add`: a company's folder, before and while it is served."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import Home, Json, opened
from agents.cli.out import complain, print_json, visible

if TYPE_CHECKING:
    from agents.company import Mistake

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The company's folder.")]
knowledge = typer.Typer(no_args_is_help=True)


def init(folder: Folder, as_json: Json = False) -> None:
    """Write a commented company folder to fill in; overwrites nothing."""
    from agents.company import init as write_starter

    written = [str(path) for path in write_starter(folder)]
    if as_json:
        print_json({"ok": True, "written": written})
        return
    for path in written:
        typer.echo(f"wrote {path}")
    typer.echo(f"Fill them in, then: greenlight check {folder} && greenlight up --company {folder}")


def check(folder: Folder, as_json: Json = False) -> None:
    """Name every mistake in a company's folder, with its line."""
    from agents.company import check as find_mistakes

    mistakes = find_mistakes(folder)
    if as_json:
        print_json({"ok": not mistakes, "mistakes": [_as_json(one) for one in mistakes]})
    elif mistakes:
        for mistake in mistakes:
            typer.echo(visible(f"{folder}/{_file_name()}:{mistake.line}: {mistake.message}"))
        complain(f"{len(mistakes)} to put right")
    else:
        typer.echo(f"{folder} can be served: greenlight up --company {folder}")
    if mistakes:
        raise typer.Exit(1)


def _file_name() -> str:
    from agents.company import FILE_NAME

    return FILE_NAME


def _as_json(mistake: "Mistake") -> dict[str, object]:
    return {"line": mistake.line, "message": mistake.message}


@knowledge.callback()
def knowledge_root() -> None:
    """Documents that drafts are grounded in."""


@knowledge.command("add")
def add(
    path: Annotated[Path, typer.Argument(help="A .md or .txt file, or a folder of them.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Index documents; an earlier version of the same document is replaced."""
    from agents.knowledge import documents, index
    from agents.models.encoder import open_encoder

    reading = documents.read(path)
    with opened(home) as store:
        indexed = store.transact(index.add, reading.passages, open_encoder())
    refused = [{"path": str(file), "error": reason} for file, reason in reading.refused]
    is_ok = bool(reading.passages)
    if as_json:
        counted = {"added": indexed.added, "unchanged": indexed.unchanged}
        print_json({"ok": is_ok, **counted, "removed": indexed.removed, "refused": refused})
    else:
        typer.echo(
            f"{indexed.added} passages added, {indexed.unchanged} unchanged,"
            f" {indexed.removed} removed"
        )
        for one in refused:
            complain(f"{one['path']} was left out: {one['error']}")
    if not is_ok:
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    app.command()(init)
    app.command()(check)
    app.add_typer(knowledge, name="knowledge")
