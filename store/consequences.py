"""What follows from a final decision, in its transaction: deliveries authorised, runs moved.

Approving, editing and answering for an unknown delivery all end in the outbox or end the run;
nothing is done here, only authorised.
"""

from datetime import datetime

from sqlalchemy import or_
from sqlmodel import Session, col, select

from store import compensation, effects, escalations, finishing, outbox, redrafts
from store.errors import BadInput, IllegalTransition
from store.runs import move_run
from store.schema import Decision, Draft, OutboxEntry
from store.transitions import OUTBOX_MOVES, OutboxStatus, RunStatus, Verdict, require


def follow(
    session: Session, draft: Draft, decision: Decision, *, undo_seconds: float, now: datetime
) -> None:
    """Carry out what the verdict means for the run and its deliveries."""
    if decision.verdict is Verdict.REJECT:
        if redrafts.send_back(session, draft, decision, undo_seconds=undo_seconds):
            return
        refused, error = RunStatus.REJECTED, None
        done = sorted({tool for tool, _ in effects.standing(session, decision.run_id)})
        if decision.action_id is None and done:  # a rest that came back was refused
            refused, error = RunStatus.FAILED, f"{', '.join(done)} stays; the rest was rejected"
        elif decision.action_id is not None:  # only its reversal was refused
            is_whole = finishing.is_committed(session, decision.run_id)
            refused = RunStatus.DONE if is_whole else RunStatus.FAILED
            error = None if is_whole else "not everything was delivered, and nothing is taken back"
        move_run(session, decision.run_id, refused, finished_at=now, error=error)
    elif decision.verdict in (Verdict.APPROVE, Verdict.EDIT):
        move_run(session, decision.run_id, RunStatus.COMMITTING)
        outbox.enqueue(
            session,
            draft,
            decision_id=decision.id,
            undo_seconds=undo_seconds,
            reverses=decision.action_id,
            now=now,
        )
    elif decision.action_id is not None:
        answered = session.get_one(OutboxEntry, decision.action_id)
        session.refresh(answered)
        move_run(session, decision.run_id, RunStatus.COMMITTING)
        _answer(session, answered, draft, decision, undo_seconds=undo_seconds, now=now)


def _answer(
    session: Session,
    entry: OutboxEntry,
    draft: Draft,
    decision: Decision,
    *,
    undo_seconds: float,
    now: datetime,
) -> None:
    said = f"{decision.person} says"
    if decision.verdict is Verdict.HAPPENED:
        receipt = {"confirmed_by": decision.person, "note": decision.note}
        _settle(session, entry, OutboxStatus.SENT)
        entry.sent_at = now
        session.flush()
        finishing.confirm(session, entry.id, receipt, now=now)
        _send_the_rest(session, entry, draft, decision, now=now)
    elif decision.verdict is Verdict.SEND_AGAIN:
        _settle(session, entry, OutboxStatus.FAILED, f"{said} that it did not happen")
        escalations.cancel_pending(session, entry.run_id, "sent again under a new key")
        if _is_compensation(session, entry):  # with those that waited for it
            compensation.begin(
                session, entry.draft_id, decision_id=decision.id, undo_seconds=undo_seconds, now=now
            )
        else:
            outbox.enqueue(
                session,
                draft,
                decision_id=decision.id,
                undo_seconds=undo_seconds,
                reverses=entry.reverses,
                now=now,
            )
    elif decision.verdict is Verdict.REVERSE:
        if entry.status is OutboxStatus.UNKNOWN:
            _settle(session, entry, OutboxStatus.FAILED, f"{said} to take it back")
        outbox.enqueue(
            session,
            draft,
            decision_id=decision.id,
            undo_seconds=undo_seconds,
            reverses=entry.id,
            now=now,
        )


def _settle(
    session: Session, entry: OutboxEntry, status: OutboxStatus, error: str | None = None
) -> None:
    entry.status = require(OUTBOX_MOVES, entry.status, status)
    entry.error = error
    session.add(entry)
    session.flush()


def _send_the_rest(
    session: Session, entry: OutboxEntry, draft: Draft, decision: Decision, *, now: datetime
) -> None:
    """Go on with what waited for the confirmed call; enqueue it anew if it was cancelled."""
    waiting = session.exec(
        select(OutboxEntry.id).where(
            OutboxEntry.run_id == entry.run_id, col(OutboxEntry.status) == OutboxStatus.PENDING
        )
    ).first()
    begun = 0
    if waiting is None and _is_compensation(session, entry):
        begun = compensation.begin(session, entry.draft_id, decision_id=decision.id, now=now)
    elif waiting is None and entry.reverses is None and outbox.undelivered(session, draft):
        outbox.enqueue(session, draft, decision_id=decision.id, undo_seconds=0.0, now=now)
        return
    if not begun:
        finishing.finish_if_over(session, entry, now=now)


def _is_compensation(session: Session, entry: OutboxEntry) -> bool:
    return entry.reverses is not None and effects.reverses(session, entry) is None


def answerable(session: Session, action_id: str | None) -> OutboxEntry:
    """Return the delivery that an answer is about; raise BadInput if there is none."""
    entry = session.get(OutboxEntry, action_id) if action_id else None
    if entry is None:
        raise BadInput("This review is not about a delivery, so there is nothing to answer for.")
    session.refresh(entry)
    if entry.status not in (OutboxStatus.UNKNOWN, OutboxStatus.SENT):
        raise IllegalTransition(
            f"That delivery is {entry.status} now. Look at the run again; nothing was changed."
        )
    return entry


def stop_the_rest(session: Session, entry: OutboxEntry) -> None:
    """Cancel what the run still has pending before one of its actions is taken back.

    Raises IllegalTransition where something cannot be stopped any more.
    """
    busy = session.exec(
        select(OutboxEntry.tool).where(
            OutboxEntry.run_id == entry.run_id,
            or_(
                col(OutboxEntry.status) == OutboxStatus.SENDING,
                (col(OutboxEntry.status) == OutboxStatus.PENDING)
                & (col(OutboxEntry.in_doubt) | col(OutboxEntry.reverses).is_not(None)),
            ),
        )
    ).first()
    if busy is not None:
        raise IllegalTransition(
            f"`{busy}` of this run is being delivered right now. Wait until that is over, then take"
            " the action back; nothing was changed."
        )
    escalations.cancel_pending(session, entry.run_id, "what came before it is taken back")


def reversal_draft(session: Session, entry: OutboxEntry, person: str, *, now: datetime) -> Draft:
    """Return the revision that takes a delivery back; raise BadInput where it cannot be."""
    if entry.reverses is not None:
        raise BadInput("This delivery takes an action back itself; say whether it happened.")
    taken_back = session.exec(
        select(OutboxEntry.id).where(
            OutboxEntry.reverses == entry.id,
            col(OutboxEntry.status).not_in([OutboxStatus.FAILED, OutboxStatus.CANCELLED]),
        )
    ).first()
    if taken_back is not None:
        raise BadInput("This action is being taken back already.")
    return compensation.draft_for(session, entry, person, now=now)
