"""From signals to the probability of being right: a logistic stack with a rising map on top.

Fitting needs scikit-learn and is done by command; using a fitted stack is plain arithmetic. The raw
score ranks drafts, the probability is what is shown and gated; the map between them is Platt's, or
a beta map where it is clearly better, and never isotonic: its steps would make ties on the slider.
A stack is used only once there are enough labels behind it: 200, of which at least 20 wrong.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, model_validator

from store.errors import BadInput
from store.evidence.probability_maps import Beta, Platt, choose, probability

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEEDED_LABELS = 200
NEEDED_WRONG = 20
_FOLDS = 5
_CONSTANT = 1e-9  # a signal that varies less than this carries nothing


def is_fit_for_use(labels: int, wrong: int) -> bool:
    """Return whether a model has enough labels for its confidence to be believed.

    Examples
    --------
    >>> is_fit_for_use(200, 20), is_fit_for_use(5_000, 19)
    (True, False)
    """
    return labels >= NEEDED_LABELS and wrong >= NEEDED_WRONG


def progress(labels: int, wrong: int) -> str:
    """Return how far a model's labels have come, in the words the pages use.

    Examples
    --------
    >>> progress(37, 2)
    '37 of 200 labels'
    >>> progress(230, 7)
    '230 labels, but 7 of 20 wrong ones'
    """
    if labels < NEEDED_LABELS:
        return f"{labels} of {NEEDED_LABELS} labels"
    if wrong < NEEDED_WRONG:
        return f"{labels} labels, but {wrong} of {NEEDED_WRONG} wrong ones"
    return f"{labels} labels, {wrong} wrong"


class Stack(BaseModel):
    """A fitted logistic stack. Missing signals count as their mean; non-finite ones are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    signals: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float
    platt: Platt
    beta: Beta | None = None  # used instead, where cross-validation clearly preferred it

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if not len(self.signals) == len(self.means) == len(self.scales) == len(self.weights):
            raise ValueError("signals, means, scales and weights must have one length")
        if any(scale <= 0 for scale in self.scales):
            raise ValueError("scales must be positive")
        return self

    def raw(self, signals: Mapping[str, float]) -> float:
        """Return the score that ranks drafts; raises BadInput for a signal that is not finite."""
        total = self.intercept
        for name, mean, scale, weight in zip(
            self.signals, self.means, self.scales, self.weights, strict=True
        ):
            value = signals.get(name, mean)
            if not math.isfinite(value):
                raise BadInput(
                    f"The signal `{name}` is not a finite number, so no confidence can be computed."
                    " Mend what produces it."
                )
            total += weight * (value - mean) / scale
        return total

    def probability(self, raw: float) -> float:
        """Return the probability of being right for a raw score; never re-orders drafts.

        Examples
        --------
        >>> stack = Stack(signals=("margin",), means=(0.5,), scales=(0.1,), weights=(1.0,),
        ...               intercept=0.0, platt=(1.0, 0.0))
        >>> stack.probability(stack.raw({}))
        0.5
        >>> round(stack.probability(stack.raw({"margin": 0.8})), 3)
        0.953
        """
        return probability(raw, self.platt if self.beta is None else self.beta)

    @property
    def map_name(self) -> str:
        """Return which map turns scores into probabilities, as pages name it."""
        return "Platt" if self.beta is None else "beta"


def fit(
    rows: Sequence[Mapping[str, float]],
    right: Sequence[bool],
    *,
    seed: int,
    weights: Sequence[float] | None = None,
) -> Stack:
    """Fit a stack on labelled drafts: logistic regression, then a map fitted on held-out scores.

    Parameters
    ----------
    rows, right
        Signals per draft and whether it was right; n is their number. Raises BadInput when empty,
        when one class has fewer than five drafts, or when a signal is not finite.
    seed
        Of the folds.
    weights
        1 / inclusion probability per draft; equal when left out.

    Returns
    -------
    Stack
        Its slope is at least 0: signals that mean nothing give every draft the base rate. Whether
        it may be *used* is `is_fit_for_use`'s to say.

    References
    ----------
    Wolpert 1992 for stacking; `probability_maps` for the maps.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    names, means, scales, table = _standardise(rows)
    truth = np.asarray(right, dtype=bool)
    if min(truth.sum(), (~truth).sum()) < _FOLDS:
        raise BadInput(
            f"A calibrator needs at least {_FOLDS} right and {_FOLDS} wrong drafts;"
            f" there are {int(truth.sum())} and {int((~truth).sum())}."
        )
    mass = np.ones(len(truth)) if weights is None else np.asarray(weights, dtype=float)
    mass = mass / mass.mean()
    model = LogisticRegression(C=1.0, max_iter=1_000)
    held_out = cross_val_predict(
        model,
        table,
        truth,
        cv=StratifiedKFold(_FOLDS, shuffle=True, random_state=seed),
        params={"sample_weight": mass},
        method="decision_function",
    )
    model.fit(table, truth, sample_weight=mass)
    platt, beta = choose(held_out, truth, mass, seed=seed)
    return Stack(
        signals=names,
        means=tuple(means.tolist()),
        scales=tuple(scales.tolist()),
        weights=tuple(model.coef_[0].tolist()),
        intercept=float(model.intercept_[0]),
        platt=platt,
        beta=beta,
    )


def _standardise(
    rows: Sequence[Mapping[str, float]],
) -> tuple[tuple[str, ...], "NDArray[np.float64]", "NDArray[np.float64]", "NDArray[np.float64]"]:
    names = tuple(sorted({name for row in rows for name in row}))
    if not names:
        raise BadInput("There is nothing to fit a calibrator on: no labelled draft has signals.")
    if not all(math.isfinite(value) for row in rows for value in row.values()):
        raise BadInput("A signal is not a finite number; a calibrator cannot be fitted on it.")
    table = np.array([[row.get(name, np.nan) for name in names] for row in rows], dtype=float)
    means = np.nanmean(table, axis=0)
    table = np.where(np.isnan(table), means, table)
    scales = table.std(axis=0)
    scales = np.where(scales > _CONSTANT, scales, 1.0)
    return names, means, scales, (table - means) / scales
