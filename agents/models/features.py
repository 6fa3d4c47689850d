"""Texts as rows: words and pieces of words (TF-IDF) beside sentence vectors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_union

from agents.models.encoder import MAX_CHARS, Encoder

Floats = NDArray[np.float64]


class Words:
    """TF-IDF over words, word pairs and 3 to 5 letters of a word."""

    def __init__(self, texts: Sequence[str]) -> None:
        shared: dict[str, Any] = {"sublinear_tf": True, "strip_accents": "unicode"}
        self._vectorizer: Any = make_union(
            TfidfVectorizer(ngram_range=(1, 2), **shared),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), **shared),
        )
        self.rows: Any = self._vectorizer.fit_transform([text[:MAX_CHARS] for text in texts])

    def row(self, text: str) -> Any:
        """Return the text as one sparse row."""
        return self._vectorizer.transform([text[:MAX_CHARS]])

    def products(self) -> Floats:
        """Return the dot products between the rows learned from."""
        result: Floats = (self.rows @ self.rows.T).toarray()
        return result


class Meaning:
    """Sentence vectors of an encoder."""

    def __init__(self, texts: Sequence[str], encoder: Encoder) -> None:
        self._encoder = encoder
        self.rows: Floats = encoder.encode_all(texts).astype(np.float64)

    def row(self, text: str) -> Floats:
        """Return the text as one row."""
        result: Floats = self._encoder.encode(text).astype(np.float64)[np.newaxis]
        return result

    def products(self) -> Floats:
        """Return the cosines between the rows learned from."""
        result: Floats = self.rows @ self.rows.T
        return result
