"""Whether a text belongs to what the company does at all: a cut fitted on its own examples.

Each example is held out once. How sure the classifier is of its choice, how near the example is to
others of that intent, and how likely it is nobody's business make one score; the cut keeps 93 % of
the company's own examples, which are harder than tickets, since each is judged without itself.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from agents.models.linear import Dual, Floats, fit_dual, probabilities

OUT = "~out of scope"
NEAREST = 3  # examples of the chosen intent that a text is compared with
KEPT = 0.93  # share of held-out examples of the intents that stay in scope
_FOLDS = 5
_SEED = 7
_TINY = 1e-6


@dataclass(frozen=True, slots=True)
class Scope:
    """A fitted score, and the cut below which a text is out of scope."""

    weights: Floats
    cut: float

    def is_outside(self, evidence: Floats) -> bool:
        """Return whether `evidence_of` a text lies below the cut."""
        return float(evidence @ self.weights) < self.cut


def evidence_of(
    shares: Floats, classes: NDArray[np.str_], cosines: Floats, labels: NDArray[np.str_]
) -> tuple[int, Floats]:
    """Return the likeliest intent, and what speaks for the text being of it at all.

    That is log p of the intent, the mean cosine of its three nearest examples, and log p of being
    out of scope (0 where no foreign examples were given).
    """
    inside = classes != OUT
    best = int(np.argmax(np.where(inside, shares, -1.0)))
    own = np.sort(cosines[labels == classes[best]])[-NEAREST:]
    outside = float(shares[~inside].sum())
    logs = np.log(np.maximum([shares[best], outside or 1.0], _TINY))
    return best, np.array([logs[0], own.mean() if len(own) else 0.0, logs[1]])


def fit_scope(products: list[Floats], labels: NDArray[np.str_]) -> Scope:
    """Fit on examples held out by stratified cross-validation; `products[-1]` are the cosines."""
    _, counts = np.unique(labels, return_counts=True)
    count = min(_FOLDS, max(2, int(counts.min())))
    folds = StratifiedKFold(count, shuffle=True, random_state=_SEED).split(labels, labels)
    rows = np.zeros((len(labels), 3))
    for train, held in folds:
        models = [fit_dual(one[np.ix_(train, train)], labels[train]) for one in products]
        shares = _mean_shares(models, [one[np.ix_(held, train)] for one in products])
        for at, share in zip(held, shares, strict=True):
            cosines = products[-1][at][train]
            _, rows[at] = evidence_of(share, models[0].classes, cosines, labels[train])
    inside = labels != OUT
    weights = _weights(rows, inside)
    return Scope(weights, cut=float(np.quantile(rows[inside] @ weights, 1 - KEPT)))


def _mean_shares(models: list[Dual], products: list[Floats]) -> Floats:
    parts = [probabilities(model.scores(one)) for model, one in zip(models, products, strict=True)]
    mean: Floats = np.mean(parts, axis=0)
    return mean


def _weights(rows: Floats, inside: NDArray[np.bool_]) -> Floats:
    """Tell own from foreign examples; without foreign ones, weigh sureness and nearness alike."""
    if inside.all():
        alike: Floats = np.array([1.0, 1.0, 0.0]) / np.maximum(rows.std(axis=0), _TINY)
        return alike
    model: Any = LogisticRegression(class_weight="balanced").fit(rows, inside)
    weights: Floats = model.coef_[0]
    return weights
