"""The company, its people, tools, knowledge, policies and audit trail."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Index, LargeBinary, text
from sqlalchemy.types import JSON
from sqlmodel import Field

from store.schema.base import Base, UtcDateTime, status_type
from store.transitions import PolicyStatus, Role, SignInMethod


class Company(Base, table=True):
    """The one company this store serves; what pages must know of it."""

    __tablename__: ClassVar[str] = "company"

    id: int = Field(default=1, primary_key=True)
    name: str
    currency: str
    is_demo: bool
    reject_reasons: list[dict[str, Any]] = Field(sa_type=JSON)  # [{"code", "title", "redraft"}]
    intents: list[dict[str, str]] = Field(sa_type=JSON)  # [{"name", "title"}]

    __table_args__ = (CheckConstraint("id = 1", name="ck_company_single"),)


class Person(Base, table=True):
    """Somebody who may decide. Role is read from here on every write."""

    __tablename__: ClassVar[str] = "person"

    name: str = Field(primary_key=True)
    role: Role = Field(sa_type=status_type(Role))
    is_active: bool = True
    identity: str | None = None  # what a provider or proxy calls them

    __table_args__ = (Index("uq_person_identity", "identity", unique=True),)


class SignIn(Base, table=True):
    """A browser signed in as a person; `id` is the SHA-256 of its cookie, which is never stored."""

    __tablename__: ClassVar[str] = "sign_in"

    id: str = Field(primary_key=True)
    person: str = Field(foreign_key="person.name", index=True)
    method: SignInMethod = Field(sa_type=status_type(SignInMethod))
    subject: str  # what the provider or proxy called them
    started_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Notification(Base, table=True):
    """Something people outside the dashboard are told once; `key` makes it once."""

    __tablename__: ClassVar[str] = "notification"

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)  # "review:17:new"
    title: str
    body: str
    path: str = "/"  # of the page it links to; nothing is ever decided by opening it
    created_at: datetime = Field(sa_type=UtcDateTime)
    not_before: datetime = Field(sa_type=UtcDateTime)
    attempt: int = 0
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = None

    __table_args__ = (Index("ix_notification_due", "sent_at", "not_before"),)


class Tool(Base, table=True):
    """A tool the company listed, with the fingerprint of the schema it was approved with."""

    __tablename__: ClassVar[str] = "tool"

    name: str = Field(primary_key=True)
    server: str
    is_write: bool
    is_reply: bool = False  # the tool that sends the customer's answer
    action_kind: str | None = None
    input_schema: dict[str, Any] = Field(sa_type=JSON)
    fingerprint: str
    customer_field: str | None = None
    order_field: str | None = None
    amount_field: str | None = None
    text_field: str | None = None
    ticket_field: str | None = None
    key_field: str | None = None  # where the idempotency key goes; None = at most once
    connector: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)  # store.connectors


class Passage(Base, table=True):
    """A piece of a document with its vector (float32 bytes); FTS5 mirrors title and text."""

    __tablename__: ClassVar[str] = "passage"

    id: int | None = Field(default=None, primary_key=True)
    source: str = Field(unique=True)  # "refunds.md#duplicate-charges"
    document: str = Field(index=True)
    title: str
    text: str
    digest: str
    vector: bytes | None = Field(default=None, sa_type=LargeBinary)
    encoder: str | None = None


class Calibrator(Base, table=True):
    """A fitted map from signals to the probability of being right, for one model."""

    __tablename__: ClassVar[str] = "calibrator"

    version: str = Field(primary_key=True)
    model: str = Field(index=True)
    is_demo: bool  # fitted on the generator's known truth; never evidence
    body: dict[str, Any] = Field(sa_type=JSON)
    labels: int
    wrong: int
    fitted_at: datetime = Field(sa_type=UtcDateTime)
    fitted_by: str | None = None  # None: by itself
    report: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))


class Worker(Base, table=True):
    """A process at work, by heartbeat."""

    __tablename__: ClassVar[str] = "worker"

    id: str = Field(primary_key=True)
    kind: str  # "worker", "executor" or "watcher"
    host: str
    pid: int
    started_at: datetime = Field(sa_type=UtcDateTime)
    heartbeat_at: datetime = Field(sa_type=UtcDateTime)  # database clock
    stopped_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    in_flight: int = 0


class Hold(Base, table=True):
    """Append-only (trigger): from this moment automatic delivery is stopped, or goes on again."""

    __tablename__: ClassVar[str] = "hold"

    id: int | None = Field(default=None, primary_key=True)
    kind: str = "*"  # an action kind, or "*" for every one
    is_held: bool
    person: str
    note: str = ""
    at: datetime = Field(sa_type=UtcDateTime)


class AuditEntry(Base, table=True):
    """Append-only, hash-chained fact (trigger). UNIQUE(prev_hash) makes a fork impossible."""

    __tablename__: ClassVar[str] = "audit_entry"

    seq: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    actor: str = Field(index=True)
    tag: str = Field(index=True)  # "run:review:approved"
    subject: str = Field(index=True)  # "run:17"
    body: str  # canonical JSON
    prev_hash: str = Field(unique=True)
    hash: str


class Policy(Base, table=True):
    """A published version of the gate's rules; its body never changes (trigger)."""

    __tablename__: ClassVar[str] = "policy"

    version: int | None = Field(default=None, primary_key=True)
    status: PolicyStatus = Field(sa_type=status_type(PolicyStatus))
    body: dict[str, Any] = Field(sa_type=JSON)
    author: str
    note: str = ""
    proposed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    approved_by: str | None = None  # the second manager, where a loosening needs one
    published_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    retired_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    __table_args__ = (
        Index(  # prevents two active policies
            "uq_policy_active",
            "status",
            unique=True,
            sqlite_where=text("status = 'active'"),
            postgresql_where=text("status = 'active'"),
        ),
    )
