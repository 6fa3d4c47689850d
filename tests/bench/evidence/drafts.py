"""Requests become drafts with signals, a confidence and the truth: by the product's own code.

Words, sentence vectors, strengths and signals are those of `agents.models`; only the size is not:
eight thousand examples are fitted in the space of the words, where `fit_dual` has one dimension a
text. A draft is wrong where its intent is; a foreign request makes any draft wrong.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bench.evidence.data import Corpus, Requests, fingerprint
from numpy.typing import NDArray
from scipy import sparse

from agents.models.encoder import Encoder, Matrix
from agents.models.features import Meaning, Words
from agents.models.intent_classifier import NEIGHBOURS
from agents.models.linear import STRENGTH
from store.evidence.calibration import Stack, fit

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Step = Callable[[int], None]
SIGNALS = (
    "intent_logit_embed",
    "intent_logit_words",
    "intent_margin",
    "neighbour_share",
    "nearest_similarity",
)
LEARNED = 0.8  # of the training texts; on the rest the calibrator is fitted
SEED = 20
_BATCH = 256
_TINY = 1e-6


@dataclass(frozen=True)
class Drafts:
    """What a gate sees of some drafts, and what it does not."""

    signals: Floats  # one row a draft, columns as in SIGNALS
    is_wrong: Flags
    is_foreign: Flags

    def __len__(self) -> int:
        return len(self.is_wrong)

    def rows(self) -> list[dict[str, float]]:
        """Return the signals as the product has them."""
        return [dict(zip(SIGNALS, map(float, row), strict=True)) for row in self.signals]


@dataclass(frozen=True)
class Scored:
    """A data set after the model has seen it: drafts of the calibrator, spare ones, judged ones."""

    name: str
    fitted_on: Drafts
    spare: Drafts
    held_out: Drafts
    stack: Stack

    def confidence(self, drafts: Drafts) -> Floats:
        """Return the probability of being right that the product would show."""
        stack = self.stack
        return np.array([stack.probability(stack.raw(row)) for row in drafts.rows()])


class Remembered:
    """An embedding that keeps every vector: several splits read the same texts."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._kept: dict[str, Matrix] = {}

    def encode(self, texts: list[str]) -> Matrix:
        """Return one vector a row, asking the product's encoder for new texts only."""
        new = [text for text in texts if text not in self._kept]
        if new:
            self._kept.update(zip(new, self._encoder.encode_all(new), strict=True))
        return np.stack([self._kept[text] for text in texts])


class Reader:
    """The embedded model's reading of a request, learned from many examples at once."""

    def __init__(self, learned: Requests, encoder: Encoder, step: Step = lambda _: None) -> None:
        from sklearn.linear_model import LogisticRegression

        texts, self._labels = learned.texts, np.array(learned.intents)
        self._words = Words(texts)
        for start in range(0, len(texts), _BATCH):  # what the encoder saw lately costs nothing
            encoder.encode_all(texts[start : start + _BATCH])
            step(len(texts[start : start + _BATCH]))
        self._meaning = Meaning(texts, encoder)
        self._encoder = encoder
        shared: dict[str, Any] = {"C": STRENGTH, "max_iter": 500, "class_weight": "balanced"}
        self._by_words: Any = LogisticRegression(**shared).fit(self._words.rows, self._labels)
        self._by_meaning: Any = LogisticRegression(**shared).fit(self._meaning.rows, self._labels)

    def read(self, texts: Sequence[str]) -> tuple[NDArray[np.str_], Floats]:
        """Return the intent taken and the signals of each text."""
        words = sparse.vstack([self._words.row(text) for text in texts], format="csr")
        meaning = self._encoder.encode_all(texts).astype(np.float64)
        by_words = self._by_words.predict_proba(words)
        by_meaning = self._by_meaning.predict_proba(meaning)
        mean = (by_words + by_meaning) / 2
        every, best = np.arange(len(texts)), mean.argmax(axis=1)
        taken = self._by_words.classes_[best]
        cosines = meaning @ self._meaning.rows.T
        nearest = np.argpartition(-cosines, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        two = np.partition(mean, -2, axis=1)[:, -2:]
        signals = [
            _logit(by_meaning[every, best]),
            _logit(by_words[every, best]),
            two[:, 1] - two[:, 0],
            (self._labels[nearest] == taken[:, np.newaxis]).mean(axis=1),
            np.clip(cosines.max(axis=1), -1.0, 1.0),
        ]
        return taken, np.column_stack(signals)

    def draft(self, requests: Requests, step: Step = lambda _: None) -> Drafts:
        """Return a draft for each request, held against what its author meant."""
        parts = [self._some(part, step) for part in _batches(requests)]
        truth = np.array(requests.intents)
        return Drafts(
            np.vstack([signals for _, signals in parts] or [np.empty((0, len(SIGNALS)))]),
            np.concatenate([taken for taken, _ in parts] or [truth]) != truth,
            ~np.isin(truth, self._labels),
        )

    def _some(self, texts: Sequence[str], step: Step) -> tuple[NDArray[np.str_], Floats]:
        read = self.read(texts)
        step(len(texts))
        return read


def split(corpus: Corpus, turn: int, *, most: int | None = None) -> tuple[Requests, Requests]:
    """Return what the model learns from and what the calibrator is fitted on; `most` cuts both."""
    order = np.random.default_rng([SEED, turn]).permutation(len(corpus.train))[:most]
    cut = round(LEARNED * len(order))
    foreign = range(round(len(corpus.known_foreign) * len(order) / len(corpus.train)))
    fitted_on = corpus.train.at(order[cut:]) + corpus.known_foreign.at(foreign)
    return corpus.train.at(order[:cut]), fitted_on


def scored(
    corpus: Corpus,
    encoder: Encoder,
    cache: Path,
    *,
    turn: int = 0,
    most: int | None = None,
    step: Step = lambda _: None,
) -> Scored:
    """Return the data set's drafts by one split, from the cache where they were made before."""
    kept = cache / f"{corpus.name}-{fingerprint(corpus)}-{most or 'all'}-{turn}.npz"
    parts = {"spare": corpus.spare, "held_out": corpus.held_out}
    if not kept.exists():
        learned, fitted_on = split(corpus, turn, most=most)
        reader = Reader(learned, encoder, step)
        made = {
            name: reader.draft(requests, step)
            for name, requests in (parts | {"fitted_on": fitted_on}).items()
        }
        cache.mkdir(parents=True, exist_ok=True)
        columns = {
            f"{name}.{field}": getattr(drafts, field)
            for name, drafts in made.items()
            for field in ("signals", "is_wrong", "is_foreign")
        }
        np.savez(kept, allow_pickle=False, **columns)
    with np.load(kept, allow_pickle=False) as file:
        drafts = {
            name: Drafts(*(file[f"{name}.{field}"] for field in Drafts.__dataclass_fields__))
            for name in (*parts, "fitted_on")
        }
    return assembled(corpus.name, **drafts)


def assembled(name: str, fitted_on: Drafts, spare: Drafts, held_out: Drafts) -> Scored:
    """Fit the product's calibrator on its drafts."""
    stack = fit(fitted_on.rows(), (~fitted_on.is_wrong).tolist(), seed=SEED)
    return Scored(name, fitted_on, spare, held_out, stack)


def _batches(requests: Requests) -> Iterator[Sequence[str]]:
    for start in range(0, len(requests), _BATCH):
        yield requests.texts[start : start + _BATCH]


def _logit(shares: Floats) -> Floats:
    clipped = np.clip(shares, _TINY, 1 - _TINY)
    result: Floats = np.log(clipped / (1 - clipped))
    return result
