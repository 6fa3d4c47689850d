"""Browsers that are signed in. The browser holds a random token, the store only its SHA-256.

`acting` is the door for writes: the sign-in is looked at in the very transaction that writes, so
one that was ended in another tab, has run out, or whose person was shut out writes nothing more.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Concatenate, ParamSpec, TypeVar

from sqlmodel import Session, col, select

from store import audit, people
from store.errors import NotAllowed, SignedOut
from store.registry import company, identity_of
from store.schema import Person, SignIn
from store.transitions import Role, SignInMethod

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Vouched:
    """What a provider or proxy says of the person in front of the browser."""

    method: SignInMethod
    identity: str
    name: str = ""
    role: Role | None = None  # None: the store's table says it


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A live sign-in and what its person may do at this moment."""

    person: str
    role: Role
    method: SignInMethod
    subject: str
    expires_at: datetime


def digest(token: str) -> str:
    """Return what the store keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def start(
    session: Session, vouched: Vouched, token: str, *, hours: float, now: datetime
) -> SignedIn:
    """Sign a browser in; raise NotAllowed, saying whom to ask, for somebody who is nobody here."""
    person = (
        people.known_as(session, vouched.identity)
        if vouched.role is None
        else people.admit(session, vouched.identity, name=vouched.name, role=vouched.role, now=now)
    )
    if person is None or not person.is_active:
        raise NotAllowed(_nobody(session, vouched.identity, is_known=person is not None))
    row = SignIn(
        id=digest(token),
        person=person.name,
        method=vouched.method,
        subject=identity_of(vouched.identity),
        started_at=now,
        expires_at=now + timedelta(hours=hours),
    )
    session.add(row)
    session.flush()
    _note(session, row, "person:signed_in", now)
    return _signed_in(row, person)


def end(session: Session, token: str, *, now: datetime) -> None:
    """Sign a browser out; nothing happens to one that is not signed in."""
    row = session.get(SignIn, digest(token))
    if row is not None and row.ended_at is None:
        row.ended_at = now
        session.add(row)
        session.flush()
        _note(session, row, "person:signed_out", now)


def find(session: Session, token: str, *, now: datetime) -> SignedIn | None:
    """Return the sign-in if it is live at this moment and its person may still decide."""
    found = session.exec(
        select(SignIn, Person)
        .join(Person, col(Person.name) == col(SignIn.person))
        .where(
            SignIn.id == digest(token),
            col(SignIn.ended_at).is_(None),
            col(SignIn.expires_at) > now,
            col(Person.is_active),
        )
    ).first()
    return None if found is None else _signed_in(*found)


def acting(
    session: Session,
    token: str,
    now: datetime,
    verb: Callable[Concatenate[Session, P], T],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run a verb for a signed-in browser; raise SignedOut unless its sign-in is live now."""
    if find(session, token, now=now) is None:
        raise SignedOut(
            "You are signed out, so nothing was recorded. Sign in again; what you typed is kept."
        )
    return verb(session, *args, **kwargs)


def _signed_in(row: SignIn, person: Person) -> SignedIn:
    return SignedIn(person.name, person.role, row.method, row.subject, row.expires_at)


def _note(session: Session, row: SignIn, tag: str, now: datetime) -> None:
    audit.append(
        session,
        actor=row.person,
        tag=tag,
        subject=f"person:{row.person}",
        at=now,
        body={"by": row.method, "as": row.subject},
    )


def _nobody(session: Session, identity: str, *, is_known: bool) -> str:
    served = company(session)
    where = f"Greenlight at {served.name}" if served else "Greenlight"
    why = (
        f"{where} no longer lets `{identity}` in."
        if is_known
        else f"You are known as `{identity}`, and {where} knows nobody of that name."
    )
    return f"{why} Ask one of its admins to add you; then sign in again."
