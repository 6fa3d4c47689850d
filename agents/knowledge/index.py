"""Passages in the store. Verbs; FTS5 follows by triggers, vectors stand beside the text.

The company's own folder is mirrored: what vanished from it vanishes here. What `knowledge add`
brought from elsewhere lives under `added/` and is touched by nothing else.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from agents.knowledge.documents import NewPassage
from store.schema import Passage

ADDED = "added/"


class VectorSource(Protocol):
    """What indexing needs of an encoder."""

    name: str

    def encode_all(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


@dataclass(frozen=True, slots=True)
class Indexed:
    """What one indexing changed, in passages."""

    added: int
    unchanged: int
    removed: int


def mirror(
    session: Session, passages: Sequence[NewPassage], encoder: VectorSource | None
) -> Indexed:
    """Make the company's own passages exactly these; those under `added/` stay."""
    stored = session.exec(select(Passage).where(~col(Passage.document).startswith(ADDED))).all()
    return _bring_in_line(session, stored, passages, encoder)


def add(session: Session, passages: Sequence[NewPassage], encoder: VectorSource | None) -> Indexed:
    """Index documents from outside the company's folder, each replacing its earlier version.

    A passage that another document already holds word for word is not stored twice.
    """
    ours = [
        replace(one, source=ADDED + one.source, document=ADDED + one.document) for one in passages
    ]
    documents = {one.document for one in ours}
    stored = session.exec(select(Passage).where(col(Passage.document).in_(documents))).all()
    elsewhere = set(
        session.exec(select(Passage.digest).where(col(Passage.document).not_in(documents))).all()
    )
    fresh = [one for one in ours if one.digest not in elsewhere]
    result = _bring_in_line(session, stored, fresh, encoder)
    return replace(result, unchanged=result.unchanged + len(ours) - len(fresh))


def _bring_in_line(
    session: Session,
    stored: Iterable[Passage],
    wanted: Sequence[NewPassage],
    encoder: VectorSource | None,
) -> Indexed:
    name = encoder.name if encoder else None
    kept: set[str] = set()
    removed = 0
    digests = {one.source: one.digest for one in wanted}
    for row in stored:
        if digests.get(row.source) == row.digest and (name is None or row.encoder == name):
            kept.add(row.source)
        else:
            session.delete(row)
            removed += row.source not in digests
    session.flush()  # a replaced passage keeps its source, which is unique
    new = [one for one in wanted if one.source not in kept]
    session.add_all(_rows(new, encoder))
    session.flush()
    return Indexed(added=len(new), unchanged=len(kept), removed=removed)


def _rows(passages: Sequence[NewPassage], encoder: VectorSource | None) -> list[Passage]:
    vectors: list[bytes | None] = [None] * len(passages)
    if encoder and passages:
        matrix = encoder.encode_all([f"{one.title}. {one.text}" for one in passages])
        vectors = [row.tobytes() for row in matrix.astype(np.float32)]
    name = encoder.name if encoder else None
    return [
        Passage(
            id=_content_id(one, name),
            source=one.source,
            document=one.document,
            title=one.title,
            text=one.text,
            digest=one.digest,
            vector=vector,
            encoder=name,
        )
        for one, vector in zip(passages, vectors, strict=True)
    ]


def _content_id(passage: NewPassage, encoder: str | None) -> int:
    """Return an id made from the content: a record that cites it can never mean another text.

    53 bits, so that JavaScript reads it exactly; searchers notice changes by these ids alone.
    """
    content = f"{passage.source}\0{passage.digest}\0{encoder}"
    return int.from_bytes(hashlib.sha256(content.encode()).digest()[:8]) >> 11
