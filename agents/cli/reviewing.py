"""`decide`, `reverse` and `undo`: what a person says to what waits, and taking it back."""

import json
import sys
import uuid
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.cli.context import HIGHEST, Home, Json, clock, file_or_dash, opened, settings_of
from agents.cli.out import print_json, visible
from store.errors import BadInput, StaleReview

if TYPE_CHECKING:
    from store.engine import Store
    from store.reports.card import Card
    from store.reviews import Decided


class VerdictWord(StrEnum):
    """What may be said of a review: the first three of a draft, two of an audit, the last three of
    a delivery that nobody knows the end of."""

    APPROVE = "approve"
    EDIT = "edit"
    REJECT = "reject"
    RIGHT = "right"
    WRONG = "wrong"
    HAPPENED = "happened"
    SEND_AGAIN = "send_again"
    REVERSE = "reverse"


UNDOABLE = frozenset(VerdictWord) - {VerdictWord.RIGHT, VerdictWord.WRONG, VerdictWord.HAPPENED}

As = Annotated[str, typer.Option("--as", metavar="NAME", help="Who decides.")]
ReviewNumber = Annotated[
    int, typer.Argument(max=HIGHEST, metavar="REVIEW", help="Number of the review.")
]
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
    int | None,
    typer.Option(min=1, max=HIGHEST, help="Refuse unless this revision is still the one."),
]
DecisionId = Annotated[
    str | None, typer.Option("--id", help="Id of the decision: sent again, decided once.")
]


def decide(
    review: ReviewNumber,
    verdict: Annotated[
        VerdictWord,
        typer.Argument(
            help="right and wrong are for audits; happened, send_again and reverse answer for a"
            " delivery that nobody knows the end of."
        ),
    ],
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
    """Decide a review: a draft, an audit, or a delivery in doubt."""
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
    word = decided.verdict.replace("_", " ")
    typer.echo(visible(f"{person}: {word} on review {review} ({seen.title})"))
    _tell_next(decided, person)


def _tell_next(decided: "Decided", person: str) -> None:
    """Say who else is needed, and until when it can be taken back."""
    if decided.still_needed:
        others = "somebody else" if decided.still_needed == 1 else f"{decided.still_needed} others"
        typer.echo(f"Nothing is delivered until {others} approved it too: greenlight queue")
        until = "Until then"
    else:
        until = f"Until {decided.undo_until.astimezone():%H:%M:%S}"
    if decided.will_redraft:
        typer.echo("The agent drafts once more with your reason.")
    if VerdictWord(decided.verdict.value) in UNDOABLE:
        typer.echo(visible(f"{until}: greenlight undo {decided.decision_id} --as {person}"))


def _decided_json(decided: "Decided") -> dict[str, Any]:
    return {
        "decision_id": decided.decision_id,
        "review_id": decided.review_id,
        "verdict": decided.verdict.value,
        "undo_until": decided.undo_until,
        "still_needed": decided.still_needed,
        "will_redraft": decided.will_redraft,
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


def reverse(
    action: Annotated[
        str, typer.Argument(metavar="ACTION", help="Id of the delivery, as its receipt shows it.")
    ],
    person: As,
    note: Annotated[str, typer.Option(help="Why; kept with the decision.")] = "",
    decision_id: DecisionId = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Have a delivered action taken back, as a new action; a large one needs two others."""
    from store import reviews

    with opened(home, urgent=True) as store:
        decided = store.transact(
            reviews.reverse,
            action,
            person,
            decision_id=decision_id or str(uuid.uuid4()),
            note=note,
            now=clock(),
            undo_seconds=settings_of(home).undo_seconds,
        )
    if as_json:
        print_json(_decided_json(decided))
        return
    typer.echo(visible(f"{person}: take back {action} (review {decided.review_id})"))
    _tell_next(decided, person)


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
    for command in (decide, reverse, undo):
        app.command()(command)
