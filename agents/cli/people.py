"""`people list` and `people set`: who may decide, as what, and what a provider calls them."""

from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import Home, Json, clock, opened
from agents.cli.out import console, print_json, table, visible
from store.transitions import Role

if TYPE_CHECKING:
    from store.people import PersonView

group = typer.Typer(no_args_is_help=True, help="Who may decide here, and as what.")


@group.command("list")
def show(home: Home = None, as_json: Json = False) -> None:
    """Show everybody, also those who may no longer decide."""
    from store import people

    with opened(home) as store:
        found = store.read(people.everybody)
    if as_json:
        print_json({"ok": True, "people": [_as_json(one) for one in found]})
        return
    rows = [(visible(one.name), _standing(one), visible(one.identity or "-")) for one in found]
    console().print(table("People", ("name", "role", "identity"), rows))


@group.command("set")
def change(
    name: Annotated[str, typer.Argument(help="Whom; a new name is added.")],
    person: Annotated[str, typer.Option("--as", metavar="NAME", help="An admin.")],
    role: Annotated[Role | None, typer.Option(help="What they may do.")] = None,
    identity: Annotated[
        str | None, typer.Option(help="What the provider or proxy calls them, such as an address.")
    ] = None,
    is_active: Annotated[
        bool | None,
        typer.Option("--active/--inactive", help="Inactive: signed out, and may decide nothing."),
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Add somebody or change them; it counts from their next click on."""
    from store import people

    if role is None and identity is None and is_active is None:
        raise typer.BadParameter("Give --role, --identity, --active or --inactive.")
    with opened(home, urgent=True) as store:
        found = store.transact(
            people.set_person,
            name,
            role=role,
            identity=identity,
            is_active=is_active,
            by=person,
            now=clock(),
        )
    if as_json:
        print_json({"ok": True, "person": _as_json(found)})
    else:
        known = f", known as {visible(found.identity)}" if found.identity else ""
        typer.echo(f"{visible(found.name)} is {_standing(found)}{known}.")


def _standing(one: "PersonView") -> str:
    return one.role.value if one.is_active else f"{one.role}, inactive"


def _as_json(one: "PersonView") -> dict[str, object]:
    return {
        "name": one.name,
        "role": one.role.value,
        "is_active": one.is_active,
        "identity": one.identity,
    }


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    app.add_typer(group, name="people")
