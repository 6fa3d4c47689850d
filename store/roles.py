"""Who somebody is and may do, read from the store at every write."""

from sqlmodel import Session

from store.errors import NotAllowed, NotFound
from store.schema import Person
from store.transitions import Role

PUBLISHERS = frozenset({Role.MANAGER, Role.ADMIN})


def person(session: Session, name: str) -> Person:
    """Return the active person of this name; raise NotFound otherwise."""
    found = session.get(Person, name)
    if found is None or not found.is_active:
        raise NotFound(f"Nobody called `{name}` may decide here. Add them under [people].")
    return found


def require_role(session: Session, name: str, *roles: Role) -> Person:
    """Return the person if the store, read now, gives them one of the roles; else NotAllowed."""
    found = person(session, name)
    if found.role not in roles:
        wanted = " or ".join(roles)
        raise NotAllowed(f"`{name}` is {found.role}; this needs {wanted}. Nothing was changed.")
    return found


def may_publish(session: Session, name: str) -> bool:
    """Return whether this person may publish policies and calibrators."""
    found = session.get(Person, name)
    return found is not None and found.is_active and found.role in PUBLISHERS


def require_publisher(session: Session, name: str) -> None:
    """Raise NotAllowed unless this person may publish."""
    if not may_publish(session, name):
        raise NotAllowed(f"`{name}` may not publish policies: that needs a manager.")
