"""A server on localhost that speaks enough of the Messages API for the real SDK, by script."""

import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

USAGE = {"input_tokens": 1_000, "output_tokens": 200}


@dataclass(frozen=True)
class Scripted:
    """One answer; `is_silent` sends nothing until the server closes."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_silent: bool = False


@dataclass(frozen=True)
class Received:
    """One request as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


class MessagesApi:
    """Plays scripted answers in order and keeps what it was sent in `received`."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self._script: deque[Scripted] = deque()
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._responder())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def says(self, text: str, *, stop_reason: str = "end_turn", **usage: int) -> None:
        """Answer with a message: a thinking block, then this text."""
        content = [
            {"type": "thinking", "thinking": "…", "signature": "c2ln"},
            {"type": "text", "text": text},
        ]
        self.sends({"content": content, "stop_reason": stop_reason, "usage": USAGE | usage})

    def answers(self, value: object, **usage: int) -> None:
        """Answer with this value as the structured output."""
        self.says(json.dumps(value), stop_reason="end_turn", **usage)

    def sends(self, message: Mapping[str, Any]) -> None:
        """Answer 200 with these parts of a message."""
        whole = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude",
            "stop_sequence": None,
            **message,
        }
        self.sends_bytes(json.dumps(whole).encode())

    def sends_bytes(self, body: bytes, content_type: str = "application/json") -> None:
        """Answer 200 with whatever this is."""
        self._script.append(Scripted(body=body, headers={"content-type": content_type}))

    def fails(self, status: int, kind: str, **headers: str) -> None:
        """Answer with an API error; header names are given with underscores."""
        body = {"type": "error", "error": {"type": kind, "message": "scripted"}}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named["content-type"] = "application/json"
        self._script.append(Scripted(status, json.dumps(body).encode(), named))

    def hangs(self) -> None:
        """Take the request and never answer."""
        self._script.append(Scripted(is_silent=True))

    def _responder(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Responder(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                api.received.append(Received(self.path, headers, json.loads(sent)))
                answer = api._script.popleft()
                if answer.is_silent:
                    api._closing.wait()
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_: Any) -> None:
                pass

        return Responder
