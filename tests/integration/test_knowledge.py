"""Documents become passages in the store, and are found by words and by meaning."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import small_company as small
from numpy.typing import NDArray
from sqlalchemy import text as sql
from sqlmodel import Session, col, select

from agents.knowledge import documents, index
from agents.knowledge.documents import NewPassage, split
from agents.knowledge.retriever import HybridRetriever, fuse, match_query
from store.engine import Store
from store.errors import BadInput
from store.schema import Passage

Vectors = NDArray[np.float32]


class Letters:
    """An encoder that knows how often each of 26 letters occurs; counts what it encodes."""

    def __init__(self, name: str = "letters") -> None:
        self.name = name
        self.encoded = 0

    def encode_all(self, texts: Sequence[str]) -> Vectors:
        self.encoded += len(texts)
        rows = np.array(
            [[1e-6 + text.lower().count(chr(97 + n)) for n in range(26)] for text in texts],
            dtype=np.float32,
        )
        unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit

    def encode(self, text: str) -> Vectors:
        row: Vectors = self.encode_all([text])[0]
        return row


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return small.write(tmp_path / "company") / "documents"


def passage(source: str, text: str, title: str = "T") -> NewPassage:
    return NewPassage(
        source=source, document=source.split("#", maxsplit=1)[0], title=title, text=text
    )


def stored(session: Session) -> list[str]:
    return list(session.exec(select(Passage.source).order_by(col(Passage.source))).all())


def test_a_document_is_split_at_its_second_headings() -> None:
    passages = split(small.SHIPPING, "shipping.md")
    assert [(one.source, one.title) for one in passages] == [
        ("shipping.md#shipping", "Shipping"),
        ("shipping.md#how-long-shipping-takes", "How long shipping takes"),
        ("shipping.md#what-shipping-costs", "What shipping costs"),
    ]
    assert passages[0].text == "We ship every working day."


def test_headings_in_code_are_text_and_equal_headings_get_their_own_source() -> None:
    text = "## Ä & Ö!\n```\n## no heading\n```\n## Ä & Ö!\nsecond\n### third\nstays\n## \n"
    passages = split(text, "a.md")
    assert [one.source for one in passages] == ["a.md#ä-ö", "a.md#ä-ö-2"]
    assert "## no heading" in passages[0].text
    assert "### third" in passages[1].text


def test_a_long_section_is_cut_between_paragraphs() -> None:
    passages = split("## Long\n" + "\n\n".join(["word " * 300] * 6), "a.md")
    assert len(passages) > 1
    assert all(0 < len(one.text) <= 4_000 for one in passages)
    assert len(split("x" * 9_000, "a.txt")) == 3


def test_bad_files_are_named_and_good_ones_go_in(folder: Path) -> None:
    (folder / "broken.md").write_bytes(b"\xff\xfe\x00bad")
    (folder / "empty.txt").write_text("  \n")
    (folder / "picture.png").write_bytes(b"png")
    (folder / "sub").mkdir()
    (folder / "sub" / "note.TXT").write_text("A plain note.")
    reading = documents.read(folder)
    assert {path.name for path, _ in reading.refused} == {"broken.md", "empty.txt"}
    assert "sub/note.TXT#note" in {one.source for one in reading.passages}


def test_a_path_with_nothing_to_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        documents.read(tmp_path / "nowhere")
    with pytest.raises(BadInput, match="nothing to index"):
        documents.read(tmp_path)


def test_only_what_changed_is_encoded_again(store: Store, folder: Path) -> None:
    encoder = Letters()
    first = store.transact(index.mirror, documents.read(folder).passages, encoder)
    assert (first.added, first.unchanged, first.removed) == (4, 0, 0)
    (folder / "care.md").write_text("## How to descale\nUse vinegar.\n")
    second = store.transact(index.mirror, documents.read(folder).passages, encoder)
    assert (second.added, second.unchanged, second.removed) == (1, 3, 0)
    assert encoder.encoded == 5


def test_a_document_that_vanished_vanishes_but_added_ones_stay(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    extra = tmp_path / "extra.md"
    extra.write_text("## Gift wrap\nWe wrap gifts for free.\n")
    store.transact(index.mirror, documents.read(folder).passages, None)
    store.transact(index.add, documents.read(extra).passages, None)
    (folder / "care.md").unlink()
    store.transact(index.mirror, documents.read(folder).passages, None)
    sources = store.read(stored)
    assert "added/extra.md#gift-wrap" in sources
    assert not any(source.startswith("care.md") for source in sources)


def test_adding_what_is_known_word_for_word_stores_nothing_twice(
    store: Store, folder: Path
) -> None:
    passages = documents.read(folder).passages
    store.transact(index.mirror, passages, None)
    again = store.transact(index.add, passages, None)
    assert (again.added, again.unchanged) == (0, len(passages))


def test_words_alone_find_a_passage(store: Store, folder: Path) -> None:
    store.transact(index.mirror, documents.read(folder).passages, None)
    hits = HybridRetriever(store, None).search("Which acid against limescale, citric?", 3)
    assert hits[0].source == "care.md#how-to-descale"
    assert (hits[0].bm25_rank, hits[0].vector_rank, hits[0].similarity) == (1, None, None)


@pytest.mark.parametrize(
    "text",
    ["what's \"x", "C++ a-b NEAR(x y) AND NOT *", "title:x OR )(", "😀", "", "ä\x00ö", "x" * 9999],
)
def test_no_text_breaks_the_search(store: Store, folder: Path, text: str) -> None:
    store.transact(index.mirror, documents.read(folder).passages, Letters())
    for retriever in (HybridRetriever(store, None), HybridRetriever(store, Letters())):
        assert len(retriever.search(text, 3)) <= 3


def test_words_and_meaning_are_fused_by_rank(store: Store) -> None:
    passages = [
        passage("a.md#1", "kettle", "kettle"),
        passage("b.md#1", "elttek elttek", "x"),
        passage("c.md#1", "zzz", "z"),
    ]
    store.transact(index.mirror, passages, Letters())
    hits = HybridRetriever(store, Letters()).search("kettle", 3)
    assert [hit.source for hit in hits] == ["a.md#1", "b.md#1", "c.md#1"]
    assert hits[0].score == pytest.approx(1 / 61 + 1 / 61)
    assert (hits[1].bm25_rank, hits[1].vector_rank) == (None, 2)
    assert hits[1].score == pytest.approx(1 / 62)


def test_changed_passages_are_found_without_a_restart(store: Store, settings: object) -> None:
    retriever = HybridRetriever(store, Letters())
    assert retriever.search("gift", 3) == []
    store.transact(index.mirror, [passage("a.md#1", "gift wrap")], Letters())
    (hit,) = retriever.search("gift", 3)
    store.transact(index.mirror, [passage("a.md#1", "postage, no gift")], Letters())
    (changed,) = retriever.search("gift", 3)
    assert hit.text != changed.text
    assert hit.similarity != changed.similarity
    store.transact(index.mirror, [], Letters())
    assert retriever.search("gift", 3) == []


def test_vectors_of_another_encoder_are_not_mixed_in(store: Store) -> None:
    store.transact(index.mirror, [passage("a.md#1", "gift wrap")], Letters("old"))
    (hit,) = HybridRetriever(store, Letters("new")).search("gift", 3)
    assert hit.similarity is None
    renewed = store.transact(index.mirror, [passage("a.md#1", "gift wrap")], Letters("new"))
    assert renewed.added == 1


def test_the_full_text_index_follows_the_passages(store: Store, folder: Path) -> None:
    store.transact(index.mirror, documents.read(folder).passages, None)
    store.transact(index.mirror, [passage("a.md#1", "gift wrap")], None)

    def check(session: Session) -> int:
        connection = session.connection()
        connection.execute(sql("INSERT INTO passage_fts(passage_fts) VALUES ('integrity-check')"))
        return int(connection.execute(sql("SELECT count(*) FROM passage_fts")).scalar_one())

    assert store.transact(check) == 1


def test_fusion_adds_what_each_ranking_gives() -> None:
    assert fuse([7, 8], [8]) == {7: 1 / 61, 8: 1 / 62 + 1 / 61}
    assert match_query("What's up?") == '"what" OR "s" OR "up"'
