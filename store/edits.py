"""Storing what a person's edit makes of a draft: a new revision, written by that person."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from store import revision, steps
from store.actions import Action, as_json, digest
from store.errors import BadInput
from store.queue import storable
from store.schema import Draft, Tool


def revise(
    session: Session,
    seen: Draft,
    *,
    author: str,
    reply: str | None,
    args: dict[str, Any] | None,
    is_answer_only: bool,
    now: datetime,
) -> Draft:
    """Store the next revision; raise BadInput naming what the tool's schema refuses."""
    action = Action.model_validate(seen.action)
    if is_answer_only:
        action = revision.answer_only(action)
    elif args is not None and args != action.args:
        if action.tool is None:
            raise BadInput("This draft only replies; there are no arguments to edit.")
        action = revision.with_args(action, args, session.get_one(Tool, action.tool))
    words = seen.reply if reply is None else storable(reply)
    draft = Draft(
        run_id=seen.run_id,
        revision=steps.next_revision(session, seen.run_id),
        reply=words,
        action=as_json(action),
        digest=digest(words, action),
        gate_input={**seen.gate_input, "action": as_json(action)},
        confidence=seen.confidence,
        author=author,
        created_at=now,
    )
    session.add(draft)
    session.flush()
    return draft
