"""Every table. The database itself refuses bad states: CHECKs and unique indexes stand here,
triggers (append-only, immutable) in the migration that creates the tables.

`table=True` models do not validate: rows are built only by the verbs, from validated values.
Times are UTC-aware; money is integer minor units; leases run on the database's own clock.
"""

from store.schema.base import Base, UtcDateTime
from store.schema.company import (
    AuditEntry,
    Calibrator,
    Company,
    Hold,
    Notification,
    Passage,
    Person,
    Policy,
    SignIn,
    Tool,
    Worker,
)
from store.schema.evidence import Certificate, CertificateEvent, Shadow, ShadowOutcome
from store.schema.reviews import (
    Decision,
    Draft,
    Label,
    LaterOutcome,
    Note,
    OutboxEntry,
    Receipt,
    Review,
    Undo,
)
from store.schema.runs import Run, StepRecord, Ticket

__all__ = [
    "AuditEntry",
    "Base",
    "Calibrator",
    "Certificate",
    "CertificateEvent",
    "Company",
    "Decision",
    "Draft",
    "Hold",
    "Label",
    "LaterOutcome",
    "Note",
    "Notification",
    "OutboxEntry",
    "Passage",
    "Person",
    "Policy",
    "Receipt",
    "Review",
    "Run",
    "Shadow",
    "ShadowOutcome",
    "SignIn",
    "StepRecord",
    "Ticket",
    "Tool",
    "Undo",
    "UtcDateTime",
    "Worker",
]
