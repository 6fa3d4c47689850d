"""What of the queue is shown: the tabs with their counts, search, a panel of filters, chips."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from dashboard import session, words
from dashboard.components.custom import register
from dashboard.filters import REASONS, Filters
from store.schema import Company

_FILTERS = register("queue_filters")
KEY = "queue_filters"
WHOSE = {"all": "Everybody's", "mine": "Mine", "free": "Free"}


def queue_filters(
    chosen: Filters,
    counts: Mapping[str, int],
    company: Company,
    kinds: Mapping[str, str],
    *,
    on_look: Callable[[Mapping[str, Any]], None],
) -> None:
    """Draw tabs, search and filters; `on_look` gets the whole choice when any of it changes."""

    def looked() -> None:
        said = session.sent(KEY, "look")
        if isinstance(said, Mapping):
            on_look(said)

    data = {
        "chosen": {**asdict(chosen), "whose": str(chosen.whose)},
        "tabs": [
            {"name": name, "title": name.capitalize(), "count": words.count(count)}
            for name, count in counts.items()
        ],
        "options": {
            "intent": {one["name"]: one["title"] for one in company.intents},
            "kind": dict(kinds),
            "reason": REASONS,
            "whose": WHOSE,
        },
        "currency": company.currency,
    }
    _FILTERS(key=KEY, data=data, on_look_change=looked)
