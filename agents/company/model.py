"""A company as values: the tables of `greenlight.toml`, each field checked on its own.

Rules that look at two fields at once are in `crosschecks`; nothing here reads a file.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from jinja2 import TemplateSyntaxError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from agents.company.expressions import Templates, compile_path
from store.connectors import DEFAULT_RETENTION_SECONDS, Connector, Precondition, Reversal
from store.connectors import Lookup as DeliveryLookup
from store.gate import Hours, PolicyBody, Seconds
from store.transitions import Role


def _path(value: str) -> str:
    compile_path(value)
    return value


def _template(value: str) -> str:
    try:
        Templates("EUR").compile(value)
    except TemplateSyntaxError as error:
        raise PydanticCustomError(
            "template", "{reason}", {"reason": f"Jinja: {error.message}", "offset": error.lineno}
        ) from None
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"`{value}` is not a regular expression: {error}") from None
    return value


def _filled(value: str) -> str:
    if not value.strip():
        raise ValueError("it is empty")
    return value


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or " " in value:
        raise ValueError(f"`{value}` is not an address such as https://tools.example.com/mcp")
    if parts.username is not None or parts.fragment:
        raise ValueError("an address has no name, password or # in it; a login goes into `headers`")
    return value


Words = Annotated[str, AfterValidator(_filled)]
Url = Annotated[str, AfterValidator(_url)]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")]
HeaderValue = Annotated[str, Field(pattern=r"^([ -z|~]|\{env:[A-Za-z_][A-Za-z0-9_]*\})+$")]
JmesPath = Annotated[str, AfterValidator(_path)]
Template = Annotated[str, AfterValidator(_template)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Unit = Annotated[float, Field(ge=0, le=1)]


class Table(BaseModel):
    """Base of every table: unknown keys and loose types are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


class Lookup(Table):
    """One read-only tool call; its result is known as `save_as` afterwards."""

    tool: Words
    save_as: Name
    args: dict[str, JmesPath] = {}
    when: JmesPath | None = None


class FurtherAction(Table):
    """One more side effect of a decision, authorised together with the first one."""

    action: Name
    args: dict[str, JmesPath] = {}


class Decision(Table):
    """One rule: the first of an intent whose `when` is true words the reply and the action."""

    reply: Template
    when: JmesPath | None = None
    action: Name | None = None
    args: dict[str, JmesPath] = {}
    also: list[FurtherAction] = []
    doubt: Template | None = None  # anything but blank sends the draft to a person, saying this


class Intent(Table):
    """A kind of request, learned from its examples."""

    name: Name
    title: Words
    examples: list[Words]
    needs_customer: bool = False
    lookups: list[Lookup] = []
    decisions: list[Decision] = Field(min_length=1)


class WriteTool(Table):
    """A tool with effects, and which of its arguments carry what; the key is the executor's."""

    name: Words = Field(alias="tool")
    action: Name | None = None
    is_reply: bool = Field(default=False, alias="reply")
    customer: Words | None = None
    order: Words | None = None
    amount: Words | None = None
    text: Words | None = None
    ticket: Words | None = None
    key: Words | None = None
    key_retention_seconds: int = Field(default=DEFAULT_RETENTION_SECONDS, gt=0)
    refusal: Pattern | None = None
    expected: Words | None = None
    precondition: Precondition | None = None
    lookup: DeliveryLookup | None = None
    reversal: Reversal | None = None

    @property
    def connector(self) -> Connector:
        """Return what the tool promises about its calls."""
        return Connector(
            key_retention_seconds=self.key_retention_seconds,
            refusal=self.refusal,
            expected=self.expected,
            precondition=self.precondition,
            lookup=self.lookup,
            reversal=self.reversal,
        )


