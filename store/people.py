"""Who may decide, and as what: kept by admins, by the company's folder or by a provider's claims.

What an admin or a provider says of somebody stays: from then on the folder no longer changes them.
Every change is in the audit trail.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, select

from store import audit, registry, roles
from store.errors import BadInput, NotAllowed
from store.registry import CHANGED, identity_of
from store.schema import Person, SignIn
from store.tickets import storable
from store.transitions import Role

MOST_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class PersonView:
    """Somebody who may, or once might, decide."""

    name: str
    role: Role
    is_active: bool
    identity: str | None


def everybody(session: Session) -> list[PersonView]:
    """Return all people, also those who may no longer decide, by name."""
    rows = session.exec(select(Person).order_by(Person.name))
    return [PersonView(row.name, row.role, row.is_active, row.identity) for row in rows]


def known_as(session: Session, identity: str) -> Person | None:
    """Return whom a provider or proxy calls so, None if nobody."""
    return session.exec(select(Person).where(Person.identity == identity_of(identity))).first()


def set_person(
    session: Session,
    name: str,
    *,
    role: Role | None = None,
    identity: str | None = None,
    is_active: bool | None = None,
    by: str,
    now: datetime,
) -> PersonView:
    """Add somebody or change what is given; admins only, and one admin always remains.

    Whoever becomes inactive is signed out everywhere.
    """
    roles.require_role(session, by, Role.ADMIN)
    row = session.get(Person, name)
    if row is None:
        if role is None:
            raise BadInput(f"There is nobody called `{name}` yet; a new person needs a role.")
        row = Person(name=_fit(name), role=role)
    _change(session, row, role=role, identity=identity, is_active=is_active, by=by, now=now)
    _require_an_admin(session, row)
    return PersonView(row.name, row.role, row.is_active, row.identity)


def admit(session: Session, identity: str, *, name: str, role: Role, now: datetime) -> Person:
    """Return the person of this identity in the role a provider vouches for; add them if new.

    A name is only what they are called: one that is taken is never taken over.
    """
    row = known_as(session, identity)
    if row is None:
        wanted = _cleaned(name)
        free = bool(wanted) and session.get(Person, wanted) is None
        called = wanted if free else _fit(identity_of(identity))
        if session.get(Person, called) is not None:
            raise NotAllowed(
                f"Somebody else is already called `{called}` here, so you cannot be added."
                " Ask an admin of Greenlight to add you under another name."
            )
        row = Person(name=called, role=role)
        _change(session, row, role=role, identity=identity, is_active=True, by=called, now=now)
    elif row.role is not role and row.is_active:
        _change(session, row, role=role, identity=None, is_active=None, by="greenlight", now=now)
    return row


def _change(
    session: Session,
    row: Person,
    *,
    role: Role | None,
    identity: str | None,
    is_active: bool | None,
    by: str,
    now: datetime,
) -> None:
    if identity is not None:
        row.identity = registry.free_identity(session, identity, name=row.name)
    row.role = row.role if role is None else role
    row.is_active = row.is_active if is_active is None else is_active
    session.add(row)
    session.flush()
    if not row.is_active:
        session.connection().execute(
            update(SignIn)
            .where(col(SignIn.person) == row.name, col(SignIn.ended_at).is_(None))
            .values(ended_at=now)
        )
    audit.append(
        session,
        actor=by,
        tag=CHANGED,
        subject=f"person:{row.name}",
        at=now,
        body={"role": row.role, "identity": row.identity, "is_active": row.is_active},
    )


def _require_an_admin(session: Session, row: Person) -> None:
    """Refuse a change that leaves nobody who could change people."""
    admins = select(Person).where(Person.role == Role.ADMIN, col(Person.is_active))
    if (row.role is not Role.ADMIN or not row.is_active) and not session.exec(admins).first():
        raise NotAllowed(
            f"`{row.name}` is the last admin. Make somebody else an admin first; nothing was"
            " changed."
        )


def _fit(name: str) -> str:
    cleaned = _cleaned(name)
    if cleaned != name or not name:
        raise BadInput(
            f"A name has 1 to {MOST_CHARACTERS} visible characters and no spaces around it."
        )
    return name


def _cleaned(name: str) -> str:
    """Return the name without what cannot be seen: it stands beside decisions."""
    visible = "".join(one for one in storable(name) if one.isprintable())
    return visible.strip()[:MOST_CHARACTERS].strip()
