"""How reviewing goes, by person: pace, verdicts, second looks, planted errors.

Figures about a process, not a score of a person. Batches are counted apart, for nobody looked at
each of their cards; planted cards are left out of the ordinary verdicts; simulated reviewers are
never mixed with people. Both approvals of a two-person card are not independent, so they say
nothing about agreement: only second looks at audits do.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from sqlmodel import Session

from store.evidence.intervals import wilson
from store.evidence.sampling import ENOUGH
from store.reports.reviewer_counts import CARDS, Counts, counted
from store.transitions import Verdict

RAPID_CARDS = 50  # before which a pace says nothing
RAPID_SECONDS = 3.0
RAPID_SHARE = 0.95
NAMED_GOAL = 0.9  # of the drafts sent back or mended, with their first wrong step

_AUDITS = (Verdict.RIGHT, Verdict.WRONG)


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole with its 95 % range (Wilson); None where there is no whole."""

    part: int
    whole: int
    rate: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, part: int, whole: int) -> Self:
        """Return the share."""
        found = wilson(part, whole)
        if found is None:
            return cls(part, whole, None, None, None)
        return cls(part, whole, part / whole, found.low, found.high)

    @property
    def has_enough(self) -> bool:
        """Return False under 30: show the counts only, no rate."""
        return self.whole >= ENOUGH


@dataclass(frozen=True, slots=True)
class Reviewer:
    """One person's part; shares are of `cards` unless they say otherwise."""

    person: str
    is_simulated: bool
    cards: int  # approved, edited or rejected one by one, those undone later among them
    in_bulk: int
    audits: int  # judged right or wrong, second looks among them
    timed: int  # of `cards`, those whose time on the card is known
    median_s: float | None
    p90_s: float | None
    approved: Share
    edited: Share
    rejected: Share
    undone: Share
    named: Share  # first wrong step, of what was rejected, or edited for more than its wording
    agreed: Share  # of the audits that two people judged, this person being one of them
    caught: Share  # of the planted errors shown: rejected or edited

    @property
    def is_rapid(self) -> bool:
        """Return whether nearly everything was approved, faster than a card can be read."""
        return (
            self.timed >= RAPID_CARDS
            and self.median_s is not None
            and self.median_s < RAPID_SECONDS
            and (self.approved.rate or 0.0) > RAPID_SHARE
        )

    @property
    def notice(self) -> str | None:
        """Return what a manager should know, if anything."""
        if not self.is_rapid:
            return None
        return (
            f"{self.person} approved {self.approved.part} of {self.cards} cards in a median of"
            f" {self.median_s:.1f} s. That is faster than a card can be read."
        )


@dataclass(frozen=True, slots=True)
class Team:
    """All people together, or all simulated reviewers."""

    cards: int
    named: Share
    overturned: Share  # of the "wrong" verdicts looked at again, those found right
    missed: Share  # of the planted errors shown, those approved


@dataclass(frozen=True, slots=True)
class ReviewerReport:
    """Decisions taken in [since, until); most cards first."""

    since: datetime
    until: datetime
    people: tuple[Reviewer, ...]
    simulated: tuple[Reviewer, ...]
    team: Team
    simulated_team: Team

    def as_json(self) -> dict[str, Any]:
        """Return the stable JSON of `greenlight reviewers`."""
        found = asdict(self)
        for name, group in (("people", self.people), ("simulated", self.simulated)):
            found[name] = [{**asdict(one), "notice": one.notice} for one in group]
        return found


def reviewers(session: Session, *, since: datetime, until: datetime) -> ReviewerReport:
    """Return the figures of everybody who decided anything in [since, until)."""
    known = counted(session, since, until)
    people = {name: one for (name, is_simulated), one in known.items() if not is_simulated}
    simulated = {name: one for (name, is_simulated), one in known.items() if is_simulated}
    return ReviewerReport(
        since=since,
        until=until,
        people=_listed(people, is_simulated=False),
        simulated=_listed(simulated, is_simulated=True),
        team=_team(people.values()),
        simulated_team=_team(simulated.values()),
    )


def _listed(known: dict[str, Counts], *, is_simulated: bool) -> tuple[Reviewer, ...]:
    found = [_reviewer(name, is_simulated, one) for name, one in known.items()]
    return tuple(sorted(found, key=lambda one: (-one.cards, one.person)))


def _reviewer(person: str, is_simulated: bool, counts: Counts) -> Reviewer:
    verdicts = counts.verdicts
    cards = sum(verdicts[verdict] for verdict in CARDS)
    return Reviewer(
        person=person,
        is_simulated=is_simulated,
        cards=cards,
        in_bulk=counts.in_bulk,
        audits=sum(verdicts[verdict] for verdict in _AUDITS),
        timed=counts.seconds.total(),
        median_s=_rank(counts.seconds, 0.5),
        p90_s=_rank(counts.seconds, 0.9),
        approved=Share.of(verdicts[Verdict.APPROVE], cards),
        edited=Share.of(verdicts[Verdict.EDIT], cards),
        rejected=Share.of(verdicts[Verdict.REJECT], cards),
        undone=Share.of(counts.undone, cards),
        named=Share.of(counts.named, counts.faulted),
        agreed=_share(counts.agreed),
        caught=_share(counts.caught),
    )


def _team(members: Iterable[Counts]) -> Team:
    counts = list(members)
    caught = sum((one.caught for one in counts), Counter[bool]())
    return Team(
        cards=sum(one.verdicts[verdict] for one in counts for verdict in CARDS),
        named=Share.of(sum(one.named for one in counts), sum(one.faulted for one in counts)),
        overturned=_share(sum((one.overturned for one in counts), Counter[bool]())),
        missed=Share.of(caught[False], caught.total()),
    )


def _share(counts: Counter[bool]) -> Share:
    return Share.of(counts[True], counts.total())


def _rank(counts: Counter[float], quantile: float) -> float | None:
    """Return the smallest value that this share of all does not exceed."""
    wanted, seen = math.ceil(quantile * counts.total()), 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= wanted:
            return value
    return None
