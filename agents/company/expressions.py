"""The two small languages a company may write: JMESPath picks values, Jinja words replies.

Both see one context of plain JSON: `ticket`, `intent`, `entities`, `passages` and each look-up's
`save_as`. Values are data: nothing found in them is ever compiled. A template that would print a
missing value raises instead, so that no customer reads "None".
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

import jmespath
import jmespath.exceptions
from jinja2 import Template, TemplateError, Undefined, meta
from jinja2.exceptions import UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jmespath.parser import ParsedResult

from store.money import Money

Context = Mapping[str, Any]
BUILT_IN_NAMES = frozenset({"ticket", "intent", "entities", "passages"})
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_ELEMENT_WISE = {"projection", "value_projection", "filter_projection", "flatten", "pipe"}
_LEFT_ONLY = {"subexpression", "index_expression", *_ELEMENT_WISE}


class ExpressionError(Exception):
    """An expression or template of the company could not be weighed; the text says why."""


@lru_cache(maxsize=4096)
def compile_path(expression: str) -> ParsedResult:
    """Compile a JMESPath expression; raise ValueError saying what is wrong with it."""
    try:
        return jmespath.compile(expression)
    except jmespath.exceptions.JMESPathError as error:
        reason = str(error).split("\n", 1)[0].removeprefix("Invalid jmespath expression: ")
        raise ValueError(f"`{expression}` is not a JMESPath expression: {reason}") from None


def pick(expression: str, context: Context) -> Any:
    """Return what the JMESPath expression finds; raise ExpressionError if it cannot be weighed."""
    try:
        return compile_path(expression).search(context)
    except (jmespath.exceptions.JMESPathError, RecursionError, TypeError) as error:
        raise ExpressionError(f"`{expression}` cannot be weighed: {error}") from error


def is_truthy(value: Any) -> bool:
    """Return JMESPath's truth: null, false and anything empty are false; zero is true."""
    return not (value is None or value is False or value in ("", [], {}))


def names_in_path(expression: str) -> set[str]:
    """Return the names of the context that the JMESPath expression reads."""
    return set(_root_names(compile_path(expression).parsed))


def _root_names(node: Mapping[str, Any]) -> Iterator[str]:
    if node["type"] == "field":
        yield node["value"]
    elif node["type"] != "expref":
        children = node["children"]
        for child in children[:1] if node["type"] in _LEFT_ONLY else children:
            yield from _root_names(child)


class _Missing(Undefined):
    """Absent values are false and empty, but cannot be printed."""

    __str__ = Undefined._fail_with_undefined_error


def _printable(value: Any) -> Any:
    if value is None:
        raise UndefinedError("a value it prints is null")
    return value


class Templates:
    """The company's Jinja templates, compiled once, with the filters `money`, `day` and `quote`."""

    def __init__(self, currency: str) -> None:
        self._environment = ImmutableSandboxedEnvironment(
            undefined=_Missing, finalize=_printable, trim_blocks=True, lstrip_blocks=True
        )
        self._environment.filters["money"] = lambda minor: format_money(minor, currency)
        self._environment.filters["day"] = format_day
        self._environment.filters["quote"] = quote
        self._compiled: dict[str, Template] = {}

    def compile(self, source: str) -> Template:
        """Compile a template; raise jinja2.TemplateSyntaxError, whose `lineno` is 1-based."""
        if source not in self._compiled:
            self._compiled[source] = self._environment.from_string(source)
        return self._compiled[source]

    def render(self, source: str, context: Context) -> str:
        """Fill in the template; raise ExpressionError when a value it needs is missing or unfit."""
        try:
            return self.compile(source).render(context).strip()
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
            raise ExpressionError(f"the wording cannot be filled in: {error}") from error

    def names(self, source: str) -> set[str]:
        """Return the names of the context that the template reads."""
        return set(meta.find_undeclared_variables(self._environment.parse(source)))


def format_money(minor: Any, currency: str) -> str:
    """Return `8490` as `€84.90`; raise TypeError for anything but whole minor units."""
    if isinstance(minor, bool) or not isinstance(minor, int):
        raise TypeError("`money` needs a whole number of minor units")
    return str(Money(minor, currency))


def format_day(value: Any) -> str:
    """Return an ISO date or time as `3 May 2026`; raise ValueError for anything else."""
    moment = date.fromisoformat(str(value)[:10])
    return f"{moment.day} {moment:%B %Y}"


def quote(text: Any, asked: str = "") -> str:
    """Return the one sentence of `text` that shares most words with what was asked."""
    wanted = _content_words(asked)
    candidates = sentences(str(text))
    if not candidates:
        raise ValueError("there is nothing to quote")
    return max(candidates, key=lambda sentence: len(wanted & _content_words(sentence)))


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, each on one line."""
    return [part.strip() for part in _SENTENCE.split(" ".join(text.split())) if part.strip()]


def _content_words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.lower()) if len(word) > 3}
