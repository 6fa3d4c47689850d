"""Rules about look-ups and decisions: that they name tools, actions and values that exist. Pure."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from jinja2 import TemplateSyntaxError

from agents.company.crosschecks import (
    REPLY_ONLY_WORDS,
    Finding,
    Raw,
    action_kinds,
    read_tools,
    suggestion,
    tables,
    twice,
    write_tools,
)
from agents.company.expressions import BUILT_IN_NAMES, Templates, names_in_path
from agents.company.lines import Path
from store.actions import REPLY_ONLY

_TEMPLATES = Templates("EUR")


def check_rules(raw: Raw) -> Iterator[Finding]:
    """Yield what is wrong with every intent's look-ups and decisions."""
    for at, intent in tables(raw, "intents"):
        yield from _lookups(("intents", at, "lookups"), intent, raw)
        yield from _decisions(("intents", at, "decisions"), intent, raw)


def _lookups(place: Path, intent: Raw, raw: Raw) -> Iterator[Finding]:
    readable = [name for _, name in read_tools(raw)]
    writable = [tool.get("tool") for _, tool in write_tools(raw)]
    lookups = tables(intent, "lookups")
    known = sorted(BUILT_IN_NAMES)
    for at, lookup in lookups:
        tool, name = lookup.get("tool"), lookup.get("save_as")
        if tool in writable:
            yield (*place, at, "tool"), f"`{tool}` is a write tool; a look-up may only read"
        elif isinstance(tool, str) and tool not in readable:
            hint = suggestion(tool, readable)
            yield (*place, at, "tool"), f"no server lists the read tool `{tool}`{hint}"
        if name in BUILT_IN_NAMES:
            yield (*place, at, "save_as"), f"`{name}` is taken; save the result under another name"
        yield from _expressions((*place, at), lookup, known)
        known += [name] if isinstance(name, str) else []
    saved = [((*place, at, "save_as"), lookup.get("save_as")) for at, lookup in lookups]
    yield from twice(saved, "the name")


def _decisions(place: Path, intent: Raw, raw: Raw) -> Iterator[Finding]:
    saved = [lookup.get("save_as") for _, lookup in tables(intent, "lookups")]
    known = sorted(BUILT_IN_NAMES | {name for name in saved if isinstance(name, str)})
    kinds = action_kinds(raw)
    is_caught_all = False
    for at, decision in tables(intent, "decisions"):
        if is_caught_all:
            yield (*place, at), "never reached: the decision above it has no `when`"
        is_caught_all = is_caught_all or "when" not in decision
        for path, part in _parts((*place, at), decision):
            kind = part.get("action")
            if isinstance(kind, str) and kind not in kinds and kind not in REPLY_ONLY_WORDS:
                words = f"no write tool has the action `{kind}`{suggestion(kind, kinds)}"
                yield (*path, "action"), words
            yield from _own_fields(path, part, raw)
            yield from _expressions(path, part, known)
        yield from _several((*place, at), decision)
        for key in ("reply", "doubt"):
            yield from _names((*place, at, key), decision.get(key), _TEMPLATES.names, known)


def _parts(place: Path, decision: Raw) -> list[tuple[Path, Raw]]:
    """Return the decision and its further actions, each with its path."""
    further = [((*place, "also", at), part) for at, part in tables(decision, "also")]
    return [(place, decision), *further]


def _several(place: Path, decision: Raw) -> Iterator[Finding]:
    """Yield further actions that are none, or that repeat another one of the decision."""
    (_, first), *further = _parts(place, decision)
    if further and first.get("action") in REPLY_ONLY_WORDS:
        yield (*place, "also"), "there are further actions but no first one"
    seen = [(first.get("action"), first.get("args"))]
    for path, part in further:
        one = (part.get("action"), part.get("args"))
        if part.get("action") == REPLY_ONLY:
            yield (*path, "action"), "`reply_only` is no further action; leave it out"
        elif one in seen:
            yield path, f"`{one[0]}` is there twice with the same arguments; it is done once only"
        seen.append(one)


def _own_fields(place: Path, decision: Raw, raw: Raw) -> Iterator[Finding]:
    """Yield arguments that code fills in, so that nobody believes a rule chooses them."""
    args, kind = decision.get("args"), decision.get("action")
    if kind in REPLY_ONLY_WORDS:
        if args:
            yield (*place, "args"), "there are arguments but no action to take them"
        return
    for _, tool in write_tools(raw):
        if tool.get("action") == kind and isinstance(args, dict):
            for role in ("customer", "ticket", "key", "expected"):
                if tool.get(role) in args:
                    yield (
                        (*place, "args", tool[role]),
                        f"`{tool[role]}` is filled in by Greenlight itself; leave it out",
                    )


def _expressions(place: Path, table: Raw, known: Sequence[str]) -> Iterator[Finding]:
    yield from _names((*place, "when"), table.get("when"), names_in_path, known)
    args = table.get("args")
    for name, expression in args.items() if isinstance(args, dict) else ():
        yield from _names((*place, "args", name), expression, names_in_path, known)


def _names(
    path: Path, source: Any, find: Callable[[str], set[str]], known: Sequence[str]
) -> Iterator[Finding]:
    """Yield names that nothing in this intent fills; a broken expression is named by the model."""
    try:
        used = find(source) if isinstance(source, str) else set()
    except (ValueError, TemplateSyntaxError):
        used = set()
    for name in sorted(used - set(known)):
        yield path, f"nothing is known as `{name}` here{suggestion(name, known)}"
