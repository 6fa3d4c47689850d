"""What was wanted, what was measured, on how many, and whether it is met: as Markdown and as JSON."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HEADER = ("", "what", "wanted", "measured", "n", "")


@dataclass(frozen=True)
class Line:
    """One figure of a goal."""

    goal: str  # "G1"
    what: str
    measured: str
    n: str
    wanted: str = ""
    is_met: bool | None = None  # None: told beside a goal, and not judged
    figures: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        if self.is_met is None:
            return "told"
        return "met" if self.is_met else "NOT MET"


def percent(share: float, digits: int = 1) -> str:
    """Return a share in the table's words.

    >>> percent(0.0314), percent(0.75, 0)
    ('3.1 %', '75 %')
    """
    return f"{100 * share:.{digits}f} %"


def by_split(shares: Sequence[float]) -> str:
    """Return from where to where the splits of the data went; nothing where there is one.

    >>> by_split([0.317, 0.4]), by_split([0.3])
    (', by split 31.7 to 40.0 %', '')
    """
    if len(shares) < 2:
        return ""
    return f", by split {100 * min(shares):.1f} to {percent(max(shares))}"


def table(lines: Sequence[Line]) -> str:
    """Return the lines as a Markdown table."""
    rows = [HEADER, ("---",) * len(HEADER)]
    rows += [
        (line.goal, line.what, line.wanted, line.measured, line.n, line.verdict) for line in lines
    ]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows)


def not_met(lines: Iterable[Line]) -> list[str]:
    """Return what was missed, a line each."""
    return [f"{line.goal} {line.what}: {line.measured}" for line in lines if line.is_met is False]


def write(path: Path, lines: Sequence[Line], **about: Any) -> None:
    """Write everything as one JSON document."""
    told = [
        {
            "goal": line.goal,
            "what": line.what,
            "wanted": line.wanted,
            "measured": line.measured,
            "n": line.n,
            "is_met": line.is_met,
            "figures": dict(line.figures),
        }
        for line in lines
    ]
    document = about | {"ok": not not_met(lines), "lines": told}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
