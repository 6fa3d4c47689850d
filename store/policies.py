"""Policy versions: never changed once stored, published by managers, one active at a time.

Where the active policy says so, a loosening is only proposed: it becomes active once another
manager approves it. A proposal is open while the policy that it was compared with is the active
one: whatever is published closes the others. Publishing never touches a waiting review: those keep
the version they were escalated under.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from store import audit, policy_kinds, promising, roles
from store.errors import IllegalTransition, NotAllowed, NotFound, StalePolicy
from store.gate import PolicyBody
from store.loosening import loosened
from store.schema import Person, Policy
from store.transitions import PolicyStatus


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A stored policy, parsed."""

    version: int
    status: PolicyStatus
    body: PolicyBody
    author: str
    note: str
    published_at: datetime | None  # None: a proposal, open or closed
    proposed_at: datetime | None = None
    approved_by: str | None = None

    @property
    def state(self) -> str:
        """Return where it stands, as people read it."""
        if self.status is PolicyStatus.DRAFT:
            return "proposed"
        return str(self.status) if self.published_at else "not published"


def active(session: Session) -> PolicyVersion:
    """Return the policy that gates new drafts; raise NotFound when none was ever published."""
    row = _active(session)
    if row is None:
        raise NotFound("No policy is published yet. Start Greenlight with a company folder first.")
    return _parsed(row)


def version(session: Session, number: int) -> PolicyVersion:
    """Return one version, whether it is active, retired or a proposal."""
    return _parsed(_row(session, number))


def versions(session: Session) -> list[PolicyVersion]:
    """Return every version, newest first."""
    return [
        _parsed(row) for row in session.exec(select(Policy).order_by(col(Policy.version).desc()))
    ]


def proposals(session: Session) -> list[PolicyVersion]:
    """Return the open proposals, newest first."""
    return [one for one in versions(session) if one.status is PolicyStatus.DRAFT]


def second_managers(session: Session, author: str) -> list[str]:
    """Return by name who may approve what this person proposes."""
    people = session.exec(select(Person).where(col(Person.is_active)).order_by(Person.name))
    return [one.name for one in people if one.role in roles.PUBLISHERS and one.name != author]


def publish(
    session: Session,
    body: PolicyBody,
    *,
    author: str,
    note: str,
    now: datetime,
    based_on: int | None = None,
) -> int:
    """Make the body the active policy, or propose it where a loosening needs a second manager.

    Return the version; its status says which. Only managers and admins may. A proposal replaces the
    open one of the same author. `based_on` is the version that the author compared the body with;
    see `require_active`.
    """
    roles.require_publisher(session, author)
    before = _active(session)
    require_active(session, based_on, now=now)
    policy_kinds.require_known(session, body)
    row = Policy(
        status=PolicyStatus.DRAFT, body=body.model_dump(mode="json"), author=author, note=note
    )
    if before is not None:
        current = PolicyBody.model_validate(before.body)
        slack = loosened(current, body)
        if current.needs_second_manager and slack:
            return _propose(session, row, slack, now=now)
    return _activate(session, row, actor=author, now=now)


def require_active(session: Session, number: int | None, *, now: datetime) -> None:
    """Raise StalePolicy where another version than this one is active by now; None says nothing."""
    row = _active(session)
    if number is None or row is None or row.version == number:
        return
    at = row.published_at
    when = "" if at is None else f" at {at:%H:%M} UTC"
    if at is not None and at.date() != now.date():
        when = f" on {at.day} {at:%b %H:%M} UTC"
    raise StalePolicy(
        f"Version {row.version} was published by {row.approved_by or row.author}{when} meanwhile."
        " Nothing was changed: look at the difference to it, and do it again if you still want to."
    )


def approve(session: Session, number: int, *, person: str, now: datetime) -> None:
    """Make a proposal the active policy; only another manager or admin than its author may."""
    roles.require_publisher(session, person)
    row = _open_proposal(session, number)
    if row.author == person:
        raise NotAllowed(
            f"You proposed version {number} yourself: another manager must approve it."
        )
    if not roles.may_publish(session, row.author):
        raise NotAllowed(
            f"`{row.author}`, who proposed version {number}, may not publish policies any more."
            " Propose it again under your own name."
        )
    row.approved_by = person
    _activate(session, row, actor=person, now=now)


