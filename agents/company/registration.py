"""What the store keeps of a company: its facts, joined with what its servers offered."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from agents.company.model import Company, ToolServer, WriteTool
from store.errors import BadInput
from store.registry import CompanyFacts, ToolFacts

if TYPE_CHECKING:  # the tools package loads the MCP client, which `check` must not wait for
    from agents.tools.schemas import ToolSchema


def facts(company: Company, tool_schemas: Mapping[str, "ToolSchema"]) -> CompanyFacts:
    """Return what to register; raise BadInput for a listed tool that no server offers."""
    return CompanyFacts(
        name=company.name,
        currency=company.currency,
        is_demo=company.is_demo,
        people=list(company.people.items()),
        identities=company.identities,
        policy=company.policy,
        tools=[
            _tool_facts(name, server, write, tool_schemas)
            for server in company.servers
            for name, write in _listed(server)
        ],
        reject_reasons=company.reject_reasons,
        intents=[{"name": one.name, "title": one.title} for one in company.intents],
    )


def _listed(server: ToolServer) -> Iterator[tuple[str, WriteTool | None]]:
    yield from ((name, None) for name in server.read)
    yield from ((tool.name, tool) for tool in server.write)


def _tool_facts(
    name: str, server: ToolServer, write: WriteTool | None, schemas: Mapping[str, "ToolSchema"]
) -> ToolFacts:
    offered = schemas.get(name)
    if offered is None or offered.server != server.name:
        raise BadInput(
            f"The server `{server.name}` does not offer the tool `{name}`."
            " Nothing was registered: correct the name in greenlight.toml or update the server."
        )
    plain = WriteTool(name=name) if write is None else write
    return ToolFacts(
        name=name,
        server=server.name,
        is_write=write is not None,
        input_schema=offered.input_schema,
        fingerprint=offered.fingerprint,
        is_reply=plain.is_reply,
        action_kind=plain.action,
        customer_field=plain.customer,
        order_field=plain.order,
        amount_field=plain.amount,
        text_field=plain.text,
        ticket_field=plain.ticket,
        key_field=plain.key,
        connector=plain.connector.model_dump(mode="json", exclude_defaults=True),
    )
