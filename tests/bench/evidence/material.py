"""What the goals are measured on, and how much of it: drafts by several splits, readers to time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bench.evidence.data import Corpus, banking77, clinc150
from bench.evidence.drafts import Reader, Remembered, Scored, scored, split
from rich.progress import Progress

import agents.demo
from agents.company import load
from agents.models.encoder import Encoder, open_encoder
from agents.models.local import LocalModel
from agents.ports import TicketView

_MOMENT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    splits: int
    most: int | None  # training texts
    draws: int  # of each split
    weeks: int
    looks: int
    deployments: int
    texts: int  # that are timed


FULL = Size(5, None, 2_000, 4_000, 10_000, 300, 500)
QUICK = Size(1, 2_500, 500, 1_000, 2_000, 40, 100)


@dataclass(frozen=True)
class Material:
    """Drafts of both data sets by each split, and what is timed on which texts."""

    banking: list[Scored]
    clinc: list[Scored]
    texts: tuple[str, ...]
    reader: Reader
    learned: int
    read_demo: Callable[[str], object]


def prepare(folder: Path, cache: Path, size: Size, progress: Progress) -> Material:
    """Score the drafts, from the cache where they were scored before."""
    encoder = open_encoder()
    if encoder is None:
        raise SystemExit("The sentence encoder cannot be loaded, so nothing is measured.")
    remembering = Encoder(Remembered(encoder))
    banking, clinc = banking77(folder), clinc150(folder)
    learned, _ = split(banking, 0, most=size.most)
    timed = progress.add_task("a reader to time", total=len(learned))
    return Material(
        banking=_scored(banking, remembering, cache, size, progress),
        clinc=_scored(clinc, remembering, cache, size, progress),
        texts=banking.held_out.texts,
        reader=Reader(learned, encoder, partial(progress.advance, timed)),
        learned=len(learned),
        read_demo=_demo(encoder),
    )


def _demo(encoder: Encoder) -> Callable[[str], object]:
    model = LocalModel(load(Path(agents.demo.__path__[0]) / "company"), encoder)

    def read(text: str) -> object:
        return asyncio.run(model.intent(TicketView(1, "t", text, "", None, _MOMENT)))

    return read


def _scored(
    corpus: Corpus, encoder: Encoder, cache: Path, size: Size, progress: Progress
) -> list[Scored]:
    trained = len(corpus.train) if size.most is None else min(size.most, len(corpus.train))
    total = trained + sum(map(len, (corpus.known_foreign, corpus.spare, corpus.held_out)))
    found = []
    for turn in range(size.splits):
        name = f"{corpus.name}, split {turn + 1} of {size.splits}"
        task = progress.add_task(name, total=total)
        step = partial(progress.advance, task)
        found.append(scored(corpus, encoder, cache, turn=turn, most=size.most, step=step))
        progress.update(task, completed=total)
    return found
