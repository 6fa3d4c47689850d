"""Which steps go wrong: a seeded draw per ticket, attempt and step, the same in every variant."""

from random import Random

STEPS = ("intent", "retrieval", "tool_call", "synthesis", "gate", "commit")
DRAFTING = frozenset(STEPS[:4])


def rng_of(seed: int, ticket: str, attempt: int, step: str) -> Random:
    """Return the random source of one step of one attempt at one ticket."""
    return Random(f"{seed}:{ticket}:{attempt}:{step}")  # noqa: S311


def is_faulty(rng: Random, rate: float) -> bool:
    """Return whether the step does the wrong thing; a higher rate keeps the faults of a lower."""
    return rng.random() < rate


def drawn(seed: int, ticket: str, attempt: int, rate: float) -> frozenset[str]:
    """Return the steps that do the wrong thing in this attempt."""
    return frozenset(
        step for step in STEPS if is_faulty(rng_of(seed, ticket, attempt, step), rate)
    )
