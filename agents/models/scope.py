"""Whether a text belongs to what the company does at all: cut-offs fitted on its own examples.

A text's score joins how sure the classifier is with how near the text is to the examples of the
intent it chose, each measured in the spread that the examples themselves show when held out.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from agents.models.linear import Floats, fit_dual, probabilities

OUT = "~out of scope"
NEAREST = 3  # examples of the chosen intent that a text is compared with
KEPT = 0.97  # share of held-out examples that stay in scope
_FOLDS = 5
_SEED = 7


@dataclass(frozen=True, slots=True)
class ScopeScale:
    """The spread of sureness and nearness among held-out examples, and the cut below them."""

    sureness: tuple[float, float]  # mean and spread of log p
    nearness: tuple[float, float]
    cut: float

    def score(self, sureness: float, nearness: float) -> float:
        """Return how much a text looks like the examples do: 0 is their average."""
        return (sureness - self.sureness[0]) / self.sureness[1] + (
            nearness - self.nearness[0]
        ) / self.nearness[1]

    def is_outside(self, sureness: float, nearness: float) -> bool:
        """Return whether the text lies below the cut."""
        return self.score(sureness, nearness) < self.cut


def nearness_to(label: str, cosines: Floats, labels: NDArray[np.str_]) -> float:
    """Return the mean cosine of the nearest three examples of the label."""
    own = np.sort(cosines[labels == label])[-NEAREST:]
    return float(own.mean()) if len(own) else 0.0


def fit_scope(products: list[Floats], labels: NDArray[np.str_]) -> ScopeScale:
    """Fit the scale and cut on examples held out by stratified cross-validation."""
    _, counts = np.unique(labels, return_counts=True)
    count = min(_FOLDS, max(2, int(counts.min())))
    folds = StratifiedKFold(count, shuffle=True, random_state=_SEED).split(labels, labels)
    sure: list[float] = []
    near: list[float] = []
    for train, held in folds:
        models = [fit_dual(one[np.ix_(train, train)], labels[train]) for one in products]
        parts = [
            probabilities(model.scores(one[np.ix_(held, train)]))
            for model, one in zip(models, products, strict=True)
        ]
        mean = np.mean(parts, axis=0)
        classes = models[0].classes
        inside = classes != OUT
        for row, at in enumerate(held):
            if labels[at] == OUT:
                continue
            best = int(np.argmax(np.where(inside, mean[row], -1)))
            sure.append(float(np.log(mean[row][best])))
            near.append(nearness_to(classes[best], products[-1][at][train], labels[train]))
    return _scale(np.array(sure), np.array(near))


def _scale(sure: Floats, near: Floats) -> ScopeScale:
    sureness = (float(sure.mean()), max(float(sure.std()), 1e-6))
    nearness = (float(near.mean()), max(float(near.std()), 1e-6))
    scale = ScopeScale(sureness, nearness, cut=0.0)
    scores = [scale.score(one, two) for one, two in zip(sure, near, strict=True)]
    return ScopeScale(sureness, nearness, cut=float(np.quantile(scores, 1 - KEPT)))
