"""A thousand cases in a few seconds: one made by the verbs, the others as copies up to the gate.

Everything that authorises (gate pass, review, decision) is each case's own, through the verbs. Also
an executor over fakes that leaves when nothing is left to deliver.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import gated
from builders import NOW
from gated import Gated
from sqlalchemy import insert
from sqlmodel import Session, col, select

from agents.executor import Executor, Manner
from agents.ports import Tools
from agents.settling import Patience
from agents.testing import FixedClock
from store import escalations, outbox, reviews
from store.actions import Action, as_json, digest
from store.engine import Store
from store.schema import Base, Draft, Review, Run, StepRecord, Ticket
from store.transitions import OutboxStatus, Outcome, ReviewKind, ReviewStatus, RunStatus, Verdict
from store.writer import GroupWriter

AT_ONCE = Patience(attempts=3, first_seconds=0.0)


def passed(session: Session, actions: Sequence[Action]) -> list[Gated]:
    """Take a case for each action through the gate and into the outbox."""
    return _many(session, actions, confidence=0.97)


def waiting(session: Session, actions: Sequence[Action]) -> list[Gated]:
    """Take a case for each action to a person."""
    return _many(session, actions, confidence=0.70)


def _many(session: Session, actions: Sequence[Action], *, confidence: float) -> list[Gated]:
    first = actions[0]
    one = gated.build(
        session, action=first, confidence=confidence, customer_id=first.customer_id or ""
    )
    run = session.get_one(Run, one.run_id)
    draft = session.get_one(Draft, one.draft_id)
    session.refresh(run)
    followers = dict(enumerate(actions[1:], start=1))
    tickets: list[dict[str, Any]] = []
    runs: list[dict[str, Any]] = []
    drafts: list[dict[str, Any]] = []
    for n, action in followers.items():
        name = {"external_id": f"T-{uuid4().hex[:12]}", "customer_id": action.customer_id}
        tickets.append({"id": run.ticket_id + n, **name})
        money = {"ticket_id": run.ticket_id + n, "amount_minor": action.total_minor}
        leased = {"status": RunStatus.RUNNING, "lease_owner": "w", "is_suspect": False}
        runs.append({"id": one.run_id + n, **money, **leased})
        facts = {**draft.gate_input, "action": as_json(action)}
        said = {"action": as_json(action), "digest": digest(draft.reply, action)}
        keys = {"id": one.draft_id + n, "run_id": one.run_id + n}
        drafts.append({**keys, **said, "gate_input": facts})
    _copies(session, Ticket, session.get_one(Ticket, run.ticket_id), tickets)
    _copies(session, Run, run, runs)
    _copies(session, Draft, draft, drafts)
    for step in session.exec(select(StepRecord).where(StepRecord.run_id == one.run_id)).all():
        _copies(session, StepRecord, step, [{"id": None, "run_id": row["id"]} for row in runs])
    made = [
        replace(one, run_id=row["run_id"], draft_id=row["id"], digest=row["digest"])
        for row in drafts
    ]
    return [one, *(_authorised(session, case) for case in made)]


def _copies(
    session: Session, table: type[Base], row: Base, changes: Sequence[dict[str, Any]]
) -> None:
    stored = row.model_dump()
    rows = [{**stored, **change} for change in changes]
    for fresh in rows:
        if fresh["id"] is None:
            del fresh["id"]
    if rows:
        session.connection().execute(insert(table), rows)


def _authorised(session: Session, case: Gated) -> Gated:
    if case.outcome is Outcome.PASS:
        outbox.authorise_pass(session, case.run_id, case.epoch, is_audited=False, now=NOW)
        return case
    review_id = escalations.escalate(session, case.run_id, case.epoch, now=NOW)
    return replace(case, review_id=review_id)


def executor(
    store: Store,
    writer: GroupWriter,
    tools: Tools,
    *,
    patience: Patience = AT_ONCE,
    drain: bool = True,
) -> Executor:
    """Return an executor that asks the same service about the world."""
    how = Manner(lease_seconds=30.0, drain=drain, patience=patience, clock=FixedClock(NOW))
    return Executor(store, writer, tools, tools, how)


def open_reviews(store: Store, kind: ReviewKind) -> list[Review]:
    """Return what waits for a person, oldest first."""
    wanted = (
        select(Review)
        .where(Review.kind == kind, Review.status == ReviewStatus.OPEN)
        .order_by(col(Review.id))
    )
    return store.read(lambda session: list(session.exec(wanted)))


def approve_all(store: Store, open_: Sequence[Review], person: str) -> None:
    """Have the person approve each of these reviews, without a window to undo it."""

    def one_by_one(session: Session) -> None:
        for review in open_:
            request = reviews.DecisionRequest(
                decision_id=f"{person}-{review.id}",
                review_id=review.id or 0,
                verdict=Verdict.APPROVE,
                person=person,
                seen_digest=review.payload_digest,
            )
            reviews.decide(session, request, now=NOW, undo_seconds=0)

    store.transact(one_by_one)


def counted(store: Store, status: OutboxStatus) -> int:
    """Return how many entries have this status."""
    return gated.count(store, f"outbox WHERE status = '{status}'")
