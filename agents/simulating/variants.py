"""The four variants as walks over the same attempts: who checks what, and who gets it then. Pure.

A walk reads only what stood in front of the gate: scores, objections and the drawn faults, never
whether a draft is right. What it commits is delivered and judged elsewhere.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from agents.demo.tickets import DemoTicket
from agents.simulating.judging import Drafted


class End(StrEnum):
    """How a ticket left the pipeline."""

    COMMITTED = "committed"
    ESCALATED = "escalated"  # a person settles it, and is taken to be right
    STOPPED = "stopped"  # refused, with nobody behind the chain who would pick it up


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of the six steps: what was drafted, what went wrong, what it looks like."""

    made: Drafted
    faults: Mapping[str, int]  # steps that went wrong, and the number that says how
    is_right: bool  # the draft; for figures, never for a walk
    score: float  # the gate's; -inf for what never goes out alone
    is_objected: bool  # by critic, binding or a named doubt
    is_repeated: bool  # a second, independent draft says and does the same


@dataclass(frozen=True, slots=True)
class Case:
    """A ticket with its attempts, in the order in which they would be made."""

    ticket: DemoTicket
    first_name: str | None  # how this customer is greeted
    attempts: tuple[Attempt, ...]
    is_base_right: bool  # the draft without any fault
    is_base_whole: bool  # ... and every step on the way to it


@dataclass(frozen=True, slots=True)
class Walk:
    """What became of a ticket: the draft of which attempt, delivered at which try."""

    end: End
    attempt: int = 0
    delivery: int = 0
    tried: int = 1  # drafts that were made
    caught: tuple[str, ...] = ()  # faults of gate and commit that the executor stopped


CONTRADICTED, OBJECTED = 1_000.0, 500.0  # more than any two scores lie apart


@dataclass(frozen=True, slots=True)
class Gate:
    """What the gate goes by; with `asks_twice` it objects to what a second drafting contradicts."""

    threshold: float = -math.inf
    asks_twice: bool = False

    def score(self, attempt: Attempt) -> float:
        """Return what must exceed the threshold: lowest where something speaks against a draft."""
        is_contradicted = self.asks_twice and not attempt.is_repeated
        return attempt.score - CONTRADICTED * is_contradicted - OBJECTED * attempt.is_objected

    def is_flagged(self, attempt: Attempt) -> bool:
        """Return whether the gate objects to the draft."""
        return not self.score(attempt) > self.threshold


def alone(case: Case, retries: int = 0) -> Walk:
    """Walk the chain: nobody checks, or validators and the executor ask for another try.

    With retries, what critic, binding or doubts object to is drafted anew; at last it goes out
    with or without objections, because there is nobody to give it to.
    """
    for number in range(retries + 1):
        attempt, is_last = case.attempts[number], number == retries
        if "gate" in attempt.faults:  # its verdict is wrong: it refuses
            if is_last:
                return Walk(End.STOPPED, number, tried=number + 1)
        elif is_last or not attempt.is_objected:
            break
    return _delivered(case, number, retries, is_checked=retries > 0, otherwise=End.STOPPED)


def gated(case: Case, gate: Gate, retries: int = 0) -> Walk:
    """Walk behind the gate: what it flags is drafted anew, and at last goes to a person.

    The executor weighs a pass once more and compares what it calls with the draft, so a wrong pass
    or a wrong argument is stopped there.
    """
    caught: list[str] = []
    for number in range(retries + 1):
        attempt = case.attempts[number]
        is_flagged = gate.is_flagged(attempt)
        if is_flagged != ("gate" in attempt.faults):  # the verdict, right or wrong, is no
            continue
        if is_flagged:
            caught.append("gate")
            continue
        walk = _delivered(case, number, retries, is_checked=True, otherwise=End.ESCALATED)
        return Walk(walk.end, number, walk.delivery, number + 1, (*caught, *walk.caught))
    return Walk(End.ESCALATED, retries, tried=retries + 1, caught=tuple(caught))


def _delivered(case: Case, number: int, retries: int, *, is_checked: bool, otherwise: End) -> Walk:
    """Deliver; where a wrong argument would be noticed, the call is made up anew."""
    if not is_checked:
        return Walk(End.COMMITTED, number, tried=number + 1)
    for delivery in range(retries + 1):
        if "commit" not in case.attempts[delivery].faults:
            caught = ("commit",) * delivery
            return Walk(End.COMMITTED, number, delivery, number + 1, caught)
    return Walk(otherwise, number, retries, number + 1, ("commit",) * (retries + 1))


def threshold_for(
    cases: Sequence[Case], share: float, retries: int, *, asks_twice: bool = False
) -> float:
    """Return the highest threshold at which at most this share is escalated; no truth is looked at.

    Where rules and stopped deliveries alone exceed the share, it is the lowest.
    """
    gate = Gate(asks_twice=asks_twice)
    limits = sorted(_limit(case, gate, retries) for case in cases)
    allowed = math.floor(share * len(cases) + 1e-9)
    first_over = limits[allowed] if allowed < len(limits) else math.inf
    return max((limit for limit in limits if limit < first_over), default=-math.inf)


def _limit(case: Case, gate: Gate, retries: int) -> float:
    """Return the threshold from which on the ticket is escalated."""
    tried = case.attempts[: retries + 1]
    if all("commit" in one.faults for one in tried):
        return -math.inf
    passable = [gate.score(one) for one in tried if "gate" not in one.faults]
    return max(passable, default=-math.inf)
