"""Opening a page in Streamlit's AppTest, on a clock that only the test moves."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from streamlit.components.v2.bidi_component.main import _make_trigger_id
from streamlit.testing.v1 import AppTest

import dashboard

APP = Path(dashboard.__file__).with_name("app.py")


@dataclass
class Clock:
    """The time the pages see."""

    at: datetime

    def __call__(self) -> datetime:
        """Return the time."""
        return self.at

    def pass_seconds(self, seconds: float) -> None:
        """Move on."""
        self.at += timedelta(seconds=seconds)


def app() -> AppTest:
    """Return the whole dashboard, not yet run; it opens on the queue."""
    return AppTest.from_file(str(APP), default_timeout=90)


def page(draw: Callable[[], None]) -> AppTest:
    """Return a single page, not yet run; `draw` must import what it needs."""
    return AppTest.from_function(draw, default_timeout=90)


def parts(at: AppTest, name: str) -> list[dict[str, Any]]:
    """Return the data of each of our own components of this name on the page."""
    found = []
    for element in at.main:
        proto: Any = getattr(element, "proto", None)
        if getattr(proto, "component_name", "").endswith(f"greenlight_{name}"):
            found.append(json.loads(proto.json))
    return found


def part(at: AppTest, name: str) -> dict[str, Any]:
    """Return the data of the one component of this name."""
    (only,) = parts(at, name)
    return only


def press(at: AppTest, start: str) -> AppTest:
    """Click the one button whose key starts so."""
    (button,) = [button for button in at.button if (button.key or "").startswith(start)]
    at = button.click().run()
    assert not at.exception
    return at


def send(at: AppTest, name: str, event: str, value: Any) -> AppTest:
    """Fire a trigger of the one component of this name, as its script in a browser would."""
    (proto,) = [
        element.proto
        for element in at.main
        if getattr(getattr(element, "proto", None), "component_name", "").endswith(
            f"greenlight_{name}"
        )
    ]
    states = at._tree.get_widget_states()
    fired = states.widgets.add()
    fired.id = _make_trigger_id(proto.id, "events")
    fired.json_trigger_value = json.dumps([{"event": event, "value": value}])
    at._run(states)
    assert not at.exception
    return at


def act(at: AppTest, name: str, **said: Any) -> AppTest:
    """Do on the card what its script sends when a person does it."""
    drawn = part(at, "card")
    sent = {
        "act": name,
        "nonce": f"{name}-{drawn['id']}",
        "review_id": drawn["id"],
        "revision": drawn["revision"],
        "digest": drawn["digest"],
        "decision_id": drawn["decisionId"],
        **said,
    }
    return send(at, "card", "act", sent)


def opened(review_id: int, clock: "Clock", person: str = "Ana") -> AppTest:
    """Open the queue on a card that a press counts on."""
    at = app()
    at.session_state["person"] = person
    at.query_params["review"] = str(review_id)
    at.run()
    assert not at.exception
    assert part(at, "card")["id"] == review_id
    clock.pass_seconds(5)
    return at


def undo(at: AppTest) -> AppTest:
    """Take back what the notice says was done."""
    return send(at, "notice", "undo", part(at, "notice")["id"])


def words_of(at: AppTest) -> str:
    """Return every text, caption, heading and Markdown on the page."""
    kinds = (at.text, at.caption, at.markdown, at.subheader)
    return "\n".join(str(element.value) for kind in kinds for element in kind)
