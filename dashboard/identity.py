"""Who is acting in this browser session, and the only door through which the dashboard writes.

In local mode that is the person chosen on screen. Otherwise it is whom the browser's cookie was
given to, read from the store each time; a page opened by one person never writes for another.
"""

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import streamlit as st

from dashboard import session
from dashboard.signin.rules import cookie_name
from store import registry, settings, sign_ins
from store.errors import SignedOut
from store.settings import SignInWay
from store.sign_ins import SignedIn
from store.transitions import Role

P = ParamSpec("P")
T = TypeVar("T")

PERSON = "person"
_OPENED_BY = "opened_by"
MANAGERS = frozenset({Role.MANAGER, Role.ADMIN})


def is_local() -> bool:
    """Return whether there is no sign-in: whoever uses this machine acts as they choose."""
    return settings.current().sign_in is SignInWay.LOCAL


def transact(verb: Callable[Concatenate[Any, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run one store verb for the acting person; raise SignedOut if they no longer are."""
    if is_local():
        return session.store().transact(verb, *args, **kwargs)
    person = me()
    opened_by = st.session_state.get(_OPENED_BY, person)
    if person and opened_by != person:
        raise SignedOut(
            f"`{opened_by}` opened this page and is no longer signed in here, so nothing was"
            " recorded. Copy what you typed if you need it; then reload the page."
        )
    return session.store().transact(sign_ins.acting, _token(), session.now(), verb, *args, **kwargs)


def people() -> dict[str, Role]:
    """Return who may decide, operators first, as it was two seconds ago at most.

    For showing only: every write reads the role in its own transaction.
    """
    return _people(settings.current().url)


@st.cache_data(ttl=2, show_spinner=False, max_entries=4)
def _people(url: str) -> dict[str, Role]:  # noqa: ARG001 - cache key
    rank = list(Role)
    known = sorted(
        session.read(registry.people), key=lambda person: (rank.index(person.role), person.name)
    )
    return {person.name: person.role for person in known}


def signed_in() -> SignedIn | None:
    """Return the live sign-in behind this page, None in local mode or when it has ended."""
    token = _token()
    return session.read(sign_ins.find, token, now=session.now()) if token else None


def me() -> str:
    """Return the acting person's name; locally the one chosen, else the first operator."""
    if not is_local():
        found = signed_in()
        return found.person if found else ""
    chosen = st.session_state.get(PERSON)
    return str(chosen) if chosen else next(iter(people()), "")


def role() -> Role | None:
    """Return the acting person's role as the store has it now."""
    if not is_local():
        found = signed_in()
        return found.role if found else None
    return people().get(me())


def is_managing() -> bool:
    """Return whether the acting person sees and does what only managers may."""
    return role() in MANAGERS


def note_opened(person: str) -> bool:
    """Note whose page this is; return whether it is still theirs."""
    return bool(st.session_state.setdefault(_OPENED_BY, person) == person)


def _token() -> str:
    if is_local():
        return ""
    return str(st.context.cookies.get(cookie_name(settings.current()), ""))
