"""Figures in a text or a tool's answer: money, durations, dates, percentages, codes, numbers. Pure.

What a figure says is compared, not how it is written: `€56.90`, `56,90 EUR` and an answer's
`"amount_minor": 5690` are the same, and so are `five working days` and `5 working days`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from store.money import decimals

MAX_LEAVES = 2_000  # of one tool answer
MAX_TEXT = 20_000

_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_WORDS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
]
_NUMBER_WORDS = {word: number for number, word in enumerate(_WORDS)} | {
    "thirty": 30,
    "sixty": 60,
    "ninety": 90,
}
_SIGNS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY"}
_NAMES = {"euro": "EUR", "dollar": "USD", "pound": "GBP"}

_NUM = r"\d+(?:[.,]\d+)*"
_ANY = rf"(?:{_NUM}|\b(?:{'|'.join(_NUMBER_WORDS)})\b)"
_MONTH = rf"(?P<{{}}>{'|'.join(rf'{name[:3]}(?:{name[3:]})?' for name in _MONTHS)})"
_UNIT = r"(?P<kind>working|business|calendar|full)?\s?(?P<unit>minute|hour|day|week|month|year)s?\b"
_PATTERNS = (
    r"(?P<iso>\b\d{4}-\d{2}-\d{2})",
    rf"(?P<dmy>\b(?P<d1>\d{{1,2}})(?:st|nd|rd|th|\.)?\s{_MONTH.format('m1')}\b(?:,?\s(?P<y1>\d{{4}}))?)",
    rf"(?P<mdy>\b{_MONTH.format('m2')}\s(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s(?P<y2>\d{{4}}))?)",
    rf"(?P<before>[€$£¥]\s?(?P<n1>{_NUM}))",
    rf"(?P<after>(?P<n2>{_NUM})\s?(?P<money>[€$£¥]|(?:EUR|USD|GBP|CHF|JPY|euro|dollar|pound)s?\b))",
    rf"(?P<share>(?P<n3>{_ANY})\s?(?:%|percent\b|per\scent\b))",
    rf"(?P<lasting>(?P<n4>{_ANY})(?:\s?(?:-|–|to|or)\s?(?P<n5>{_ANY}))?\s{_UNIT})",
    r"(?P<token>\w+(?:[-/:]\w+)*)",
)
_FIGURE = re.compile("|".join(_PATTERNS), re.IGNORECASE)
_DECIMAL = re.compile(_NUM)


@dataclass(frozen=True, slots=True)
class Fact:
    """What a figure says: a date (`year` may be missing), a code, or a number with its unit."""

    number: Decimal | None = None
    unit: str = ""
    code: str = ""
    day: tuple[int, int] | None = None  # month, day
    year: int | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """Where a figure stands in a text, and what it says (a range says two things)."""

    start: int
    end: int
    text: str
    facts: tuple[Fact, ...]


@lru_cache(1024)  # a company's passages come back on card after card
def figures(text: str) -> tuple[Figure, ...]:
    """Return the figures of a text in order."""
    found = []
    for match in _FIGURE.finditer(text[:MAX_TEXT]):
        facts = tuple(_read(match))
        if facts:
            found.append(Figure(match.start(), match.end(), match.group(), facts))
    return tuple(found)


def stated(value: object, currency: str) -> Iterator[Fact]:
    """Yield what the leaves of a JSON value say; a name ending in `_minor` holds minor units."""
    for name, leaf in _leaves(value):
        if isinstance(leaf, bool) or leaf is None:
            continue
        if isinstance(leaf, int | float):
            number = Decimal(str(leaf))
            if name.endswith("_minor"):
                yield Fact(number.scaleb(-decimals(currency)), currency)
            yield Fact(number)
        else:
            for figure in figures(str(leaf)):
                yield from figure.facts


def agrees(said: Fact, known: Fact) -> bool:
    """Return whether two facts can be the same: one without a unit or year leaves it open."""
    if said.day or known.day:
        years = {said.year, known.year}
        return said.day == known.day and (len(years) == 1 or None in years)
    if said.code or known.code:
        return said.code == known.code
    return said.number == known.number and (
        said.unit == known.unit or not said.unit or not known.unit
    )


def is_known(figure: Figure, known: Iterable[Fact]) -> bool:
    """Return whether everything that the figure says is among the known facts."""
    facts = tuple(known)
    return all(any(agrees(said, fact) for fact in facts) for said in figure.facts)


def _read(match: re.Match[str]) -> Iterator[Fact]:
    kind = match.lastgroup
    group = match.groupdict()
    if group["iso"]:
        year, month, day = (int(part) for part in group["iso"].split("-"))
        yield Fact(day=(month, day), year=year)
    elif group["dmy"] or group["mdy"]:
        yield _date(group, "1" if group["dmy"] else "2")
    elif group["before"]:
        yield Fact(_number(group["n1"]), _SIGNS[group["before"][0]])
    elif group["after"]:
        yield Fact(_number(group["n2"]), _currency(group["money"]))
    elif group["share"]:
        yield Fact(_number(group["n3"]), "%")
    elif group["lasting"]:
        unit = _unit(group)
        yield from (Fact(_number(group[name]), unit) for name in ("n4", "n5") if group[name])
    elif kind == "token":
        yield from _token(match.group())


def _token(text: str) -> Iterator[Fact]:
    if _DECIMAL.fullmatch(text):
        yield Fact(_number(text))
    elif any(letter.isdigit() for letter in text):
        yield Fact(code=text.casefold())


def _date(group: Mapping[str, str | None], which: str) -> Fact:
    month = (group[f"m{which}"] or "")[:3].casefold()
    number = next(at for at, name in enumerate(_MONTHS, start=1) if name.startswith(month))
    year = group[f"y{which}"]
    return Fact(day=(number, int(group[f"d{which}"] or 0)), year=int(year) if year else None)


def _number(text: str | None) -> Decimal:
    """Read `1,500.00`, `1.500,00`, `84,90` and `five`: the last mark before 1 or 2 digits is it."""
    word = (text or "").casefold()
    if word in _NUMBER_WORDS:
        return Decimal(_NUMBER_WORDS[word])
    parts = re.split(r"[.,]", word)
    if len(parts) > 1 and len(parts[-1]) != 3:
        return Decimal(f"{''.join(parts[:-1])}.{parts[-1]}")
    return Decimal("".join(parts))


def _currency(text: str) -> str:
    if text in _SIGNS:
        return _SIGNS[text]
    name = text.casefold().removesuffix("s")
    return _NAMES.get(name, name.upper())


def _unit(group: Mapping[str, str | None]) -> str:
    kind = (group["kind"] or "").casefold()
    working = "working " if kind in ("working", "business") else ""
    return working + (group["unit"] or "").casefold()


def _leaves(value: object) -> Iterator[tuple[str, Any]]:
    waiting: list[tuple[str, object]] = [("", value)]
    for _ in range(MAX_LEAVES):
        if not waiting:
            return
        name, here = waiting.pop()
        if isinstance(here, Mapping):
            waiting.extend((str(key), each) for key, each in here.items())
        elif isinstance(here, list | tuple):
            waiting.extend((name, each) for each in here)
        else:
            yield name, here
