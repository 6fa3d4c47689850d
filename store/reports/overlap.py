"""What a passage and a draft have in common, and which figures of a draft nothing supports. Pure.

Marks help to find the place to read; they say that the same words stand in both, not that the
draft is right. Single common words are left out: too many texts share them by chance.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, pairwise
from unicodedata import normalize

from store.reports.figures import MAX_TEXT, Fact, Figure, figures, is_known

WORDS, FIGURE = "words", "figure"

_STOP_WORDS = """
    a about after again all also am an and any are as at be because been before but by
    can could did do does for from get had has have he her his how i if in into is it
    its just me more my no not of on once only or other our out over she should so some
    than that the their them then there these they this those to too up us was we were
    what when where which who why will with would you your
"""
_STOP = frozenset(_STOP_WORDS.split())
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_EDGES = re.compile(r"^[\s,;()]+|[\s,;()]+$")
_STEM = 6  # letters: refund, refunds and refunded are one word


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a text that stands in another one too."""

    start: int
    end: int
    kind: str  # WORDS or FIGURE


@dataclass(frozen=True, slots=True)
class Support:
    """The figures of a reply, each once, by where they can be found."""

    found: tuple[str, ...]  # in a passage or a tool's answer
    claimed: tuple[str, ...]  # in the customer's own message only
    missing: tuple[str, ...]  # nowhere


@dataclass(frozen=True, slots=True)
class _Token:
    start: int
    end: int
    key: str | Figure


def shared(text: str, other: str) -> tuple[Span, ...]:
    """Return where `text` has figures of `other`, or two content words in a row as it has."""
    mine, theirs = _tokens(text), _tokens(other)
    known = [fact for token in theirs for fact in _facts(token)]
    pairs = {_pair(first, second) for first, second in _neighbours(other, theirs)}
    spans = [
        Span(token.start, token.end, FIGURE)
        for token in mine
        if isinstance(token.key, Figure) and is_known(token.key, known)
    ]
    spans += [
        Span(first.start, second.end, WORDS)
        for first, second in _neighbours(text, mine)
        if _pair(first, second) in pairs
    ]
    return _flattened(spans, text)


def support(reply: str, evidence: Iterable[Fact], message: str) -> Support:
    """Sort the reply's figures by where they can be found: `evidence` before the message."""
    known = tuple(evidence)
    claims = tuple(fact for figure in figures(message) for fact in figure.facts)
    found: dict[str, None] = {}
    claimed: dict[str, None] = {}
    missing: dict[str, None] = {}
    for figure in figures(reply):
        place = missing
        if is_known(figure, known):
            place = found
        elif is_known(figure, claims):
            place = claimed
        place[figure.text] = None
    return Support(tuple(found), tuple(claimed), tuple(missing))


@lru_cache(1024)
def _tokens(text: str) -> tuple[_Token, ...]:
    """Return figures and content words in order."""
    text = text[:MAX_TEXT]
    found = [_Token(figure.start, figure.end, figure) for figure in figures(text)]
    taken = [(token.start, token.end) for token in found]
    at = 0
    for word in _WORD.finditer(text):
        while at < len(taken) and taken[at][1] <= word.start():
            at += 1
        if at < len(taken) and taken[at][0] < word.end():
            continue
        stem = _stem(word.group())
        if stem:
            found.append(_Token(word.start(), word.end(), stem))
    return tuple(sorted(found, key=lambda token: token.start))


def _stem(word: str) -> str:
    plain = normalize("NFKC", word).casefold()
    if plain in _STOP or len(plain) < 2:
        return ""
    if len(plain) > 3 and plain.endswith("s") and not plain.endswith("ss"):
        plain = plain[:-1]
    return plain[:_STEM]


def _facts(token: _Token) -> tuple[Fact, ...]:
    return token.key.facts if isinstance(token.key, Figure) else ()


def _neighbours(text: str, tokens: tuple[_Token, ...]) -> Iterator[tuple[_Token, _Token]]:
    """Yield content words that follow each other within one sentence."""
    for first, second in pairwise(tokens):
        if not re.search(r"[.!?:;\n]", text[first.end : second.start]):
            yield first, second


def _pair(first: _Token, second: _Token) -> tuple[object, object]:
    return _facts(first) or first.key, _facts(second) or second.key


def _flattened(spans: list[Span], text: str) -> tuple[Span, ...]:
    """Return spans that do not overlap: runs of words joined, figures kept apart inside them."""
    kinds = [""] * min(len(text), MAX_TEXT)
    for span in sorted(spans, key=lambda span: span.kind == FIGURE):
        kinds[span.start : span.end] = [span.kind] * (span.end - span.start)
    at, flat = 0, []
    for kind, stretch in groupby(kinds):
        start, at = at, at + len(list(stretch))
        inner = _EDGES.sub("", text[start:at])
        if kind and inner:
            first = text.index(inner, start)
            flat.append(Span(first, first + len(inner), kind))
    return tuple(flat)
