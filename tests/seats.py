"""Sitting down at the queue page in AppTest, and reading what is on it."""

from typing import Any

import pages
from streamlit.testing.v1 import AppTest

from store import claims
from store.engine import Store


def opened(clock: pages.Clock, person: str | None = None, **query: str) -> AppTest:
    """Open the page, perhaps by a link, and let its keys be armed."""
    at = pages.app()
    if person is not None:
        at.session_state["person"] = person
    for name, value in query.items():
        at.query_params[name] = value
    at.run()
    assert not at.exception
    clock.pass_seconds(5)
    return at


def shown(at: AppTest) -> int | None:
    cards = pages.parts(at, "card")
    return int(cards[0]["id"]) if cards else None


def rows(at: AppTest) -> list[int]:
    return [row["id"] for row in pages.part(at, "queue_list")["items"]]


def row(at: AppTest, review_id: int) -> dict[str, Any]:
    found: list[dict[str, Any]] = pages.part(at, "queue_list")["items"]
    return next(one for one in found if one["id"] == review_id)


def under(at: AppTest) -> dict[str, Any]:
    found: dict[str, Any] = pages.part(at, "queue_list")["desk"]
    return found


def held(store: Store, clock: pages.Clock) -> dict[int, str]:
    return store.read(claims.held, now=clock.at)


def look(at: AppTest, **chosen: str) -> AppTest:
    return pages.send(at, "queue_filters", "look", chosen)
