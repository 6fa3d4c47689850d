"""Cases taken through the store's own verbs up to where people or the executor come in.

Where `builders` inserts rows, this submits, claims, records, judges and authorises, so that a test
of a verb starts from a state that only verbs have made. Also: reading back, and tampering.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

import builders
import calibrated
from builders import NOW
from sqlalchemy import insert, text
from sqlmodel import Session, col, select

from store import escalations, gating, outbox, queue, steps
from store.actions import Action
from store.engine import Store, sqlite_module
from store.gate import GateInput, PolicyBody
from store.outputs import (
    Critique,
    IntentOutput,
    Output,
    Reason,
    RetrievalOutput,
    SynthesisOutput,
    ToolCallOutput,
)
from store.queue import Claim, NewTicket
from store.reviews import DecisionRequest
from store.schema import AuditEntry, Base, Draft, OutboxEntry, Review, Run, Ticket
from store.settings import Settings
from store.steps import StepWrite
from store.transitions import Outcome, RunStatus, StepStatus, Verdict

REPLY = "You were charged twice on 3 May; the second charge goes back to you."
INTENT = IntentOutput(
    intent="duplicate_charge", title="Charged twice", probability=0.9, is_out_of_scope=False
)


@dataclass(frozen=True)
class Gated:
    """A run just behind the gate."""

    run_id: int
    epoch: int
    draft_id: int
    digest: str
    outcome: Outcome
    review_id: int

    def verdict(self, verdict: Verdict, person: str = "Ana", **said: Any) -> DecisionRequest:
        """Return this person's decision request on exactly what they saw."""
        values = {"decision_id": uuid4().hex, "seen_digest": self.digest, **said}
        return DecisionRequest(review_id=self.review_id, verdict=verdict, person=person, **values)

    def approve(self, person: str = "Ana", **said: Any) -> DecisionRequest:
        """Return an approval."""
        return self.verdict(Verdict.APPROVE, person, **said)

    def reject(self, person: str = "Ana", **said: Any) -> DecisionRequest:
        """Return a rejection with a reason."""
        return self.verdict(Verdict.REJECT, person, **{"reason_code": "wrong_facts", **said})

    def edit(self, person: str = "Ana", **said: Any) -> DecisionRequest:
        """Return an edit."""
        return self.verdict(Verdict.EDIT, person, **said)


def case(store: Store, **values: Any) -> Gated:
    """Take one ticket through gate and authorisation: with the default confidence, to a review."""
    return store.transact(build, **values)


def build(
    session: Session,
    *,
    action: Action | None = None,
    confidence: float | None = 0.70,
    concerns: Sequence[str] = (),
    blocks: Sequence[Reason] = (),
    policy: PolicyBody | None = None,
    customer_id: str = "C-1",
    at: datetime = NOW,
) -> Gated:
    """Do what `case` does inside a transaction that may hold many."""
    builders.company(session, policy=policy)
    calibrated.calibrator(session)
    claim = claimed(session, customer_id=customer_id, at=at)
    facts = GateInput(
        action=action or builders.refund(customer_id=customer_id),
        confidence=confidence,
        concerns=tuple(concerns),
        blocks=tuple(blocks),
    )
    return _judged(session, claim, facts, at)


def several(session: Session, n: int) -> list[Gated]:
    """Make `n` cases that wait for a person: one gated, the others copies of its rows."""
    one = build(session)
    ticket_id = session.get_one(Run, one.run_id).ticket_id
    _copy(session, Ticket, ticket_id, n)
    _copy(session, Run, one.run_id, n, ticket_id=ticket_id)
    _copy(session, Draft, one.draft_id, n, run_id=one.run_id)
    _copy(session, Review, one.review_id, n, run_id=one.run_id, draft_id=one.draft_id)
    return [
        replace(
            one,
            run_id=one.run_id + number,
            draft_id=one.draft_id + number,
            review_id=one.review_id + number,
        )
        for number in range(n)
    ]


def _copy(session: Session, table: type[Base], row_id: int, n: int, **follows: int) -> None:
    row = session.get_one(table, row_id).model_dump()
    rows = []
    for number in range(1, n):
        moved = {name: value + number for name, value in {"id": row_id, **follows}.items()}
        unique = {"external_id": f"copy-{number}"} if table is Ticket else {}
        rows.append({**row, **moved, **unique})
    session.connection().execute(insert(table), rows)


