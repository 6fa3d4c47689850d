"""What became of a review that was decided on too late: its successor, and what is different."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from store.actions import Action
from store.errors import NotFound
from store.schema import Draft, Review
from store.transitions import ASIDE, OPEN_REVIEW


@dataclass(frozen=True, slots=True)
class ArgumentChange:
    """One argument of a call before and after; None where the call does not have it."""

    tool: str
    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class DraftChange:
    """What another revision of a draft says otherwise."""

    revision_before: int
    revision_after: int
    author: str  # of the later one
    reply_before: str
    reply_after: str
    arguments: tuple[ArgumentChange, ...]


def successor(session: Session, review_id: int) -> int | None:
    """Return the open review that stands in this one's place, None if nothing of its run waits."""
    before = session.get(Review, review_id)
    if before is None:
        return None
    found: int | None = session.exec(
        select(Review.id).where(
            Review.run_id == before.run_id,
            col(Review.status).in_(OPEN_REVIEW),
            col(Review.kind).not_in(ASIDE),
        )
    ).first()
    return found


def between(session: Session, draft_id_before: int, draft_id_after: int) -> DraftChange:
    """Return what changed from one draft to another; raises NotFound."""
    before, after = session.get(Draft, draft_id_before), session.get(Draft, draft_id_after)
    if before is None or after is None:
        raise NotFound("One of the two drafts is not stored.")
    return DraftChange(
        revision_before=before.revision,
        revision_after=after.revision,
        author=after.author,
        reply_before=before.reply,
        reply_after=after.reply,
        arguments=_arguments(
            Action.model_validate(before.action), Action.model_validate(after.action)
        ),
    )


def _arguments(before: Action, after: Action) -> tuple[ArgumentChange, ...]:
    old, new = _calls(before), _calls(after)
    return tuple(
        ArgumentChange(tool, name, old[tool].get(name), new[tool].get(name))
        for tool in dict.fromkeys((*old, *new))
        for name in dict.fromkeys((*old.setdefault(tool, {}), *new.setdefault(tool, {})))
        if old[tool].get(name) != new[tool].get(name)
    )


def _calls(action: Action) -> dict[str, Mapping[str, Any]]:
    """Name a tool's second call after its place: two equal tools are two calls."""
    calls: dict[str, Mapping[str, Any]] = {}
    for part in action.parts:
        if part.tool is not None:
            name = part.tool if part.tool not in calls else f"{part.tool} ({len(calls) + 1})"
            calls[name] = part.args
    return calls
