"""A box of tools of one effect: what it does not list cannot be called through it.

A call is refused before a byte leaves when the tool is of the other effect, its schema is not the
one that was approved, or the arguments do not fit. Failures come back classed, never raised.
"""

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mcp import StdioServerParameters

from agents.company import Company, ToolServer
from agents.tools.answers import CALL_ERRORS, ToolFailed, UnreadableAnswer, failure, read_answer
from agents.tools.endpoint import Endpoint
from agents.tools.schemas import ToolSchema
from agents.tools.session import ServerDown, ServerSession
from store.arguments import find_mistake, is_plain_json
from store.outputs import ToolCallRecord, ToolErrorClass

_PASSED_ON = ("LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH")  # beside the SDK's PATH, HOME, USER


class Toolbox:
    """Sessions with the servers of the listed tools; a context manager, made to live long."""

    def __init__(
        self,
        tools: Mapping[str, ToolServer],
        *,
        folder: Path,
        home: Path,
        has_effects: bool = False,
    ) -> None:
        self._servers = dict(tools)
        self._has_effects = has_effects
        self._approved: dict[str, str] = {}
        self._sessions = {
            server.name: ServerSession(server.name, _place(server, folder, home))
            for server in tools.values()
        }

    @classmethod
    def read_only(cls, company: Company, *, home: Path) -> Self:
        """Return the box a worker holds: tools that only look."""
        tools = {tool: server for server in company.servers for tool in server.read}
        return cls(tools, folder=company.folder, home=home)

    @classmethod
    def write(cls, company: Company, *, home: Path) -> Self:
        """Return the box the executor holds: tools with effects."""
        tools = {tool.name: server for server in company.servers for tool in server.write}
        return cls(tools, folder=company.folder, home=home, has_effects=True)

    @classmethod
    def checking(cls, company: Company, *, home: Path) -> Self:
        """Return the box with which the executor looks at the world: preconditions, look-ups."""
        promises = [tool for server in company.servers for tool in server.write]
        wanted = {
            look.tool for tool in promises for look in (tool.precondition, tool.lookup) if look
        }
        tools = {
            tool: server for server in company.servers for tool in server.read if tool in wanted
        }
        return cls(tools, folder=company.folder, home=home)

    async def __aenter__(self) -> Self:
        """Open every server; one that is not there is tried again by the calls that need it."""
        try:
            await asyncio.gather(*(self._start(session) for session in self._sessions.values()))
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End every server process and wait until they are gone."""
        await asyncio.gather(*(session.close() for session in self._sessions.values()))

    def schemas(self) -> dict[str, ToolSchema]:
        """Return the listed tools as their servers last offered them; others are absent."""
        return {
            tool: schema
            for tool, server in self._servers.items()
            if (schema := self._sessions[server.name].offered.get(tool)) is not None
        }

    def expect(self, fingerprints: Mapping[str, str]) -> None:
        """Switch off every tool whose schema is not the approved one, now or after a restart.

        Without this, the schema that is seen first counts as approved.
        """
        self._approved |= fingerprints

    async def call(self, tool: str, args: Mapping[str, Any]) -> ToolCallRecord:
        """Call once and return what came of it; after a timeout it may still have happened."""
        started = time.perf_counter()
        server = self._servers[tool].name if tool in self._servers else ""
        shown = dict(args) if is_plain_json(args) else {}  # what cannot be sent cannot be stored
        record = ToolCallRecord(tool=tool, server=server, args=shown, status="ok")
        try:
            record.result = await self._call(tool, args)
        except ToolFailed as failed:
            record.status, record.error_class = "error", failed.error_class
            record.was_sent, record.said = failed.was_sent, failed.said
            if self._has_effects and isinstance(failed, UnreadableAnswer):
                record.error_class = "timeout"  # as good as no answer: it may well have happened
            record.error = f"`{tool}` failed: {failed}"
        record.latency_ms = (time.perf_counter() - started) * 1000
        return record

    async def _start(self, session: ServerSession) -> None:
        try:
            offered = (await session.connection()).offered
        except ServerDown:
            return
        for tool, schema in offered.items():
            self._approved.setdefault(tool, schema.fingerprint)

    async def _call(self, tool: str, args: Mapping[str, Any]) -> Any:
        server = self._servers.get(tool)
        if server is None:
            raise _unsent("invalid_arguments", "it is not in this toolbox")
        session = self._sessions[server.name]
        try:
            connection = await session.connection()
            self._check(tool, connection.offered.get(tool), args)
            answer = await session.call(connection, tool, args, seconds=server.timeout_seconds)
        except ServerDown as down:
            raise _unsent("server_died", f"`{server.name}` is not there: {down}") from None
        except CALL_ERRORS as error:
            raise failure(error) from error
        return read_answer(answer)

    def _check(self, tool: str, offered: ToolSchema | None, args: Mapping[str, Any]) -> None:
        if offered is None:
            raise _unsent("tool_error", "its server does not offer it")
        approved = self._approved.setdefault(tool, offered.fingerprint)
        if offered.fingerprint != approved:
            raise _unsent(
                "schema_drift",
                "its arguments are not the approved ones any more; it stays off until the company"
                " is registered again",
            )
        if mistake := find_mistake(args, offered.input_schema):
            raise _unsent("invalid_arguments", mistake)


def _unsent(error_class: ToolErrorClass, message: str) -> ToolFailed:
    """A failure of which it is certain that not a byte of the call left."""
    return ToolFailed(error_class, message, was_sent=False)


def _place(server: ToolServer, folder: Path, home: Path) -> StdioServerParameters | Endpoint:
    if server.url is not None:
        return Endpoint(server.url, server.headers)
    return _parameters(server, folder, home)


def _parameters(server: ToolServer, folder: Path, home: Path) -> StdioServerParameters:
    """The process to start: of our environment only the harmless basics, so never a key."""

    def fill(text: str) -> str:
        return text.replace("{python}", sys.executable).replace("{home}", str(home.resolve()))

    command, *args = (fill(part) for part in server.command)
    basics = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    own = {name: fill(value) for name, value in server.env.items()}
    return StdioServerParameters(command=command, args=args, env=basics | own, cwd=folder)
