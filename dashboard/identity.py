"""Who is acting in this browser session, and the only door through which the dashboard writes."""

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import streamlit as st

from dashboard import session
from store import registry
from store.transitions import Role

P = ParamSpec("P")
T = TypeVar("T")

PERSON = "person"


def transact(verb: Callable[Concatenate[Any, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run one store verb for the acting person."""
    return session.store().transact(verb, *args, **kwargs)


def people() -> dict[str, Role]:
    """Return who may decide, operators first."""
    rank = list(Role)
    known = sorted(
        session.read(registry.people), key=lambda person: (rank.index(person.role), person.name)
    )
    return {person.name: person.role for person in known}


def me() -> str:
    """Return the acting person's name: the one chosen, else the first operator."""
    chosen = st.session_state.get(PERSON)
    return str(chosen) if chosen else next(iter(people()), "")


def role() -> Role | None:
    """Return the acting person's role as the store has it now."""
    return people().get(me())
