"""The public data sets that the bench reads from GREENLIGHT_REALDATA; none of them is in the project.

Each request comes with the intent its author gave it, which nobody of this project did.
"""

import csv
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOREIGN = "~foreign"  # the intent of a request that is none of the known ones
HOW_TO_GET = """\
GREENLIGHT_REALDATA names no folder with these files:
  {missing}
Without them nothing can be measured. Get them once, into any folder outside the project:
  banking77/train.csv, dev.csv   columns text,category: Casanueva et al. 2020 (arXiv 2003.04807),
                                 CC BY 4.0, github.com/PolyAI-LDN/task-specific-datasets (test.csv
                                 as dev.csv does too)
  clinc150/data.json             lists of [text, intent] under train, val, dev, oos_train, oos_val,
                                 oos_dev: Larson et al. 2019 (D19-1131), CC BY 3.0,
                                 github.com/clinc/oos-eval, data_full.json (test as dev, oos_test
                                 as oos_dev)
  tau-airline-gpt4o.jsonl        200 recorded runs of τ-bench (MIT, github.com/sierra-research/
                                 tau-bench), one JSON object a line: task_id, trial, outcome
                                 (success or failure), steps (each with name, and status ok or not)
Then: GREENLIGHT_REALDATA=/that/folder make bench-evidence"""
FILES = {
    "banking77": ("banking77/train.csv", "banking77/dev.csv"),
    "clinc150": ("clinc150/data.json",),
    "tau": ("tau-airline-gpt4o.jsonl",),
}


@dataclass(frozen=True)
class Requests:
    """Texts with their intents; `FOREIGN` where a text is none of them."""

    texts: tuple[str, ...]
    intents: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def __add__(self, other: "Requests") -> "Requests":
        return Requests(self.texts + other.texts, self.intents + other.intents)

    def at(self, places: Any) -> "Requests":
        """Return the requests at these places."""
        return Requests(
            tuple(self.texts[int(place)] for place in places),
            tuple(self.intents[int(place)] for place in places),
        )


@dataclass(frozen=True)
class Corpus:
    """A data set in its parts: what is learned from, foreign requests known beforehand, the rest."""

    name: str
    train: Requests
    known_foreign: Requests  # for the calibrator only; never an intent of its own
    spare: Requests  # in scope, unseen by any fit; empty where the data set has none
    held_out: Requests  # what is judged on


def missing(folder: Path | None) -> list[str]:
    """Return the names of the files that are not there."""
    names = [name for names in FILES.values() for name in names]
    return [name for name in names if folder is None or not (folder / name).is_file()]


def banking77(folder: Path) -> Corpus:
    """Read Banking77: 77 intents of a bank's customers, every request in scope."""
    train, dev = (_table(folder / name) for name in FILES["banking77"])
    nothing = Requests((), ())
    return Corpus("banking77", train, nothing, nothing, dev)


def clinc150(folder: Path) -> Corpus:
    """Read CLINC150: 150 intents; of the requests judged on, 18 % are none of them."""
    parts = json.loads((folder / FILES["clinc150"][0]).read_text(encoding="utf-8"))
    foreign = _pairs(parts, "oos_train") + _pairs(parts, "oos_val")
    held_out = _pairs(parts, "dev") + _pairs(parts, "oos_dev")
    return Corpus("clinc150", _pairs(parts, "train"), foreign, _pairs(parts, "val"), held_out)


def recorded_runs(folder: Path) -> list[dict[str, Any]]:
    """Read the recorded agent runs."""
    text = (folder / FILES["tau"][0]).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def fingerprint(corpus: Corpus) -> str:
    """Return a name that changes with any text or intent of the corpus."""
    parts = (corpus.train, corpus.known_foreign, corpus.spare, corpus.held_out)
    told = json.dumps([[part.texts, part.intents] for part in parts])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _table(path: Path) -> Requests:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return Requests(tuple(row["text"] for row in rows), tuple(row["category"] for row in rows))


def _pairs(parts: Mapping[str, list[tuple[str, str]]], name: str) -> Requests:
    is_foreign = name.startswith("oos_")
    return Requests(
        tuple(text for text, _ in parts[name]),
        tuple(FOREIGN if is_foreign else intent for _, intent in parts[name]),
    )
