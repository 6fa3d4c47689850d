"""Hybrid search: words (FTS5 BM25) and meaning (cosine), joined by reciprocal rank fusion.

The vectors are held in memory and read again when the passages changed. Without an encoder the
words alone decide.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text as sql
from sqlmodel import Session, col, select

from store.engine import Store
from store.outputs import PassageHit
from store.schema import Passage

DEPTH = 50  # candidates of each kind that take part in the fusion
SMOOTHING = 60  # reciprocal rank fusion: sum of 1 / (60 + rank)
MAX_WORDS = 64
_MATCH = sql(
    "SELECT rowid FROM passage_fts WHERE passage_fts MATCH :query"
    " ORDER BY bm25(passage_fts, 2.0, 1.0), rowid LIMIT :depth"
)
# ids are made from the content, so this changes whenever any passage does; it reads an index only
_MARK = sql("SELECT count(*), coalesce(sum(id & 4294967295), 0) FROM passage")


class QueryEncoder(Protocol):
    """What searching needs of an encoder."""

    name: str

    def encode(self, text: str) -> NDArray[np.float32]: ...


@dataclass(frozen=True, slots=True)
class _Vectors:
    mark: tuple[int, ...]
    ids: NDArray[np.int64]
    matrix: NDArray[np.float32]

    def cosines(self, query: NDArray[np.float32]) -> dict[int, float]:
        """Return the cosine of every passage that has a vector, nearest first."""
        if not len(self.ids):
            return {}
        found = self.matrix @ query
        order = np.argsort(-found, kind="stable")
        return {int(self.ids[at]): float(found[at]) for at in order}


class HybridRetriever:
    """Searches the store's passages. One per process; safe to share between threads."""

    def __init__(self, store: Store, encoder: QueryEncoder | None) -> None:
        self._store = store
        self._encoder = encoder
        self._vectors: _Vectors | None = None

    def search(self, text: str, k: int) -> list[PassageHit]:
        """Return the `k` best passages for a text, best first; empty when nothing is indexed."""
        query = self._encoder.encode(text) if self._encoder else None
        return self._store.read(self._look, text, query, k)

    def _look(
        self, session: Session, text: str, query: NDArray[np.float32] | None, k: int
    ) -> list[PassageHit]:
        vectors = self._refreshed(session)
        cosines = vectors.cosines(query) if vectors and query is not None else {}
        return _search(session, text, cosines, k)

    def _refreshed(self, session: Session) -> _Vectors | None:
        """Return the vectors of this snapshot, read again only if the passages changed."""
        if self._encoder is None:
            return None
        mark = tuple(session.connection().execute(_MARK).one())
        if self._vectors is None or self._vectors.mark != mark:
            self._vectors = _load(session, self._encoder.name, mark)
        return self._vectors


def _load(session: Session, encoder: str, mark: tuple[int, ...]) -> _Vectors:
    """Read every vector of this encoder."""
    statement = (
        select(Passage.id, Passage.vector)
        .where(col(Passage.encoder) == encoder, col(Passage.vector).is_not(None))
        .order_by(col(Passage.id))
    )
    rows = session.exec(statement).all()
    vectors = [np.frombuffer(vector or b"", dtype=np.float32) for _, vector in rows]
    return _Vectors(
        mark=mark,
        ids=np.array([row_id for row_id, _ in rows], dtype=np.int64),
        matrix=np.stack(vectors) if vectors else np.zeros((0, 0), dtype=np.float32),
    )


def _search(session: Session, text: str, cosines: Mapping[int, float], k: int) -> list[PassageHit]:
    words = _by_words(session, text)
    word_rank = {one: rank for rank, one in enumerate(words, 1)}
    nearest = list(cosines)[:DEPTH]
    vector_rank = {one: rank for rank, one in enumerate(nearest, 1)}
    scores = fuse(words, nearest)
    best = sorted(scores, key=lambda one: (-scores[one], one))[:k]
    rows = session.exec(select(Passage).where(col(Passage.id).in_(best))).all()
    passages = {row.id: row for row in rows}
    return [
        PassageHit(
            passage_id=one,
            source=passages[one].source,
            title=passages[one].title,
            text=passages[one].text,
            score=scores[one],
            similarity=cosines.get(one),
            bm25_rank=word_rank.get(one),
            vector_rank=vector_rank.get(one),
        )
        for one in best
        if one in passages
    ]


def fuse(*rankings: Sequence[int]) -> dict[int, float]:
    """Return each item's reciprocal-rank-fusion score over the rankings it appears in."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(ranking, 1):
            scores[item] = scores.get(item, 0.0) + 1 / (SMOOTHING + rank)
    return scores


def match_query(text: str) -> str:
    """Return an FTS5 query for any of the text's words; quotes keep users' characters harmless."""
    words = dict.fromkeys(re.findall(r"\w+", text.lower().replace("\0", " ")))
    return " OR ".join(f'"{word}"' for word in list(words)[:MAX_WORDS])


def _by_words(session: Session, text: str) -> list[int]:
    query = match_query(text)
    if not query:
        return []
    rows = session.connection().execute(_MATCH, {"query": query, "depth": DEPTH})
    return [int(row[0]) for row in rows]
