"""Which steps go wrong: a seeded draw per ticket, attempt and step, the same in every variant."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from store.evidence.sampling import coin

STEPS = ("intent", "retrieval", "tool_call", "synthesis", "gate", "commit")
DRAFTING = frozenset(STEPS[:4])


def rng_of(seed: int, ticket: str, attempt: int, step: str) -> Random:
    """Return the random source of how a step of an attempt at a ticket goes wrong."""
    return Random(f"{seed}:{ticket}:{attempt}:{step}")  # noqa: S311


@dataclass(frozen=True, slots=True)
class Dice:
    """The chances of an experiment. A higher fault rate keeps the faults of a lower one."""

    seed: int
    rate: float  # with which each step does the wrong thing
    repeat: float = 0.0  # chance that a later attempt's step does just what the first one's did

    def drawn(self, ticket: str, attempt: int) -> Mapping[str, int]:
        """Return the steps that do the wrong thing, each with the attempt whose wrong it is."""
        sources = {step: self._source(ticket, attempt, step) for step in STEPS}
        return {
            step: source
            for step, source in sources.items()
            if coin(f"{ticket}:{source}:{step}", str(self.seed), self.rate)
        }

    def _source(self, ticket: str, attempt: int, step: str) -> int:
        repeats = coin(f"{ticket}:{attempt}:{step} repeats", str(self.seed), self.repeat)
        return 0 if repeats else attempt
