"""The gate: a policy applied to a draft. Pure: values in, an outcome with reasons out.

Everything the gate weighs is in `GateInput`, which is stored, so that the executor can evaluate a
pass again from the same facts and the frozen policy. A confidence that is missing or not finite
never passes.
"""

import math
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from store.actions import Action
from store.money import Money
from store.outputs import Reason
from store.transitions import Outcome

Unit = Annotated[float, Field(ge=0, le=1)]


class AmountRule(BaseModel):
    """`amount > limit` sends an action of this kind to a person; exactly the limit passes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    above_minor: int = Field(ge=0)
    outcome: Literal[Outcome.ESCALATE, Outcome.BLOCK] = Outcome.ESCALATE


class PolicyBody(BaseModel):
    """What a policy version says. Immutable once published."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold: Unit = 0.85  # passes iff confidence > threshold
    thresholds: dict[str, Unit] = {}  # by action kind, overriding `threshold`
    amount_rules: tuple[AmountRule, ...] = ()
    always_person: tuple[str, ...] = ()  # action kinds that never go out alone
    daily_cap_minor: int = Field(default=20_000, ge=0)  # automatic money per customer and day
    two_person_above_minor: int = Field(default=100_000, ge=0)  # stored, not enforced yet
    audit_rate: Unit = 0.02
    currency: str = "EUR"

    def threshold_for(self, kind: str) -> float:
        """Return the confidence an action of this kind must exceed."""
        return self.thresholds.get(kind, self.threshold)


class GateInput(BaseModel):
    """The facts about one draft that the gate weighs; stored beside the draft."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Action
    confidence: float | None
    calibration_note: str | None = None  # "37 of 200 labels" while uncalibrated
    objections: tuple[str, ...] = ()  # the critic's
    concerns: tuple[str, ...] = ()  # doubts about the evidence
    is_out_of_scope: bool = False
    blocks: tuple[Reason, ...] = ()  # unknown tool, invalid arguments, wrong recipient
    automatic_today_minor: int = 0  # already sent alone to this customer today


class GateResult(BaseModel):
    """The outcome with every reason that weighed in."""

    model_config = ConfigDict(frozen=True)

    outcome: Outcome
    reasons: tuple[Reason, ...]
    confidence: float | None
    threshold: float


def evaluate(draft: GateInput, policy: PolicyBody) -> GateResult:
    """Apply the policy to the draft: block if anything blocks, else pass iff nothing objects."""
    threshold = policy.threshold_for(draft.action.kind)
    blocking = list(draft.blocks) + list(_amounts(draft.action, policy, Outcome.BLOCK))
    objections = [
        *_amounts(draft.action, policy, Outcome.ESCALATE),
        *_rules(draft, policy),
        *_confidence(draft, threshold),
    ]
    if blocking:
        outcome = Outcome.BLOCK
    elif objections:
        outcome = Outcome.ESCALATE
    else:
        outcome = Outcome.PASS
    return GateResult(
        outcome=outcome,
        reasons=tuple(blocking + objections),
        confidence=draft.confidence,
        threshold=threshold,
    )


def _amounts(action: Action, policy: PolicyBody, outcome: Outcome) -> Iterator[Reason]:
    amount = action.amount_minor or 0
    for rule in policy.amount_rules:
        if rule.kind == action.kind and rule.outcome == outcome and amount > rule.above_minor:
            shown = Money(amount, policy.currency)
            limit = Money(rule.above_minor, policy.currency)
            yield _limit(
                f"{action.kind}_over_limit",
                f"{_words(action.kind)} of {shown} is above the automatic limit of {limit}",
                amount,
                rule.above_minor,
            )


def _rules(draft: GateInput, policy: PolicyBody) -> Iterator[Reason]:
    kind, amount = draft.action.kind, draft.action.amount_minor or 0
    if draft.is_out_of_scope:
        yield Reason(code="out_of_scope", message="The request fits none of the company's intents")
    if kind in policy.always_person:
        yield Reason(code="always_person", message=f"{_words(kind)} always goes to a person")
    total = draft.automatic_today_minor + amount
    if amount and total > policy.daily_cap_minor:
        cap = Money(policy.daily_cap_minor, policy.currency)
        yield _limit(
            "daily_cap",
            f"{Money(total, policy.currency)} would go to this customer today without a person;"
            f" the cap is {cap}",
            total,
            policy.daily_cap_minor,
        )
    for objection in draft.objections:
        yield Reason(code="critic_objects", message=objection)
    for concern in draft.concerns:
        yield Reason(code="doubtful_evidence", message=concern)


def _confidence(draft: GateInput, threshold: float) -> Iterator[Reason]:
    value = draft.confidence
    if value is None or not math.isfinite(value):
        note = draft.calibration_note or "no calibrated confidence"
        yield Reason(code="uncalibrated", message=f"Confidence is not calibrated yet: {note}")
    elif not value > threshold:
        yield Reason(
            code="confidence_below_threshold",
            message=f"Confidence {value:.2f} does not exceed {threshold:.2f}",
            value=round(value, 6),
            limit=threshold,
            margin=round(value - threshold, 6),
        )


def _limit(code: str, message: str, value: float, limit: float) -> Reason:
    return Reason(code=code, message=message, value=value, limit=limit, margin=value - limit)


def _words(kind: str) -> str:
    return kind.replace("_", " ").capitalize()


def risk(action: Action, confidence: float | None, outcome: Outcome) -> float:
    """Return how much hangs on a waiting review, in minor units at stake: (1 - p) x money.

    A reply counts as 10.00, so that wordy cards are ordered by doubt too; a block counts double.
    An unknown confidence counts as one half. Ordering only; nobody is told it is a probability.
    """
    doubt = 1 - (0.5 if confidence is None else confidence)
    stake = max(action.amount_minor or 0, 1_000)
    return round(stake * max(doubt, 0.05) * (2 if outcome is Outcome.BLOCK else 1), 3)
