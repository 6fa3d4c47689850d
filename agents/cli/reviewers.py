"""`reviewers`: how reviewing goes, by person; figures about a process, not a score of anybody."""

from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import MOST_DAYS, Home, Json, clock, opened
from agents.cli.out import console, percent, print_json, table

if TYPE_CHECKING:
    from store.reports.reviewers import Reviewer, Share, Team

_NUMBERS = ("#cards", "#median", "#p90", "#approved", "#edited", "#rejected", "#undone")
_CHECKS = ("#step named", "#agreed", "#planted caught")


def reviewers(
    days: Annotated[
        int, typer.Option(min=1, max=MOST_DAYS, help="Decisions of the last days.")
    ] = 28,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Say by person how fast, how often approved, and how second looks and planted errors went."""
    from datetime import timedelta

    from store.reports import reviewers as measured

    now = clock()
    with opened(home) as store:
        found = store.read(measured.reviewers, since=now - timedelta(days=days), until=now)
    if as_json:
        print_json({"ok": True, "days": days, **found.as_json()})
        return
    _print_group("People", found.people, found.team)
    if found.simulated:
        _print_group("Simulated reviewers", found.simulated, found.simulated_team)


def _print_group(title: str, group: "tuple[Reviewer, ...]", team: "Team") -> None:
    screen = console()
    if not group:
        screen.print(f"{title}: nobody decided anything.")
        return
    screen.print(table(title, ("name", *_NUMBERS, *_CHECKS), [_row(one) for one in group]))
    screen.print(
        f"Second looks overturned {_of(team.overturned)} 'wrong' verdicts;"
        f" {_of(team.missed)} planted errors were missed."
    )
    for one in group:
        if one.notice is not None:
            screen.print(one.notice)


def _row(one: "Reviewer") -> tuple[str, ...]:
    shares = (one.approved, one.edited, one.rejected, one.undone, one.named, one.agreed, one.caught)
    return (
        one.person,
        str(one.cards),
        _seconds(one.median_s),
        _seconds(one.p90_s),
        *(_said(share) for share in shares),
    )


def _seconds(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f} s"


def _of(share: "Share") -> str:
    return f"{share.part} of {share.whole}"


def _said(share: "Share") -> str:
    if share.rate is None or share.low is None or share.high is None:
        return "unknown"
    if not share.has_enough:
        return _of(share)
    return f"{percent(share.rate)} ({share.low:.0%}-{share.high:.0%} of {share.whole})"


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    app.command()(reviewers)
