"""What can be wrong with a company's folder, as lines a person can act on."""

from collections.abc import Sequence
from dataclasses import dataclass

from store.errors import GreenlightError

FILE_NAME = "greenlight.toml"


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One thing to put right; `line` is 1-based in the company's file."""

    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


class CompanyMistakes(GreenlightError):
    """The company's folder cannot be used as it is; `mistakes` names everything to put right."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        listed = "\n".join(f"  {mistake}" for mistake in mistakes)
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        super().__init__(f"{FILE_NAME} has {count}; nothing was started.\n{listed}")
        self.mistakes = tuple(mistakes)