def withdraw(session: Session, number: int, *, person: str, now: datetime) -> None:
    """Close a proposal unpublished; its author and every other manager may."""
    roles.require_publisher(session, person)
    _close(session, _open_proposal(session, number), "withdrawn", actor=person, now=now)


def publish_first(session: Session, body: PolicyBody, *, author: str, now: datetime) -> None:
    """Publish the folder's policy as version 1 unless a policy exists."""
    if session.exec(select(Policy).limit(1)).first() is None:
        row = Policy(
            status=PolicyStatus.DRAFT,
            body=body.model_dump(mode="json"),
            author=author,
            note="from the company's folder",
        )
        _activate(session, row, actor=author, now=now)


def _propose(session: Session, row: Policy, slack: tuple[str, ...], *, now: datetime) -> int:
    for one in _open(session):
        if one.author == row.author:
            _close(session, one, "withdrawn", actor=row.author, now=now)
    row.proposed_at = now
    session.add(row)
    session.flush()
    _record(session, row, "proposed", row.author, now, {"note": row.note, "loosens": list(slack)})
    return _number(row)


def _activate(session: Session, row: Policy, *, actor: str, now: datetime) -> int:
    before = _active(session)
    if before is not None:
        before.status, before.retired_at = PolicyStatus.RETIRED, now
        session.add(before)
        session.flush()
    row.status, row.published_at = PolicyStatus.ACTIVE, now
    session.add(row)
    session.flush()
    for other in _open(session):
        _close(session, other, "overtaken", actor=actor, now=now)
    facts = {"note": row.note}
    if row.approved_by is not None:
        facts["proposed_by"] = row.author
    _record(session, row, "published", actor, now, facts)
    body = PolicyBody.model_validate(row.body)
    promising.certify_policy(session, body, version=_number(row), person=actor, now=now)
    return _number(row)


def _close(session: Session, row: Policy, why: str, *, actor: str, now: datetime) -> None:
    row.status, row.retired_at = PolicyStatus.RETIRED, now
    session.add(row)
    session.flush()
    _record(session, row, why, actor, now, {"proposed_by": row.author})


def _record(
    session: Session, row: Policy, what: str, actor: str, now: datetime, facts: dict[str, Any]
) -> None:
    number = _number(row)
    audit.append(
        session,
        actor=actor,
        tag=f"policy:{what}",
        subject=f"policy:{number}",
        at=now,
        body={"version": number, "body": row.body, **facts},
    )


def _open_proposal(session: Session, number: int) -> Policy:
    row = _row(session, number)
    if row.status is PolicyStatus.DRAFT:
        return row
    if row.published_at is not None:
        raise IllegalTransition(f"Version {number} is no open proposal: it was published.")
    raise IllegalTransition(
        f"Version {number} is closed: it was withdrawn, or another policy was published after it"
        " was proposed. If it is still wanted, publish it again on today's policy."
    )


def _open(session: Session) -> list[Policy]:
    return list(session.exec(select(Policy).where(Policy.status == PolicyStatus.DRAFT)))


def _active(session: Session) -> Policy | None:
    return session.exec(select(Policy).where(Policy.status == PolicyStatus.ACTIVE)).first()


def _row(session: Session, number: int) -> Policy:
    row = session.get(Policy, number)
    if row is None:
        raise NotFound(f"There is no policy version {number}.")
    return row


def _number(row: Policy) -> int:
    assert row.version is not None
    return row.version


def _parsed(row: Policy) -> PolicyVersion:
    return PolicyVersion(
        version=_number(row),
        status=row.status,
        body=PolicyBody.model_validate(row.body),
        author=row.author,
        note=row.note,
        published_at=row.published_at,
        proposed_at=row.proposed_at,
        approved_by=row.approved_by,
    )
