"""A candidate policy tried on history: nothing is published, nothing waiting is touched.

What the candidate would do with every stored draft is counted, and the cases that would flip are
named, right or wrong where that is known. Ranges are live: they hold however often one looks.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlmodel import Session, col

from store import policies
from store.evidence.rare_errors import WrongRate, stratified_wrong_rate
from store.evidence.risk_control import GRID
from store.evidence.sampling import Stratum
from store.gate import GateInput, PolicyBody, evaluate
from store.outputs import Reason
from store.past import ALL, History, Mask, load
from store.reports.series import share
from store.schema import Draft, Run, Ticket
from store.transitions import Outcome

SHOWN_FLIPS = 200
_TITLE_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Flip:
    """A past draft that the candidate would have treated otherwise."""

    run_id: int
    external_id: str
    title: str
    intent: str | None
    action_kind: str
    amount_minor: int | None
    currency: str | None
    confidence: float | None
    now: Outcome  # under the active policy
    then: Outcome  # under the candidate
    reasons: tuple[Reason, ...]  # the candidate's
    is_right: bool | None  # None: unlabelled, nobody knows
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Effect:
    """What a policy would have done with the drafts of a period."""

    gated: int
    automatic: int
    automatic_share: float | None
    cards_per_day: float | None  # escalations, and audits at the policy's rate
    money_per_day_minor: float | None  # that would have moved with nobody looking
    wrong: WrongRate  # of what goes out alone


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What the candidate would do with the threshold at this value."""

    threshold: float
    automatic: int
    automatic_share: float
    cards_per_day: float
    money_per_day_minor: float
    wrong: WrongRate  # of what it would send alone, weighed by inclusion probability


@dataclass(frozen=True, slots=True)
class Preview:
    """The candidate beside the active policy, on the same drafts."""

    days: float  # that these drafts span, at least 1
    now: Effect
    then: Effect
    flips_to_automatic: int
    flips_to_person: int
    flips: tuple[Flip, ...]  # newest first, at most 200; the counts above cover all
    curve: tuple[CurvePoint, ...]


class Trial:
    """A candidate's rules tried on history once, so that any threshold of theirs costs little.

    Pure: reads no database. With a kind it is about the drafts of that action kind, and the
    threshold that moves is that kind's own.
    """

    def __init__(
        self, history: History, active: PolicyBody, rules: PolicyBody, kind: str = ALL
    ) -> None:
        self.history, self.active, self.rules, self.kind = history, active, rules, kind
        self._which = history.of_kind(kind)
        self._now = history.automatic(active) & self._which
        self._release = np.where(self._which, history.release(rules, kind), -np.inf)
        self.gated = int(self._which.sum())

    @cached_property
    def now(self) -> Effect:
        """Return what the active policy would have done."""
        return self._effect(self._now, self.active)

    def body(self, threshold: float) -> PolicyBody:
        """Return the candidate with its threshold here."""
        return with_threshold(self.rules, self.kind, threshold)

    def then(self, threshold: float) -> Effect:
        """Return what the candidate would have done with its threshold here."""
        return self._effect(self._release > threshold, self.rules)

    def flips(self, threshold: float) -> tuple[int, int]:
        """Return how many drafts would go out alone that did not, and the other way round."""
        then = self._release > threshold
        return int((then & ~self._now).sum()), int((self._now & ~then).sum())

    def flipped(self, threshold: float, limit: int = SHOWN_FLIPS) -> NDArray[np.int64]:
        """Return the positions of the newest drafts that would go the other way."""
        return np.flatnonzero((self._release > threshold) != self._now)[::-1][:limit]

    @cached_property
    def curve(self) -> tuple[CurvePoint, ...]:
        """Return a point for every threshold of the grid; none where nothing was gated."""
        if not self.gated:
            return ()
        order = np.argsort(self._release)
        money = np.concatenate([[0.0], np.cumsum(self.history.amount_minor[order][::-1])])
        places = np.flatnonzero(self._which & self.history.is_labelled)
        labelled, release = self.history.at(places), self._release[places]
        was_sent = self.history.was_sent
        parts = [
            (np.sort(self._release[was_sent]), labelled.was_sent),
            (np.sort(self._release[~was_sent]), ~labelled.was_sent),
        ]
        points = []
        for threshold in GRID:
            chosen = release > threshold
            strata = [
                Stratum(_above(ranked, threshold), labelled.tally(chosen & part))
                for ranked, part in parts
            ]
            automatic = int(sum(stratum.size for stratum in strata))
            points.append(
                CurvePoint(
                    threshold=threshold,
                    automatic=automatic,
                    automatic_share=automatic / self.gated,
                    cards_per_day=self._cards(automatic, self.rules),
                    money_per_day_minor=float(money[automatic]) / self.history.days,
                    wrong=stratified_wrong_rate(strata),
                )
            )
        return tuple(points)

    def _effect(self, automatic: Mask, body: PolicyBody) -> Effect:
        alone, wrong = int(automatic.sum()), self.history.wrong(automatic)
        if not self.gated:
            return Effect(0, 0, None, None, None, wrong)
        return Effect(
            gated=self.gated,
            automatic=alone,
            automatic_share=share(alone, self.gated),
            cards_per_day=self._cards(alone, body),
            money_per_day_minor=float(self.history.amount_minor[automatic].sum())
            / self.history.days,
            wrong=wrong,
        )

    def _cards(self, automatic: int, body: PolicyBody) -> float:
        return (self.gated - automatic + automatic * body.audit_rate) / self.history.days


