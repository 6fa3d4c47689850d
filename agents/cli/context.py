"""What most commands need: shared options, settings, an open store, the company's folder, the time.

The folder of the company served last is remembered in the home, so that `greenlight ask` or a
worker started by hand serves the same one.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from store.errors import BadInput

if TYPE_CHECKING:
    from agents.company import Company
    from store.engine import Store
    from store.settings import Settings

HOST = "127.0.0.1"
HIGHEST = 2**63 - 1  # number of anything that a database keeps
MOST_DAYS = 36_500  # back from now: a hundred years
COMPANY_FILE = "company-folder"  # in the home: where the company served here lies

Home = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help="Folder of all state (else GREENLIGHT_HOME, else .greenlight).",
        file_okay=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
CompanyDir = Annotated[
    Path | None,
    typer.Option(
        "--company",
        envvar="GREENLIGHT_COMPANY",
        help="The company's folder (else the one served last in this home, else the demo).",
        exists=True,
        file_okay=False,
    ),
]
Port = Annotated[int, typer.Option(min=1, max=65_535, help="Port of the dashboard.")]


def clock() -> datetime:
    """Return the time now; the only place where commands read it."""
    return datetime.now(UTC)


def settings_of(home: Path | None) -> "Settings":
    """Return the settings; raise BadInput naming a variable that cannot be used."""
    from pydantic import ValidationError

    from store.settings import Settings

    try:
        return Settings() if home is None else Settings(home=home)
    except ValidationError as error:
        wrong = error.errors()[0]
        name = "GREENLIGHT_" + "_".join(str(part) for part in wrong["loc"]).upper()
        raise BadInput(f"{name}={wrong['input']!r} cannot be used: {wrong['msg']}.") from None


@contextmanager
def opened(home: Path | None, *, urgent: bool = False) -> Iterator["Store"]:
    """Open the store for one command; `urgent` for a person's writes."""
    store = settings_of(home).open(urgent=urgent, may_decide=urgent)
    try:
        yield store
    finally:
        store.close()


def child_environment(settings: "Settings") -> dict[str, str]:
    """Return the environment in which a process started from here has the same settings."""
    own = {"GREENLIGHT_HOME": str(settings.home.resolve())}
    return os.environ | own | {"GREENLIGHT_FAULTS": str(settings.faults)}


def file_or_dash(value: Path | None) -> Path | None:
    """Return the path if it is `-`, a file or not given; wrong usage otherwise."""
    if value is not None and str(value) != "-" and not value.is_file():
        raise typer.BadParameter(f"`{value}` is not a file.")
    return value


def demo_folder() -> Path:
    """Return the folder of the demo company that ships with Greenlight."""
    import agents.demo

    return Path(agents.demo.__path__[0]) / "company"


def company_of(settings: "Settings", given: Path | None) -> "Company":
    """Load the company: the folder given, else the one served last here, else the demo's."""
    from agents.company import load

    if given is not None:
        return load(given)
    try:
        remembered = (settings.home / COMPANY_FILE).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return load(demo_folder())
    return load(Path(remembered))


def remember_company(settings: "Settings", folder: Path) -> None:
    """Keep the folder as the one that this home serves."""
    (settings.home / COMPANY_FILE).write_text(str(folder.resolve()), encoding="utf-8")
