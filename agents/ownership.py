"""Whether what the look-ups found is about the ticket's own customer. Pure.

A tool that answers about somebody else raises no error and fits every schema; the draft made on it
would tell a stranger's affairs, or pay for them.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

DEPTH = 6  # of nested answers that are searched


def of_others(
    facts: Mapping[str, Any], fields: Collection[str], customer_id: str | None
) -> list[str]:
    """Return the look-ups whose facts name another customer in one of these fields.

    A ticket of nobody known has no customer to compare with.
    """
    if customer_id is None:
        return []
    return [
        name
        for name, found in facts.items()
        if any(value != customer_id for value in _named(found, fields, DEPTH))
    ]


def _named(found: Any, fields: Collection[str], depth: int) -> Iterator[str]:
    if depth == 0:
        return
    if isinstance(found, Mapping):
        for key, value in found.items():
            if key in fields and isinstance(value, str):
                yield value
            else:
                yield from _named(value, fields, depth - 1)
    elif isinstance(found, list | tuple):
        for value in found:
            yield from _named(value, fields, depth - 1)
