"""Which step failed first, and what that makes of a chain of steps.

A verdict names the first wrong step; what came after it is not judged. So failures are shared out
over the steps, with one share for those that no single step explains, and the chance to come
through each step is told of the drafts that reached it right. Their product is the measured
end-to-end rate exactly.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, func, select
from sqlmodel import Session, col

from store.evidence.compounding import Linked, linked_failures
from store.evidence.intervals import confidence_sequence, wilson
from store.evidence.sampling import Look
from store.labels import CUSTOMER, valid
from store.reports.counts import Counts, Failures, Part
from store.reports.scope import Scope
from store.schema import Decision, Label, Run, Undo

NO_STEP = "no single step"


@dataclass(frozen=True, slots=True)
class Blamed:
    """One step's part of the failures; `share` is weighed, so not failures / all of them."""

    name: str | None  # None: no single step
    title: str
    failures: int
    share: float | None
    low: float | None
    high: float | None
    passes: float | None  # of drafts that reached it right, the share that left it right

    def as_json(self) -> dict[str, Any]:
        """Return it as `report` prints it."""
        return {
            "step": self.name,
            "failures": self.failures,
            "share": self.share,
            "low": self.low,
            "high": self.high,
            "passes": self.passes,
        }


@dataclass(frozen=True, slots=True)
class Blame:
    """All failures of a period, shared out."""

    steps: tuple[Blamed, ...]  # in order, the ones that no single step explains last
    failures: int

    @property
    def product(self) -> float | None:
        """Return the chance to come through every step: the measured end-to-end rate."""
        left = 1.0
        for step in self.steps:
            if step.passes is None:
                return None
            left *= step.passes
        return left


def blame(counts: Counts, titles: Sequence[tuple[str, str]], look: Look) -> Blame:
    """Return the failures of labelled drafts by first wrong step; `titles` in order of steps."""
    whole = _wrong(counts)
    parts = [
        (name, title, {at: counts.failed_first.get((at, name), Failures()) for at in whole})
        for name, title in titles
    ]
    none = {at: _nowhere(whole[at], (found[at] for _, _, found in parts)) for at in whole}
    is_known = all(counts.tally(part, None).labelled for part in whole) and bool(whole)
    left, steps = 1.0, list[Blamed]()
    for name, title, found in [*parts, (None, NO_STEP, none)]:
        lost = _lost(counts, found) if is_known else None
        passes = None if lost is None or left <= 0 else min(1.0, max(0.0, 1 - lost / left))
        left -= lost or 0.0
        steps.append(_blamed(name, title, found, whole, passes, look))
    return Blame(tuple(steps), sum(wrong.count for wrong in whole.values()))


def _wrong(counts: Counts) -> dict[Part, Failures]:
    tallies = {part: counts.tally(part, None) for part in counts.sizes}
    return {
        part: Failures(tally.labelled - tally.right, tally.weight - tally.weight_right)
        for part, tally in tallies.items()
    }


def _nowhere(whole: Failures, blamed: Iterable[Failures]) -> Failures:
    """Return the failures that are at no step."""
    found = sum(blamed, Failures())
    count = whole.count - found.count
    return Failures(count, whole.weight - found.weight if count else 0.0)


def _lost(counts: Counts, found: Mapping[Part, Failures]) -> float:
    """Return the share of all drafts that failed first here."""
    size = sum(counts.sizes.values())
    return math.fsum(
        counts.sizes[part] / size * wrong.weight / counts.tally(part, None).weight
        for part, wrong in found.items()
    )


def _blamed(
    name: str | None,
    title: str,
    found: Mapping[Part, Failures],
    of: Mapping[Part, Failures],
    passes: float | None,
    look: Look,
) -> Blamed:
    failures, weight = sum(w.count for w in found.values()), sum(w.weight for w in of.values())
    if not weight:
        return Blamed(name, title, failures, None, None, None, passes)
    n = weight**2 / math.fsum(w.weight**2 / w.count for w in of.values() if w.count)
    share = min(1.0, max(0.0, sum(w.weight for w in found.values()) / weight))
    interval = (confidence_sequence if look == "live" else wilson)(n * share, n)
    assert interval is not None  # something failed
    return Blamed(name, title, failures, share, interval.low, interval.high, passes)


def linked(session: Session, scope: Scope, steps: Sequence[str]) -> Linked | None:
    """Return how far failures hang together; None where verdicts stop at the first wrong step.

    It takes drafts of which every step was judged, also behind a wrong one. As soon as some wrong
    drafts were judged only in part, the others are no fair sample, and nothing is said.
    """
    if _is_any_judged_in_part(session, scope, len(steps)):
        return None
    judged: dict[int, dict[str, bool]] = {}
    rows = session.execute(
        valid(col(Label.run_id), col(Label.step), col(Label.is_right))
        .join(Run, col(Run.id) == col(Label.run_id))
        .where(col(Label.step).is_not(None), *scope.where())
    )
    for run_id, step, is_right in rows:
        judged.setdefault(run_id, {})[step] = is_right
    whole = [verdicts for verdicts in judged.values() if len(verdicts) == len(steps)]
    if all(all(verdicts.values()) for verdicts in whole):
        return None  # nothing failed, so nothing is known of how failures hang together
    return linked_failures([[verdicts[step] for step in steps] for verdicts in whole])


def _is_any_judged_in_part(session: Session, scope: Scope, steps: int) -> bool:
    wrong = func.sum(case((col(Label.is_right), 0), else_=1))
    partly = (
        valid(col(Label.run_id))
        .join(Run, col(Run.id) == col(Label.run_id))
        .where(col(Label.step).is_not(None), *scope.where())
        .group_by(col(Label.run_id))
        .having(wrong > 0, func.count(col(Label.step).distinct()) < steps)
    )
    return session.execute(partly.limit(1)).first() is not None


def customers_part(session: Session, scope: Scope) -> int:
    """Return how many drafts were refused for what the customer did; they count as right."""
    found: int = session.execute(
        select(func.count(col(Decision.run_id).distinct()))
        .join(Run, col(Run.id) == col(Decision.run_id))
        .outerjoin(Undo, col(Undo.decision_id) == col(Decision.id))
        .where(
            col(Decision.is_final),
            col(Decision.blamed_step) == CUSTOMER,
            col(Undo.decision_id).is_(None),
            *scope.where(),
        )
    ).scalar_one()
    return found
