"""Certificates: a policy's promise of how many wrong drafts go out alone, with its evidence.

Issued when a policy with a promise is published, on the audited drafts of that moment. The newest
event says how one stands: while it is suspended every action of its kind goes to a person, until a
manager reopens it. Suspension outlives the policy that made the promise.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from store import audit, roles
from store.actions import Action
from store.errors import IllegalTransition, NotFound
from store.gate import GateResult, Promise
from store.outputs import Reason
from store.phrases import percent
from store.queue import storable
from store.schema import Certificate, CertificateEvent
from store.transitions import CertificateMove, Outcome, Role

ALL = "*"
SUSPENDED = "promise_suspended"  # code of the gate's reason


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a promise is certified on."""

    threshold: float
    labels: int
    sent: int
    wrong: int
    calibrators: tuple[str, ...]
    reference: dict[str, Any]
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class CertificateView:
    """A certificate and how it stands; `move` None: it holds."""

    id: int
    policy_version: int
    kind: str
    promise: Promise
    evidence: Evidence
    issued_by: str
    issued_at: datetime
    move: CertificateMove | None
    why: str
    person: str | None  # who moved it; None: the watch
    moved_at: datetime | None

    @property
    def is_standing(self) -> bool:
        """Return whether the promise is believed."""
        return self.move is None

    @property
    def is_suspended(self) -> bool:
        """Return whether everything of its kind goes to a person."""
        return self.move is CertificateMove.SUSPENDED


def issue(
    session: Session,
    *,
    policy_version: int,
    kind: str,
    promise: Promise,
    evidence: Evidence,
    person: str,
    now: datetime,
) -> int:
    """Store a promise with its evidence; return its id. The publishing verb calls it."""
    row = Certificate(
        policy_version=policy_version,
        kind=kind,
        max_error=promise.max_error,
        assurance=promise.assurance,
        threshold=evidence.threshold,
        labels=evidence.labels,
        sent=evidence.sent,
        wrong=evidence.wrong,
        calibrators=list(evidence.calibrators),
        reference=evidence.reference,
        since=evidence.since,
        until=evidence.until,
        issued_by=person,
        issued_at=now,
    )
    session.add(row)
    session.flush()
    _tell(session, row, "issued", person, now, {"labels": row.labels, "wrong": row.wrong})
    return _id(row)


def suspend(session: Session, certificate_id: int, why: str, *, now: datetime) -> bool:
    """Suspend a certificate that holds; return whether this call did it."""
    if not certificate(session, certificate_id).is_standing:
        return False
    _move(session, certificate_id, CertificateMove.SUSPENDED, why, None, now)
    return True


def lapse(session: Session, certificate_id: int, why: str, *, now: datetime) -> bool:
    """Let a certificate that holds lapse: it says nothing any more, and nothing is tightened."""
    if not certificate(session, certificate_id).is_standing:
        return False
    _move(session, certificate_id, CertificateMove.LAPSED, why, None, now)
    return True


def reopen(
    session: Session, certificate_id: int, *, person: str, note: str = "", now: datetime
) -> None:
    """Let drafts of a suspended certificate's kind go out alone again; managers and admins only.

    The promise stays broken: a new one is made by publishing a policy that is certified anew.
    """
    roles.require_role(session, person, Role.MANAGER, Role.ADMIN)
    if not certificate(session, certificate_id).is_suspended:
        raise IllegalTransition("That promise is not suspended. Nothing was changed.")
    _move(session, certificate_id, CertificateMove.REOPENED, storable(note), person, now)


def withdraw_standing(session: Session, *, person: str, now: datetime) -> None:
    """Withdraw every certificate that holds: another policy takes the place of theirs."""
    for one in certificates(session):
        if one.is_standing:
            why = "another policy was published"
            _move(session, one.id, CertificateMove.WITHDRAWN, why, person, now)