def passed(store: Store, **values: Any) -> Gated:
    """Take one ticket through the gate and into the outbox."""
    return case(store, **{"confidence": 0.97, **values})


def claimed(
    session: Session, *, worker: str = "w", customer_id: str = "C-1", at: datetime = NOW
) -> Claim:
    """Submit one ticket and lease its run."""
    ticket = NewTicket(
        text="Why was I charged twice in May?",
        external_id=f"T-{uuid4().hex[:12]}",
        customer_id=customer_id,
        received_at=at,
    )
    return queue.submit_claimed(session, ticket, worker, lease_seconds=600, now=at)


def write(name: str, output: Output, *, attempt: int = 1, at: datetime = NOW) -> StepWrite:
    """Return a finished step as measured."""
    return StepWrite(
        name=name,
        attempt=attempt,
        status=StepStatus.OK,
        started_at=at,
        latency_ms=5.0,
        output=output.model_dump(mode="json"),
    )


def _judged(session: Session, claim: Claim, facts: GateInput, at: datetime) -> Gated:
    run_id, epoch = claim.run_id, claim.epoch
    for name, output in (
        ("intent", INTENT),
        ("retrieval", RetrievalOutput(query="charged twice")),
        ("tool_call", ToolCallOutput()),
    ):
        steps.record(session, run_id, epoch, write(name, output, at=at))
    made = SynthesisOutput(
        reply=REPLY,
        action=facts.action,
        critique=Critique(agrees=True),
        confidence=facts.confidence,
        signals={} if facts.confidence is None else calibrated.signals(facts.confidence),
        calibrator_version=None if facts.confidence is None else calibrated.CALIBRATOR,
    )
    record = write("synthesis", made, at=at)
    author = f"model:{builders.MODEL}"
    steps.record_draft(session, run_id, epoch, record, made, facts, author=author, now=at)
    gate = gating.judge(session, run_id, epoch, now=at)
    if gate.outcome is Outcome.PASS:
        outbox.authorise_pass(session, run_id, epoch, is_audited=gate.is_audited, now=at)
    else:
        escalations.escalate(session, run_id, epoch, now=at)
    draft = steps.latest_draft(session, run_id)
    review = session.exec(select(Review.id).where(Review.run_id == run_id)).first()
    assert draft.id is not None
    return Gated(run_id, epoch, draft.id, draft.digest, gate.outcome, review or 0)


def run(store: Store, run_id: int) -> Run:
    """Return the run as stored."""
    return store.read(lambda session: session.get_one(Run, run_id))


def status(store: Store, run_id: int) -> RunStatus:
    """Return where the run stands."""
    return run(store, run_id).status


def review(store: Store, review_id: int) -> Review:
    """Return the review as stored."""
    return store.read(lambda session: session.get_one(Review, review_id))


def entries(store: Store, run_id: int) -> list[OutboxEntry]:
    """Return the run's outbox entries in order of delivery."""
    wanted = (
        select(OutboxEntry)
        .where(OutboxEntry.run_id == run_id)
        .order_by(col(OutboxEntry.created_at), col(OutboxEntry.position))
    )
    return store.read(lambda session: list(session.exec(wanted)))


def drafts(store: Store, run_id: int) -> list[Draft]:
    """Return the run's draft revisions, oldest first."""
    wanted = select(Draft).where(Draft.run_id == run_id).order_by(col(Draft.revision))
    return store.read(lambda session: list(session.exec(wanted)))


def audit_entries(session: Session) -> list[AuditEntry]:
    """Return the whole audit trail, oldest first."""
    return list(session.exec(select(AuditEntry).order_by(col(AuditEntry.seq))))


def count(store: Store, table: str) -> int:
    """Return how many rows a table has."""
    query = text(f"SELECT count(*) FROM {table}")
    return store.read(lambda session: int(session.connection().execute(query).scalar_one()))


def execute(store: Store, sql: str, **values: Any) -> None:
    """Run one statement through the store's own connection, guards and all."""
    store.transact(lambda session: session.connection().execute(text(sql), values))


def tamper(settings: Settings, sql: str, *values: Any) -> None:
    """Change rows as an intruder with the file would: every trigger dropped first."""
    path = settings.url.removeprefix("sqlite:///")
    library = sqlite_module()  # a second SQLite in one process would break the first one's locks
    with closing(library.connect(path)) as connection, connection:
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(sql, values)
