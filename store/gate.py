"""The gate: a policy applied to a draft. Pure: values in, an outcome with reasons out.

Everything the gate weighs is in `GateInput`, which is stored, so that the executor can evaluate a
pass again from the same facts and the frozen policy. A confidence that is missing or not finite
never passes.
"""

import math
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from store.actions import Action
from store.money import Money
from store.outputs import Reason
from store.transitions import Outcome

Unit = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=86_400)]
Hours = Annotated[float, Field(gt=0, le=24 * 90)]


class AmountRule(BaseModel):
    """`amount > limit` sends an action of this kind to a person; exactly the limit passes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    above_minor: int = Field(ge=0)
    outcome: Literal[Outcome.ESCALATE, Outcome.BLOCK] = Outcome.ESCALATE


class Sla(BaseModel):
    """How long a review may wait, in hours, before people are told, and who decides then."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    remind: Hours = 18.0  # people are told that it waits
    due: Hours = 24.0  # taken from whoever had it and offered to everybody
    hold: Hours = 72.0  # from then on a manager decides

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if not self.remind <= self.due <= self.hold:
            raise ValueError("people are reminded before it is due, and it is held after that")
        return self


class Promise(BaseModel):
    """At most this share wrong among what goes out alone; published only with a certificate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_error: Annotated[float, Field(gt=0, lt=0.5)]
    assurance: Annotated[float, Field(ge=0.5, lt=1)] = 0.95


class PolicyBody(BaseModel):
    """What a policy version says. Immutable once published."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold: Unit = 0.85  # passes iff confidence > threshold
    thresholds: dict[str, Unit] = {}  # by action kind, overriding `threshold`
    amount_rules: tuple[AmountRule, ...] = ()
    always_person: tuple[str, ...] = ()  # action kinds that never go out alone
    daily_cap_minor: int = Field(default=20_000, ge=0)  # automatic money per customer and day
    two_person_above_minor: int = Field(default=100_000, ge=0)  # more needs two distinct people
    audit_rate: Unit = 0.02
    currency: str = "EUR"
    undo_seconds: dict[str, Seconds] = {}  # by action kind: a person's undo window, else 10
    delay_seconds: dict[str, Seconds] = {}  # by action kind: before a gate pass goes out, else 0
    sla: Sla = Sla()
    needs_second_manager: bool = False  # to loosen anything that stands here
    promises: dict[str, Promise] = {}  # by action kind, or "*" for everything that goes out alone

    def threshold_for(self, action: Action) -> float:
        """Return the confidence the action must exceed: the strictest of its parts' kinds."""
        return max(self.thresholds.get(part.kind, self.threshold) for part in action.parts)

    def undo_seconds_for(self, action: Action, default: float) -> float:
        """Return the undo window of a decision on the action: the longest of its parts'."""
        return max(self.undo_seconds.get(part.kind, default) for part in action.parts)

    def delay_seconds_for(self, action: Action) -> float:
        """Return how long a gate pass of the action waits before delivery."""
        return max(self.delay_seconds.get(part.kind, 0.0) for part in action.parts)

    def is_two_person(self, action: Action) -> bool:
        """Return whether the action moves more than one person may approve."""
        return (action.total_minor or 0) > self.two_person_above_minor


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
    threshold = policy.threshold_for(draft.action)
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
    for rule in policy.amount_rules:
        amount = sum(part.amount_minor or 0 for part in action.parts if part.kind == rule.kind)
        if rule.outcome == outcome and amount > rule.above_minor:
            shown = Money(amount, policy.currency)
            limit = Money(rule.above_minor, policy.currency)
            yield _limit(
                f"{rule.kind}_over_limit",
                f"{_words(rule.kind)} of {shown} is above the automatic limit of {limit}",
                amount,
                rule.above_minor,
            )


def _rules(draft: GateInput, policy: PolicyBody) -> Iterator[Reason]:
    amount = draft.action.total_minor or 0
    if draft.is_out_of_scope:
        yield Reason(code="out_of_scope", message="The request fits none of the company's intents")
    for kind in dict.fromkeys(part.kind for part in draft.action.parts):
        if kind in policy.always_person:
            yield Reason(code="always_person", message=f"{_words(kind)} always goes to a person")
    total = draft.automatic_today_minor + amount
    if amount and total > policy.daily_cap_minor:
        yield daily_cap(total, policy)
    if policy.is_two_person(draft.action):
        limit = policy.two_person_above_minor
        words = f"More than {Money(limit, policy.currency)} takes two people"
        yield _limit("two_people", words, amount, limit)
    for objection in draft.objections:
        yield Reason(code="critic_objects", message=objection)
    for concern in draft.concerns:
        yield Reason(code="doubtful_evidence", message=concern)


def daily_cap(total_minor: int, policy: PolicyBody) -> Reason:
    """Return the reason that a customer's automatic money of one day would exceed the cap."""
    cap = Money(policy.daily_cap_minor, policy.currency)
    return _limit(
        "daily_cap",
        f"{Money(total_minor, policy.currency)} would go to this customer today without a person;"
        f" the cap is {cap}",
        total_minor,
        policy.daily_cap_minor,
    )


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
    stake = max(action.total_minor or 0, 1_000)
    return round(stake * max(doubt, 0.05) * (2 if outcome is Outcome.BLOCK else 1), 3)
