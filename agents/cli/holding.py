"""`hold on`, `hold off` and `hold show`: stopping what the gate alone would send."""

from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import Home, Json, clock, opened
from agents.cli.out import console, print_json, table, visible
from store.errors import BadInput

if TYPE_CHECKING:
    from sqlmodel import Session

    from store.engine import Store
    from store.holds import HoldView

As = Annotated[str, typer.Option("--as", metavar="NAME", help="A manager or admin.")]
Kind = Annotated[
    str | None, typer.Option(metavar="KIND", help="Only actions of this kind, such as refund.")
]
Note = Annotated[str, typer.Option(help="Why; kept on the audit trail and shown on every page.")]

group = typer.Typer(
    no_args_is_help=True, help="Stop automatic delivery at once, and let it go on again."
)


@group.command()
def on(
    person: As, kind: Kind = None, note: Note = "", home: Home = None, as_json: Json = False
) -> None:
    """Stop automatic delivery from this moment; what a person approves still goes out."""
    with opened(home, urgent=True) as store:
        _require_kind(store, kind)
        _set(store, person, kind, is_held=True, note=note)
        _tell(store, f"{_what(kind)} is on hold, from this moment.", as_json=as_json)


@group.command()
def off(
    person: As, kind: Kind = None, note: Note = "", home: Home = None, as_json: Json = False
) -> None:
    """Let automatic delivery go on."""
    with opened(home, urgent=True) as store:
        _set(store, person, kind, is_held=False, note=note)
        _tell(store, f"{_what(kind)} goes on.", as_json=as_json)


@group.command()
def show(home: Home = None, as_json: Json = False) -> None:
    """Show the holds in force."""
    with opened(home) as store:
        _tell(store, "", as_json=as_json)


def _set(store: "Store", person: str, kind: str | None, *, is_held: bool, note: str) -> None:
    from store import holds

    store.transact(
        holds.set_hold, person=person, kind=kind, is_held=is_held, note=note, now=clock()
    )


def _require_kind(store: "Store", kind: str | None) -> None:
    """Refuse a kind that no tool carries out: a hold on a misspelt word would stop nothing."""
    known = store.read(_kinds)
    if kind is not None and kind not in known:
        listed = ", ".join(sorted(known)) or "none yet"
        raise BadInput(f"There is no action kind `{kind}` (there are: {listed}). Nothing was held.")


def _kinds(session: "Session") -> set[str]:
    from store import registry
    from store.actions import REPLY_ONLY

    named = {tool.action_kind for tool in registry.tools(session) if tool.action_kind}
    return {REPLY_ONLY, *named} if named else named


def _tell(store: "Store", done: str, *, as_json: bool) -> None:
    from store import holds

    found = store.read(holds.in_force)
    if as_json:
        print_json({"held": bool(found), "holds": [_document(hold) for hold in found]})
        return
    if done:
        typer.echo(visible(done))
    if not found:
        typer.echo("Nothing is on hold.")
        return
    rows = [
        (_what(hold.kind), hold.person, f"{hold.since:%Y-%m-%d %H:%M} UTC", hold.note)
        for hold in found
    ]
    console().print(table("", ("on hold", "by", "since", "note"), rows))


def _document(hold: "HoldView") -> dict[str, object]:
    return {"kind": hold.kind, "by": hold.person, "since": hold.since, "note": hold.note}


def _what(kind: str | None) -> str:
    return "Automatic delivery" if kind is None else f"Automatic delivery of `{kind}`"


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    app.add_typer(group, name="hold")
