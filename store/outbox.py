"""What is authorised to be done: one entry per tool call, with frozen arguments and its one key.

Only a gate pass or a decision authorises an entry. Reversible actions come first, then the others,
the reply last. How entries are delivered is in `deliveries`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import insert, select
from sqlmodel import Session, col

from store import audit, effects, policies
from store.actions import Action, canonical_json
from store.connectors import Connector
from store.engine import db_now
from store.escalations import open_review
from store.queue import hold_lease
from store.runs import finish_run
from store.schema import Draft, OutboxEntry, Run, Ticket, Tool
from store.steps import latest_draft
from store.transitions import OutboxStatus, ReviewKind, RunStatus

REPLY = "reply"


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call that a draft stands for; money and order are of the action, not of a reply."""

    kind: str
    tool: str
    args: dict[str, Any]
    amount_minor: int | None = None
    currency: str | None = None

    @property
    def body(self) -> str:
        return canonical_json(self.args)


def authorise_pass(
    session: Session, run_id: int, epoch: int, *, is_audited: bool, now: datetime
) -> None:
    """Enqueue what the gate let pass; a draft that the coin drew gets a blind review as well."""
    hold_lease(
        session,
        run_id,
        epoch,
        status=RunStatus.COMMITTING,
        is_suspect=False,
        lease_owner=None,
        lease_until=None,
    )
    draft = latest_draft(session, run_id)
    policy = policies.version(session, _policy_of(session, run_id))
    delay = policy.body.delay_seconds_for(Action.model_validate(draft.action))
    enqueue(session, draft, decision_id=None, undo_seconds=delay, now=now)
    audit.append(
        session,
        actor="gate",
        tag="run:draft:passed",
        subject=f"run:{run_id}",
        at=now,
        body={"draft": draft.id, "digest": draft.digest, "confidence": draft.confidence},
    )
    if is_audited:
        open_review(session, run_id, ReviewKind.AUDIT, now=now)


def enqueue(
    session: Session,
    draft: Draft,
    *,
    decision_id: str | None,
    undo_seconds: float,
    now: datetime,
    reverses: str | None = None,
) -> None:
    """Store an entry for each of the draft's calls that was not sent yet.

    A run with nothing left to deliver (no reply tool, no action) is done at once.
    """
    waiting = undelivered(session, draft)
    for position, call in waiting:
        store_entry(
            session,
            draft,
            position,
            call,
            decision_id=decision_id,
            undo_seconds=undo_seconds,
            reverses=reverses,
            now=now,
        )
    if not waiting:
        finish_run(session, draft.run_id, RunStatus.DONE, now=now)


def store_entry(
    session: Session,
    draft: Draft,
    position: int,
    call: Call,
    *,
    decision_id: str | None,
    undo_seconds: float,
    now: datetime,
    reverses: str | None = None,
) -> None:
    """Store one pending entry under the one id that this call of this authorisation can have."""
    session.connection().execute(
        insert(OutboxEntry).values(
            id=entry_id(draft, position, decision_id),
            run_id=draft.run_id,
            draft_id=draft.id,
            decision_id=decision_id,
            position=position,
            kind=call.kind,
            tool=call.tool,
            body=call.body,
            amount_minor=call.amount_minor,
            currency=call.currency,
            customer_id=Action.model_validate(draft.action).customer_id,
            status=OutboxStatus.PENDING,
            not_before=db_now(session, undo_seconds),
            created_at=now,
            attempt=0,
            in_doubt=False,
            reverses=reverses,
        )
    )


def entry_id(draft: Draft, position: int, decision_id: str | None) -> str:
    """Return the one id, and idempotency key, that this call of this authorisation can have."""
    key = f"greenlight:{draft.run_id}:{draft.id}:{position}:{decision_id or 'gate'}"
    return str(uuid5(NAMESPACE_URL, key))


def calls_of(session: Session, draft: Draft) -> list[Call]:
    """Return the tool calls that a draft stands for, in order of delivery.

    What can be reversed comes before what cannot, so that a failure leaves as little as possible
    to be taken back; the reply, which cannot be unread, is last.
    """
    action = Action.model_validate(draft.action)
    calls = [
        Call(part.kind, part.tool, part.args, part.amount_minor, part.currency)
        for part in action.parts
        if part.tool is not None
    ]
    if len(calls) > 1:
        reversible = _reversible(session, (call.tool for call in calls))
        calls.sort(key=lambda call: call.tool not in reversible)
    reply = _reply(session, draft)
    return calls if reply is None else [*calls, reply]


def _reply(session: Session, draft: Draft) -> Call | None:
    tool = session.execute(select(Tool).where(col(Tool.is_reply))).scalars().first()
    if tool is None or not draft.reply.strip():
        return None
    ticket = session.execute(
        select(Ticket)
        .join(Run, col(Run.ticket_id) == col(Ticket.id))
        .where(col(Run.id) == draft.run_id)
    ).scalar_one()
    values = {
        tool.text_field: draft.reply,
        tool.customer_field: ticket.customer_id,
        tool.ticket_field: ticket.external_id,
    }
    return Call(REPLY, tool.name, {name: value for name, value in values.items() if name})


def _reversible(session: Session, tools: Iterable[str]) -> set[str]:
    rows = session.execute(select(Tool).where(col(Tool.name).in_(list(tools)))).scalars()
    return {tool.name for tool in rows if Connector.model_validate(tool.connector).is_reversible}


def undelivered(session: Session, draft: Draft) -> list[tuple[int, Call]]:
    """Return the draft's calls, by position, that were not sent, or were taken back since."""
    done = set(
        session.connection()
        .execute(
            select(col(OutboxEntry.position)).where(
                col(OutboxEntry.run_id) == draft.run_id,
                col(OutboxEntry.draft_id) == draft.id,
                col(OutboxEntry.status) == OutboxStatus.SENT,
                ~effects.is_taken_back(),
            )
        )
        .scalars()
    )
    return [
        (position, call)
        for position, call in enumerate(calls_of(session, draft))
        if position not in done
    ]


def _policy_of(session: Session, run_id: int) -> int:
    number: int | None = (
        session.connection()
        .execute(select(col(Run.policy_version)).where(col(Run.id) == run_id))
        .scalar()
    )
    assert number is not None  # the gate has judged it
    return number
