"""Fails when a file has more than 400 lines or a function more than 80; names those over 250 / 40.

Run from anywhere: it looks at the Python files of the checkout it lies in.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("store", "agents", "dashboard", "tests", ".ci")
FILE_HABIT, FILE_LIMIT = 250, 400
FUNCTION_HABIT, FUNCTION_LIMIT = 40, 80


def measured(path: Path) -> Iterator[tuple[str, int, int, int]]:
    """Yield (place, lines, habit, limit) of a file and of each function in it."""
    source = path.read_text(encoding="utf-8")
    place = path.relative_to(ROOT).as_posix()
    yield place, len(source.splitlines()), FILE_HABIT, FILE_LIMIT
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield f"{place}:{node.lineno} {node.name}", lines, FUNCTION_HABIT, FUNCTION_LIMIT


def say(line: str) -> None:
    """Print one line."""
    sys.stdout.write(f"{line}\n")


def main() -> int:
    """Print what is over the habit and return 1 if anything is over the limit."""
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    is_over = False
    for path in paths:
        for place, lines, habit, limit in measured(path):
            if lines > habit:
                say(f"{'FAIL' if lines > limit else 'long'}  {lines:4d}  {place}")
            is_over = is_over or lines > limit
    say(f"{len(paths)} files; limits: {FILE_LIMIT} lines a file, {FUNCTION_LIMIT} a function.")
    return int(is_over)


if __name__ == "__main__":
    sys.exit(main())
