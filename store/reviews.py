"""Reviews: decided once, by people.

`decide` and `reverse` are the only writers of Decision. Each stores decision, new revision, outbox
entries, labels and audit entry in one transaction, and only if the review is still open on exactly
the draft that was shown. A decision is signed, and carries an id made by the client, so a resend is
the same decision.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session, col

from store import (
    approvals,
    audit,
    consequences,
    decisions,
    edits,
    labels,
    policies,
    redrafts,
    roles,
)
from store.actions import Action
from store.admission import require_fit
from store.errors import AlreadyDecided, BadInput, NotFound, StaleReview
from store.escalations import audit_if_drawn, look_again, open_review, reopen
from store.outputs import Reason
from store.queue import storable
from store.runs import move_run
from store.schema import Decision, Draft, OutboxEntry, Review
from store.transitions import (
    OPEN_REVIEW,
    OutboxStatus,
    ReviewKind,
    ReviewStatus,
    Role,
    RunStatus,
    Verdict,
)

_UNDECIDED = (ReviewStatus.OPEN, ReviewStatus.CLAIMED, ReviewStatus.AWAITING_SECOND)


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """A person's verdict on what they saw; `seen_digest` pins it to the draft on the card."""

    decision_id: str
    review_id: int
    verdict: Verdict
    person: str
    seen_digest: str
    reason_code: str | None = None
    note: str = ""
    blamed_step: str | None = None
    reply: str | None = None  # edit: the reply to send instead
    args: dict[str, Any] | None = None  # edit: the action's arguments instead
    is_answer_only: bool = False  # edit: send the reply, drop the action
    seconds_on_card: float | None = None
    is_simulated: bool = False


@dataclass(frozen=True, slots=True)
class Decided:
    """A stored decision and the moment until which it can be undone."""

    decision_id: str
    review_id: int
    run_id: int
    verdict: Verdict
    undo_until: datetime
    still_needed: int = 0  # further people who must approve before anything is delivered
    will_redraft: bool = False  # the agent drafts once more, with the reason
    was_seeded: bool = False  # a check card: known to be wrong, and nothing is ever delivered


def decide(
    session: Session, request: DecisionRequest, *, now: datetime, undo_seconds: float = 10.0
) -> Decided:
    """Decide a review, once; above the two-person limit the second approval is the one that counts.

    Raises AlreadyDecided (somebody was first), StaleReview (the draft moved), NotAllowed (role, own
    draft, approved before), NotFound, BadInput (verdict, reason or edit that does not fit).
    """
    resent = session.get(Decision, request.decision_id)
    if resent is not None:
        return _same(session, resent, request)
    roles.require_role(session, request.person, Role.OPERATOR, Role.MANAGER, Role.ADMIN)
    review = _review(session, request.review_id)
    require_fit(session, review, request.person, request)
    _require_waiting(session, review, request)
    seen = session.get_one(Draft, review.draft_id)
    if review.kind is ReviewKind.SEEDED:
        return _note_catch(session, review, seen, request, now=now)
    draft = _about(session, seen, review, request, now=now)
    needed = approvals.needed(session, draft, review.policy_version)
    missing = 0
    if needed > 1 and request.verdict is Verdict.EDIT:
        missing = needed
    elif request.verdict in approvals.COUNTED:
        missing = needed - 1 - len(approvals.given(session, request.review_id, draft.digest))
    _win(session, review, request, _status_after(request.verdict, missing), now=now)
    decision = _store(
        session, review, draft, request, is_final=missing <= 0, now=now, undo_seconds=undo_seconds
    )
    if missing > 0 and request.verdict is Verdict.EDIT:
        reopen(session, review, draft)  # others approve the new revision, from the beginning
    elif missing <= 0:
        seconds = (decision.undo_until - decision.decided_at).total_seconds()
        consequences.follow(session, draft, decision, undo_seconds=seconds, now=now)
    labels.record(session, decision, review, now=now)
    _audit(session, decision, draft, max(0, missing), now=now)
    if review.kind is ReviewKind.AUDIT and decision.verdict is Verdict.WRONG:
        look_again(session, review, decision.id, now=now)
    if decision.is_final and decisions.is_bulk(decision.id):
        audit_if_drawn(session, review, now=now)
    will_redraft = redrafts.announce(session, decision, now=now)
    return replace(_decided(decision, max(0, missing)), will_redraft=will_redraft)