def with_threshold(body: PolicyBody, kind: str, threshold: float) -> PolicyBody:
    """Return the policy with its threshold, or that of one action kind, moved."""
    if kind == ALL:
        return body.model_copy(update={"threshold": threshold})
    return body.model_copy(update={"thresholds": {**body.thresholds, kind: threshold}})


def flips(
    session: Session, trial: Trial, threshold: float, limit: int = SHOWN_FLIPS
) -> tuple[Flip, ...]:
    """Return the newest drafts that would go the other way with the threshold here."""
    history, body = trial.history, trial.body(threshold)
    places = [int(place) for place in trial.flipped(threshold, limit)]
    ids = [int(history.run_id[place]) for place in places]
    rows = {
        row.run_id: row
        for row in session.execute(
            select(
                col(Run.id).label("run_id"),
                col(Run.intent),
                col(Ticket.external_id),
                col(Ticket.subject),
                col(Ticket.text),
                col(Draft.gate_input),
            )
            .join(Ticket, col(Ticket.id) == col(Run.ticket_id))
            .join(Draft, col(Draft.run_id) == col(Run.id))
            .where(col(Run.id).in_(ids), col(Draft.revision) == 1)
        )
    }
    return tuple(
        _flip(history, place, rows[run_id], trial.active, body)
        for place, run_id in zip(places, ids, strict=True)
    )


def preview(session: Session, body: PolicyBody, *, since: datetime | None = None) -> Preview:
    """Return what a candidate would have done with the drafts gated since then."""
    active = policies.active(session).body
    trial = Trial(load(session, since=since), active, body)
    to_automatic, to_person = trial.flips(body.threshold)
    return Preview(
        days=trial.history.days,
        now=trial.now,
        then=trial.then(body.threshold),
        flips_to_automatic=to_automatic,
        flips_to_person=to_person,
        flips=flips(session, trial, body.threshold),
        curve=trial.curve,
    )


def _above(ranked: NDArray[np.float64], threshold: float) -> int:
    return len(ranked) - int(np.searchsorted(ranked, threshold, side="right"))


def _flip(history: History, place: int, row: Any, active: PolicyBody, body: PolicyBody) -> Flip:
    facts = GateInput.model_validate(row.gate_input)
    spent = int(history.spent_minor[place])
    facts = facts.model_copy(update={"automatic_today_minor": spent})
    then = evaluate(facts, body)
    return Flip(
        run_id=row.run_id,
        external_id=row.external_id,
        title=(row.subject or row.text)[:_TITLE_CHARACTERS],
        intent=row.intent,
        action_kind=facts.action.kind,
        amount_minor=facts.action.total_minor,
        currency=facts.action.total_currency,
        confidence=facts.confidence,
        now=evaluate(facts, active).outcome,
        then=then.outcome,
        reasons=then.reasons,
        is_right=bool(history.is_right[place]) if history.is_labelled[place] else None,
        created_at=history.moment(place),
    )
