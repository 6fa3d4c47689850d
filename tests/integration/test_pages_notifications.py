"""Health says when people were not told what they should have been."""

from datetime import datetime

import desk
import pages
import pytest

from dashboard import session
from store import notifications
from store.engine import Store

LABEL = "Notifications not sent"


def tiles() -> dict[str, str]:
    def draw() -> None:
        from dashboard.app_pages import health

        health.page()

    at = pages.page(draw).run()
    assert not at.exception
    return {tile["label"]: tile["value"] for tile in pages.part(at, "tiles")["tiles"]}


def test_notifications_that_were_given_up_are_counted_on_the_health_page(
    store: Store, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "now", pages.Clock(now))
    desk.company(store, now=now)
    store.transact(notifications.tell, "a", "Card 1 is overdue", "", "/", now)
    assert LABEL not in tiles(), "it is still tried"
    store.transact(notifications.give_up, "nobody to tell")
    assert tiles()[LABEL] == "1"
