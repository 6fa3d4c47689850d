"""Two versions of a policy, model, prompt or calibrator: is one right more often?

Paired by ticket where both worked on the same ones; else on the coin samples of the two, which are
drawn alike. Both kinds answer "no clear difference" where there is none.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlmodel import Session

from store.evidence.comparison import Comparison, in_words, paired, unpaired
from store.evidence.sampling import ENOUGH
from store.reports.drawn import Judged, judged
from store.reports.scope import Scope


@dataclass(frozen=True, slots=True)
class Compared:
    """What is known of the difference; None where one has no judged draft."""

    kind: str
    first: str
    second: str
    found: Comparison | None

    @property
    def words(self) -> str:
        """Return the answer in a sentence."""
        names = (f"{self.kind} {self.first}", f"{self.kind} {self.second}")
        said = in_words(self.found, *names)
        return said[:1].upper() + said[1:] + "."


def compare(session: Session, scope: Scope, kind: str, first: str, second: str) -> Compared:
    """Return the comparison of two versions of this kind, all other choices held."""
    wide = scope
    if kind == "policy":
        wide = replace(scope, policy_version=None)
    elif kind == "model":
        wide = replace(scope, model=None)
    drawn = judged(session, wide)
    found = _found(_of(drawn, kind, first), _of(drawn, kind, second))
    if found is not None and found.difference < 0:  # the better one is named first
        first, second = second, first
        found = _found(_of(drawn, kind, first), _of(drawn, kind, second))
    return Compared(kind, first, second, found)


def _found(one: list[Judged], other: list[Judged]) -> Comparison | None:
    alone = unpaired(_right(one), len(one), _right(other), len(other))
    return _pairs(one, other) or alone


def _of(drawn: Iterable[Judged], kind: str, version: str) -> list[Judged]:
    return [one for one in drawn if one.versions.get(kind) == version]


def _right(judged: list[Judged]) -> int:
    return sum(one.is_right for one in judged)


def _pairs(one: list[Judged], other: list[Judged]) -> Comparison | None:
    """Return the comparison on the tickets that both worked on; None where there are too few."""
    first = {judged.ticket_id: judged.is_right for judged in one}
    second = {judged.ticket_id: judged.is_right for judged in other}
    both = first.keys() & second.keys()
    if len(both) < ENOUGH:
        return None
    verdicts = [(first[ticket], second[ticket]) for ticket in both]
    return paired(
        only_first=verdicts.count((True, False)),
        only_second=verdicts.count((False, True)),
        both=verdicts.count((True, True)),
        neither=verdicts.count((False, False)),
    )