def _note_catch(
    session: Session, review: Review, seen: Draft, request: DecisionRequest, *, now: datetime
) -> Decided:
    """Record what was said of a seeded card; nothing else follows from it."""
    _win(session, review, request, ReviewStatus.DECIDED, now=now)
    decision = _store(session, review, seen, request, is_final=True, now=now, undo_seconds=0.0)
    _audit(session, decision, seen, 0, now=now, topic="seeded")
    return replace(_decided(decision, 0), was_seeded=True)


def reverse(
    session: Session,
    action_id: str,
    person: str,
    *,
    decision_id: str,
    note: str = "",
    now: datetime,
    undo_seconds: float = 10.0,
) -> Decided:
    """Have a delivered action taken back, as a new authorised action linked to it.

    What the run has still pending is cancelled. Above the two-person limit this is the first of
    two approvals. Raises BadInput (not sent, not reversible, taken back already), NotAllowed,
    NotFound, IllegalTransition.
    """
    resent = session.get(Decision, decision_id)
    if resent is not None:
        said = (resent.action_id, resent.person, resent.verdict)
        if said != (action_id, person, Verdict.REVERSE):
            raise _taken_id(decision_id)
        return _decided(resent, 0 if resent.is_final else 1)
    roles.require_role(session, person, Role.OPERATOR, Role.MANAGER, Role.ADMIN)
    entry = session.get(OutboxEntry, action_id)
    if entry is None:
        raise NotFound(f"There is no delivery `{action_id}`.")
    if entry.status is not OutboxStatus.SENT or entry.reverses is not None:
        raise BadInput("Only an action that was sent can be taken back.")
    draft = consequences.reversal_draft(session, entry, person, now=now)
    consequences.stop_the_rest(session, entry)
    move_run(session, entry.run_id, RunStatus.AWAITING_REVIEW, finished_at=None)
    why = f"{person} asks to take back what `{entry.tool}` did" + (f": {note}" if note else "")
    review = _review(
        session,
        open_review(
            session,
            entry.run_id,
            ReviewKind.STALE,
            reasons=[Reason(code="reversal", message=storable(why))],
            action_id=action_id,
            draft=draft,
            actor=person,
            now=now,
        ),
    )
    assert review.id is not None
    request = DecisionRequest(
        decision_id, review.id, Verdict.REVERSE, person, draft.digest, note=note
    )
    missing = approvals.needed(session, draft, review.policy_version) - 1
    _win(session, review, request, _status_after(request.verdict, missing), now=now)
    decision = _store(
        session, review, draft, request, is_final=not missing, now=now, undo_seconds=undo_seconds
    )
    if not missing:
        seconds = (decision.undo_until - decision.decided_at).total_seconds()
        consequences.follow(session, draft, decision, undo_seconds=seconds, now=now)
    _audit(session, decision, draft, missing, now=now)
    return _decided(decision, missing)


def _require_waiting(session: Session, review: Review, request: DecisionRequest) -> None:
    """Refuse before anything is written what `_win` would refuse anyway, in the same words."""
    if review.status not in _UNDECIDED or review.payload_digest != request.seen_digest:
        raise _lost(session, review)


def _about(
    session: Session, seen: Draft, review: Review, request: DecisionRequest, *, now: datetime
) -> Draft:
    """Return the draft that the decision is about: the one seen, or the revision it makes."""
    if request.verdict is Verdict.EDIT:
        return edits.revise(
            session,
            seen,
            author=request.person,
            reply=request.reply,
            args=request.args,
            is_answer_only=request.is_answer_only,
            now=now,
        )
    if request.verdict in (Verdict.REVERSE, Verdict.SEND_AGAIN, Verdict.HAPPENED):
        entry = consequences.answerable(session, review.action_id)
        if request.verdict is Verdict.REVERSE:
            return consequences.reversal_draft(session, entry, request.person, now=now)
    return seen


def _status_after(verdict: Verdict, missing: int) -> ReviewStatus:
    if missing <= 0:
        return ReviewStatus.DECIDED
    return ReviewStatus.SUPERSEDED if verdict is Verdict.EDIT else ReviewStatus.AWAITING_SECOND


