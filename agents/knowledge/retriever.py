"""Hybrid search: words (FTS5 BM25) and meaning (cosine), joined by reciprocal rank fusion.

The passages are held in memory and read again when they changed. Without an encoder the words alone
decide.
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
class _Snapshot:
    """Every passage as of a mark, with the vectors of one encoder."""

    mark: tuple[int, ...]
    passages: Mapping[int, tuple[str, str, str]]  # source, title, text
    ids: NDArray[np.int64]  # of those with a vector
    matrix: NDArray[np.float32]

    def cosines(self, query: NDArray[np.float32] | None) -> dict[int, float]:
        """Return the cosine of every passage that has a vector, nearest first."""
        if query is None or not len(self.ids):
            return {}
        found = self.matrix @ query
        order = np.argsort(-found, kind="stable")
        return {int(self.ids[at]): float(found[at]) for at in order}


class HybridRetriever:
    """Searches the store's passages. One per process; safe to share between threads."""

    def __init__(self, store: Store, encoder: QueryEncoder | None) -> None:
        self._store = store
        self._encoder = encoder
        self._snapshot: _Snapshot | None = None

    def search(self, text: str, k: int) -> list[PassageHit]:
        """Return the `k` best passages for a text, best first; empty when nothing is indexed."""
        query = self._encoder.encode(text) if self._encoder else None
        snapshot, words = self._store.read(self._look, text)
        return _rank(snapshot, words, snapshot.cosines(query), k)

    def _look(self, session: Session, text: str) -> tuple[_Snapshot, list[int]]:
        """Return passages and word hits of one moment; passages are read only when changed."""
        mark = tuple(session.connection().execute(_MARK).one())
        known = self._snapshot
        if known is None or known.mark != mark:
            name = self._encoder.name if self._encoder else None
            known = self._snapshot = _load(session, name, mark)
        return known, _by_words(session, text)


def _load(session: Session, encoder: str | None, mark: tuple[int, ...]) -> _Snapshot:
    """Read every passage, and the vectors that this encoder made."""
    rows = session.exec(select(Passage).order_by(col(Passage.id))).all()
    seen = [row for row in rows if row.vector is not None and row.encoder == encoder]
    vectors = [np.frombuffer(row.vector or b"", dtype=np.float32) for row in seen]
    return _Snapshot(
        mark=mark,
        passages={row.id or 0: (row.source, row.title, row.text) for row in rows},
        ids=np.array([row.id for row in seen], dtype=np.int64),
        matrix=np.stack(vectors) if vectors else np.zeros((0, 0), dtype=np.float32),
    )


def _rank(
    snapshot: _Snapshot, words: Sequence[int], cosines: Mapping[int, float], k: int
) -> list[PassageHit]:
    nearest = list(cosines)[:DEPTH]
    word_rank = {one: rank for rank, one in enumerate(words, 1)}
    vector_rank = {one: rank for rank, one in enumerate(nearest, 1)}
    scores = fuse(words, nearest)
    hits: list[PassageHit] = []
    for one in sorted(scores, key=lambda one: (-scores[one], one))[:k]:
        source, title, text = snapshot.passages[one]
        hits.append(
            PassageHit(
                passage_id=one,
                source=source,
                title=title,
                text=text,
                score=scores[one],
                similarity=cosines.get(one),
                bm25_rank=word_rank.get(one),
                vector_rank=vector_rank.get(one),
            )
        )
    return hits


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
