"""Faults put in on purpose, per step, so that retries and health can be seen at work in the demo.

Off by default. A fault is decided by hash, so one seed gives the same faults again.
"""

import hashlib
from dataclasses import dataclass


class InjectedFaultError(Exception):
    """A fault that `--faults` asked for; another attempt may succeed."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Fails this share of attempts at every step."""

    rate: float = 0.0
    seed: int = 0

    def check(self, step: str, run_id: int, attempt: int) -> None:
        """Raise InjectedFaultError for the attempts that the rate draws."""
        if self.rate <= 0:
            return
        key = f"{self.seed}:{step}:{run_id}:{attempt}".encode()
        draw = int.from_bytes(hashlib.sha256(key).digest()[:8]) / 2**64
        if draw < self.rate:
            raise InjectedFaultError(f"injected fault in {step} (demo, rate {self.rate:g})")