def _win(
    session: Session,
    review: Review,
    request: DecisionRequest,
    status: ReviewStatus,
    *,
    now: datetime,
) -> None:
    """Compare-and-set: exactly one decision per review, and only on the digest that was shown."""
    over = status is not ReviewStatus.AWAITING_SECOND
    won = session.connection().execute(
        update(Review)
        .where(
            col(Review.id) == request.review_id,
            col(Review.status).in_(_UNDECIDED),
            col(Review.payload_digest) == request.seen_digest,
        )
        .values(
            status=status,
            decided_at=now if over else None,
            **({} if over else {"claimed_by": None, "claimed_until": None}),
        )
    )
    session.expire(review)
    if won.rowcount != 1:
        raise _lost(session, review)


def _lost(session: Session, review: Review) -> AlreadyDecided | StaleReview:
    if review.status is ReviewStatus.DECIDED:
        first = session.execute(
            select(Decision).where(col(Decision.review_id) == review.id, col(Decision.is_final))
        ).scalar_one()
        return AlreadyDecided(
            f"Already decided by {first.person} ({first.verdict},"
            f" {first.decided_at:%H:%M:%S} UTC). Your decision was not recorded.",
            by=first.person,
            verdict=first.verdict,
        )
    if review.status not in OPEN_REVIEW:
        return _closed(review)
    return StaleReview("The draft changed after it was shown to you. Look at it again.")


def _closed(review: Review) -> StaleReview:
    return StaleReview(
        f"This review is {review.status} and takes no decision. Look at the queue again."
    )


def _store(
    session: Session,
    review: Review,
    draft: Draft,
    request: DecisionRequest,
    *,
    is_final: bool,
    now: datetime,
    undo_seconds: float,
) -> Decision:
    policy = policies.version(session, review.policy_version).body
    window = policy.undo_seconds_for(Action.model_validate(draft.action), undo_seconds)
    decision = Decision(
        id=request.decision_id,
        review_id=request.review_id,
        run_id=review.run_id,
        verdict=request.verdict,
        person=request.person,
        draft_id=_id(draft.id),
        payload_digest=draft.digest,
        policy_version=review.policy_version,
        is_final=is_final,
        reason_code=request.reason_code,
        note=storable(request.note),
        blamed_step=request.blamed_step,
        seconds_on_card=request.seconds_on_card,
        decided_at=now,
        undo_until=now + timedelta(seconds=window),
        is_simulated=request.is_simulated,
        action_id=review.action_id,
    )
    decision.signature = session.info["keys"].sign(decisions.message(decision))
    session.add(decision)
    session.flush()
    return decision


def _audit(
    session: Session,
    decision: Decision,
    draft: Draft,
    missing: int,
    *,
    now: datetime,
    topic: str = "review",
) -> None:
    audit.append(
        session,
        actor=decision.person,
        tag=f"run:{topic}:{'awaiting_second' if missing else decision.verdict}",
        subject=f"run:{decision.run_id}",
        at=now,
        body={
            "review": decision.review_id,
            "decision": decision.id,
            "draft": draft.id,
            "digest": draft.digest,
            "verdict": decision.verdict,
            "still_needed": missing,
            "reason": decision.reason_code,
            "blamed_step": decision.blamed_step,
            "is_simulated": decision.is_simulated,
            "signature": decision.signature,
        },
    )


def _review(session: Session, review_id: int) -> Review:
    review = session.get(Review, review_id)
    if review is None:
        raise NotFound(f"There is no review {review_id}.")
    session.refresh(review)
    return review


def _same(session: Session, stored: Decision, request: DecisionRequest) -> Decided:
    said = (stored.review_id, stored.person, stored.verdict)
    if said != (request.review_id, request.person, request.verdict):
        raise _taken_id(request.decision_id)
    voids = stored.verdict is Verdict.EDIT  # it waits for two others
    again = _decided(stored, 0 if stored.is_final else 1 + voids)
    return replace(again, will_redraft=redrafts.is_asked_by(session, stored))


def _taken_id(decision_id: str) -> BadInput:
    return BadInput(f"The id `{decision_id}` belongs to another decision.")


def _decided(decision: Decision, still_needed: int) -> Decided:
    return Decided(
        decision_id=decision.id,
        review_id=decision.review_id,
        run_id=decision.run_id,
        verdict=decision.verdict,
        undo_until=decision.undo_until,
        still_needed=still_needed,
    )


def _id(value: int | None) -> int:
    assert value is not None
    return value
