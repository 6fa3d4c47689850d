"""`queue`: what waits for a person, most urgent first."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.cli.context import HIGHEST, Home, Json, clock, opened
from agents.cli.out import amount, console, duration, print_json, table

if TYPE_CHECKING:
    from store.reports.queue import QueueItem

SHOWN = 50
EVERYTHING = 1_000_000


def queue(
    search: Annotated[str, typer.Option(help="Only titles, tickets, customers with this.")] = "",
    limit: Annotated[int | None, typer.Option(min=1, max=HIGHEST, help="At most so many.")] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """List the reviews that wait for a person, most urgent first."""
    from store.reports.queue import queue_page
    from store.reports.wanted import Wanted

    most = limit or (EVERYTHING if as_json else SHOWN)
    with opened(home) as store:
        page = store.read(queue_page, Wanted(search=search), now=clock(), limit=most)
    if as_json:
        print_json({"reviews": [_item_json(item) for item in page.items]})
        return
    columns = (
        *("#review", "kind", "title", "#amount", "#confidence", "why", "#waits", "with"),
        "approved",
    )
    console().print(table("", columns, [_item_row(item) for item in page.items]))
    console().print(f"{len(page.items)} of {page.total} waiting")


def _item_json(item: "QueueItem") -> dict[str, Any]:
    return {
        "review_id": item.review_id,
        "kind": item.kind.value,
        "run_id": item.run_id,
        "title": item.title,
        "risk": item.risk,
        "confidence": item.confidence,
        "reasons": [reason.model_dump() for reason in item.reasons],
        "age_s": item.age_s,
        "claimed_by": item.claimed_by,
        "revision": item.revision,
        "approved_by": list(item.approved_by),
        "still_needed": max(0, item.needed - len(item.approved_by)),
    }


def _item_row(item: "QueueItem") -> tuple[str, ...]:
    why = item.reasons[0].message if item.reasons else ""
    return (
        str(item.review_id),
        "reversal" if item.is_reversal else item.kind.value.replace("_", " "),
        _title(item),
        amount(item.amount_minor, item.currency),
        "" if item.confidence is None else f"{item.confidence:.2f}",
        why,
        duration(item.age_s),
        item.claimed_by or "",
        _approved(item),
    )


def _approved(item: "QueueItem") -> str:
    """Say what a card that takes two people waits for."""
    if item.needed < 2:
        return ""
    return " ".join((f"{len(item.approved_by)} of {item.needed}", *item.approved_by))


def _title(item: "QueueItem") -> str:
    """Return the title; a draft that does several things names them, as its amount is their sum."""
    if not item.further_kinds:
        return item.title
    kinds = (kind for kind in (item.action_kind, *item.further_kinds) if kind)
    return f"{item.title} ({' + '.join(kind.replace('_', ' ') for kind in kinds)})"


def add_to(app: typer.Typer) -> None:
    """Register this group's command."""
    app.command()(queue)
