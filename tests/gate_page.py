"""The Gate page in AppTest: its slider, its boxes, and history on which a promise is certified."""

import json
from datetime import timedelta
from typing import Any

import certifiable
import pages
from builders import NOW
from streamlit.testing.v1 import AppTest

from store import certificates, policies
from store.engine import Store
from store.gate import PolicyBody, Promise

LATER = NOW + timedelta(days=1)


def fill(store: Store) -> None:
    """Insert four hundred judged drafts above 0.95, one wrong; what is below is often wrong."""
    store.transact(certifiable.drafts, [0.99] * 400, wrong=1)
    store.transact(certifiable.drafts, [0.6] * 100, wrong=40)
    store.transact(certifiable.drafts, [0.99] * 100 + [0.6] * 25, is_drawn=False, is_judged=False)


def gate(person: str = "Mo", **address: str) -> AppTest:
    """Open the Gate page."""

    def draw() -> None:
        from dashboard.app_pages import gate

        gate.page()

    at = pages.page(draw)
    at.session_state["person"] = person
    for name, value in address.items():
        at.query_params[name] = value
    at.run()
    assert not at.exception
    return at


def release(at: AppTest, threshold: float) -> AppTest:
    """Let go of the slider here, as its script in a browser does."""
    return _set(at, "threshold", json.dumps({"threshold": threshold}), "json_value")


def edit(at: AppTest, row: int, **cells: Any) -> AppTest:
    """Type into the table of rules by action kind."""
    edited = {"edited_rows": {str(row): cells}, "added_rows": [], "deleted_rows": []}
    return _set(at, None, json.dumps(edited), "string_value")


def _set(at: AppTest, component: str | None, value: str, how: str) -> AppTest:
    protos: list[Any] = [getattr(element, "proto", None) for element in at.main]
    (found,) = {
        proto.id
        for proto in protos
        if (
            getattr(proto, "component_name", "").endswith(f"greenlight_{component}")
            if component
            else getattr(proto, "editing_mode", 0)
        )
    }
    states = at._tree.get_widget_states()
    changed = states.widgets.add()
    changed.id = found
    setattr(changed, how, value)
    at._run(states)
    assert not at.exception
    return at


def button(at: AppTest, start: str) -> Any:
    """Return the one button whose key starts so."""
    (found,) = [one for one in at.button if (one.key or "").startswith(start)]
    return found


def publish(at: AppTest, why: str = "it is time") -> AppTest:
    """Publish what is on screen, with the line that it takes."""
    at.text_input(key="policy_note").set_value(why).run()
    return pages.press(at, "publish_")


def promise(at: AppTest) -> Any:
    """Return the box of the promise."""
    (found,) = [one for one in at.checkbox if one.label.startswith("Promise:")]
    return found


def point(at: AppTest, name: str) -> dict[str, Any]:
    """Return what the slider shows at this threshold."""
    points: list[dict[str, Any]] = pages.part(at, "threshold")["points"]
    (found,) = [one for one in points if one["name"] == name]
    return found


def broken(store: Store) -> int:
    """Publish a promise, and suspend it a day later; return its certificate."""
    body = PolicyBody(threshold=0.9, promises={"*": Promise(max_error=0.02)})
    store.transact(policies.publish, body, author="Mo", note="", now=NOW)
    (one,) = store.read(certificates.certificates)
    assert store.transact(certificates.suspend, one.id, "20 of 100 audits were wrong", now=LATER)
    return one.id
