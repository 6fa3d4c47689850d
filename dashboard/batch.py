"""Deciding many cards at once: planned from the filters, looked at by sample, undone as a whole."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dashboard import actions, identity, session, words
from dashboard.session import Notice
from dashboard.worklist import Batch
from store import bulk, settings
from store.bulk import BulkDone, Plan
from store.decisions import BULK
from store.transitions import Verdict

MAX_NOTE = 2_000
_DONE = {Verdict.APPROVE: "approved", Verdict.REJECT: "rejected"}


def start() -> None:
    """Open the panel, on look-alikes to approve."""
    _plan(Verdict.APPROVE)


def switch(verdict: str) -> None:
    """Plan the other thing: approving look-alikes, or rejecting all that the filters show."""
    if verdict in _DONE:
        _plan(Verdict(verdict))


def _plan(verdict: Verdict) -> None:
    company = session.company()
    found = Plan((), ())
    filters = session.work().filters
    if verdict is Verdict.APPROVE or filters.is_any:
        found = session.read(
            bulk.plan,
            filters.wanted(company.currency),
            verdict,
            person=identity.me(),
            now=session.now(),
        )
    session.plan_batch(Batch(f"{BULK}{uuid.uuid4().hex}", verdict, found))


def choose(group: int) -> None:
    """Look at another group of look-alikes."""
    planned = session.batch()
    if planned is not None and 0 <= group < len(planned.plan.groups):
        session.plan_batch(replace(planned, chosen=group))


def close() -> None:
    """Close the panel; nothing is recorded."""
    session.plan_batch(None)


def confirm(said: Mapping[str, Any]) -> None:
    """Decide the planned cards, one decision each, if their number was typed."""
    planned = session.batch()
    if planned is None or said.get("batch") != planned.batch_id:
        return
    if str(said.get("typed", "")).strip() != str(len(planned.items)):
        session.notify(Notice("problem", "The number typed is not that of the cards."))
        return

    def record() -> None:
        done = identity.transact(
            bulk.decide,
            planned.items,
            planned.verdict,
            batch_id=planned.batch_id,
            person=identity.me(),
            reason_code=str(said["reason"]) if said.get("reason") else None,
            note=str(said.get("note", ""))[:MAX_NOTE],
            now=session.now(),
            undo_seconds=settings.current().undo_seconds,
        )
        session.plan_batch(None)
        _go_on(planned, done)
        session.notify(outcome(planned, done))

    actions.attempt(record)


def _go_on(planned: Batch, done: BulkDone) -> None:
    work, now = session.work(), session.now()
    skipped = {review_id for review_id, _ in done.skipped}
    for item in planned.items:
        if item.review_id not in skipped:
            work.advance(item.review_id, now)


def outcome(planned: Batch, done: BulkDone) -> Notice:
    """Return the line about a batch: how many, and which were left alone and why. Pure."""
    text = f"{words.count(len(done.decision_ids))} {_DONE[planned.verdict]}"
    if done.skipped:
        left = "; ".join(f"#{review_id}: {why}" for review_id, why in done.skipped[:3])
        more = f" and {len(done.skipped) - 3} more" if len(done.skipped) > 3 else ""
        text += f", {len(done.skipped)} left alone ({left}{more})"
    can_undo = bool(done.decision_ids)
    return Notice(
        "done",
        text,
        planned.batch_id if can_undo else None,
        undo_until=done.undo_until if can_undo else None,
    )


def undo(batch_id: str) -> None:
    """Take every decision of a batch back whose delivery has not begun."""

    def take_back() -> None:
        undone = identity.transact(bulk.undo, batch_id, identity.me(), now=session.now())
        session.work().reload()
        late = f"; for {undone.too_late} it was too late" if undone.too_late else ""
        session.notify(Notice("done", f"{undone.undone} decisions undone{late}."))

    actions.attempt(take_back)
