"""Checking a company's folder: syntax, then shape and cross-references together, by line."""

import tomllib
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from agents.company.crosschecks import (
    Finding,
    check_entities,
    check_intents,
    check_people,
    check_policy,
    check_servers,
    suggestion,
    tables,
)
from agents.company.lines import Path, find_lines, line_at
from agents.company.mistakes import FILE_NAME, Mistake
from agents.company.model import CompanyFile
from agents.company.rulechecks import check_rules
from store.errors import BadInput
from store.money import Money

DOCUMENT_TYPES = (".md", ".txt")
_PLACEHOLDERS = ("{python}", "{home}")
_GROUPS = (
    check_people,
    check_servers,
    check_policy,
    check_entities,
    check_intents,
    check_rules,
)
_WORDS = {
    "missing": "it is missing",
    "string_type": "it must be text in quotes",
    "bool_type": "it must be true or false",
    "float_type": "it must be a number",
    "list_type": "it must be a list",
    "dict_type": "it must be a table of names and values",
    "model_type": "it must be a table",
}


def check(folder: FilePath) -> list[Mistake]:
    """Return every mistake in the company's folder, by line; an empty list means it can be served.

    After a syntax error only the syntax errors are named: what follows one cannot be told apart.
    """
    try:
        text = (folder / FILE_NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        return [Mistake(1, f"`{folder}` has no {FILE_NAME}; `greenlight init {folder}` writes one")]
    except (OSError, UnicodeDecodeError) as error:
        return [Mistake(1, f"{FILE_NAME} cannot be read: {error}")]
    broken = _syntax(text)
    if broken:
        return broken
    raw = tomllib.loads(text)
    offsets: dict[Path, int] = {}
    findings = [*_shape(raw, offsets), *_references(raw, folder)]
    if not findings:
        return []
    places = find_lines(text)
    for path, offset in offsets.items():
        places[path] = _line_in_template(text, line_at(places, path), offset)
    return sorted({Mistake(line_at(places, path), message) for path, message in findings})


def _syntax(text: str) -> list[Mistake]:
    """Name each line that is not TOML, leaving it out and going on until the rest parses."""
    lines = text.replace("\r\n", "\n").split("\n")
    found: list[Mistake] = []
    while True:
        try:
            tomllib.loads("\n".join(lines))
        except tomllib.TOMLDecodeError as error:
            message, _, place = str(error).rpartition(" (at ")
            words = place.removesuffix(")").replace(",", "").split()
            number = int(words[1]) if words[0] == "line" else len(lines)
            number = min(max(number, 1), len(lines))
            found.append(Mistake(number, f"not TOML: {message[:1].lower()}{message[1:]}"))
            is_header = lines[number - 1].lstrip().startswith("[")
            if is_header or words[0] != "line" or not lines[number - 1].strip():
                return found
            lines[number - 1] = ""
        else:
            return found


def _shape(raw: dict[str, Any], offsets: dict[Path, int]) -> Iterator[Finding]:
    """Yield what the model refuses, noting on which of its own lines a template is wrong."""
    try:
        CompanyFile.model_validate(raw)
    except ValidationError as error:
        for one in error.errors():
            path = tuple(part for part in one["loc"] if part != "[key]")
            if one["type"] == "template":
                offsets[path] = one["ctx"]["offset"]
            yield path, f"{_name(path)}: {_words(one)}"


def _line_in_template(text: str, line: int, offset: int) -> int:
    """Return the file's line for a template's; its text may begin one line below its key."""
    opens = text.split("\n")[line - 1].rstrip()
    return line + offset - (0 if opens.endswith(('"""', "'''")) else 1)


def _name(path: Path) -> str:
    """Return the path in words: `intents[2].decisions[1].reply`, counted from 1."""
    return "".join(f"[{p + 1}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")


def _words(error: Any) -> str:
    kind, ctx = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        key = str(error["loc"][-1])
        return f"unknown key{suggestion(key, _known_keys(error['loc'][:-1]))}"
    if kind in ("value_error", "template"):
        return str(ctx.get("error") or ctx["reason"])
    if kind == "string_pattern_mismatch":
        return f"`{error['input']}` must match {ctx['pattern']}"
    if kind == "too_short":
        return "there must be at least one"
    known = _WORDS.get(kind)
    return known or f"{error['msg'][:1].lower()}{error['msg'][1:]}"


def _known_keys(loc: Path) -> list[str]:
    """Return the keys that the table at this place may have."""
    here: type[BaseModel] = CompanyFile
    for part in loc:
        field = {info.alias or name: info for name, info in here.model_fields.items()}.get(
            str(part)
        )
        here = next(_models(field.annotation), here) if field else here
    return [info.alias or name for name, info in here.model_fields.items()]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _references(raw: dict[str, Any], folder: FilePath) -> Iterator[Finding]:
    for group in _GROUPS:
        yield from group(raw)
    yield from _amounts(raw)
    yield from _documents(raw, folder)
    for at, server in tables(raw, "servers"):
        command = server.get("command")
        for index, word in enumerate(command if isinstance(command, list) else ()):
            for part in str(word).split("{")[1:]:
                name = "{" + part.split("}")[0] + "}"
                if name not in _PLACEHOLDERS:
                    path = ("servers", at, "command", index)
                    yield path, f"unknown placeholder `{name}`; there are {{python}} and {{home}}"


def _amounts(raw: dict[str, Any]) -> Iterator[Finding]:
    """Yield amounts of the policy that are not exact money in the company's currency."""
    company, policy = raw.get("company"), raw.get("policy")
    currency = company.get("currency") if isinstance(company, dict) else None
    if not isinstance(policy, dict):
        return
    values: list[tuple[Path, Any]] = [
        (("policy", key), policy.get(key)) for key in ("daily_cap", "two_person_above")
    ]
    values += [
        (("policy", "amount_rules", at, "above"), rule.get("above"))
        for at, rule in tables(raw, "policy", "amount_rules")
    ]
    for path, value in values:
        if isinstance(value, str):
            try:
                amount = Money.parse(value, currency if isinstance(currency, str) else "EUR")
            except BadInput as error:
                yield path, str(error)
            else:
                if amount.amount_minor < 0:
                    yield path, f"`{value}` is below zero"


def _documents(raw: dict[str, Any], folder: FilePath) -> Iterator[Finding]:
    company = raw.get("company")
    if not isinstance(company, dict):
        return
    name = company.get("documents", "documents")
    if not isinstance(name, str):
        return
    place = folder / name
    if not place.is_dir():
        yield ("company", "documents"), f"the documents folder `{name}` does not exist"
    elif not any(path.suffix in DOCUMENT_TYPES for path in place.rglob("*")):
        yield ("company", "documents"), f"the documents folder `{name}` has no .md or .txt file"
