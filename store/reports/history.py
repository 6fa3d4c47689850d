"""Past drafts put to the gate again: the active policy and a candidate on the same stored facts.

Money sent earlier on the same day is taken as it was. Which of the drafts were right is known from
labels alone: audits for those that went out by themselves, decisions for the others.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, Text, and_, cast, select
from sqlmodel import Session, col

from store.evidence.sampling import Estimate, Stratum, Tally, stratified_rate
from store.gate import GateInput, GateResult, PolicyBody, evaluate
from store.labels import valid, whole_draft
from store.schema import Draft, Label, Run, StepRecord, Ticket
from store.transitions import Outcome, StepStatus

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Past:
    """One gated draft under both policies; `weight` is 0 and `is_right` None while unlabelled."""

    row: Any  # what `_gated` selects
    facts: GateInput
    now: GateResult
    then: GateResult
    is_right: bool | None
    weight: float

    @property
    def is_automatic_now(self) -> bool:
        return self.now.outcome is Outcome.PASS

    @property
    def is_automatic_then(self) -> bool:
        return self.then.outcome is Outcome.PASS

    def releases_below(self, body: PolicyBody) -> float:
        """Return the common threshold under which the candidate would send this draft alone.

        Infinite where the common threshold does not decide: a rule objects, or the action's kind
        has a threshold of its own.
        """
        if any(reason.code != "confidence_below_threshold" for reason in self.then.reasons):
            return -math.inf
        if self.facts.action.kind in body.thresholds:
            return math.inf if self.is_automatic_then else -math.inf
        return -math.inf if self.then.confidence is None else self.then.confidence


def replay(
    session: Session, active: PolicyBody, body: PolicyBody, *, since: datetime | None
) -> Iterator[Past]:
    """Yield the drafts gated in runs created since then, newest first, under both policies."""
    labels = {
        draft_id: (is_right, 1 / inclusion)
        for draft_id, is_right, inclusion in session.execute(_labels(since))
    }
    for row in session.execute(_gated(since)):
        facts = GateInput.model_validate_json(row.gate_input)
        if row.spent:
            facts = facts.model_copy(update={"automatic_today_minor": row.spent})
        is_right, weight = labels.get(row.draft_id, (None, 0.0))
        yield Past(row, facts, evaluate(facts, active), evaluate(facts, body), is_right, weight)


def _labels(since: datetime | None) -> Select[Any]:
    columns = (Label.draft_id, Label.is_right, Label.inclusion_probability)
    statement = valid(*(col(column) for column in columns)).where(whole_draft())
    if since is None:
        return statement
    in_time = col(Run.created_at) >= since
    return statement.join(Run, col(Run.id) == col(Label.run_id)).where(in_time)


def _gated(since: datetime | None) -> Select[Any]:
    recorded = and_(
        col(StepRecord.run_id) == col(Run.id),
        col(StepRecord.name) == "gate",
        col(StepRecord.status) == StepStatus.OK,
        col(StepRecord.visit) == 1,
    )
    statement = (
        select(
            col(Run.id).label("run_id"),
            col(Run.intent),
            col(Run.outcome),
            col(Run.created_at),
            col(Ticket.external_id),
            col(Ticket.subject),
            col(Ticket.text),
            col(Draft.id).label("draft_id"),
            cast(col(Draft.gate_input), Text).label("gate_input"),
            col(StepRecord.output)["automatic_today_minor"].as_integer().label("spent"),
        )
        .join(Ticket, col(Ticket.id) == col(Run.ticket_id))
        .join(Draft, col(Draft.run_id) == col(Run.id))
        .outerjoin(StepRecord, recorded)
        .where(
            col(Run.outcome).is_not(None),
            col(Draft.author).startswith("model:"),
            col(Draft.revision) == 1,  # labels are of first drafts
        )
        .order_by(col(Run.created_at).desc(), col(Draft.id).desc())
    )
    return statement if since is None else statement.where(col(Run.created_at) >= since)


class Sample:
    """The past drafts as columns, so that fifty thresholds cost no more than one."""

    def __init__(self, past: Sequence[Past], body: PolicyBody) -> None:
        self.now: Mask = np.array([case.is_automatic_now for case in past], dtype=bool)
        self.then: Mask = np.array([case.is_automatic_then for case in past], dtype=bool)
        self.release = np.array([case.releases_below(body) for case in past], dtype=float)
        self._was_sent = np.array([case.row.outcome is Outcome.PASS for case in past], bool)
        self._weight = np.array([case.weight for case in past], dtype=float)
        self._is_right = np.array([case.is_right is True for case in past], dtype=bool)

    def right(self, chosen: Mask) -> Estimate:
        """Return how often the chosen drafts were right: sent and escalated ones as two strata."""
        parts = (chosen & self._was_sent, chosen & ~self._was_sent)
        return stratified_rate([Stratum(int(part.sum()), self._tally(part)) for part in parts])

    def _tally(self, chosen: Mask) -> Tally:
        labelled = chosen & (self._weight > 0)
        right = labelled & self._is_right
        return Tally(
            labelled=int(labelled.sum()),
            right=int(right.sum()),
            weight=float(self._weight[labelled].sum()),
            weight_right=float(self._weight[right].sum()),
            weight_squared=float((self._weight[labelled] ** 2).sum()),
        )
