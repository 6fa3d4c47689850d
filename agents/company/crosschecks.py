"""Rules of a company's file that look at more than one field. Pure, over the raw TOML values.

They are forgiving about shape (the model names wrong types), so that one broken table does not
hide the mistakes in the others.
"""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

from agents.company.lines import Path
from store.gate import Sla
from store.registry import identity_of

Finding = tuple[Path, str]
Raw = dict[str, Any]
MIN_EXAMPLES = 3
DEFAULT_SLA = Sla().model_dump()  # in the order in which they come
RESERVED_ENTITIES = ("months", "amounts_minor")
SECRET_HEADERS = ("authorization", "cookie", "key", "secret", "token")
REPLY_ONLY_WORDS = (None, "reply_only")
ROLES = ("customer", "order", "amount", "text", "ticket", "key", "expected")


def tables(raw: Raw, *keys: str) -> list[tuple[int, Raw]]:
    """Return the numbered tables of the array at `keys`, skipping what is not a table."""
    value: Any = raw
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    found = value if isinstance(value, list) else []
    return [(index, item) for index, item in enumerate(found) if isinstance(item, dict)]


def texts(value: Any) -> list[str]:
    """Return the texts of a list, skipping everything else."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def suggestion(word: str, known: Sequence[str]) -> str:
    """Return `; did you mean ...?` for a near miss, else nothing."""
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean `{near[0]}`?" if near else ""


def twice(items: Sequence[tuple[Path, Any]], what: str) -> Iterator[Finding]:
    """Yield every item whose value has been seen before."""
    seen: list[Any] = []
    for path, value in items:
        if value is not None and value in seen:
            yield path, f"{what} `{value}` is there twice; give each its own"
        seen.append(value)


def write_tools(raw: Raw) -> list[tuple[Path, Raw]]:
    """Return every write tool with its path."""
    return [
        (("servers", at, "write", index), tool)
        for at, server in tables(raw, "servers")
        for index, tool in tables(server, "write")
    ]


def read_tools(raw: Raw) -> list[tuple[Path, str]]:
    """Return every read tool with its path."""
    return [
        (("servers", at, "read", index), name)
        for at, server in tables(raw, "servers")
        for index, name in enumerate(texts(server.get("read")))
    ]


def action_kinds(raw: Raw) -> list[str]:
    """Return the action kinds that some write tool carries out."""
    return texts([tool.get("action") for _, tool in write_tools(raw)])


def check_servers(raw: Raw) -> Iterator[Finding]:
    """Yield what is wrong between the servers and their tools."""
    writes, reads = write_tools(raw), read_tools(raw)
    servers = [(("servers", at, "name"), one.get("name")) for at, one in tables(raw, "servers")]
    yield from twice(servers, "the server name")
    yield from twice(reads, "the read tool")
    yield from twice([((*path, "tool"), one.get("tool")) for path, one in writes], "the write tool")
    yield from twice([((*path, "action"), one.get("action")) for path, one in writes], "the action")
    write_names = [tool.get("tool") for _, tool in writes]
    for path, name in reads:
        if name in write_names:
            yield path, f"`{name}` is listed as read and as write; list it once, as what it is"
    for at, server in tables(raw, "servers"):
        yield from _way_to(("servers", at), server)
    taken_back_by = {_tool_of(tool.get("reversal")) for _, tool in writes}
    for path, tool in writes:
        yield from _write_tool(path, tool, is_reversal=tool.get("tool") in taken_back_by)
        yield from _promises(path, tool, [name for _, name in reads], writes)
    for at, server in tables(raw, "servers"):
        total = server.get("totals")
        if total is not None and total not in texts(server.get("read")):
            yield ("servers", at, "totals"), f"`{total}` must be listed under this server's `read`"
    replies = [path for path, tool in writes if tool.get("reply") is True]
    if not replies:
        yield ("servers",), "no write tool has `reply = true`; one must send the customer's answer"
    for path in replies[1:]:
        yield path, "a second tool has `reply = true`; only one may send the customer's answer"


def _way_to(path: Path, server: Raw) -> Iterator[Finding]:
    """Yield what is wrong with how a server is started or reached."""
    if ("command" in server) == ("url" in server):
        yield path, "a server has either `command = [...]`, to be started, or `url`, to be reached"
    elif "url" in server and "env" in server:
        yield (*path, "env"), "`env` is for a server that is started by its command"
    elif "command" in server and "headers" in server:
        yield (*path, "headers"), "`headers` are for a server that is reached by its `url`"
    headers = server.get("headers")
    for name, value in headers.items() if isinstance(headers, dict) else ():
        if any(word in name.lower() for word in SECRET_HEADERS) and "{env:" not in str(value):
            words = f"`{name}` looks like a secret, which never stands in this file;"
            yield (*path, "headers", name), words + ' write "{env:NAME}" and set that variable'


def _tool_of(promise: Any) -> Any:
    return promise.get("tool") if isinstance(promise, dict) else None


def _promises(
    path: Path, tool: Raw, reads: Sequence[str], writes: Sequence[tuple[Path, Raw]]
) -> Iterator[Finding]:
    """Yield promises that name tools which are not there, or that do not go together."""
    for name in ("precondition", "lookup"):
        asked = _tool_of(tool.get(name))
        if isinstance(asked, str) and asked not in reads:
            words = f"`{asked}` is not a read tool" + suggestion(asked, reads)
            yield (*path, name), words + "; looking must change nothing"
    undoing = _tool_of(tool.get("reversal"))
    listed = texts([one.get("tool") for _, one in writes])
    if isinstance(undoing, str) and undoing not in listed:
        words = f"`{undoing}` is not a write tool" + suggestion(undoing, listed)
        yield (*path, "reversal"), words
    elif undoing is not None and undoing in (tool.get("tool"), *_replies(writes)):
        words = f"`{undoing}` takes nothing back; name the tool that undoes this one"
        yield (*path, "reversal"), words
    if ("expected" in tool) != ("precondition" in tool):
        yield path, "`expected` and `precondition` belong together: the argument and what fills it"
    if "key_retention_seconds" in tool and "key" not in tool:
        yield (*path, "key_retention_seconds"), "there is no `key` that could be remembered"


def _replies(writes: Sequence[tuple[Path, Raw]]) -> list[Any]:
    return [tool.get("tool") for _, tool in writes if tool.get("reply") is True]


def _write_tool(path: Path, tool: Raw, *, is_reversal: bool) -> Iterator[Finding]:
    is_reply = tool.get("reply") is True
    if is_reply == ("action" in tool) and not (is_reversal and not is_reply):
        yield path, "a write tool has either `action = ...` or `reply = true`"
    if is_reply and "text" not in tool:
        yield path, "the reply tool needs `text`, the argument that takes the answer"
    if tool.get("action") == "reply_only":
        yield (*path, "action"), "`reply_only` means no action; call this one something else"
    yield from twice([((*path, role), tool.get(role)) for role in ROLES], "the argument")


def check_policy(raw: Raw) -> Iterator[Finding]:
    """Yield action kinds in the policy that nothing carries out."""
    policy = raw.get("policy")
    if not isinstance(policy, dict):
        return
    kinds = [*action_kinds(raw), "reply_only"]
    rules = [
        (("policy", "amount_rules", at, "kind"), rule.get("kind"))
        for at, rule in tables(raw, "policy", "amount_rules")
    ]
    always = [
        (("policy", "always_person", at), kind)
        for at, kind in enumerate(texts(policy.get("always_person")))
    ]
    own = [
        (("policy", name, kind), kind)
        for name in ("thresholds", "undo_seconds", "delay_seconds")
        for kind in (policy[name] if isinstance(policy.get(name), dict) else ())
    ]
    for path, kind in [*rules, *always, *own]:
        if isinstance(kind, str) and kind not in kinds:
            yield path, f"no write tool has the action `{kind}`{suggestion(kind, kinds)}"
    moving = [tool.get("action") for _, tool in write_tools(raw) if "amount" in tool]
    for path, kind in rules:
        if kind in kinds and kind not in moving:
            yield path, f"`{kind}` has no amount to weigh: its tool names no `amount` argument"
    yield from _clock(policy.get("sla"))


def _clock(sla: Any) -> Iterator[Finding]:
    """Yield hours of the clock that do not follow each other, as far as they are given."""
    hours = {**DEFAULT_SLA, **sla} if isinstance(sla, dict) else {}
    for earlier, later in pairwise(DEFAULT_SLA):
        values = [hours.get(earlier), hours.get(later)]
        first, second = (one if isinstance(one, int | float) else None for one in values)
        if first is not None and second is not None and first >= second:
            name = later if later in sla else earlier
            words = f"`{earlier}` ({first:g} h) must come before `{later}` ({second:g} h)"
            yield ("policy", "sla", name), words


def check_entities(raw: Raw) -> Iterator[Finding]:
    """Yield entity names that Greenlight fills in itself."""
    entities = raw.get("entities")
    for name in entities if isinstance(entities, dict) else ():
        if name in RESERVED_ENTITIES:
            yield ("entities", name), f"`{name}` is found without a pattern; choose another name"


def check_intents(raw: Raw) -> Iterator[Finding]:
    """Yield what is wrong with the intents' names and examples."""
    intents = tables(raw, "intents")
    yield from _out_of_scope(raw, is_needed=len(intents) == 1)
    names = [(("intents", at, "name"), intent.get("name")) for at, intent in intents]
    yield from twice(names, "the intent")
    for at, intent in intents:
        examples = {" ".join(text.split()).lower() for text in texts(intent.get("examples"))}
        if "examples" in intent and len(examples - {""}) < MIN_EXAMPLES:
            path = ("intents", at, "examples")
            yield path, f"an intent needs at least {MIN_EXAMPLES} different examples to be learned"
    reasons = tables(raw, "reject_reasons")
    codes = [(("reject_reasons", at, "code"), reason.get("code")) for at, reason in reasons]
    yield from twice(codes, "the reject reason")


def _out_of_scope(raw: Raw, *, is_needed: bool) -> Iterator[Finding]:
    """Yield if there are too few foreign requests to learn from; a lone intent needs some."""
    table = raw.get("out_of_scope")
    examples = texts(table.get("examples")) if isinstance(table, dict) else []
    if len(examples) < MIN_EXAMPLES and (examples or is_needed):
        reason = "a single intent needs" if is_needed else "give none or"
        path = ("out_of_scope", "examples")
        yield path, f"{reason} at least {MIN_EXAMPLES} requests that are not for this company"


def check_people(raw: Raw) -> Iterator[Finding]:
    """Yield identities that two people share: one sign-in must mean one person."""
    people = raw.get("people")
    known = people.items() if isinstance(people, dict) else ()
    given: list[tuple[Path, Any]] = [
        (("people", name, "identity"), identity_of(one["identity"]))
        for name, one in known
        if isinstance(one, dict) and isinstance(one.get("identity"), str)
    ]
    yield from twice(given, "the identity")
