"""One question to Claude and what may come of it: a checked answer with its cost, or a ModelError
that says whether asking again can help.

The cost is worked out before the answer is judged, so that a refusal or a torn answer is paid for
in the books too. Retrying is the caller's: the SDK's own retries are off, as it would sleep for as
long as a server tells it to.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, NoReturn, TypeVar

import anthropic
from anthropic import AsyncAnthropic, transform_schema
from pydantic import BaseModel, NonNegativeInt, TypeAdapter, ValidationError

from agents.models.prices import Tokens, cost_microusd
from agents.ports import ModelError, Usage

LONGEST_PAUSE_SECONDS = 60.0
_RETRIED_STATUS = {408, 409, 429}

A = TypeVar("A", bound=BaseModel)


class ModelUnavailable(ModelError):
    """The service did not answer; `retry_after_seconds` is its wish, capped, where it has one."""

    def __init__(
        self, message: str, *, is_transient: bool, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message, is_transient=is_transient)
        self.retry_after_seconds = retry_after_seconds


class ModelRefused(ModelError):
    """The model declined; asking the same again will not help."""


class AnswerTruncated(ModelError):
    """The answer did not fit; asking the same again will not help."""


class AnswerMalformed(ModelError):
    """The answer is not in the shape that was asked for; another attempt may be."""


@dataclass(frozen=True)
class Question(Generic[A]):
    """What stays the same between calls: who is asked, with which instructions, for which shape."""

    model: str
    instructions: str
    shape: type[A]
    effort: Literal["low", "medium", "high"]
    max_tokens: int  # thinking included


@dataclass(frozen=True, slots=True)
class Asker:
    """Sends questions over one client; `seconds` bounds a whole call, thinking included."""

    client: AsyncAnthropic
    now: Callable[[], datetime]
    seconds: float

    async def ask(self, question: Question[A], material: str) -> tuple[A, Usage]:
        """Return the checked answer and its cost; raise one of this module's ModelErrors."""
        received = await self._send(question, material)
        try:
            reply = _Reply.model_validate_json(received)
        except ValidationError as error:
            raise AnswerMalformed(
                f"what answers for {question.model} does not speak the Messages API",
                is_transient=True,
            ) from error
        usage = self._usage(question.model, reply.usage)
        return _judge(question.shape, reply, usage), usage

    async def _send(self, question: Question[A], material: str) -> bytes:
        """Return the raw answer: the SDK would build a Message out of any JSON, unchecked."""
        try:
            async with asyncio.timeout(self.seconds):
                answer = await self.client.messages.with_raw_response.create(
                    model=question.model,
                    max_tokens=question.max_tokens,
                    system=question.instructions,
                    messages=[{"role": "user", "content": material}],
                    output_config={
                        "effort": question.effort,
                        "format": {
                            "type": "json_schema",
                            "schema": transform_schema(question.shape),
                        },
                    },
                    timeout=self.seconds,
                )
                return await answer.read()
        except anthropic.APIStatusError as error:
            _raise_for(error)
        except (TimeoutError, anthropic.APITimeoutError) as error:
            raise ModelUnavailable(
                f"{question.model} did not answer within {self.seconds:.0f} s", is_transient=True
            ) from error
        except anthropic.APIConnectionError as error:
            raise ModelUnavailable(
                f"{question.model} could not be reached", is_transient=True
            ) from error

    def _usage(self, model: str, billed: "_Billed") -> Usage:
        tokens = Tokens(
            input=billed.input_tokens,
            output=billed.output_tokens,
            cache_write=billed.cache_creation_input_tokens or 0,
            cache_read=billed.cache_read_input_tokens or 0,
        )
        return Usage(
            model=model,
            input_tokens=tokens.prompt,
            output_tokens=tokens.output,
            cost_microusd=cost_microusd(model, tokens, self.now()),
        )


class _Billed(BaseModel):
    input_tokens: NonNegativeInt
    output_tokens: NonNegativeInt
    cache_creation_input_tokens: NonNegativeInt | None = None
    cache_read_input_tokens: NonNegativeInt | None = None


class _Block(BaseModel):
    type: str
    text: str = ""


class _Reply(BaseModel):
    """The part of the Messages API's answer that is read; `content` is looked at after the bill."""

    usage: _Billed
    stop_reason: str | None = None
    stop_details: Any = None
    content: Any = None


_BLOCKS = TypeAdapter(list[_Block])


def _judge(shape: type[A], reply: _Reply, usage: Usage) -> A:
    if reply.stop_reason == "refusal":
        raise ModelRefused(f"{usage.model} declined to answer", is_transient=False, usage=usage)
    if reply.stop_reason in ("max_tokens", "model_context_window_exceeded"):
        raise AnswerTruncated(
            f"the answer of {usage.model} was cut off ({reply.stop_reason})",
            is_transient=False,
            usage=usage,
        )
    try:
        blocks = _BLOCKS.validate_python(reply.content)  # thinking may come first
        said = "".join(block.text for block in blocks if block.type == "text")
        return shape.model_validate_json(said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "answer"
        raise AnswerMalformed(
            f"the answer of {usage.model} is not in the agreed shape ({place}: {first['msg']})",
            is_transient=True,
            usage=usage,
        ) from error


def _raise_for(error: anthropic.APIStatusError) -> NoReturn:
    headers, status = error.response.headers, error.status_code
    says = headers.get("x-should-retry")
    is_transient = status in _RETRIED_STATUS or status >= 500
    raise ModelUnavailable(
        f"the model service answered {status} ({error.type or 'no type given'})",
        is_transient=is_transient if says not in ("true", "false") else says == "true",
        retry_after_seconds=_pause(headers.get("retry-after")),
    ) from error


def _pause(header: str | None) -> float | None:
    """The seconds the service asks for, at most LONGEST_PAUSE_SECONDS; a date is not understood."""
    try:
        seconds = float(header or "")
    except ValueError:
        return None
    return min(seconds, LONGEST_PAUSE_SECONDS) if math.isfinite(seconds) and seconds >= 0 else None
