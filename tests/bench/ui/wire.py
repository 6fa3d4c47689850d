"""One browser session without a browser: Streamlit's protobuf over a raw WebSocket.

Knows of the page only what a browser is told: elements by their place, widgets by their ids.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streamlit.components.v2.bidi_component.main import _make_trigger_id as trigger_id
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

FINISHED = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)
ANSWER_SECONDS = 30.0


@dataclass(frozen=True)
class Component:
    """One of our components as it was last drawn."""

    id: str
    fragment: str
    data: dict[str, Any]


@dataclass
class Wire:
    """A connected session."""

    socket: ClientConnection
    page: str = ""  # hash of the page's script
    components: dict[str, Component] = field(default_factory=dict)
    choices: dict[str, tuple[str, list[str]]] = field(default_factory=dict)  # by label
    widgets: dict[str, str] = field(default_factory=dict)  # what the selectboxes hold
    errors: list[str] = field(default_factory=list)
    known: dict[str, ForwardMsg] = field(default_factory=dict)  # sent once, then named by hash
    drawn: set[str] = field(default_factory=set)  # components of the last run
    received: int = 0  # bytes of the last run
    messages: int = 0  # of the last run

    async def run(self, trigger: Mapping[str, Any] | None = None, *, of: str = "") -> None:
        """Have the script run, with what a component fires if one is named; read to its end."""
        said = BackMsg()
        state = said.rerun_script
        state.page_script_hash = self.page
        state.cached_message_hashes.extend(self.known)
        state.context_info.timezone = "UTC"
        for widget, value in self.widgets.items():
            state.widget_states.widgets.add(id=widget, string_value=value)
        if trigger is not None:
            component = self.components[of]
            state.fragment_id = component.fragment
            fired = state.widget_states.widgets.add(id=trigger_id(component.id, "events"))
            fired.json_trigger_value = json.dumps([trigger])
        await self.socket.send(said.SerializeToString())
        self.received = self.messages = 0
        self.drawn.clear()
        async with asyncio.timeout(ANSWER_SECONDS):
            while not self._take(await self.socket.recv()):
                pass

    def _take(self, raw: bytes | str) -> bool:
        """Take in one message; return whether it ends a run."""
        assert isinstance(raw, bytes)
        message = ForwardMsg.FromString(raw)
        self.received += len(raw)
        self.messages += 1
        kind = message.WhichOneof("type")
        if kind == "ref_hash":
            message = self.known[message.ref_hash]
            kind = message.WhichOneof("type")
        elif message.metadata.cacheable:
            self.known[message.hash] = message
        if kind == "navigation":
            self.page = message.navigation.page_script_hash
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            self._draw(message.delta.new_element, message.delta.fragment_id)
        return kind == "script_finished" and message.script_finished in FINISHED

    def _draw(self, element: Any, fragment: str) -> None:
        kind = element.WhichOneof("type")
        if kind == "bidi_component":
            drawn = element.bidi_component
            data = json.loads(drawn.json) if drawn.json else {}
            self.components[drawn.component_name] = Component(drawn.id, fragment, data)
            self.drawn.add(drawn.component_name)
        elif kind == "selectbox":
            self.choices[element.selectbox.label] = (
                element.selectbox.id,
                list(element.selectbox.options),
            )
        elif kind == "exception":
            self.errors.append(f"{element.exception.type}: {element.exception.message}")


async def dial(address: str) -> Wire:
    """Connect as a browser does."""
    url = f"{address.replace('http', 'ws', 1)}/_stcore/stream"
    return Wire(
        await connect(
            url,
            subprotocols=[Subprotocol("streamlit")],
            origin=Origin(address),
            max_size=None,
            compression=None,
        )
    )
