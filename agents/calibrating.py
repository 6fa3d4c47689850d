"""The calibrator in force for a model: read again now and then, fitted once enough labels exist.

Until then there is none, and every draft goes to a person with a note of how far the labels are. A
refit comes by command, or by itself where `recalibrate_days` is set. It is never daily: it changes
what a confidence means, so that a threshold set by the old one says something else, certificates
lapse, and the coin sample that the next one rests on begins anew. Hence also a fifth more labels.
"""

import hashlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Thread
from time import monotonic

import numpy as np
from sqlmodel import Session

from agents.steps.synthesis import Calibration
from store import calibrators, labels
from store.calibrators import Fitted, Report
from store.engine import Store
from store.errors import GreenlightError
from store.evidence.calibration import fit, is_fit_for_use, progress
from store.evidence.calibration_quality import brier_gain, cross_validated, quality
from store.evidence.sampling import ENOUGH
from store.labels import TrainingRows

log = logging.getLogger(__name__)

REFRESH_SECONDS = 30.0
CONSIDER_SECONDS = 600.0  # between looks at whether a refit is due
MORE_LABELS = 1.2  # by which a refit by itself has grown
FIT_SEED = 2026


def in_background(work: Callable[[], None]) -> None:
    """Start work beside the runs: a fit takes seconds, and leases are renewed meanwhile."""
    Thread(target=work, name="calibrating", daemon=True).start()


class CalibrationSource:
    """Tells the calibration of one model, at most half a minute old."""

    def __init__(
        self,
        store: Store,
        model: str,
        *,
        recalibrate_days: float = 0.0,
        start: Callable[[Callable[[], None]], None] = in_background,
    ) -> None:
        self._store = store
        self._model = model
        self._days = recalibrate_days
        self._start = start
        self._known: Calibration | None = None
        self._read_at = 0.0
        self._considered_at: float | None = None

    def current(self) -> Calibration:
        """Return the calibrator in force, or why there is none yet."""
        if self._known is None or monotonic() - self._read_at > REFRESH_SECONDS:
            self._known, could_fit = self._store.read(_in_force, self._model)
            self._read_at = monotonic()
            if (could_fit or self._days > 0) and self._is_time():
                self._considered_at = monotonic()
                self._start(self._refit)
        return self._known

    def _is_time(self) -> bool:
        last = self._considered_at
        return last is None or monotonic() - last > CONSIDER_SECONDS

    def _refit(self) -> None:
        now = datetime.now(UTC)
        try:
            refit_if_due(self._store, self._model, days=self._days, now=now)
        except GreenlightError as error:
            log.warning("no calibrator was fitted for %s: %s", self._model, error)


def _in_force(session: Session, model: str) -> tuple[Calibration, bool]:
    """Return the calibration, and whether one could be fitted where there is none."""
    fitted = calibrators.active(session, model)
    if fitted is not None:
        return Calibration(stack=fitted.stack, version=fitted.version), False
    rows = labels.training_rows(session, model)
    total, wrong = len(rows.is_right), rows.is_right.count(False)
    return Calibration(note=progress(total, wrong)), is_fit_for_use(total, wrong)


def refit_if_due(store: Store, model: str, *, days: float, now: datetime) -> bool:
    """Fit and store a calibrator on people's labels if it is time; return whether one was stored.

    It is time when there is none and the labels suffice, or when the one in force is more than
    `days` old (0: never) and at least a fifth more labels exist than it was fitted on.
    """
    old = store.read(calibrators.active, model)
    if old is not None and not _is_old(old, days, now):
        return False
    rows = store.read(labels.training_rows, model)
    if old is not None and len(rows.is_right) < MORE_LABELS * old.labels:
        return False
    fitted = refit(model, rows, old, now=now)
    if fitted is None:
        return False
    return store.transact(calibrators.replace, fitted, old=old.version if old else None, now=now)


def _is_old(old: Fitted, days: float, now: datetime) -> bool:
    return days > 0 and old.fitted_at is not None and now - old.fitted_at > timedelta(days=days)


def refit(
    model: str,
    rows: TrainingRows,
    old: Fitted | None,
    *,
    with_simulated: bool = False,
    now: datetime,
) -> Fitted | None:
    """Return a calibrator fitted on the labels and judged beside the one in force, unsaved.

    None while there are too few labels. Raises BadInput where hardly any draft was right.
    """
    total, wrong = len(rows.is_right), rows.is_right.count(False)
    if not is_fit_for_use(total, wrong):
        return None
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # many small fits: more threads only wait for each other
        stack = fit(rows.signals, rows.is_right, weights=rows.weights, seed=FIT_SEED)
        report = _judged(rows, old, map_name=stack.map_name, with_simulated=with_simulated)
    content = hashlib.sha256(f"{now.isoformat()} {stack.model_dump_json()}".encode()).hexdigest()
    return Fitted(
        version=f"{model}-{now:%Y-%m-%d}-{total}-{content[:8]}",
        model=model,
        is_demo=with_simulated,
        stack=stack,
        labels=total,
        wrong=wrong,
        report=report,
    )


def _judged(
    rows: TrainingRows, old: Fitted | None, *, map_name: str, with_simulated: bool
) -> Report:
    right, weights = np.asarray(rows.is_right), np.asarray(rows.weights)
    after = cross_validated(rows.signals, rows.is_right, weights=rows.weights, seed=FIT_SEED)
    report = Report(
        map_name=map_name,
        with_simulated=with_simulated,
        after=quality(after, right, weights),
        before_version=old.version if old else None,
    )
    unseen = np.flatnonzero(_unseen(rows, old))
    if old is None or len(unseen) < ENOUGH:
        return report
    stack = old.stack
    before = np.array([stack.probability(stack.raw(rows.signals[i])) for i in unseen])
    same, truth, mass = after[unseen], right[unseen], weights[unseen]
    judged = {
        "before": quality(before, truth, mass),
        "after_on_same": quality(same, truth, mass),
        "gain": brier_gain(before, same, truth, mass),
    }
    return report.model_copy(update=judged)


def _unseen(rows: TrainingRows, old: Fitted | None) -> list[bool]:
    """Return which labels the calibrator in force cannot have been fitted on."""
    if old is None:
        return [False] * len(rows.is_right)
    is_shipped = old.is_demo and old.report is None  # fitted on tickets of another world
    return [is_shipped or old.fitted_at is None or at > old.fitted_at for at in rows.labelled_at]
