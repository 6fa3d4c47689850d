"""Everything one card shows about one review, in one read.

A card of kind audit is blind until it is decided: confidence, threshold, gate output, reasons,
signals and the doubtful step are left out, so that "Was this right?" is answered from the case.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from sqlmodel import Session, col, select

from store import confirmation, redrafts
from store.actions import Action
from store.admission import is_reversal, shown_kind
from store.connectors import Connector
from store.errors import NotFound
from store.gate import PolicyBody
from store.labels import is_by_model
from store.outputs import (
    GateOutput,
    IntentOutput,
    Output,
    Reason,
    RetrievalOutput,
    SynthesisOutput,
    ToolCallOutput,
)
from store.reports.approval import Change, Part, People, changes, filled_by_code, parts, people
from store.reports.case import (
    DecisionView,
    DraftView,
    StepView,
    TicketView,
    decisions,
    draft_view,
    step_records,
    step_views,
    ticket_view,
)
from store.reports.delivery import DeliveryView, deliveries, lookup
from store.schema import Decision, Draft, Policy, Review, Run, Ticket, Tool
from store.transitions import BLIND, ReviewKind, ReviewStatus, RunStatus, SlaStage

__all__ = [
    "Card",
    "Change",
    "DecisionView",
    "DeliveryView",
    "DraftView",
    "Part",
    "People",
    "StepView",
    "TicketView",
    "card",
]

SomeOutput = TypeVar("SomeOutput", bound=Output)


@dataclass(frozen=True, slots=True)
class Card:
    """One review with its case."""

    review_id: int
    run_id: int
    run_status: RunStatus
    kind: ReviewKind
    status: ReviewStatus
    is_blind: bool  # an undecided audit: show no probability of any kind
    is_blocked: bool
    title: str
    intent_name: str | None
    reasons: tuple[Reason, ...] | None  # None when blind
    confidence: float | None
    threshold: float | None  # None when blind
    policy_version: int
    opened_at: datetime
    claimed_by: str | None
    claimed_until: datetime | None
    doubtful_step: str | None
    ticket: TicketView
    draft: DraftView  # what is (or was) decided: the person's revision after an edit
    original_draft: DraftView | None  # the model's, when `draft` is a person's
    intent: IntentOutput | None
    retrieval: RetrievalOutput | None
    tool_call: ToolCallOutput | None
    synthesis: SynthesisOutput | None
    gate: GateOutput | None
    steps: tuple[StepView, ...]
    tool_schema: dict[str, Any] | None  # input schema of `draft.action.tool`
    decision: DecisionView | None
    deliveries: tuple[DeliveryView, ...]
    about: DeliveryView | None  # the delivery that the review is about
    is_reversal: bool  # asks whether a delivered action is to be taken back
    parts: tuple[Part, ...]  # what an approval releases besides the reply, in order of delivery
    filled_by_code: frozenset[str]  # arguments of `draft.action` that nobody types
    people: People
    changes: tuple[Change, ...]  # stale: what was brought up to date since it was decided
    lookup: str  # unknown delivery: what the service said when asked about the call
    assigned_to: str | None
    snoozed_until: datetime | None
    due_at: datetime | None  # None: no clock runs
    sla_stage: SlaStage
    confirmation: str | None  # what has to be typed before it is approved


def card(session: Session, review_id: int) -> Card:
    """Return the card of a review; raises NotFound."""
    review = session.get(Review, review_id)
    if review is None:
        raise NotFound(f"There is no review {review_id}.")
    run = session.get_one(Run, review.run_id)
    # held on to: the identity map is weak, and each part below would read them again
    tools = {tool.name: tool for tool in session.exec(select(Tool))}
    policy = session.get_one(Policy, review.policy_version)
    visit = redrafts.visit_of(session, run, review.revision)
    records = step_records(session, review.run_id, visit=visit)
    outputs = {record.name: record.output for record in records if record.output is not None}
    said = decisions(session, review_id)
    decision = said[-1] if said else None
    delivered = deliveries(session, review.run_id)
    draft, original = _drafts(session, review, decision)
    is_blind = review.kind in BLIND and decision is None
    is_disguised = review.kind is ReviewKind.SEEDED and decision is None
    doubtful = None if is_blind else review.doubtful_step
    return Card(
        review_id=review_id,
        run_id=review.run_id,
        run_status=RunStatus.AWAITING_REVIEW if is_disguised else run.status,
        kind=review.kind if decision is not None else shown_kind(review.kind),
        status=review.status,
        is_blind=is_blind,
        is_blocked=review.is_blocked,
        title=review.title,
        intent_name=run.intent,
        reasons=None if is_blind else tuple(Reason.model_validate(r) for r in review.reasons),
        confidence=None if is_blind else review.confidence,
        threshold=None if is_blind else review.threshold,
        policy_version=review.policy_version,
        opened_at=review.opened_at,
        claimed_by=review.claimed_by,
        claimed_until=review.claimed_until,
        doubtful_step=doubtful,
        ticket=_ticket(session, run, review, is_disguised=is_disguised),
        draft=draft_view(draft),
        original_draft=None if original is None else draft_view(original),
        intent=_blinded_intent(_parsed(IntentOutput, outputs.get("intent")), is_blind),
        retrieval=_parsed(RetrievalOutput, outputs.get("retrieval")),
        tool_call=_parsed(ToolCallOutput, outputs.get("tool_call")),
        synthesis=_blinded_synthesis(_parsed(SynthesisOutput, outputs.get("synthesis")), is_blind),
        gate=None if is_blind else _parsed(GateOutput, outputs.get("gate")),
        steps=step_views(records, doubtful),
        tool_schema=_tool_schema(tools, draft),
        decision=decision,
        deliveries=delivered,
        about=next((one for one in delivered if one.action_id == review.action_id), None),
        is_reversal=is_reversal(review),
        parts=parts(session, draft),
        filled_by_code=filled_by_code(session, Action.model_validate(draft.action).tool),
        people=people(session, review, draft, said),
        changes=changes(session, draft) if review.kind is ReviewKind.STALE else (),
        lookup=lookup(session, review),
        assigned_to=review.assigned_to,
        snoozed_until=review.snoozed_until,
        due_at=review.due_at,
        sla_stage=review.sla_stage,
        confirmation=_confirmation(tools, draft, policy),
    )


def _ticket(session: Session, run: Run, review: Review, *, is_disguised: bool) -> TicketView:
    """A seeded card is made of an old case: an old date would give it away."""
    view = ticket_view(session.get_one(Ticket, run.ticket_id))
    if not is_disguised or review.after_decision is None:
        return view
    first = session.get_one(Review, session.get_one(Decision, review.after_decision).review_id)
    return replace(view, received_at=view.received_at + (review.opened_at - first.opened_at))


def _confirmation(tools: Mapping[str, Tool], draft: Draft, policy: Policy) -> str | None:
    reversible = {
        name
        for name, tool in tools.items()
        if Connector.model_validate(tool.connector).is_reversible
    }
    action = Action.model_validate(draft.action)
    return confirmation.required(action, PolicyBody.model_validate(policy.body), reversible)


def _parsed(kind: type[SomeOutput], output: dict[str, Any] | None) -> SomeOutput | None:
    return None if output is None else kind.model_validate(output)


def _blinded_intent(intent: IntentOutput | None, is_blind: bool) -> IntentOutput | None:
    if intent is None or not is_blind:
        return intent
    return intent.model_copy(update={"candidates": [], "signals": {}})


def _blinded_synthesis(synthesis: SynthesisOutput | None, is_blind: bool) -> SynthesisOutput | None:
    if synthesis is None or not is_blind:
        return synthesis
    hidden = ("confidence", "raw_score", "calibrator_version")
    nothing: dict[str, Any] = dict.fromkeys(hidden)
    return synthesis.model_copy(update={**nothing, "signals": {}})


def _drafts(
    session: Session, review: Review, decision: DecisionView | None
) -> tuple[Draft, Draft | None]:
    """Return the draft the card is about and, when a person wrote it, the model's before it."""
    pinned = session.get_one(Draft, review.draft_id)
    shown = pinned
    if decision is not None and decision.is_final and not decision.is_undone:
        shown = session.get_one(Draft, decision.draft_id)
    if is_by_model(shown.author):
        return shown, None
    earlier = session.exec(
        select(Draft)
        .where(Draft.run_id == review.run_id, Draft.revision < shown.revision)
        .order_by(col(Draft.revision).desc())
    )
    return shown, next((draft for draft in earlier if is_by_model(draft.author)), None)


def _tool_schema(tools: Mapping[str, Tool], draft: Draft) -> dict[str, Any] | None:
    tool = tools.get(Action.model_validate(draft.action).tool or "")
    return None if tool is None else tool.input_schema
