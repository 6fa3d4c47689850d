"""A calibrator for tests: its one signal is the log-odds of being right."""

import math

from builders import MODEL, NOW
from sqlmodel import Session

from store import calibrators
from store.calibrators import Fitted
from store.evidence.calibration import Stack
from store.schema import Calibrator

CALIBRATOR = "sure-1"


def calibrator(session: Session, version: str = CALIBRATOR, model: str = MODEL) -> None:
    """Store a calibrator that takes the `sure` signal for the log-odds of being right."""
    if session.get(Calibrator, version) is None:
        stack = Stack(
            signals=("sure",),
            means=(0.0,),
            scales=(1.0,),
            weights=(1.0,),
            intercept=0.0,
            platt=(1.0, 0.0),
        )
        fitted = Fitted(version=version, model=model, is_demo=True, stack=stack, labels=0, wrong=0)
        calibrators.save(session, fitted, now=NOW)


def signals(confidence: float) -> dict[str, float]:
    """Return signals that the calibrator turns into this confidence."""
    return {"sure": math.log(confidence / (1 - confidence))}
