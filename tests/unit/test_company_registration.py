"""What the store keeps of a company: its tools with the schemas their servers offered."""

from pathlib import Path

import pytest
import small_company as small

from agents.company import facts
from store.errors import BadInput
from store.registry import ToolFacts
from store.transitions import Role


def test_every_listed_tool_is_registered_with_its_schema_and_fields(tmp_path: Path) -> None:
    schemas = small.schemas()
    found = facts(small.small_company(tmp_path), schemas)
    assert found.people == [("Ana", Role.OPERATOR), ("Mo", Role.MANAGER)]
    assert found.intents[0] == {"name": "double_charge", "title": "Charged twice"}
    tools = {tool.name: tool for tool in found.tools}
    assert {name for name, tool in tools.items() if tool.is_write} == {"send_reply", "issue_refund"}
    assert tools["issue_refund"] == ToolFacts(
        name="issue_refund",
        server="shop",
        is_write=True,
        input_schema=schemas["issue_refund"].input_schema,
        fingerprint=schemas["issue_refund"].fingerprint,
        action_kind="refund",
        customer_field="customer_id",
        order_field="order_id",
        amount_field="amount_minor",
        key_field="idempotency_key",
    )
    assert tools["send_reply"].is_reply
    assert tools["get_order"].key_field is None


def test_a_listed_tool_that_its_server_does_not_offer_is_refused(tmp_path: Path) -> None:
    company = small.small_company(tmp_path)
    schemas = small.schemas()
    schemas["get_order"] = schemas["get_order"]._replace(server="other")
    with pytest.raises(BadInput, match="does not offer the tool `get_order`"):
        facts(company, schemas)
    del schemas["get_order"]
    with pytest.raises(BadInput, match="correct the name"):
        facts(company, schemas)
