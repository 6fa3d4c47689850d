"""Promises under watch, and candidate policies that run beside the live one."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.types import JSON
from sqlmodel import Field

from store.schema.base import Base, UtcDateTime, status_type
from store.transitions import CertificateMove, Outcome


class Certificate(Base, table=True):
    """Append-only (trigger): a policy's promise, with the evidence that it was made on."""

    __tablename__: ClassVar[str] = "certificate"

    id: int | None = Field(default=None, primary_key=True)
    policy_version: int = Field(foreign_key="policy.version")
    kind: str  # an action kind, or "*" for everything
    max_error: float  # at most this share wrong among what goes out alone
    assurance: float
    threshold: float
    labels: int  # judged coin drafts that it rests on
    sent: int  # of these, above the threshold
    wrong: int  # of these
    calibrators: list[str] = Field(sa_type=JSON)  # whose confidence it is about
    reference: dict[str, Any] = Field(sa_type=JSON)  # what tickets looked like then
    since: datetime = Field(sa_type=UtcDateTime)  # of the drafts that were audited
    until: datetime = Field(sa_type=UtcDateTime)
    issued_by: str = Field(foreign_key="person.name")
    issued_at: datetime = Field(sa_type=UtcDateTime)

    __table_args__ = (
        CheckConstraint("max_error > 0 AND max_error < 1", name="ck_certificate_error"),
        CheckConstraint("assurance > 0 AND assurance < 1", name="ck_certificate_assurance"),
        CheckConstraint("0 <= wrong AND wrong <= sent AND sent <= labels", name="ck_certificate_n"),
    )


class CertificateEvent(Base, table=True):
    """Append-only (trigger): a certificate was suspended, lapsed, or ended by a manager."""

    __tablename__: ClassVar[str] = "certificate_event"

    id: int | None = Field(default=None, primary_key=True)
    certificate_id: int = Field(foreign_key="certificate.id", index=True)
    move: CertificateMove = Field(sa_type=status_type(CertificateMove))
    why: str
    person: str | None = Field(default=None, foreign_key="person.name")  # None: the watch
    at: datetime = Field(sa_type=UtcDateTime)


class Shadow(Base, table=True):
    """A candidate policy that judges beside the live one and decides nothing."""

    __tablename__: ClassVar[str] = "shadow"

    id: int | None = Field(default=None, primary_key=True)
    body: dict[str, Any] = Field(sa_type=JSON)
    note: str = ""
    author: str = Field(foreign_key="person.name")
    started_at: datetime = Field(sa_type=UtcDateTime)
    is_running: bool = True
    stopped_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    stopped_by: str | None = Field(default=None, foreign_key="person.name")

    __table_args__ = (
        CheckConstraint("is_running = (stopped_at IS NULL)", name="ck_shadow_running"),
        Index(  # prevents two at once
            "uq_shadow_running",
            "is_running",
            unique=True,
            sqlite_where=text("is_running"),
            postgresql_where=text("is_running"),
        ),
    )


class ShadowOutcome(Base, table=True):
    """Append-only: what the shadow would have done with a run that the live policy gated."""

    __tablename__: ClassVar[str] = "shadow_outcome"

    run_id: int = Field(primary_key=True, foreign_key="run.id")
    shadow_id: int = Field(primary_key=True, foreign_key="shadow.id")
    live: Outcome = Field(sa_type=status_type(Outcome))
    outcome: Outcome = Field(sa_type=status_type(Outcome))
    reasons: list[dict[str, Any]] = Field(sa_type=JSON)

    __table_args__ = (Index("ix_shadow_outcome", "shadow_id", "live", "outcome"),)
