"""Policy versions: published once, never changed, one active at a time.

Publishing never touches a waiting review: those keep the version they were escalated under.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from store import audit
from store.errors import NotAllowed, NotFound
from store.gate import PolicyBody
from store.schema import Person, Policy
from store.transitions import PolicyStatus, Role


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A published policy, parsed."""

    version: int
    status: PolicyStatus
    body: PolicyBody
    author: str
    note: str
    published_at: datetime | None


def active(session: Session) -> PolicyVersion:
    """Return the policy that gates new drafts; raise NotFound when none was ever published."""
    row = session.exec(select(Policy).where(Policy.status == PolicyStatus.ACTIVE)).first()
    if row is None:
        raise NotFound("No policy is published yet. Start Greenlight with a company folder first.")
    return _parsed(row)


def version(session: Session, number: int) -> PolicyVersion:
    """Return one version, active or retired."""
    row = session.get(Policy, number)
    if row is None:
        raise NotFound(f"There is no policy version {number}.")
    return _parsed(row)


def versions(session: Session) -> list[PolicyVersion]:
    """Return every version, newest first."""
    return [
        _parsed(row) for row in session.exec(select(Policy).order_by(col(Policy.version).desc()))
    ]


def publish(session: Session, body: PolicyBody, *, author: str, note: str, now: datetime) -> int:
    """Publish a new active version and retire the old one; managers and admins only."""
    person = session.get(Person, author)
    if person is None or not person.is_active or person.role not in (Role.MANAGER, Role.ADMIN):
        raise NotAllowed(f"`{author}` may not publish policies: that needs a manager.")
    return _publish(session, body, author=author, note=note, now=now)


def publish_first(session: Session, body: PolicyBody, *, author: str, now: datetime) -> None:
    """Publish the folder's policy as version 1 unless a policy exists."""
    if session.exec(select(Policy).limit(1)).first() is None:
        _publish(session, body, author=author, note="from the company's folder", now=now)


def _publish(session: Session, body: PolicyBody, *, author: str, note: str, now: datetime) -> int:
    before = session.exec(select(Policy).where(Policy.status == PolicyStatus.ACTIVE)).first()
    if before is not None:
        before.status, before.retired_at = PolicyStatus.RETIRED, now
        session.add(before)
        session.flush()
    row = Policy(
        status=PolicyStatus.ACTIVE,
        body=body.model_dump(mode="json"),
        author=author,
        note=note,
        published_at=now,
    )
    session.add(row)
    session.flush()
    assert row.version is not None
    audit.append(
        session,
        actor=author,
        tag="policy:published",
        subject=f"policy:{row.version}",
        at=now,
        body={"version": row.version, "note": note, "body": row.body},
    )
    return row.version


def _parsed(row: Policy) -> PolicyVersion:
    assert row.version is not None
    return PolicyVersion(
        version=row.version,
        status=row.status,
        body=PolicyBody.model_validate(row.body),
        author=row.author,
        note=row.note,
        published_at=row.published_at,
    )
