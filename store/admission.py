"""Whether a decision fits its review: the right verdicts, a reason, no way past a block.

Decides nothing about who was first; that is the compare-and-set in `reviews`.
"""

from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from store import approvals, roles
from store.errors import BadInput, NotAllowed
from store.schema import Decision, Draft, Review
from store.transitions import BLIND, ReviewKind, Role, SlaStage, Verdict

if TYPE_CHECKING:
    from store.reviews import DecisionRequest

DECIDING = frozenset({Verdict.APPROVE, Verdict.EDIT, Verdict.REJECT})
JUDGING = frozenset({Verdict.RIGHT, Verdict.WRONG})
_DISGUISE = {
    ReviewKind.SEEDED: ReviewKind.ESCALATION,
    ReviewKind.SECOND_LOOK: ReviewKind.AUDIT,
}
ANSWERING = frozenset({Verdict.HAPPENED, Verdict.SEND_AGAIN, Verdict.REVERSE})


def verdicts_for(kind: ReviewKind, *, is_reversal: bool = False) -> frozenset[Verdict]:
    """Return what may be said of a review of this kind."""
    if kind in BLIND:
        return JUDGING
    if kind is ReviewKind.UNKNOWN_DELIVERY:
        return ANSWERING
    return DECIDING - {Verdict.EDIT} if is_reversal else DECIDING


def shown_kind(kind: ReviewKind) -> ReviewKind:
    """Return the kind that people see before it is decided.

    A check card would give itself away, and a second look that somebody found the draft wrong.
    """
    return _DISGUISE.get(kind, kind)


def is_reversal(review: Review) -> bool:
    """Return whether the review asks to take a delivered action back."""
    return review.kind is ReviewKind.STALE and review.action_id is not None


def require_fit(session: Session, review: Review, person: str, request: "DecisionRequest") -> None:
    """Raise BadInput or NotAllowed, in words for the person, if the decision cannot be taken."""
    allowed = verdicts_for(review.kind, is_reversal=is_reversal(review))
    if request.verdict not in allowed:
        *others, last = sorted(word.replace("_", " ") for word in allowed)
        wanted = f"{', '.join(others)} or {last}"
        raise BadInput(f"This review takes {wanted}, not `{request.verdict}`.")
    _require_content(request)
    _require_rank(session, review, person, request.verdict)
    goes_past_block = request.verdict is Verdict.APPROVE or (
        request.verdict is Verdict.EDIT and not request.is_answer_only
    )
    if review.is_blocked and goes_past_block:
        raise BadInput("This draft is blocked: it can be rejected, or answered without the action.")
    _require_another(session, review, person, request.verdict)


def _require_content(request: "DecisionRequest") -> None:
    if request.verdict is Verdict.REJECT and not request.reason_code:
        raise BadInput("A rejection needs a reason: choose one, so that the agent can learn.")
    if request.verdict is Verdict.EDIT and not (
        request.reply or request.args is not None or request.is_answer_only
    ):
        raise BadInput("Nothing was edited. Approve the draft instead, or change it first.")
    if request.reply is not None and not request.reply.strip():
        raise BadInput("The reply is empty. Write what the customer should read, or reject it.")


def _require_rank(session: Session, review: Review, person: str, verdict: Verdict) -> None:
    if review.sla_stage is not SlaStage.HELD or verdict not in (Verdict.APPROVE, Verdict.EDIT):
        return
    if roles.person(session, person).role is Role.OPERATOR:
        raise NotAllowed(
            "This card waited so long that it is held: a manager has to look at it before anything"
            " is sent. You may still reject it."
        )


def _require_another(session: Session, review: Review, person: str, verdict: Verdict) -> None:
    """Nobody approves their own revision, looks again at their own verdict, or counts twice."""
    if review.after_decision is not None:
        first = session.get_one(Decision, review.after_decision)
        if first.person == person:
            raise NotAllowed("You judged this draft before, so somebody else has to look at it.")
    if verdict is Verdict.APPROVE:
        draft = session.get_one(Draft, review.draft_id)
        if approvals.maker(session, draft) == person:
            raise NotAllowed("You wrote this revision, so somebody else has to approve it.")
    before = session.exec(
        select(Decision.verdict).where(
            Decision.review_id == review.id, col(Decision.person) == person
        )
    ).first()
    if before is not None and not _is_over(review):
        raise NotAllowed(
            f"Your word on this review is recorded ({before.replace('_', ' ')}); now it needs"
            " somebody else. To change your mind, undo it first."
        )


def _is_over(review: Review) -> bool:
    return review.decided_at is not None
