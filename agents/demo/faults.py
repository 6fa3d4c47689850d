"""Failures on request: the demo's tool server can be asked to answer slowly or not at all.

Only read-only tools are ever disturbed. Asked for by the server's `--faults`, by the variables
GREENLIGHT_DEMO_FAULTS and GREENLIGHT_DEMO_FAULTS_SEED, or by `demo/faults.json` in the home folder
(the way for a demo whose workers start their own servers), in this order.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Literal

RATE_VARIABLE = "GREENLIGHT_DEMO_FAULTS"
SEED_VARIABLE = "GREENLIGHT_DEMO_FAULTS_SEED"
Fault = Literal["slow", "error"]


@dataclass(frozen=True, slots=True)
class FaultSettings:
    """How often a read fails, from 0 to 1, and how long a slow one takes."""

    rate: float = 0.0
    seed: int = 1
    slow_seconds: float = 15.0  # beyond the ten seconds that greenlight.toml allows


def _file(home: Path) -> Path:
    return home / "demo" / "faults.json"


def save(home: Path, settings: FaultSettings) -> None:
    """Leave the settings for every tool server of this home that starts from now on."""
    _file(home).parent.mkdir(parents=True, exist_ok=True)
    _file(home).write_text(json.dumps(asdict(settings)), encoding="utf-8")


def settings_for(home: Path, environment: Mapping[str, str] = os.environ) -> FaultSettings:
    """Return what was asked for by variable, else by file, else no faults at all."""
    if RATE_VARIABLE in environment:
        return FaultSettings(
            rate=float(environment[RATE_VARIABLE]), seed=int(environment.get(SEED_VARIABLE, "1"))
        )
    if _file(home).is_file():
        return FaultSettings(**json.loads(_file(home).read_text(encoding="utf-8")))
    return FaultSettings()


class Faults:
    """Draws, call by call, whether and how a read fails; the same seed draws the same row."""

    def __init__(self, settings: FaultSettings) -> None:
        self.settings = settings
        self._random = Random(settings.seed)  # noqa: S311

    def draw(self) -> Fault | None:
        """Return the next call's fault; one in four is slow, the others are errors."""
        if self._random.random() >= self.settings.rate:
            return None
        return "slow" if self._random.random() < 0.25 else "error"
