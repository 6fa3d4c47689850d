"""What a tool's answer or failure amounts to: a plain JSON value, or an error class with words.

Pure. Whatever a tool says is data: its text is cut to length and passed on, never interpreted.
"""

import json
from typing import Any

import anyio
from mcp import MCPError
from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT, CallToolResult, TextContent

from store.outputs import ToolErrorClass

LONGEST_ANSWER = 500_000  # characters of JSON: it is stored with the run
LONGEST_ERROR = 1_000
# What the SDK raises from a call: protocol errors, no answer, an answer that breaks the announced
# schema (RuntimeError) or the protocol (pydantic's ValueError), a session that is ending.
CALL_ERRORS = (MCPError, TimeoutError, RuntimeError, ValueError, anyio.ClosedResourceError)


class ToolFailed(Exception):
    """A call that has no usable answer, classed."""

    def __init__(self, error_class: ToolErrorClass, message: str) -> None:
        super().__init__(message)
        self.error_class: ToolErrorClass = error_class


class UnreadableAnswer(ToolFailed):
    """The tool reported success in a form that cannot be used: with a write, it has happened."""

    def __init__(self, message: str) -> None:
        super().__init__("tool_error", message)


def is_timeout(error: BaseException) -> bool:
    """Return whether no answer came in time; the call may still have happened."""
    return isinstance(error, TimeoutError) or _code(error) == REQUEST_TIMEOUT


def is_closed(error: BaseException) -> bool:
    """Return whether the connection ended under the call; the call may still have happened."""
    return isinstance(error, anyio.ClosedResourceError) or _code(error) == CONNECTION_CLOSED


def failure(error: Exception) -> ToolFailed:
    """Class what the SDK raised from a call."""
    if is_timeout(error):
        return ToolFailed("timeout", "it did not answer in time; whether it acted is not known")
    if is_closed(error):
        return ToolFailed("server_died", "its server ended during the call")
    if isinstance(error, RuntimeError | ValueError):
        return UnreadableAnswer(f"its answer cannot be read: {_cut(error)}")
    return ToolFailed("tool_error", _cut(error))


def read_answer(answer: CallToolResult) -> Any:
    """Return the structured content, else the text (parsed if it is JSON); raise ToolFailed."""
    text = "\n".join(part.text for part in answer.content if isinstance(part, TextContent))
    if answer.is_error:
        raise ToolFailed("tool_error", _cut(text or "it reported an error without saying which"))
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


def _code(error: BaseException) -> int | None:
    return error.code if isinstance(error, MCPError) else None
