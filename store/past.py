"""Past drafts as columns, so that any policy is tried on a million of them in some milliseconds.

What the gate weighed stands in the run's columns; a draft of several actions is put to the gate
itself. Money sent earlier on the same day is taken as it was. Which drafts were right is known from
labels alone: audits for those that went out by themselves, decisions for the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Select, Text, cast, or_, select
from sqlmodel import Session, col

from store.columns import Names, columns, from_on, integers, numbers, packed, seconds, unpacked
from store.evidence.rare_errors import WrongRate, stratified_wrong_rate
from store.evidence.sampling import Stratum, Tally
from store.gate import GateInput, PolicyBody, evaluate
from store.labels import valid, whole_draft
from store.schema import Draft, Label, Run
from store.transitions import Outcome

Mask = NDArray[np.bool_]
Numbers = NDArray[np.float64]
ALL = "*"  # every action kind
_DAY_SECONDS = 86_400.0


def _drafted_anew() -> ColumnElement[bool]:
    return col(Run.visit) > 1


_ASKED: tuple[Any, ...] = (
    col(Run.id),
    col(Run.created_at),
    col(Run.action_kind),
    col(Run.amount_minor),
    col(Run.spent_minor),
    col(Run.confidence),
    packed(
        col(Run.doubts) > 0,
        col(Run.is_blocked),
        col(Run.outcome) == Outcome.PASS,
        col(Run.is_composite),
        _drafted_anew(),
    ),
    col(Run.coin),
    col(Run.coin_rate),
    col(Run.similarity),
    col(Run.calibrator_version),
)


@dataclass(frozen=True)
class History:
    """The gated first drafts of a period, oldest first; every array has one entry a draft."""

    run_id: NDArray[np.int64]
    created_s: Numbers  # seconds since 1970, UTC
    kind: NDArray[np.int64]  # index into `kinds`
    kinds: tuple[str, ...]
    amount_minor: Numbers  # 0 where no money moves
    spent_minor: Numbers
    confidence: Numbers  # NaN: uncalibrated
    has_doubts: Mask
    is_blocked: Mask
    was_sent: Mask
    coin: Numbers  # NaN: tossed before tosses were kept
    coin_rate: Numbers
    similarity: Numbers
    calibrator: NDArray[np.int64]  # index into `calibrators`, -1: none
    calibrators: tuple[str, ...]
    is_labelled: Mask
    is_right: Mask
    weight: Numbers  # 1 / inclusion probability; 0 where unlabelled
    composites: dict[int, GateInput]  # by position: drafts of several actions

    def __len__(self) -> int:
        return len(self.run_id)

    @cached_property
    def days(self) -> float:
        """Return the days that these drafts span, at least 1."""
        if not len(self):
            return 1.0
        return max(float(self.created_s[-1] - self.created_s[0]) / _DAY_SECONDS, 1.0)

    def moment(self, position: int) -> datetime:
        """Return when the run of this draft was created."""
        return datetime.fromtimestamp(float(self.created_s[position]), UTC)

    def objected(self, body: PolicyBody) -> Mask:
        """Return which drafts a person would get under the policy whatever their confidence."""
        stopped = self.has_doubts | self.is_blocked
        for kind in body.always_person:
            stopped |= self._is(kind)
        for rule in body.amount_rules:
            stopped |= self._is(rule.kind) & (self.amount_minor > rule.above_minor)
        moves = self.amount_minor > 0
        stopped |= moves & (self.spent_minor + self.amount_minor > body.daily_cap_minor)
        stopped |= self.amount_minor > body.two_person_above_minor
        for position, facts in self.composites.items():
            reasons = evaluate(self._facts(position, facts), body).reasons
            stopped[position] = any(one.code != "confidence_below_threshold" for one in reasons)
        return stopped

    def release(self, body: PolicyBody, kind: str = ALL) -> Numbers:
        """Return per draft the threshold under which it would go out alone.

        The threshold is the common one, or with `kind` the one of that action kind. -inf where
        something else stops the draft, +inf where that threshold does not concern it and it passes.
        """
        fixed, moves = self._thresholds(body, kind)
        with np.errstate(invalid="ignore"):
            clears = self.confidence > fixed
        free = ~self.objected(body) & clears
        return np.where(free, np.where(moves, self.confidence, np.inf), -np.inf)

    def automatic(self, body: PolicyBody) -> Mask:
        """Return which drafts would go out alone under the policy."""
        everywhere = body.model_copy(update={"thresholds": self._own_thresholds(body)})
        return self.release(everywhere, "") > 0

    def at(self, places: NDArray[np.int64]) -> "History":
        """Return the drafts at these positions, in this order."""
        arrays = {
            one.name: getattr(self, one.name)[places]
            for one in fields(self)
            if isinstance(getattr(self, one.name), np.ndarray)
        }
        kept = {int(old): new for new, old in enumerate(places)}
        composites = {kept[old]: facts for old, facts in self.composites.items() if old in kept}
        return replace(self, **arrays, composites=composites)

    def wrong(self, chosen: Mask) -> WrongRate:
        """Return how often the chosen were wrong: sent and escalated ones as two strata."""
        parts = (chosen & self.was_sent, chosen & ~self.was_sent)
        return stratified_wrong_rate([Stratum(int(part.sum()), self.tally(part)) for part in parts])

    def tally(self, chosen: Mask) -> Tally:
        """Return the weighted labels among the chosen."""
        labelled = chosen & self.is_labelled
        hit = labelled & self.is_right
        return Tally(
            labelled=int(labelled.sum()),
            right=int(hit.sum()),
            weight=float(self.weight[labelled].sum()),
            weight_right=float(self.weight[hit].sum()),
            weight_squared=float((self.weight[labelled] ** 2).sum()),
        )

    def of_kind(self, kind: str) -> Mask:
        """Return which drafts have this action kind among their actions; all for "*"."""
        if kind == ALL:
            return np.ones(len(self), dtype=bool)
        found = self._is(kind)
        for position, facts in self.composites.items():
            found[position] = any(part.kind == kind for part in facts.action.parts)
        return found

    def _is(self, kind: str) -> Mask:
        if kind not in self.kinds:
            return np.zeros(len(self), dtype=bool)
        found: Mask = self.kind == self.kinds.index(kind)
        return found

    def _facts(self, position: int, facts: GateInput) -> GateInput:
        return facts.model_copy(update={"automatic_today_minor": int(self.spent_minor[position])})

    def _own_thresholds(self, body: PolicyBody) -> dict[str, float]:
        kinds = {*self.kinds}
        kinds |= {part.kind for facts in self.composites.values() for part in facts.action.parts}
        return {kind: body.thresholds.get(kind, body.threshold) for kind in kinds}

    def _thresholds(self, body: PolicyBody, kind: str) -> tuple[Numbers, Mask]:
        """Return per draft the strictest fixed threshold, and whether the moving one counts."""

        def fixed_of(name: str) -> float | None:
            if name == kind or (kind == ALL and name not in body.thresholds):
                return None
            return body.thresholds.get(name, body.threshold)

        known = [fixed_of(name) for name in self.kinds]
        fixed = np.array([-1.0 if one is None else one for one in known] or [-1.0])[self.kind]
        moves = np.array([one is None for one in known] or [False])[self.kind]
        for position, facts in self.composites.items():
            parts = [fixed_of(part.kind) for part in facts.action.parts]
            fixed[position] = max([-1.0, *(one for one in parts if one is not None)])
            moves[position] = None in parts
        return fixed, moves


def load(
    session: Session,
    *,
    since: datetime | None = None,
    conditions: Sequence[ColumnElement[bool]] = (),
    newest: int | None = None,
) -> History:
    """Read the first drafts gated in runs created since then; with further conditions on `run`.

    `newest` takes so many of the newest only.
    """
    kind, calibrator = Names(), Names()
    found = columns(
        session,
        _gated(since, conditions, newest),
        *(integers, seconds, kind, numbers, numbers, numbers, integers),
        *(numbers, numbers, numbers, calibrator),
    )
    run_id, created_s, kind_at, amount, spent, confidence, said, coin, rate, near, calibrator_at = (
        np.ascontiguousarray(column[::-1]) for column in found
    )
    is_labelled, is_right, weight = _labels(session, run_id, since)
    facts = _facts(session, unpacked(said, 3) | unpacked(said, 4), run_id)
    for place in facts.keys() & {*np.flatnonzero(unpacked(said, 4)).tolist()}:
        action = facts[place].action  # the run's columns are its second draft's, labels the first's
        kind_at[place], amount[place] = kind([action.kind])[0], action.total_minor
        confidence[place] = numbers([facts[place].confidence])[0]
    kind_at, kinds = kind.in_order(kind_at)
    calibrator_at, calibrators = calibrator.in_order(calibrator_at)
    return History(
        run_id=run_id,
        created_s=created_s,
        kind=kind_at,
        kinds=kinds,
        amount_minor=np.nan_to_num(amount, nan=0.0),
        spent_minor=np.nan_to_num(spent, nan=0.0),
        confidence=confidence,
        has_doubts=unpacked(said, 0),
        is_blocked=unpacked(said, 1),
        was_sent=unpacked(said, 2),
        coin=coin,
        coin_rate=rate,
        similarity=near,
        calibrator=calibrator_at,
        calibrators=calibrators,
        is_labelled=is_labelled,
        is_right=is_right,
        weight=weight,
        composites={place: one for place, one in facts.items() if one.action.also},
    )


def _gated(
    since: datetime | None, conditions: Sequence[ColumnElement[bool]], newest: int | None
) -> Select[Any]:
    """Return the select of the drafts, newest first."""
    statement = (
        select(*_ASKED)
        .where(col(Run.outcome).is_not(None), *conditions)
        .order_by(col(Run.created_at).desc(), col(Run.id).desc())
        .limit(newest)
    )
    return statement if since is None else statement.where(from_on(col(Run.created_at), since))


def _labels(
    session: Session, run_id: NDArray[np.int64], since: datetime | None
) -> tuple[Mask, Mask, Numbers]:
    """Return per draft whether it is labelled, whether right, and the label's weight."""
    labelled, right = np.zeros(len(run_id), dtype=bool), np.zeros(len(run_id), dtype=bool)
    weight = np.zeros(len(run_id))
    statement = valid(
        col(Label.run_id), col(Label.is_right), col(Label.inclusion_probability)
    ).where(whole_draft())
    if since is not None:
        joined = statement.join(Run, col(Run.id) == col(Label.run_id))
        statement = joined.where(from_on(col(Run.created_at), since))
    ids, verdicts, chances = columns(session, statement, integers, numbers, numbers)
    if not len(ids) or not len(run_id):
        return labelled, right, weight
    order = np.argsort(run_id)
    place = np.searchsorted(run_id, ids, sorter=order)
    place = order[np.minimum(place, len(order) - 1)]
    known = run_id[place] == ids
    at = place[known]
    labelled[at] = True
    right[at] = verdicts[known] > 0
    weight[at] = 1 / chances[known]
    return labelled, right, weight


def _facts(session: Session, is_asked: Mask, run_id: NDArray[np.int64]) -> dict[int, GateInput]:
    """Return by position what the gate was given of first drafts that columns do not tell."""
    places = {int(run_id[place]): int(place) for place in np.flatnonzero(is_asked)}
    if not places:
        return {}
    facts = session.execute(
        select(col(Draft.run_id), cast(col(Draft.gate_input), Text))
        .join(Run, col(Run.id) == col(Draft.run_id))
        .where(or_(col(Run.is_composite), _drafted_anew()), col(Draft.revision) == 1)
    )
    return {
        places[run]: GateInput.model_validate_json(body) for run, body in facts if run in places
    }
