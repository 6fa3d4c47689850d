"""The calibrator in force for a model: read again now and then, fitted once enough labels exist.

Until then there is none, and every draft goes to a person with a note of how far the labels are.
"""

from datetime import UTC, datetime
from time import monotonic

from sqlmodel import Session

from agents.steps.synthesis import Calibration
from store import calibrators, labels
from store.engine import Store
from store.evidence.calibration import fit, is_fit_for_use, progress

REFRESH_SECONDS = 30.0
FIT_SEED = 2026


class CalibrationSource:
    """Tells the calibration of one model, at most half a minute old."""

    def __init__(self, store: Store, model: str) -> None:
        self._store = store
        self._model = model
        self._known: Calibration | None = None
        self._read_at = 0.0

    def current(self) -> Calibration:
        """Return the calibrator in force, or why there is none yet."""
        if self._known is None or monotonic() - self._read_at > REFRESH_SECONDS:
            self._known = self._read()
            self._read_at = monotonic()
        return self._known

    def _read(self) -> Calibration:
        known = self._store.read(_in_force, self._model)
        if known.stack is None and self._store.transact(
            fit_if_ready, self._model, now=datetime.now(UTC)
        ):
            return self._store.read(_in_force, self._model)
        return known


def _in_force(session: Session, model: str) -> Calibration:
    fitted = calibrators.active(session, model)
    if fitted is not None:
        return Calibration(stack=fitted.stack, version=fitted.version)
    rows = labels.training_rows(session, model)
    return Calibration(note=progress(len(rows.is_right), rows.is_right.count(False)))


def fit_if_ready(session: Session, model: str, *, now: datetime) -> bool:
    """Fit and store a calibrator if people's labels suffice; return whether one was stored."""
    rows = labels.training_rows(session, model)
    total, wrong = len(rows.is_right), rows.is_right.count(False)
    if not is_fit_for_use(total, wrong):
        return False
    stack = fit(rows.signals, rows.is_right, weights=rows.weights, seed=FIT_SEED)
    fitted = calibrators.Fitted(
        version=f"{model}-{total}-labels",
        model=model,
        is_demo=False,
        stack=stack,
        labels=total,
        wrong=wrong,
    )
    return calibrators.save(session, fitted, now=now)
