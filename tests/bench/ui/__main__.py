"""`make bench-ui`: how fast the queue page is with ten thousand cards waiting and a million behind.

`python -m bench.ui [--home DIR] [--decisions N] [--people N] [--seconds N] [--json]` builds or tops
up the home, clears cards by keyboard in a browser under our launcher and under plain `streamlit
run`, lets fifty sessions work at once, and exits 1 if a limit is missed or anything was wrong.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.ui import big_store, keystrokes, sessions
from bench.ui.keystrokes import Side, quantile
from bench.ui.sessions import Crowd
from rich.console import Console
from rich.table import Table

KEY_P50_MS, KEY_P95_MS, KEY_RATIO, CLICK_P95_MS = 150.0, 300.0, 0.75, 500.0
GOALS = "goals: 80 / 150 ms by key, 300 ms by click"


@dataclass(frozen=True)
class Line:
    """One limit and what was measured."""

    name: str
    found: float
    limit: float
    unit: str = "ms"

    @property
    def is_kept(self) -> bool:
        return self.found <= self.limit


def limits(sides: Sequence[Side], crowd: Crowd | None) -> list[Line]:
    """Return every limit with its figure."""
    lines: list[Line] = []
    if sides:
        ours, plain = (
            {share: quantile(side.took_ms, share) for share in (0.5, 0.95)} for side in sides
        )
        lines += [
            Line("key to next card, p50", ours[0.5], KEY_P50_MS),
            Line("key to next card, p95", ours[0.95], KEY_P95_MS),
            Line("p50, of plain streamlit run", ours[0.5] / plain[0.5], KEY_RATIO, ""),
            Line("p95, of plain streamlit run", ours[0.95] / plain[0.95], KEY_RATIO, ""),
        ]
    if crowd is not None:
        p95 = quantile(crowd.took_ms, 0.95)
        lines.append(Line(f"click to answer, {crowd.people} sessions, p95", p95, CLICK_P95_MS))
    return lines


def mistakes(sides: Sequence[Side], crowd: Crowd | None) -> list[str]:
    """Return everything that should not have happened."""
    found = [f"{side.name}: {what}" for side in sides for what in side.wrong]
    return found + (list(crowd.wrong) if crowd else [])


def show(console: Console, sides: Sequence[Side], crowd: Crowd | None) -> None:
    """Print the tables."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    title = f"Load {load} on {os.cpu_count()} cores; {GOALS}"
    table = Table("", "n", "p50 ms", "p95 ms", "server CPU", title=title)
    for side in sides:
        n = len(side.took_ms)
        table.add_row(
            f"key to next card: {side.name}", str(n), f"{quantile(side.took_ms, 0.5):.0f}",
            f"{quantile(side.took_ms, 0.95):.0f}", f"{1000 * side.cpu_seconds / n:.0f} ms each",
        )  # fmt: skip
    if crowd is not None:
        table.add_row(
            f"click to answer: {crowd.people} sessions", str(len(crowd.took_ms)),
            f"{quantile(crowd.took_ms, 0.5):.0f}", f"{quantile(crowd.took_ms, 0.95):.0f}",
            f"{crowd.server_cpu:.0%} of a core (clients {crowd.client_cpu:.0%})",
        )  # fmt: skip
    console.print(table)
    for side in sides:
        acts = ", ".join(f"{count} {act}" for act, count in side.acts.most_common())
        console.print(f"{side.name}: {acts}; every decision found in the store", highlight=False)
    if crowd is not None:
        size = statistics.median(crowd.bytes_per_click or [0]) / 1000
        count = statistics.median(crowd.messages_per_click or [0])
        refused = "; ".join(f"{n} × {what}" for what, n in crowd.refused.items()) or "none"
        console.print(
            f"sessions: {len(crowd.acknowledged)} decisions acknowledged, refused: {refused};"
            f" {size:.0f} kB in {count:.0f} messages per click", highlight=False, markup=False,
        )  # fmt: skip


def main() -> None:
    """Measure and report."""
    given = _arguments()
    console = Console(width=None if sys.stdout.isatty() else 110, stderr=given.json)
    big_store.ensure(given.home, big_store.Size(given.runs, given.waiting, given.audits))
    held = big_store.sizes(given.home)
    console.print(", ".join(f"{count:,} {what}" for what, count in held.items()), highlight=False)
    folder = Path(tempfile.mkdtemp(prefix="bench-ui-"))
    sides = keystrokes.measure(given.home, folder, given.decisions) if given.decisions else []
    crowd = None
    if given.people:
        crowd = sessions.measure(given.home, folder, given.people, given.seconds)
    show(console, sides, crowd)
    lines, wrong = limits(sides, crowd), mistakes(sides, crowd)
    for line in lines:
        style = "green" if line.is_kept else "red"
        said = (
            f"{line.name}: {line.found:.2f}" if not line.unit else f"{line.name}: {line.found:.0f}"
        )
        console.print(f"{said} {line.unit} (at most {line.limit:g})", style=style, highlight=False)
    for what in wrong[:20]:
        console.print(what, style="red", highlight=False, markup=False)
    is_clean = not wrong and all(line.is_kept for line in lines)
    if given.json:
        figures = {line.name: round(line.found, 3) for line in lines}
        print(json.dumps({"ok": is_clean, "figures": figures, "wrong": wrong, "home": held}))
    sys.exit(0 if is_clean else 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    usual = big_store.Size()
    parser.add_argument("--home", type=Path, default=big_store.default_home())
    parser.add_argument("--runs", type=int, default=usual.runs)
    parser.add_argument("--waiting", type=int, default=usual.escalations)
    parser.add_argument("--audits", type=int, default=usual.audits)
    parser.add_argument("--decisions", type=int, default=60, help="by keyboard, on each side")
    parser.add_argument("--people", type=int, default=50, help="sessions at once")
    parser.add_argument("--seconds", type=float, default=60.0, help="that they work")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
