"""Doubles for the two ports where a test may put one, and a clock that stands still.

Everything else in a test should be the real thing. A double plays its script in order and says what
it was asked; asked more than it was given, it fails the test by name.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from agents.ports import Proposal, TicketView, Usage
from store.outputs import (
    Critique,
    IntentOutput,
    RetrievalOutput,
    ToolCallOutput,
    ToolCallRecord,
    ToolErrorClass,
)


class ScriptedModel:
    """Plays replies in order, one list per method; an exception in a list is raised.

    `asked` holds (method, arguments) of every call. `is_endless` plays each last reply for ever.
    """

    def __init__(
        self,
        *,
        intent: Iterable[IntentOutput | Exception] = (),
        synthesise: Iterable[Proposal | Exception] = (),
        critique: Iterable[Critique | Exception] = (),
        name: str = "scripted",
        usage: Usage | None = None,
        is_endless: bool = False,
    ) -> None:
        self.name = name
        self.asked: list[tuple[str, tuple[Any, ...]]] = []
        self._usage = usage or Usage(model=name)
        self._script: dict[str, deque[Any]] = {
            "intent": deque(intent),
            "synthesise": deque(synthesise),
            "critique": deque(critique),
        }
        self._is_endless = is_endless

    async def intent(self, ticket: TicketView) -> tuple[IntentOutput, Usage]:
        """Play the next intent."""
        return self._play("intent", ticket), self._usage

    async def synthesise(
        self,
        ticket: TicketView,
        intent: IntentOutput,
        retrieval: RetrievalOutput,
        tool_call: ToolCallOutput,
    ) -> tuple[Proposal, Usage]:
        """Play the next proposal."""
        given = (ticket, intent, retrieval, tool_call)
        return self._play("synthesise", *given), self._usage

    async def critique(
        self,
        ticket: TicketView,
        proposal: Proposal,
        retrieval: RetrievalOutput,
        tool_call: ToolCallOutput,
    ) -> tuple[Critique, Usage]:
        """Play the next critique."""
        given = (ticket, proposal, retrieval, tool_call)
        return self._play("critique", *given), self._usage

    def _play(self, method: str, *given: Any) -> Any:
        self.asked.append((method, given))
        return _next(self._script[method], method, is_endless=self._is_endless)


class ScriptedTools:
    """Plays answers in order, one list per tool: a value is its result, a failure its record.

    `calls` holds (tool, arguments) of every call. `is_endless` plays each last answer for ever.
    """

    def __init__(self, answers: Mapping[str, Iterable[Any]], *, is_endless: bool = False) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._script = {tool: deque(given) for tool, given in answers.items()}
        self._is_endless = is_endless

    async def call(self, tool: str, args: Mapping[str, Any]) -> ToolCallRecord:
        """Play the tool's next answer as a record of this call."""
        self.calls.append((tool, dict(args)))
        answer = _next(self._script.get(tool, deque()), tool, is_endless=self._is_endless)
        made = {"tool": tool, "server": "scripted", "args": dict(args)}
        if isinstance(answer, ToolCallRecord):
            return answer.model_copy(update=made)
        return ToolCallRecord(**made, result=answer, status="ok")


def failing(
    error_class: ToolErrorClass,
    error: str = "scripted failure",
    *,
    was_sent: bool = True,
    said: str | None = None,
) -> ToolCallRecord:
    """Return an answer for `ScriptedTools` that fails in this way."""
    return ToolCallRecord(
        tool="",
        server="",
        status="error",
        error_class=error_class,
        error=error,
        was_sent=was_sent,
        said=said,
    )


class FixedClock:
    """A clock that moves only when told: for `agents.clock.Clock` and for plain `now` callables."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment

    def at(self, began: datetime) -> datetime:  # noqa: ARG002 - the port's signature
        """Return the moment, whatever began when."""
        return self.moment

    def advance(self, seconds: float) -> datetime:
        """Move on and return the new moment."""
        self.moment += timedelta(seconds=seconds)
        return self.moment


def _next(script: deque[Any], name: str, *, is_endless: bool) -> Any:
    if not script:
        raise AssertionError(f"the script holds no further answer for `{name}`")
    answer = script[0] if is_endless and len(script) == 1 else script.popleft()
    if isinstance(answer, Exception):
        raise answer
    return answer
