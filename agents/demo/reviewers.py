"""Simulated reviewers of the demo's history: they know the truth and err now and then. Pure.

Every verdict they give is marked as simulated, and shown as such.
"""

from collections.abc import Mapping
from random import Random
from uuid import UUID

from agents.demo.truth import TicketTruth, judge
from store.outputs import Output
from store.reviews import DecisionRequest
from store.schema import Review
from store.transitions import BLIND, Verdict

REVIEWERS = ("Ana", "Ben")
ERROR_RATE = 0.02
EDIT_SHARE = 0.4  # of wrong drafts: answered in their own words instead of rejected
REASONS = {
    "intent": "wrong_intent",
    "retrieval": "wrong_policy",
    "tool_call": "wrong_facts",
    "synthesis": "wrong_action",
}
ANSWER = (
    "Hello,\n\nThank you for your patience. I have looked into your request myself and will write"
    " to you with the details today.\n\nKind regards,\n{person}, Larkfield Outdoor customer care"
)


def verdict_of(
    review: Review,
    outputs: Mapping[str, Output],
    truth: TicketTruth,
    person: str,
    rng: Random,
) -> DecisionRequest:
    """Return what this reviewer decides about an open review."""
    judgement = judge(truth, outputs)
    is_right = judgement.is_right != (rng.random() < ERROR_RATE)
    blamed = None if is_right else judgement.first_wrong_step or rng.choice(list(REASONS))
    verdict = _verdict(review, is_right=is_right, rng=rng)
    assert review.id is not None
    return DecisionRequest(
        decision_id=str(UUID(int=rng.getrandbits(128), version=4)),
        review_id=review.id,
        verdict=verdict,
        person=person,
        seen_digest=review.payload_digest,
        reason_code=REASONS[blamed] if blamed else None,
        blamed_step=blamed,
        reply=ANSWER.format(person=person) if verdict is Verdict.EDIT else None,
        is_answer_only=verdict is Verdict.EDIT,
        seconds_on_card=round(rng.lognormvariate(2.6, 0.5), 1),
        is_simulated=True,
    )


def _verdict(review: Review, *, is_right: bool, rng: Random) -> Verdict:
    if review.kind in BLIND:
        return Verdict.RIGHT if is_right else Verdict.WRONG
    if is_right and not review.is_blocked:
        return Verdict.APPROVE
    if is_right:  # blocked, and there is nothing to blame: answered without the action
        return Verdict.EDIT
    return Verdict.EDIT if rng.random() < EDIT_SHARE else Verdict.REJECT
