"""Opening a page in Streamlit's AppTest, on a clock that only the test moves."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

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
    return AppTest.from_file(str(APP), default_timeout=30)


def page(draw: Callable[[], None]) -> AppTest:
    """Return a single page, not yet run; `draw` must import what it needs."""
    return AppTest.from_function(draw, default_timeout=30)


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


def words_of(at: AppTest) -> str:
    """Return every text, caption, heading and Markdown on the page."""
    kinds = (at.text, at.caption, at.markdown, at.subheader)
    return "\n".join(str(element.value) for kind in kinds for element in kind)