def certificates(session: Session) -> list[CertificateView]:
    """Return every certificate with how it stands, newest first."""
    rows = session.exec(select(Certificate).order_by(col(Certificate.id).desc())).all()
    if not rows:
        return []
    events: dict[int, CertificateEvent] = {}
    for event in session.exec(select(CertificateEvent).order_by(col(CertificateEvent.id))):
        events[event.certificate_id] = event
    return [_view(row, events.get(_id(row))) for row in rows]


def certificate(session: Session, certificate_id: int) -> CertificateView:
    """Return one certificate; raise NotFound if there is none."""
    found = [one for one in certificates(session) if one.id == certificate_id]
    if not found:
        raise NotFound(f"There is no certificate {certificate_id}.")
    return found[0]


def suspended_kinds(session: Session) -> list[str]:
    """Return the action kinds that a broken promise sends to a person, "*" for everything."""
    return sorted({one.kind for one in certificates(session) if one.is_suspended})


def tighten(session: Session, action: Action, result: GateResult) -> GateResult:
    """Return the gate's result, a pass turned to a person where a broken promise concerns it."""
    if result.outcome is not Outcome.PASS:
        return result
    broken = _broken(session, {ALL, *(part.kind for part in action.parts)})
    if broken is None:
        return result
    reason = Reason(code=SUSPENDED, message=f"{promised(_view(*broken))} no longer holds")
    return result.model_copy(
        update={"outcome": Outcome.ESCALATE, "reasons": (*result.reasons, reason)}
    )


def _broken(
    session: Session, kinds: Collection[str]
) -> tuple[Certificate, CertificateEvent] | None:
    """Return a suspended certificate of these kinds: asked at every draft, so in one query."""
    later = aliased(CertificateEvent)
    return session.exec(
        select(Certificate, CertificateEvent)
        .join(CertificateEvent, col(CertificateEvent.certificate_id) == col(Certificate.id))
        .where(
            col(Certificate.kind).in_(kinds),
            col(CertificateEvent.move) == CertificateMove.SUSPENDED,
            ~exists().where(
                col(later.certificate_id) == col(Certificate.id),
                col(later.id) > col(CertificateEvent.id),
            ),
        )
        .limit(1)
    ).first()


def promised(one: CertificateView) -> str:
    """Return the promise in words."""
    about = "" if one.kind == ALL else f" of {one.kind.replace('_', ' ')}"
    return f"The promise of at most {percent(one.promise.max_error)} wrong{about}"


def _move(
    session: Session,
    certificate_id: int,
    move: CertificateMove,
    why: str,
    person: str | None,
    now: datetime,
) -> None:
    session.add(
        CertificateEvent(certificate_id=certificate_id, move=move, why=why, person=person, at=now)
    )
    session.flush()
    row = session.get_one(Certificate, certificate_id)
    _tell(session, row, move.value, person or "greenlight", now, {"why": why})


def _tell(
    session: Session,
    row: Certificate,
    what: str,
    actor: str,
    now: datetime,
    body: dict[str, Any],
) -> None:
    audit.append(
        session,
        actor=actor,
        tag=f"certificate:{what}",
        subject=f"certificate:{row.id}",
        at=now,
        body={
            "policy": row.policy_version,
            "kind": row.kind,
            "max_error": row.max_error,
            "threshold": row.threshold,
            **body,
        },
    )


def _view(row: Certificate, event: CertificateEvent | None) -> CertificateView:
    return CertificateView(
        id=_id(row),
        policy_version=row.policy_version,
        kind=row.kind,
        promise=Promise(max_error=row.max_error, assurance=row.assurance),
        evidence=Evidence(
            threshold=row.threshold,
            labels=row.labels,
            sent=row.sent,
            wrong=row.wrong,
            calibrators=tuple(row.calibrators),
            reference=row.reference,
            since=row.since,
            until=row.until,
        ),
        issued_by=row.issued_by,
        issued_at=row.issued_at,
        move=event.move if event else None,
        why=event.why if event else "",
        person=event.person if event else None,
        moved_at=event.at if event else None,
    )


def _id(row: Certificate) -> int:
    assert row.id is not None
    return row.id
