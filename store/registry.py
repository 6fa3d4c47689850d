"""The company this store serves, its people and its tools: what pages and verbs must know of it.

`register_company` brings the store in line with the company's folder. It never loosens a published
policy: the folder's policy becomes version 1 only while no policy exists.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from store import audit
from store.errors import BadInput, NotAllowed
from store.gate import PolicyBody
from store.policies import publish_first
from store.schema import Company, Person, Tool
from store.transitions import Role

CHANGED = "person:changed"  # by an admin or a provider: the folder's word counts no more


@dataclass(frozen=True, slots=True)
class ToolFacts:
    """A listed tool with the fingerprint of the input schema it was approved with."""

    name: str
    server: str
    is_write: bool
    input_schema: dict[str, Any]
    fingerprint: str
    is_reply: bool = False
    action_kind: str | None = None
    customer_field: str | None = None
    order_field: str | None = None
    amount_field: str | None = None
    text_field: str | None = None
    ticket_field: str | None = None
    key_field: str | None = None
    connector: dict[str, Any] = field(default_factory=dict)  # store.connectors.Connector


@dataclass(frozen=True, slots=True)
class CompanyFacts:
    """What the store keeps of a company's folder."""

    name: str
    currency: str
    is_demo: bool
    people: Sequence[tuple[str, Role]]
    policy: PolicyBody
    tools: Sequence[ToolFacts] = ()
    reject_reasons: Sequence[dict[str, Any]] = ()  # code, title, redraft
    intents: Sequence[dict[str, str]] = field(default_factory=tuple)
    identities: Mapping[str, str] = field(default_factory=dict)  # by name, as a provider says it


def register_company(session: Session, facts: CompanyFacts, *, now: datetime) -> None:
    """Write the company, its people, tools and first policy; later calls update all but policy."""
    before = session.get(Company, 1)
    if before is not None and before.name != facts.name:
        raise NotAllowed(
            f"This store belongs to `{before.name}`, not to `{facts.name}`."
            " Use another GREENLIGHT_HOME for another company."
        )
    session.merge(
        Company(
            id=1,
            name=facts.name,
            currency=facts.currency,
            is_demo=facts.is_demo,
            reject_reasons=[dict(reason) for reason in facts.reject_reasons],
            intents=[dict(intent) for intent in facts.intents],
        )
    )
    _register_people(session, facts, now)
    register_tools(session, facts.tools)
    session.flush()
    publish_first(session, facts.policy, author=f"folder of {facts.name}", now=now)
    if before is None:
        audit.append(
            session,
            actor="greenlight",
            tag="company:registered",
            subject="company:1",
            at=now,
            body={"name": facts.name, "is_demo": facts.is_demo},
        )


def _register_people(session: Session, facts: CompanyFacts, now: datetime) -> None:
    """Add the folder's people; change those of whom only the folder ever said anything."""
    for name, role in facts.people:
        given = facts.identities.get(name)
        identity = free_identity(session, given, name=name) if given else None
        row = session.get(Person, name)
        if row is None:
            session.add(Person(name=name, role=role, identity=identity))
            session.flush()
            continue
        is_same = (row.role, row.identity) == (role, identity)
        if is_same or audit.find_authentic(session, tag=CHANGED, subject=f"person:{name}"):
            continue
        row.role, row.identity = role, identity
        session.add(row)
        session.flush()
        audit.append(
            session,
            actor=f"folder of {facts.name}",
            tag="person:registered",
            subject=f"person:{name}",
            at=now,
            body={"role": role, "identity": identity},
        )


def identity_of(text: str) -> str:
    """Return an identity as it is kept and compared: an e-mail address has no upper case."""
    stripped = text.strip()
    return stripped.lower() if "@" in stripped else stripped


def free_identity(session: Session, text: str, *, name: str) -> str:
    """Return the identity as it is kept; raise BadInput if it is empty or another person's."""
    wanted = identity_of(text)
    if not wanted:
        raise BadInput(f"The identity of `{name}` is empty. Nothing was changed.")
    owner = session.exec(select(Person).where(Person.identity == wanted)).first()
    if owner is not None and owner.name != name:
        raise BadInput(f"`{wanted}` is already `{owner.name}`. Nothing was changed.")
    return wanted


def register_tools(session: Session, listed: Sequence[ToolFacts]) -> None:
    """Store the listed tools; one already known keeps the fingerprint it was approved with."""
    known = {tool.name: tool.fingerprint for tool in tools(session)}
    for tool in listed:
        row = Tool(**{name: getattr(tool, name) for name in ToolFacts.__slots__})
        if tool.name in known and known[tool.name] != tool.fingerprint:
            continue  # schema drift: the worker refuses to call it until it is approved again
        session.merge(row)


def company(session: Session) -> Company | None:
    """Return the registered company, or None in an empty store."""
    return session.get(Company, 1)


def people(session: Session) -> list[Person]:
    """Return everybody who may decide, by name."""
    return list(session.exec(select(Person).where(col(Person.is_active)).order_by(Person.name)))


def tools(session: Session) -> list[Tool]:
    """Return every listed tool, by name."""
    return list(session.exec(select(Tool).order_by(Tool.name)))
