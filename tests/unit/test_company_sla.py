"""`[policy.sla]` of a company's file: the clock of waiting cards, in hours."""

from pathlib import Path

import pytest
import small_company as small

from agents.company import check, load
from store.gate import Sla

RULES = "[[policy.amount_rules]]"


def written(folder: Path, *lines: str) -> Path:
    table = "\n".join(("[policy.sla]", *lines, "", RULES))
    return small.write(folder, small.TOML.replace(RULES, table, 1))


def test_the_hours_become_the_policys_clock(tmp_path: Path) -> None:
    folder = written(tmp_path, "remind = 4", "due = 8", "hold = 24.5")
    assert load(folder).policy.sla == Sla(remind=4, due=8, hold=24.5)


def test_hours_that_are_not_given_are_the_usual_ones(tmp_path: Path) -> None:
    assert load(written(tmp_path, "hold = 100")).policy.sla == Sla(hold=100)
    assert load(small.write(tmp_path / "plain", small.TOML)).policy.sla == Sla()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("due = 10", "`remind` (18 h) must come before `due` (10 h)"),
        ("remind = 24", "`remind` (24 h) must come before `due` (24 h)"),
        ("hold = 20", "`due` (24 h) must come before `hold` (20 h)"),
        ("hold = 0", "greater than 0"),
        ('hold = "3 days"', "must be a number"),
        ("hold = 9000", "less than or equal to 2160"),
        ("hod = 80", "did you mean `hold`?"),
    ],
)
def test_a_clock_that_cannot_run_is_named_with_its_line(
    tmp_path: Path, line: str, words: str
) -> None:
    folder = written(tmp_path, line)
    text = (folder / "greenlight.toml").read_text()
    found = check(folder)
    assert any(words in one.message for one in found), found
    assert {one.line for one in found} == {text[: text.index(line)].count("\n") + 1}