class ToolServer(Table):
    """An MCP server, started by its command or reached by its URL, and its tools for use."""

    name: Name
    command: list[Words] = Field(default=[], min_length=1)
    env: dict[str, str] = {}
    url: Url | None = None
    headers: dict[HeaderName, HeaderValue] = {}
    timeout_seconds: float = Field(default=10.0, gt=0, le=600)
    read: list[Words] = []
    write: list[WriteTool] = []
    totals: Words | None = None  # a read-only tool that sums up all that was ever done


class PersonTable(Table):
    """`Ana = "operator"`, or with what a provider calls her: `{ role = ..., identity = ... }`."""

    role: Literal["operator", "manager", "admin"]
    identity: Words | None = None


def _person(value: object) -> object:
    return {"role": value} if isinstance(value, str) else value


class RejectReason(Table):
    """What a reviewer may give as the reason for a rejection."""

    code: Name
    title: Words
    redraft: bool = False  # the agent drafts once more, with the reason


class CompanyTable(Table):
    """`[company]`."""

    name: Words
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    demo: bool = False
    documents: Words = "documents"
    greeting: Template = "Hello,"
    signature: str = ""


class AmountRuleTable(Table):
    """`[[policy.amount_rules]]`; `above` is exact money as text."""

    kind: Name
    above: str
    outcome: Literal["escalate", "block"] = "escalate"


class SlaTable(Table):
    """`[policy.sla]`: hours that a card waits until people are told, and who decides then."""

    remind: Hours = 18.0
    due: Hours = 24.0
    hold: Hours = 72.0


class PolicyTable(Table):
    """`[policy]`; amounts are exact money as text."""

    threshold: Unit = 0.85
    thresholds: dict[str, Unit] = {}
    daily_cap: str = "200.00"
    two_person_above: str = "1000.00"
    audit_rate: Unit = 0.02
    always_person: list[Name] = []
    undo_seconds: dict[Name, Seconds] = {}
    delay_seconds: dict[Name, Seconds] = {}
    amount_rules: list[AmountRuleTable] = []
    sla: SlaTable = SlaTable()
    needs_second_manager: bool = False


class OutOfScopeTable(Table):
    """`[out_of_scope]`."""

    examples: list[Words] = []


class CompanyFile(Table):
    """`greenlight.toml` as written."""

    company: CompanyTable
    people: dict[str, Annotated[PersonTable, BeforeValidator(_person)]] = Field(min_length=1)
    policy: PolicyTable = PolicyTable()
    reject_reasons: list[RejectReason] = Field(min_length=1)
    entities: dict[Name, Pattern] = {}
    out_of_scope: OutOfScopeTable = OutOfScopeTable()
    servers: list[ToolServer] = Field(min_length=1)
    intents: list[Intent] = Field(min_length=1)


class Company(BaseModel):
    """A company ready to be served: everything in it has been checked."""

    model_config = ConfigDict(frozen=True)

    name: str
    currency: str
    is_demo: bool
    folder: Path
    documents: Path
    greeting: str
    signature: str
    people: dict[str, Role]
    identities: dict[str, str] = {}  # by name, as a provider says it
    policy: PolicyBody
    reject_reasons: list[dict[str, Any]]
    entities: dict[str, str]
    out_of_scope_examples: list[str]
    servers: list[ToolServer]
    intents: list[Intent]

    def intent(self, name: str | None) -> Intent | None:
        """Return the intent of that name, or None."""
        return next((intent for intent in self.intents if intent.name == name), None)

    def write_tool(self, kind: str) -> WriteTool | None:
        """Return the tool that carries out actions of this kind, or None."""
        return next((tool for tool in self._write_tools() if tool.action == kind), None)

    def reply_tool(self) -> WriteTool:
        """Return the tool that sends the customer's answer."""
        return next(tool for tool in self._write_tools() if tool.is_reply)

    def customer_fields(self) -> frozenset[str]:
        """Return the names under which its tools know a customer."""
        return frozenset(tool.customer for tool in self._write_tools() if tool.customer)

    def _write_tools(self) -> list[WriteTool]:
        return [tool for server in self.servers for tool in server.write]
