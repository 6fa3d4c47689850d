"""Taking back: the reversal of a sent action, as a new authorised action linked to the first.

When a later action of a draft fails for good, the earlier ones are taken back in reverse order
under the same authorisation; a person may have any sent, reversible action taken back.
"""

import json
from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import Session, col

from store import effects, outbox
from store.actions import Action, as_json, digest
from store.connectors import Connector, Reversal, arguments
from store.effects import UNDERWAY
from store.errors import BadInput
from store.outbox import REPLY, Call
from store.schema import Draft, OutboxEntry, Receipt, Tool
from store.steps import next_revision
from store.transitions import OutboxStatus


def kind_of(entry: OutboxEntry) -> str:
    """Return the action kind of the entry's reversal."""
    return f"reverse_{entry.kind}"


def reversal_of(session: Session, tool: str) -> Reversal | None:
    """Return how the tool's actions are taken back, None if they cannot be."""
    row = session.get(Tool, tool)
    return None if row is None else Connector.model_validate(row.connector).reversal


def call_for(session: Session, entry: OutboxEntry, reversal: Reversal) -> Call:
    """Return the call that takes the entry back, from its frozen arguments and its receipt."""
    receipt = session.get(Receipt, entry.id)
    source = {
        "args": json.loads(entry.body),
        "receipt": receipt.body if receipt else {},
        "key": entry.id,
    }
    args = arguments(reversal.args, source)
    return Call(kind_of(entry), reversal.tool, args, entry.amount_minor, entry.currency)


def begin(
    session: Session,
    draft_id: int,
    *,
    decision_id: str | None,
    undo_seconds: float = 0.0,
    now: datetime,
) -> int:
    """Enqueue the reversals of what a draft that failed has sent, last first; return how many.

    A reply is never taken back.
    """
    draft = session.get_one(Draft, draft_id)
    position = _next_position(session, draft)
    begun = 0
    for entry in _standing(session, draft):
        reversal = reversal_of(session, entry.tool)
        if reversal is None:
            continue
        outbox.store_entry(
            session,
            draft,
            position + begun,
            call_for(session, entry, reversal),
            decision_id=decision_id,
            undo_seconds=undo_seconds,
            reverses=entry.id,
            now=now,
        )
        begun += 1
    return begun


def draft_for(session: Session, entry: OutboxEntry, author: str, *, now: datetime) -> Draft:
    """Store the revision that takes the entry back and says nothing to the customer.

    Raises BadInput where the tool has no reversal.
    """
    reversal = reversal_of(session, entry.tool)
    if reversal is None:
        raise BadInput(f"`{entry.tool}` cannot be taken back: its connector names no reversal.")
    seen = session.get_one(Draft, entry.draft_id)
    call = call_for(session, entry, reversal)
    tool = session.get(Tool, reversal.tool)
    action = Action(
        kind=call.kind,
        tool=call.tool,
        args=call.args,
        amount_minor=call.amount_minor,
        currency=call.currency,
        customer_id=entry.customer_id,
        order_id=call.args.get(tool.order_field) if tool and tool.order_field else None,
    )
    draft = Draft(
        run_id=entry.run_id,
        revision=next_revision(session, entry.run_id),
        reply="",
        action=as_json(action),
        digest=digest("", action),
        gate_input={**seen.gate_input, "action": as_json(action)},
        confidence=None,
        author=author,
        created_at=now,
    )
    session.add(draft)
    session.flush()
    return draft


def _standing(session: Session, draft: Draft) -> list[OutboxEntry]:
    return list(
        session.execute(
            select(OutboxEntry)
            .where(
                col(OutboxEntry.draft_id) == draft.id,
                col(OutboxEntry.kind) != REPLY,
                col(OutboxEntry.status) == OutboxStatus.SENT,
                col(OutboxEntry.reverses).is_(None),
                ~effects.is_taken_back(UNDERWAY | {OutboxStatus.SENT}),
            )
            .order_by(col(OutboxEntry.position).desc())
            .execution_options(populate_existing=True)
        ).scalars()
    )


def _next_position(session: Session, draft: Draft) -> int:
    newest = session.execute(
        select(func.max(col(OutboxEntry.position))).where(col(OutboxEntry.draft_id) == draft.id)
    ).scalar_one()
    return int(newest) + 1
