"""`queue`, `decide` and `undo`: what waits for a person, the verdict, and taking it back."""

import json
import sys
import uuid
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.cli.context import Home, Json, clock, file_or_dash, opened, settings_of
from agents.cli.out import amount, console, duration, print_json, table, visible
from store.errors import BadInput, StaleReview

if TYPE_CHECKING:
    from store.engine import Store
    from store.reports.card import Card
    from store.reports.queue import QueueItem
    from store.reviews import Decided

SHOWN = 50
EVERYTHING = 1_000_000


class VerdictWord(StrEnum):
    """What may be said of a review; `right` and `wrong` answer an audit."""

    APPROVE = "approve"
    EDIT = "edit"
    REJECT = "reject"
    RIGHT = "right"
    WRONG = "wrong"


As = Annotated[str, typer.Option("--as", metavar="NAME", help="Who decides.")]
ReviewNumber = Annotated[int, typer.Argument(metavar="REVIEW", help="Number of the review.")]
ReasonCode = Annotated[str | None, typer.Option(metavar="CODE", help="Why it is rejected.")]
BlamedStep = Annotated[str | None, typer.Option(metavar="NAME", help="The step to blame.")]
Edit = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="With edit: the new reply as text, or a .json file of `reply`, `args` or"
        " `is_answer_only`; - reads text from stdin.",
        callback=file_or_dash,
    ),
]
Revision = Annotated[
    int | None, typer.Option(min=1, help="Refuse unless this revision is still the one.")
]
DecisionId = Annotated[
    str | None, typer.Option("--id", help="Id of the decision: sent again, decided once.")
]


def queue(
    search: Annotated[str, typer.Option(help="Only titles, tickets, customers with this.")] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """List the reviews that wait for a person, most urgent first."""
    from store.reports.queue import queue_page

    most = limit or (EVERYTHING if as_json else SHOWN)
    with opened(home) as store:
        page = store.read(queue_page, now=clock(), search=search, limit=most)
    if as_json:
        print_json({"reviews": [_item_json(item) for item in page.items]})
        return
    columns = ("#review", "kind", "title", "#amount", "#confidence", "why", "#waits", "with")
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
    }


def _item_row(item: "QueueItem") -> tuple[str, ...]:
    why = item.reasons[0].message if item.reasons else ""
    return (
        str(item.review_id),
        item.kind.value,
        _title(item),
        amount(item.amount_minor, item.currency),
        "" if item.confidence is None else f"{item.confidence:.2f}",
        why,
        duration(item.age_s),
        item.claimed_by or "",
    )


def _title(item: "QueueItem") -> str:
    """Return the title; a draft that does several things names them, as its amount is their sum."""
    if not item.further_kinds:
        return item.title
    kinds = (kind for kind in (item.action_kind, *item.further_kinds) if kind)
    return f"{item.title} ({' + '.join(kind.replace('_', ' ') for kind in kinds)})"


def decide(
    review: ReviewNumber,
    verdict: Annotated[VerdictWord, typer.Argument(help="right and wrong are for audits.")],
    person: As,
    reason: ReasonCode = None,
    step: BlamedStep = None,
    note: Annotated[str, typer.Option(help="A word for the record.")] = "",
    edit: Edit = None,
    revision: Revision = None,
    decision_id: DecisionId = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Decide a review: approve, edit or reject; right or wrong for an audit."""
    from store import reviews
    from store.transitions import Verdict

    if (edit is not None) != (verdict is VerdictWord.EDIT):
        raise typer.BadParameter("`edit` and `--edit FILE` belong together.")
    with opened(home, urgent=True) as store:
        seen = _seen(store, review, revision)
        request = reviews.DecisionRequest(
            decision_id=decision_id or str(uuid.uuid4()),
            review_id=review,
            verdict=Verdict(verdict.value),
            person=person,
            seen_digest=seen.draft.digest,
            reason_code=reason,
            note=note,
            blamed_step=step,
            **(_edits(edit) if edit else {}),
        )
        undo_seconds = settings_of(home).undo_seconds
        decided = store.transact(reviews.decide, request, now=clock(), undo_seconds=undo_seconds)
    if as_json:
        print_json(_decided_json(decided))
        return
    typer.echo(visible(f"{person}: {decided.verdict} on review {review} ({seen.title})"))
    if verdict not in (VerdictWord.RIGHT, VerdictWord.WRONG):
        until = f"{decided.undo_until.astimezone():%H:%M:%S}"
        typer.echo(f"Until {until}: greenlight undo {decided.decision_id} --as {person}")


def _decided_json(decided: "Decided") -> dict[str, Any]:
    return {
        "decision_id": decided.decision_id,
        "review_id": decided.review_id,
        "verdict": decided.verdict.value,
        "undo_until": decided.undo_until,
    }


def _seen(store: "Store", review_id: int, revision: int | None) -> "Card":
    from store.reports.card import card

    seen = store.read(card, review_id)
    if revision is not None and seen.draft.revision != revision:
        raise StaleReview(
            f"Review {review_id} is about revision {seen.draft.revision} now, not {revision}."
            " Look at it again; nothing was decided."
        )
    return seen


def _edits(file: Path) -> dict[str, Any]:
    """Return what the file changes: `reply` alone, or the JSON's own fields."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"`{file}` cannot be read: {error}") from None
    if file.suffix != ".json":
        return {"reply": text.strip()}
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise BadInput(f"`{file}` is not valid JSON: {error}") from None
    expected: dict[str, type] = {"reply": str, "args": dict, "is_answer_only": bool}
    if not isinstance(fields, dict) or any(
        not isinstance(value, expected.get(name, ())) for name, value in fields.items()
    ):
        raise BadInput(
            f"`{file}` must be an object of `reply` (text), `args` (object), `is_answer_only`."
        )
    return fields


def undo(
    decision: Annotated[str, typer.Argument(metavar="DECISION", help="Id of the decision.")],
    person: As,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Take a decision back while its delivery has not begun."""
    from store import undoing

    with opened(home, urgent=True) as store:
        again = store.transact(undoing.undo, decision, person, now=clock())
    if as_json:
        print_json({"decision_id": decision, "review_id": again})
    else:
        typer.echo(f"Undone. Review {again} waits on the same draft.")


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    for command in (queue, decide, undo):
        app.command()(command)
