"""A service on localhost that takes notifications, and what it got."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any


class Mailbox:
    """What came in; `status` is what it answers, `gate` holds every answer back while cleared."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.got: list[dict[str, Any]] = []
        self.arrivals: Queue[dict[str, Any]] = Queue()
        self.status = 200
        self.gate = threading.Event()
        self.gate.set()

    @property
    def address(self) -> str:
        """Return its address as Apprise reads it, with a password in it."""
        return f"json://robot:s3cret-w0rd@127.0.0.1:{self.port}/t0ken-path"

    @property
    def titles(self) -> list[str]:
        """Return the titles that came, in order."""
        return [one["title"] for one in self.got]

    def take(self, letter: dict[str, Any]) -> int:
        """Note what came, wait for the gate, and return the status to answer with."""
        self.got.append(letter)
        self.arrivals.put(letter)
        self.gate.wait(30)
        return self.status


@contextmanager
def opened() -> Iterator[Mailbox]:
    """Serve a mailbox on a free port."""

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = box.take(json.loads(body))
            try:
                self.send_response(status)
                self.end_headers()
            except ConnectionError:
                return  # the sender was killed meanwhile

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Take) as server:
        box = Mailbox(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield box
        finally:
            box.gate.set()
            server.shutdown()
            thread.join()
