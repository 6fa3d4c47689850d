"""Which of the company's intents a text is, or none: learned at start from the company's examples.

Two logistic regressions, one over words, one over meaning, averaged. Requests that are not for this
company are a class of their own; beyond it, a text unlike the examples is out of scope too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from agents.models.encoder import Encoder
from agents.models.features import Floats, Meaning, Words
from agents.models.linear import Dual, fit_dual, probabilities
from agents.models.scope import OUT, evidence_of, fit_scope

NEIGHBOURS = 7
_EPSILON = 1e-6


@dataclass(frozen=True, slots=True)
class Reading:
    """What the classifier makes of a text; `label` is the likeliest intent, in scope or not."""

    label: str
    is_out_of_scope: bool
    probability: float  # of the label, or of being out of scope
    ranked: list[tuple[str, float]]  # intents, likeliest first
    signals: dict[str, float]


class IntentClassifier:
    """Learned once per process; reading a text costs a few milliseconds."""

    def __init__(
        self,
        examples: Sequence[tuple[str, str]],
        out_of_scope: Sequence[str],
        encoder: Encoder | None,
    ) -> None:
        texts = [text for text, _ in examples] + list(out_of_scope)
        labels = [label for _, label in examples] + [OUT] * len(out_of_scope)
        self._labels = np.array(labels)
        self._words = Words(texts)
        self._meaning = Meaning(texts, encoder) if encoder else None
        with threadpool_limits(1):  # small matrices: more threads only fight
            by_words = self._words.products()
            by_meaning = self._meaning.products() if self._meaning else by_words / Words.PARTS
            self._scope = fit_scope([by_words, by_meaning], self._labels)
            self._word_model = fit_dual(by_words, self._labels)
            self._word_weights: Floats = self._words.rows.T @ self._word_model.weights
            self._meaning_model: Dual | None = (
                fit_dual(by_meaning, self._labels) if self._meaning else None
            )
        self._classes = self._word_model.classes

    def guess(self, text: str) -> str:
        """Return the likeliest class by words alone: a tenth of the time, mostly right."""
        scores: Floats = self._words.row(text) @ self._word_weights + self._word_model.intercept
        return str(self._classes[int(np.argmax(scores[0]))])

    def read(self, text: str, *, without: str | None = None) -> Reading:
        """Classify a text; its words decide nothing but which examples it is like.

        `without` names an intent that it is known not to be. The others get no likelier by that.
        """
        row = self._words.row(text)
        by_words = probabilities(row @ self._word_weights + self._word_model.intercept)[0]
        if self._meaning and self._meaning_model:
            cosines: Floats = (self._meaning.row(text) @ self._meaning.rows.T)[0]
            by_meaning = probabilities(self._meaning_model.scores(cosines[np.newaxis]))[0]
        else:
            cosines = (row @ self._words.rows.T).toarray()[0] / Words.PARTS
            by_meaning = by_words
        if without is not None:
            others = self._classes != without
            by_words, by_meaning = by_words * others, by_meaning * others
        return self._judge(by_words, by_meaning, cosines, is_told=without is not None)

    def _judge(
        self, by_words: Floats, by_meaning: Floats, cosines: Floats, *, is_told: bool
    ) -> Reading:
        mean = (by_words + by_meaning) / 2
        best, evidence = evidence_of(mean, self._classes, cosines, self._labels)
        order = [int(at) for at in np.argsort(-mean, kind="stable")]
        label = str(self._classes[best])
        runner_up = max((float(mean[at]) for at in order if at != best), default=0.0)
        outside = float(sum(mean[at] for at in order if self._classes[at] == OUT))
        is_out = order[0] != best or not mean[best]
        elsewhere = outside
        if not is_told:  # else what is left is unlike anything, and still likelier than nothing
            is_out = is_out or self._scope.is_outside(evidence)
            elsewhere = max(outside, 1 - float(mean[best]))
        return Reading(
            label=label,
            is_out_of_scope=is_out,
            probability=elsewhere if is_out else float(mean[best]),
            ranked=self._ranked(mean, order),
            signals={
                "intent_logit_embed": _logit(by_meaning[best]),
                "intent_logit_words": _logit(by_words[best]),
                "intent_margin": float(mean[best]) - runner_up,
                "neighbour_share": self._neighbour_share(label, cosines),
                "nearest_similarity": self._nearest(cosines),
            },
        )

    def _ranked(self, mean: Floats, order: Sequence[int]) -> list[tuple[str, float]]:
        inside = [at for at in order if self._classes[at] != OUT and mean[at] > 0]
        return [(str(self._classes[at]), float(mean[at])) for at in inside]

    def _neighbour_share(self, label: str, cosines: Floats) -> float:
        nearest = np.argsort(-cosines, kind="stable")[:NEIGHBOURS]
        return float(np.mean(self._labels[nearest] == label))

    def _nearest(self, cosines: Floats) -> float:
        return float(np.clip(cosines[self._labels != OUT].max(), -1.0, 1.0))


def _logit(probability: float) -> float:
    clipped = min(max(float(probability), _EPSILON), 1 - _EPSILON)
    return math.log(clipped / (1 - clipped))
