"""What a ticket names: ids by the company's patterns, months and amounts by our own. Pure."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from store.errors import BadInput
from store.money import Money

MAX_CHARS = 20_000  # a longer text is searched only so far
MAX_FOUND = 20
MONTHS = (
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
)
_SHORT = {name[:3]: number for number, name in enumerate(MONTHS, 1)} | {"sept": 9}
_MONTH = re.compile(
    r"(?P<before>\b(?:in|since|for|of|during|last|from|until|by|early|late|mid|and|or)\s+)?"
    r"(?P<day>\b[0-3]?[0-9](?:st|nd|rd|th)?\s+)?"
    rf"\b(?P<month>{'|'.join(MONTHS)}|{'|'.join(_SHORT)})\b\.?"
    r"(?P<after>\s+[0-3]?[0-9](?:st|nd|rd|th)?\b(?!\d))?"
    r"(?:,?\s+(?P<year>20[0-9]{2})\b)?",
    re.IGNORECASE,
)
_ISO_MONTH = re.compile(r"\b(20[0-9]{2}-(?:0[1-9]|1[0-2]))(?:-[0-3][0-9])?\b")
_RELATIVE = re.compile(r"\b(this|last|previous)\s+month(?:'s)?\b", re.IGNORECASE)
_NUMBER = r"[0-9]{1,3}(?:[ ,.'][0-9]{3}){0,4}(?:[.,][0-9]{1,3})?|[0-9]{1,12}(?:[.,][0-9]{1,3})?"
_CURRENCY_WORDS = {
    "EUR": ("€", "eur", "euro", "euros"),
    "USD": ("$", "usd", "dollar", "dollars"),
    "GBP": ("£", "gbp", "pound", "pounds", "quid"),
    "JPY": ("¥", "jpy", "yen"),
}


def find_entities(
    text: str, patterns: Mapping[str, str], received_at: datetime, currency: str
) -> dict[str, Any]:
    """Return what the text names: a list for each pattern, `months` and `amounts_minor`.

    A month without a year is the most recent one that had begun when the ticket came in.
    """
    searched = text[:MAX_CHARS]
    found: dict[str, Any] = {
        name: find_ids(searched, pattern) for name, pattern in patterns.items()
    }
    found["months"] = _first(_months(searched, received_at))
    found["amounts_minor"] = _first(find_amounts(searched, currency))
    return found


def find_ids(text: str, pattern: str) -> list[str]:
    """Return each thing the pattern matches once: its first group, or the whole match."""
    matches = re.finditer(pattern, text)
    return _first(one.group(1) if one.re.groups else one.group(0) for one in matches)


def find_amounts(text: str, currency: str) -> Iterator[int]:
    """Yield each amount in the company's currency, in minor units."""
    words = _CURRENCY_WORDS.get(currency, (currency.lower(),))
    signs = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    pattern = (
        rf"(?<![\w.,])(?:{signs})\s?(?P<left>{_NUMBER})(?![\w])"
        rf"|(?<![\w.,])(?P<right>{_NUMBER})\s?(?:{signs})(?!\w)"
    )
    for match in re.finditer(pattern, text, re.IGNORECASE):
        amount = _amount(match.group("left") or match.group("right"), currency)
        if amount is not None:
            yield amount


def _amount(number: str, currency: str) -> int | None:
    """Read `1,234.50`, `1.234,50`, `84,90` and `84.90` alike: one or two last digits are cents."""
    match = re.fullmatch(r"([0-9.,]*?)(?:[.,]([0-9]{1,2}))?", re.sub(r"[ ']", "", number))
    whole, cents = match.groups() if match else (number, None)
    plain = re.sub(r"[.,]", "", whole) + (f".{cents}" if cents else "")
    try:
        return Money.parse(plain, currency).amount_minor
    except BadInput:
        return None


def _months(text: str, received_at: datetime) -> Iterator[str]:
    """Yield `2026-05` for each month named; "may" and "mar" count only where they are a month."""
    for match in _MONTH.finditer(text):
        name = match.group("month").lower()
        is_surely = match.group("before") or match.group("day") or match.group("year")
        is_surely = is_surely or match.group("after")
        if not is_surely and (name in ("may", "march") or len(name) < 5):
            continue
        month = _SHORT["sept" if name == "sept" else name[:3]]
        year = int(match.group("year") or _latest_year(month, received_at))
        yield f"{year}-{month:02d}"
    yield from (match.group(1) for match in _ISO_MONTH.finditer(text))
    for match in _RELATIVE.finditer(text):
        back = 0 if match.group(1).lower() == "this" else 1
        ordinal = received_at.year * 12 + received_at.month - 1 - back
        yield f"{ordinal // 12}-{ordinal % 12 + 1:02d}"


def _latest_year(month: int, received_at: datetime) -> int:
    return received_at.year if month <= received_at.month else received_at.year - 1


def _first(found: Any) -> list[Any]:
    return list(dict.fromkeys(found))[:MAX_FOUND]
