"""The text that stands for a ticket: the same for intent and retrieval, so it is encoded once."""

import re
from collections.abc import Mapping

from agents.ports import TicketView

MAX_CHARS = 2_000  # the request stands at the beginning


def query_of(ticket: TicketView, patterns: Mapping[str, str]) -> str:
    """Return subject and text as one query, with `name_ids`."""
    return name_ids(f"{ticket.subject}\n{ticket.text}".strip()[:MAX_CHARS], patterns)


def name_ids(text: str, patterns: Mapping[str, str]) -> str:
    """Return the text with each id replaced by what it is.

    `LO-12345` found by the pattern `order_ids` becomes `order`: a number says nothing about the
    request, and no number leaves for a search service.
    """
    for name, pattern in patterns.items():
        text = re.sub(pattern, _word(name), text)
    return text


def _word(name: str) -> str:
    return re.sub(r"_?ids?$", "", name).replace("_", " ") or name
