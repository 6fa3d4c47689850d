"""What a tool's answer or failure amounts to: a plain JSON value, or an error class with words.

Pure. Whatever a tool says is data: its text is cut to length and passed on, never interpreted.
"""

import json
from typing import Any

import anyio
from mcp import MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    HEADER_MISMATCH,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    REQUEST_TIMEOUT,
    CallToolResult,
    TextContent,
)

from store.outputs import ToolErrorClass

LONGEST_ANSWER = 500_000  # characters of JSON: it is stored with the run
LONGEST_ERROR = 1_000
REFUSALS: dict[int, ToolErrorClass] = {  # by the protocol, these come before anything is done
    INVALID_PARAMS: "invalid_arguments",
    METHOD_NOT_FOUND: "invalid_arguments",
    HEADER_MISMATCH: "schema_drift",
}
# What the SDK raises from a call: protocol errors, no answer, an answer that breaks the announced
# schema (RuntimeError) or the protocol (pydantic's ValueError), a session that is ending.
CALL_ERRORS = (MCPError, TimeoutError, RuntimeError, ValueError, anyio.ClosedResourceError)


class ToolFailed(Exception):
    """A call that has no usable answer, classed; `said` is the tool's own account of it."""

    def __init__(
        self,
        error_class: ToolErrorClass,
        message: str,
        *,
        was_sent: bool = True,
        said: str | None = None,
    ) -> None:
        super().__init__(message)
        self.error_class: ToolErrorClass = error_class
        self.was_sent = was_sent
        self.said = said


class UnreadableAnswer(ToolFailed):
    """The tool reported success in a form that cannot be used: with a write, it has happened."""

    def __init__(self, message: str) -> None:
        super().__init__("tool_error", message)


def failure(error: Exception) -> ToolFailed:
    """Class what the SDK raised from a call."""
    code = error.code if isinstance(error, MCPError) else None
    if isinstance(error, TimeoutError) or code == REQUEST_TIMEOUT:
        return ToolFailed("timeout", "it did not answer in time; whether it acted is not known")
    if isinstance(error, anyio.ClosedResourceError) or code == CONNECTION_CLOSED:
        return ToolFailed("server_died", f"its server ended during the call{_detail(error)}")
    if isinstance(error, RuntimeError | ValueError):
        return UnreadableAnswer(f"its answer cannot be read: {_cut(error)}")
    return ToolFailed(REFUSALS.get(code or 0, "tool_error"), _cut(error))


def read_answer(answer: CallToolResult) -> Any:
    """Return the structured content, else the text (parsed if it is JSON); raise ToolFailed."""
    text = "\n".join(part.text for part in answer.content if isinstance(part, TextContent))
    if answer.is_error:
        said = _cut(text or "it reported an error without saying which")
        raise ToolFailed("tool_error", said, said=said)
    value = _parsed(text) if answer.structured_content is None else answer.structured_content
    try:
        size = len(json.dumps(value, allow_nan=False))
    except (ValueError, TypeError) as error:
        raise UnreadableAnswer(f"its answer is not plain JSON ({error})") from None
    if size > LONGEST_ANSWER:
        raise UnreadableAnswer(f"its answer has {size} characters, over {LONGEST_ANSWER}")
    return value


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _cut(words: object) -> str:
    return str(words)[:LONGEST_ERROR]


def _detail(error: Exception) -> str:
    words = _cut(error)
    return f" ({words})" if words and words != "Connection closed" else ""
