"""`make bench-evidence`: are the product's figures true? Measured on public data, goal by goal.

`python -m bench.evidence [--quick] [--json FILE] [--cache DIR]` reads the data sets in the folder
that GREENLIGHT_REALDATA names and prints a Markdown table. It exits 2 where they are not there, 1
where a goal is not met, else 0.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.evidence import (
    data,
    guarantee,
    other_mix,
    quality,
    recorded,
    report,
    sampling_goals,
    watching,
)
from bench.evidence.drafts import Scored
from bench.evidence.material import FULL, QUICK, Material, Size, prepare
from bench.evidence.population import Population
from bench.evidence.report import Line
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from threadpoolctl import threadpool_limits

NO_DATA = 2
Part = Callable[[], Iterable[Line]]


def measure(folder: Path, cache: Path, size: Size, progress: Progress) -> Iterator[Line]:
    """Yield every figure, goal by goal."""
    material = prepare(folder, cache, size, progress)
    parts = list(_parts(material, folder, size))
    task = progress.add_task("goals", total=len(parts))
    for name, part in parts:
        progress.update(task, description=name)
        yield from (line if size == FULL else _unjudged(line) for line in part())
        progress.advance(task)


def _unjudged(line: Line) -> Line:
    """Return the line without a verdict if its goal was set for all the examples."""
    needs_all = line.figures.keys() & {"coverage", "ece", "accuracy", "c1"}
    return replace(line, is_met=None) if needs_all else line


def _parts(material: Material, folder: Path, size: Size) -> Iterator[tuple[str, Part]]:
    both = material.banking, material.clinc
    each = [[Population.of(one) for one in scores] for scores in both]
    for populations in each:
        name = populations[0].name
        yield f"G1 {name}", partial(guarantee.promises, populations, size.draws)
    yield "G1 flat", partial(guarantee.flat, each[0][0], size.draws)
    yield "G2", partial(_efficiency, each, size.draws)
    yield "G3", lambda: [guarantee.refusal(one[0], size.draws) for one in each]
    yield "G4", partial(sampling_goals.weighted, size.weeks)
    yield "G5", partial(sampling_goals.peeking, size.looks)
    yield "G6", partial(sampling_goals.reviewers, size.weeks)
    yield "G7", watching.drift
    yield "G8", partial(_calibration, *both)
    yield "G9", partial(_model, material, size)
    yield "G10", lambda: [quality.slider(each[0][0], size.texts)]
    yield "G11", lambda: [quality.adding_up(size.draws // 4)]
    yield "G12", partial(other_mix.lines, both[1][0], size.deployments)
    yield "recorded runs", partial(recorded.lines, data.recorded_runs(folder))


def _efficiency(each: Sequence[Sequence[Population]], draws: int) -> Iterator[Line]:
    for labels in (guarantee.EFFICIENT_LABELS, 2 * guarantee.EFFICIENT_LABELS):
        for populations in each:
            yield guarantee.efficiency(populations, draws, labels)


def _calibration(banking: Sequence[Scored], clinc: Sequence[Scored]) -> Iterator[Line]:
    yield quality.calibration(banking, has_shifted=False)
    yield quality.calibration(clinc, has_shifted=True)
    yield quality.unshifted(clinc)


def _model(material: Material, size: Size) -> Iterator[Line]:
    texts, stack = material.texts[: size.texts], material.banking[0].stack
    yield from quality.model(material.banking)
    yield quality.reading(material.reader, stack, texts, material.learned)
    yield quality.demo_reading(material.read_demo, texts)


def main() -> None:
    """Measure and report."""
    given = _arguments()
    named = os.environ.get("GREENLIGHT_REALDATA")
    folder = Path(named) if named else None
    lacking = data.missing(folder)
    if folder is None or lacking:
        print(data.HOW_TO_GET.format(missing="\n  ".join(lacking)), file=sys.stderr)
        sys.exit(NO_DATA)
    size, began = QUICK if given.quick else FULL, time.monotonic()
    with _progress() as progress, threadpool_limits(1):
        lines = list(measure(folder, given.cache, size, progress))
    load = f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    seconds = round(time.monotonic() - began)
    print(report.table(lines))
    quick = "; QUICK: a quarter of the examples, not for quoting" if given.quick else ""
    print(f"\n{seconds} s, load {load}{quick}")
    missed = report.not_met(lines)
    for line in missed:
        print(f"not met: {line}")
    if given.json:
        report.write(given.json, lines, quick=given.quick, seconds=seconds, load=load)
    sys.exit(1 if missed else 0)


def _progress() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    return Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about a minute, on fewer examples")
    parser.add_argument("--json", type=Path, metavar="FILE")
    cache = Path(tempfile.gettempdir()) / "greenlight-bench-evidence"
    parser.add_argument("--cache", type=Path, default=cache, help="for scored drafts")
    return parser.parse_args()


if __name__ == "__main__":
    main()
