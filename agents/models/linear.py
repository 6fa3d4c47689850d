"""Multinomial logistic regression with many features and few texts, fitted where it is small.

The weights of an L2-regularised fit lie in the span of the training rows, so it is fitted in that
span (one dimension a text) and carried back: the same model, tens of times faster.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.float64]
STRENGTH = 10.0  # C of the regression: few examples, clean labels
_NOISE = 1e-8


@dataclass(frozen=True, slots=True)
class Dual:
    """A fit as weights over the training rows: scores are `products with the rows @ weights`."""

    classes: NDArray[np.str_]
    weights: Floats
    intercept: Floats

    def scores(self, products: Floats) -> Floats:
        """Return one score a class for each row of dot products with the training rows."""
        result: Floats = products @ self.weights + self.intercept
        return result


def fit_dual(products: Floats, labels: Sequence[str] | NDArray[np.str_]) -> Dual:
    """Fit on the matrix of dot products between training rows; at least two classes."""
    values, vectors = np.linalg.eigh(products)
    is_kept = values > _NOISE * max(float(values[-1]), _NOISE)
    roots = np.sqrt(values[is_kept])
    rows = vectors[:, is_kept] * roots
    model: Any = LogisticRegression(C=STRENGTH, max_iter=500, class_weight="balanced")
    model.fit(rows, labels)
    coefficients, intercept = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # scikit-learn keeps one row for two classes
        coefficients = np.vstack([-coefficients[0], coefficients[0]]) / 2
        intercept = np.array([-intercept[0], intercept[0]]) / 2
    weights = (vectors[:, is_kept] / roots) @ coefficients.T
    return Dual(classes=model.classes_, weights=weights, intercept=intercept)


def probabilities(scores: Floats) -> Floats:
    """Return the softmax of each row."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: Floats = shifted / shifted.sum(axis=1, keepdims=True)
    return result
