"""What 200 recorded runs of a real agent say: that steps ran is not that the work was right.

A check of the product's counts and ranges against published figures of the same file. pass^k is not
among them: the product does not compute it yet.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.evidence.report import Line, percent

from store.evidence.comparison import NO_CLEAR_DIFFERENCE, in_words, paired
from store.evidence.compounding import product
from store.evidence.intervals import wilson

Run = Mapping[str, Any]
PUBLISHED = {  # of this file: shared beside the data, computed by others
    "runs": 200.0, "right": 84.0, "low": 0.354, "high": 0.489, "failed_without_step_error": 89.0,
    "without_step_error": 0.82, "health_product": 0.753,
}  # fmt: skip


def lines(runs: Sequence[Run]) -> Iterator[Line]:
    """Recompute the published figures, and compare two trials of the same tasks."""
    found = figures(runs)
    agrees = all(math.isclose(found[name], told, abs_tol=6e-4) for name, told in PUBLISHED.items())
    yield Line(
        "τ",
        "recorded airline runs: right, and Wilson range",
        f"{found['right']:.0f}: {percent(found['right'] / found['runs'])}"
        f" ({percent(found['low'])} to {percent(found['high'])})",
        f"{found['runs']:.0f} runs of 50 tasks",
        "84: 35.4 to 48.9 %, and the figures below",
        agrees,
        found,
    )
    yield Line(
        "τ",
        "health is not reliability",
        f"product of health {percent(found['health_product'])}, runs without a failing step"
        f" {percent(found['without_step_error'])}; failed without one"
        f" {found['failed_without_step_error']:.0f} of {found['runs'] - found['right']:.0f}",
        f"{found['runs']:.0f} runs",
        figures=found,
    )
    yield versus(runs, 0, 1)


def figures(runs: Sequence[Run]) -> dict[str, float]:
    """Return what PUBLISHED names, counted anew with the product's functions."""
    right = sum(_is_right(run) for run in runs)
    interval = wilson(right, len(runs))
    unbroken = [run for run in runs if all(step["status"] == "ok" for step in run["steps"])]
    assert interval is not None
    return {
        "runs": float(len(runs)),
        "right": float(right),
        "low": interval.low,
        "high": interval.high,
        "failed_without_step_error": float(sum(not _is_right(run) for run in unbroken)),
        "without_step_error": len(unbroken) / len(runs),
        "health_product": _mean_product(runs),
    }


def versus(runs: Sequence[Run], one: int, other: int) -> Line:
    """Compare two trials of every task: the same agent, so nothing should be clear."""
    first, second = (
        {run["task_id"]: _is_right(run) for run in runs if run["trial"] == trial}
        for trial in (one, other)
    )
    cells = Counter((first[task], second[task]) for task in first.keys() & second.keys())
    found = paired(cells[True, False], cells[False, True], cells[True, True], cells[False, False])
    said = in_words(found, f"trial {one}", f"trial {other}")
    return Line(
        "τ",
        f"trials {one} and {other} of the same agent, paired by task",
        f"{said}; exact McNemar p = {found.p_value if found else 1:.2f}",
        f"{cells.total()} tasks",
        NO_CLEAR_DIFFERENCE,
        found is not None and not found.is_clear,
    )


def _mean_product(runs: Sequence[Run]) -> float:
    """Return the mean over runs of the product of the health rates of the tools they used."""
    ran, called = Counter[str](), Counter[str]()
    for step in (step for run in runs for step in run["steps"]):
        called[step["name"]] += 1
        ran[step["name"]] += step["status"] == "ok"
    health = {name: ran[name] / called[name] for name in called}
    return 0.0 if not runs else sum(_product(run, health) for run in runs) / len(runs)


def _product(run: Run, health: Mapping[str, float]) -> float:
    rate = product([health[step["name"]] for step in run["steps"]])
    return 1.0 if rate is None else rate


def _is_right(run: Run) -> bool:
    return bool(run["outcome"] == "success")
