"""What a write tool promises about its calls: keys, look-up, preconditions, reversal. Pure.

The executor acts on these promises and on nothing else: a tool that declares none is called at most
once, and what cannot be known of it is asked of a person. Paths are JMESPath.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

HORIZON_SHARE = 0.8  # of the key's retention: a retry must arrive while the key is still known
DEFAULT_RETENTION_SECONDS = 86_400


def _path(value: str) -> str:
    try:
        jmespath.compile(value)
    except JMESPathError as error:
        raise ValueError(f"`{value}` is not JMESPath: {error}") from None
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"`{value}` is not a regular expression: {error}") from None
    return value


JmesPath = Annotated[str, AfterValidator(_path)]
Pattern = Annotated[str, AfterValidator(_pattern)]


class _Promise(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Precondition(_Promise):
    """A read-only tool whose answer at `value` must be what the draft was made on."""

    tool: str
    args: dict[str, JmesPath]  # over the action's own arguments
    value: JmesPath  # over the answer


class Lookup(_Promise):
    """A read-only tool that tells whether a call took place."""

    tool: str
    args: dict[str, JmesPath]  # over {"key", "args"}
    found: JmesPath  # over the answer
    receipt: JmesPath = "@"


class Reversal(_Promise):
    """A write tool that takes the action back; it must bear being asked for what never happened."""

    tool: str
    args: dict[str, JmesPath]  # over {"args", "receipt", "key"}


class Connector(_Promise):
    """The promises of one write tool."""

    key_retention_seconds: int = Field(default=DEFAULT_RETENTION_SECONDS, gt=0)
    refusal: Pattern | None = None  # an error that matches certainly had no effect
    expected: str | None = None  # the argument that makes the write conditional
    precondition: Precondition | None = None
    lookup: Lookup | None = None
    reversal: Reversal | None = None

    @property
    def horizon_seconds(self) -> float:
        """Return how long after the first attempt the key may still be used."""
        return self.key_retention_seconds * HORIZON_SHARE

    @property
    def is_reversible(self) -> bool:
        return self.reversal is not None

    def is_refusal(self, error: str) -> bool:
        """Return whether an error's words say that nothing happened."""
        return self.refusal is not None and re.search(self.refusal, error) is not None


def arguments(paths: Mapping[str, str], source: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that the paths find in `source`; what is not there is left out."""
    found = {name: pick(path, source) for name, path in paths.items()}
    return {name: value for name, value in found.items() if value is not None}


def pick(path: str, source: Any) -> Any:
    """Return what the path finds; None where the answer has another shape."""
    try:
        return jmespath.search(path, source)
    except (JMESPathError, RecursionError, TypeError):  # TypeError: a number against a text
        return None
