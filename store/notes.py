"""Notes that people leave beside a run for colleagues; append-only, never shown to a model."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from store import audit, roles
from store.errors import BadInput, NotFound
from store.queue import storable
from store.schema import Note, Run
from store.transitions import Role

MAX_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class NoteView:
    """One note."""

    person: str
    text: str
    at: datetime


def add(session: Session, run_id: int, text: str, *, person: str, now: datetime) -> None:
    """Leave a note beside a run; raises BadInput (empty, too long), NotFound."""
    roles.require_role(session, person, Role.OPERATOR, Role.MANAGER, Role.ADMIN)
    said = storable(text).strip()
    if not said:
        raise BadInput("The note is empty. Write something first.")
    if len(said) > MAX_CHARACTERS:
        raise BadInput(f"A note may have {MAX_CHARACTERS} characters; this one has {len(said)}.")
    if session.get(Run, run_id) is None:
        raise NotFound(f"There is no run {run_id}.")
    session.add(Note(run_id=run_id, person=person, text=said, at=now))
    audit.append(
        session, actor=person, tag="run:noted", subject=f"run:{run_id}", at=now, body={"note": said}
    )


def of_run(session: Session, run_id: int) -> tuple[NoteView, ...]:
    """Return the notes beside a run, oldest first."""
    rows = session.exec(select(Note).where(Note.run_id == run_id).order_by(col(Note.id)))
    return tuple(NoteView(row.person, row.text, row.at) for row in rows)
