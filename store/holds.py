"""Holds: a manager stops automatic delivery, for one action kind or all, from that moment on.

What a person approved still goes out. Append-only: the newest word about a kind is the one in
force, so a hold survives restarts and its history is kept.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from store import audit, roles
from store.actions import REPLY_ONLY
from store.errors import BadInput
from store.queue import storable
from store.schema import Hold, Tool
from store.transitions import Role

EVERYTHING = "*"


@dataclass(frozen=True, slots=True)
class HoldView:
    """A hold in force; `kind` None stands for every automatic delivery."""

    kind: str | None
    person: str
    note: str
    since: datetime


def set_hold(
    session: Session,
    *,
    person: str | None,
    kind: str | None,
    is_held: bool,
    note: str = "",
    now: datetime,
) -> None:
    """Stop automatic delivery (of one action kind) or let it go on; managers and admins only.

    `person` None is Greenlight itself, which may only stop. Raises NotAllowed, or BadInput when
    there is no such hold to release.
    """
    if person is not None:
        roles.require_role(session, person, Role.MANAGER, Role.ADMIN)
    elif not is_held:
        raise BadInput("Only a person may release a hold.")
    known = {hold.kind for hold in in_force(session)}
    if is_held and kind is not None and kind not in kinds(session):
        possible = ", ".join(sorted(kinds(session)))
        raise BadInput(f"There is no action `{kind}` to hold. There are: {possible}.")
    if not is_held and kind not in known:
        raise BadInput(f"{_words(kind)} is not on hold. Nothing was changed.")
    actor = person or "greenlight"
    row = Hold(kind=kind or EVERYTHING, is_held=is_held, person=actor, note=storable(note), at=now)
    session.add(row)
    session.flush()
    audit.append(
        session,
        actor=actor,
        tag="hold:set" if is_held else "hold:released",
        subject=f"hold:{row.kind}",
        at=now,
        body={"kind": row.kind, "note": row.note},
    )


def kinds(session: Session) -> set[str]:
    """Return the action kinds that can be held: what drafts may propose, replies included."""
    listed = session.exec(select(Tool.action_kind).where(col(Tool.action_kind).is_not(None)))
    return {REPLY_ONLY, *(kind for kind in listed if kind)}


def in_force(session: Session) -> list[HoldView]:
    """Return the holds in force, the one over everything first."""
    rows = session.exec(
        select(Hold).where(_is_newest(), col(Hold.is_held)).order_by(col(Hold.kind))
    )
    return [
        HoldView(None if row.kind == EVERYTHING else row.kind, row.person, row.note, row.at)
        for row in rows
    ]


def stops(kind: object) -> ColumnElement[bool]:
    """Return the condition, on rows of `hold`, that one is in force over the kind (or column)."""
    return (
        _is_newest() & col(Hold.is_held) & or_(col(Hold.kind) == EVERYTHING, col(Hold.kind) == kind)
    )


def _is_newest() -> ColumnElement[bool]:
    later = aliased(Hold)
    return ~exists().where(col(later.kind) == col(Hold.kind), col(later.id) > col(Hold.id))


def _words(kind: str | None) -> str:
    return "Automatic delivery" if kind is None else f"Automatic delivery of `{kind}`"
