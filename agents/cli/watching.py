"""`watch`: the clocks of waiting cards, notifications and check cards, in the foreground."""

from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import HOST, Home, Port, settings_of
from agents.cli.out import visible

if TYPE_CHECKING:
    from store.settings import Settings


def watch(
    once: Annotated[bool, typer.Option("--once", help="Look a single time, then leave.")] = False,
    port: Port = 8600,
    home: Home = None,
) -> None:
    """Remind, re-route and hold waiting cards, and notify people; it decides nothing."""
    from agents import watcher

    settings = settings_of(home)
    complain_of_addresses(settings)
    watcher.run(settings, link=f"http://{HOST}:{port}", once=once)


def complain_of_addresses(settings: "Settings") -> None:
    """Say on stderr which addresses for notifications cannot be used, never the address itself."""
    urls = settings.notify_urls.get_secret_value()
    if not urls.strip():
        return
    from agents.addresses import Addresses

    for mistake in Addresses.of(urls).mistakes:
        typer.echo(visible(mistake), err=True)


def add_to(app: typer.Typer) -> None:
    """Register this group's command."""
    app.command()(watch)
